import assert from "node:assert/strict";
import { PlannedSite, Step } from "../../../cli/certs/plan";
import { CertsResult, SiteResult, describePlan, describeResult, exitOf } from "../../../cli/certs/result";

const site = (name: string, result: SiteResult["result"]): SiteResult => ({
  site: name,
  names: [`${name}.example`],
  why: "why",
  result,
});
const run = (sites: SiteResult[], more: Partial<CertsResult> = {}): CertsResult => ({
  server: "https://ca.example/directory",
  account: null,
  sites,
  delivered: [],
  notes: [],
  ...more,
});

describe("the result of a certs run", () => {
  const rows: [string, CertsResult, number, string][] = [
    ["nothing", run([]), 0, "nothing to do"],
    ["one that is good", run([site("a", Step.Keep)]), 0, "1 site with a certificate that is not due yet"],
    ["a dry run", run([site("a", "planned"), site("b", "planned")]), 0, "would be ordered: a, b"],
    [
      "ordered and delivered",
      run([site("a", "ordered")], { delivered: ["a"] }),
      0,
      "https with a new certificate: a",
    ],
    [
      "refused, failed and stopped",
      run([site("a", "refused"), site("b", "failed"), site("c", Step.Stopped)]),
      1,
      "not ordered, for the reasons above: a, b, c",
    ],
    [
      "not on every server",
      run([site("a", "ordered")], { undelivered: "web2 failed" }),
      1,
      "not every server has the new certificates: fix what failed, then run this again",
    ],
    [
      "interrupted",
      run([site("a", "failed"), site("b", "interrupted")]),
      130,
      "not ordered, for the reasons above: a\ninterrupted before b: to continue, run this again",
    ],
    ["left for later", run([site("a", Step.Later)]), 0, "left for a later run: a"],
    ["a note with a control character", run([], { notes: ["one\ntwo\u001b[2J"] }), 0, "one\ntwo\\u{1b}[2J"],
  ];
  for (const [what, result, exit, text] of rows)
    it(`${what}: exit code ${exit}`, () => {
      assert.equal(exitOf(result), exit);
      assert.equal(describeResult(result), text);
    });

  it("begins with what will be ordered, and with skipped sites that were named or have a wildcard", () => {
    const planned = (name: string, step: Step, names = [`${name}.example`]): PlannedSite => ({
      ...{ site: name, names, step },
      why: `${step} because`,
    });
    const all = [
      planned("a", Step.Order),
      planned("b", Step.Keep),
      planned("c", Step.Skip),
      planned("d", Step.Skip),
      planned("e", Step.Skip, ["*.e.example"]),
    ];
    const lines = describePlan(all, ["d"]);
    assert.equal(lines.length, 3);
    assert.match(lines[0], /^a: will be ordered for a\.example: /);
    assert.match(lines[1], /^d: /);
    assert.match(lines[2], /^e: /);
  });
});
