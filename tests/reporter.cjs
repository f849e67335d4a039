// @ts-check
"use strict";
// The spec reporter, with each failure's message at once (a run that is cut off never gets to its list of failures), and a
// last line that other programs can read. FAILED_TESTS may name a file that gets the title of each failed test, and the
// beginning of its message.
const fs = require("node:fs");
const { reporters, Runner } = require("mocha");

/** Of a failed test's message, in characters. */
const MESSAGE = 500;

module.exports = class extends reporters.Spec {
  /** @param {import("mocha").Runner} runner @param {import("mocha").MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => {
      const message = String(error?.message ?? error);
      console.log(message);
      const list = process.env.FAILED_TESTS;
      if (list)
        fs.appendFileSync(
          list,
          `${test.fullTitle()}\n  ${message.slice(0, MESSAGE).replace(/\n/g, "\n  ")}\n`,
        );
    });
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = runner.stats ?? { passes: 0, failures: 0 };
      console.log(`${passes} passed, ${failures} failed`);
    });
  }
};
