// @ts-check
"use strict";
// The spec reporter, with each failure's message at once (a run that is cut off never gets to its list of failures), and a
// last line that other programs can read.
const { reporters, Runner } = require("mocha");

module.exports = class extends reporters.Spec {
  /** @param {import("mocha").Runner} runner @param {import("mocha").MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    runner.on(Runner.constants.EVENT_TEST_FAIL, (_, error) => console.log(error?.message ?? error));
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = runner.stats ?? { passes: 0, failures: 0 };
      console.log(`${passes} passed, ${failures} failed`);
    });
  }
};
