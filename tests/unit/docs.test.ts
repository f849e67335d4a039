import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

const page = (name: string): string[] =>
  fs.readFileSync(path.join(__dirname, "../..", name), "utf8").split("\n");
/** A table's line without the spaces that line up its columns. */
const cells = (line: string): string => line.replace(/ +/g, " ").replace(/-{3,}/g, "---");

describe("docs", () => {
  it("README quotes the benchmarks as they were written, with their date", () => {
    const results = page("tests/bench/flip.md");
    const readme = page("README.md").map(cells);
    for (const line of results.filter((row) => row.startsWith("|")))
      assert.ok(readme.includes(cells(line)), line);
    const [, date] = /on (\d{4}-\d\d-\d\d)/.exec(results.join("\n")) ?? [];
    assert.ok(readme.some((line) => line.startsWith("`npm run bench` on " + date)));
  });

  it("links between pages lead somewhere", () => {
    const root = path.join(__dirname, "../..");
    for (const name of [
      "README.md",
      "docs/your-own-network.md",
      "docs/failover.md",
      "docs/placement.md",
      "docs/router-kinds.md",
      "docs/other-languages.md",
      "docs/command-line.md",
      "examples/lab/README.md",
      "examples/ci/README.md",
    ]) {
      for (const [, target] of page(name)
        .join("\n")
        .matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        assert.ok(fs.existsSync(path.join(root, path.dirname(name), target)), `${name}: ${target}`);
      }
    }
  });
});
