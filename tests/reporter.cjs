// @ts-check
"use strict";
// The spec reporter, and a last line that other programs can read.
const { reporters, Runner } = require("mocha");

module.exports = class extends reporters.Spec {
  /** @param {import("mocha").Runner} runner @param {import("mocha").MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = runner.stats ?? { passes: 0, failures: 0 };
      console.log(`${passes} passed, ${failures} failed`);
    });
  }
};
