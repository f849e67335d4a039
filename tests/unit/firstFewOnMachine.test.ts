import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { firstFew, listed } from "../../components/base/firstFew";
import { asLib } from "./machineScripts";

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `s${i + 1}`);

/** What one of lib.sh's functions prints of these lines. */
const run = (command: string, lines: string[]): string =>
  execFileSync("bash", ["-euc", `${asLib()}warn() { say "warning: $*"; }; set -o pipefail; ${command}`], {
    input: lines.map((line) => `${line}\n`).join(""),
    encoding: "utf8",
  });

describe("the first few of many lines, on a machine", () => {
  for (const [count, last] of [
    [0, undefined],
    [1, undefined],
    [3, undefined],
    [4, "and 1 more"],
    [1000, "and 997 more"],
  ] as [number, string | undefined][])
    it(`${count}, at most 3`, () => {
      const lines = [...names(count).slice(0, 3), ...(last ? [last] : [])];
      assert.equal(run("first_few 3", names(count)), lines.map((line) => `${line}\n`).join(""));
      assert.deepEqual(lines, firstFew(names(count), 3));
      assert.equal(run("listed 3", names(count)), listed(names(count), 3));
      assert.equal(run("warn_each 3", names(count)), lines.map((line) => `warning: ${line}\n`).join(""));
    });

  it("says what is left out, and joins lines with another separator", () => {
    assert.equal(run("first_few 1 sites", names(3)), "s1\nand 2 more sites\n");
    assert.equal(run("warn_each 1 VIPs", names(3)), "warning: s1\nwarning: and 2 more VIPs\n");
    assert.equal(run("listed 2 '; '", names(3)), "s1; s2 and 1 more");
  });

  it("leaves lines as they are", () => {
    const odd = ["  two  spaces ", "back\\slash", "%s & $HOME"];
    assert.equal(run("warn_each 9", odd), odd.map((line) => `warning: ${line}\n`).join(""));
    assert.equal(run("listed 9 ' | '", odd), odd.join(" | "));
  });
});
