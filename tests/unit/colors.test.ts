import assert from "node:assert/strict";
import { wantsColors } from "../../cli/terminal/colors";

describe("colours", () => {
  const rows: [string, NodeJS.ProcessEnv, boolean | undefined, boolean][] = [
    ["a terminal", {}, true, true],
    ["a file or a pipe", {}, undefined, false],
    // What isTTY is there, whatever its type says; picocolors takes undefined for "decide yourself".
    ["the log of a CI job", { CI: "true" }, undefined, false],
    ["a terminal that can't", { TERM: "dumb" }, true, false],
    ["NO_COLOR", { NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
    ["FORCE_COLOR", { FORCE_COLOR: "1" }, false, true],
  ];
  for (const [where, env, terminal, wanted] of rows)
    it(`${where}: ${wanted ? "yes" : "no"}`, () => assert.equal(wantsColors(env, terminal), wanted));
});
