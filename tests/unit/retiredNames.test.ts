import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const ROOT = path.join(__dirname, "../..");
const LIST = "tests/retiredNames.txt";
/** What may name them: what was decided and released, and what refuses them. */
const MAY = [
  "CHANGELOG.md",
  "docs/decisions",
  "components/config/renamed.ts",
  "tests/unit/config/renamed.test.ts",
  LIST,
];

/** The words that are gone, and the patterns. */
function read(text: string): { words: string[]; patterns: string[] } {
  const [words, patterns] = text.split("\n# patterns\n").map((part) =>
    part
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split("\t")[0]),
  );
  return { words, patterns };
}

/** Lines of tracked files, as `FILE:LINE:TEXT`. */
function found(...options: string[]): string[] {
  const files = [".", ...MAY.map((file) => `:!${file}`)];
  const { status, stdout, stderr } = spawnSync("git", ["grep", "-nI", ...options, "--", ...files], {
    cwd: ROOT,
    encoding: "utf8",
  });
  // 1: nothing.
  assert.ok(status === 0 || status === 1, stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

describe("names that are gone", () => {
  const text = fs.readFileSync(path.join(ROOT, LIST), "utf8");
  const { words, patterns } = read(text);

  it("are listed one per line, with their new names, each once", () => {
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines) assert.match(line, /^[^\t]+\t[^\t]+$/);
    for (const word of words) assert.match(word, /^\w+$/);
    assert.equal(new Set([...words, ...patterns]).size, lines.length);
    assert.ok(patterns.length > 0);
  });

  it("are in no file", () => {
    assert.deepEqual(found("-wF", ...words.flatMap((word) => ["-e", word])), []);
    assert.deepEqual(found("-E", ...patterns.flatMap((pattern) => ["-e", pattern])), []);
  });

  it("are in no file's path", () => {
    const stems = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" })
      .split("\n")
      .map((file) => path.basename(file).split(".")[0]);
    assert.deepEqual(
      stems.filter((stem) => words.includes(stem)),
      [],
    );
  });
});
