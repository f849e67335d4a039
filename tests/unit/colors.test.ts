import assert from "node:assert/strict";
import { wantsColors } from "../../cli/colors";

describe("colours", () => {
  const rows: [string, NodeJS.ProcessEnv, boolean, boolean][] = [
    ["a terminal", {}, true, true],
    ["a file or a pipe", {}, false, false],
    ["the log of a CI job", { CI: "true" }, false, false],
    ["a terminal that can't", { TERM: "dumb" }, true, false],
    ["NO_COLOR", { NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
    ["FORCE_COLOR", { FORCE_COLOR: "1" }, false, true],
  ];
  for (const [where, env, terminal, wanted] of rows)
    it(`${where}: ${wanted ? "yes" : "no"}`, () => assert.equal(wantsColors(env, terminal), wanted));
});
