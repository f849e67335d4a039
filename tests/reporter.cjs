// @ts-check
"use strict";
// The spec reporter, with each failure's message at once (a run that is cut off never gets to its list of failures), and a
// last line that other programs can read. FAILED_TESTS may name a file that gets the title of each failed test.
const fs = require("node:fs");
const { reporters, Runner } = require("mocha");

module.exports = class extends reporters.Spec {
  /** @param {import("mocha").Runner} runner @param {import("mocha").MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => {
      console.log(error?.message ?? error);
      const list = process.env.FAILED_TESTS;
      if (list) fs.appendFileSync(list, `${test.fullTitle()}\n`);
    });
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = runner.stats ?? { passes: 0, failures: 0 };
      console.log(`${passes} passed, ${failures} failed`);
    });
  }
};
