import assert from "node:assert/strict";
import { Sample, ahead, boldLeast, timesOf, workTable } from "../../bench/rivals/tables";

const OURS = "ours";

describe("benchmarks: tables", () => {
  const runs = (tool: string, column: number, ...all: number[]): Sample[] =>
    all.map((seconds) => ({ work: "build", tool, column, seconds }));

  it("shows several runs of one work, tool and column as a median and a spread", () => {
    const samples = [...runs(OURS, 1, 3, 1, 2), ...runs(OURS, 30, 9), ...runs("other", 1, 7)];
    const build = { work: "build", tool: OURS, column: 1 };
    assert.deepEqual(timesOf(samples, build), { median: 2, min: 1, max: 3 });
    assert.equal(timesOf(samples, { ...build, work: "flip" }), undefined);
  });

  it("makes the lowest figure of each column bold, ties included, unless all are equal", () => {
    const rows = [
      ["a", "2", "x", "7"],
      ["b", "1", "y", "7"],
      ["c", "1", "-", "7"],
    ];
    const figures = [
      [undefined, 2, 5, 7],
      [undefined, 1, 6, 7],
      [undefined, 1, undefined, 7],
    ];
    assert.deepEqual(boldLeast(rows, figures), [
      ["a", "2", "**x**", "7"],
      ["b", "**1**", "y", "7"],
      ["c", "**1**", "-", "7"],
    ]);
  });

  it("says which tool is ahead, with the ratio", () => {
    assert.equal(
      ahead("Here", { ours: 6, ssh: 2, ansible: 3 }, OURS),
      "Here ssh is ahead with 2.00 s; ours takes 3.0 times as long.",
    );
    assert.equal(
      ahead("Here", { ours: 2, ssh: 3, ansible: 5 }, OURS),
      "Here ours is ahead with 2.00 s; the next, ssh, takes 1.5 times as long.",
    );
  });

  it("says which tool is ahead when few were measured", () => {
    assert.equal(ahead("Here", { ours: 2 }, OURS), "Here only ours was measured.");
    assert.equal(ahead("Here", { ssh: 2, ansible: 5 }, OURS), "Here ssh is ahead with 2.00 s.");
    assert.equal(ahead("Here", {}, OURS), "Here nothing was measured.");
  });

  it("has one column for each number of sites, and says why something was not measured", () => {
    const samples = [...runs(OURS, 1, 4), ...runs("ssh", 1, 2, 2, 3), ...runs(OURS, 1000, 9)];
    const table = workTable(
      samples,
      "build",
      { tools: [OURS, "ssh"], columns: [1, 1000], unmeasured: [{ tool: "terraform", why: "not measured" }] },
      OURS,
    );
    assert.equal(
      table,
      `| tool | 1 site | 1,000 sites |
| --- | --- | --- |
| ours | 4.00 s (4.00 to 4.00) | **9.00 s (9.00 to 9.00)** |
| ssh | **2.00 s (2.00 to 3.00)** | - |
| terraform | not measured |  |

With 1 site ssh is ahead with 2.00 s; ours takes 2.0 times as long. With 1,000 sites only ours was measured.
`,
    );
  });
});
