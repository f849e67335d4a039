import assert from "assert";
import { describeDrift, driftOf, unknownDrift } from "../../components/host/drift";
import { Observation, parseObservation } from "../../components/host/observe";

const web = "farm.prod.web-web1.vhosts";
const vips = "farm.prod.web-web1.vips";
const seen = (...lines: string[]): Observation => parseObservation([...lines, ""].join("\n"));
const mine = (instance: string, ...lines: string[]): string[] =>
  ["meta\tstack=farm/prod", "applied\t2026-01-01T00:00:00Z", ...lines].map((line) => `${instance}\t${line}`);
const mark = `${web}\tin-doubt\t2026-01-02T00:00:00Z`;
const doubt = "a run that started at 2026-01-02T00:00:00Z was not finished, or not recorded";
const head = "web1 differs from what was applied to it: missing (-) and found (+); pulumi up repairs it";

describe("driftOf", () => {
  const after = "seen after the run of 2026-01-01T00:00:00Z";
  const rows: [string, Observation | undefined, string | undefined][] = [
    ["a machine that was not looked at", undefined, undefined],
    ["a machine that did not answer", { failure: "down", now: 0, instances: {} }, undefined],
    ["an instance that is not there", seen("other\tin-doubt\t9"), undefined],
    ["an instance that is well", seen(...mine(web, "looked\t0")), undefined],
    ["an instance that could not be looked at", seen(...mine(web, "unknown\tbusy")), undefined],
    ["an instance in doubt", seen(mark, `${web}\tin-doubt\tlater`), doubt],
    ["in doubt, before all else", seen(...mine(web, "drift\t- a", "looked\t1"), mark), doubt],
    ["one line", seen(...mine(web, "drift\t- a b", "looked\t1")), `- a b, ${after}`],
    [
      "two lines",
      seen(...mine(web, "drift\t- a", "drift\t+ b", "looked\t2")),
      `- a and 1 more line, ${after}`,
    ],
    [
      "more than were reported",
      seen(...mine(web, "drift\t- a", "looked\t988")),
      `- a and 987 more lines, ${after}`,
    ],
    ["no time", seen(`${web}\tdrift\t- a`), "- a, seen after the run of an unknown time"],
    [
      "a machine that lost all",
      { now: 9, since: 3600, blank: true, instances: {} },
      "nothing of this stack is on it since 1970-01-01T01:00:00Z",
    ],
    ["another's drift", seen(...mine(vips, "drift\t- a", "looked\t1")), undefined],
    [
      "a long line",
      seen(...mine(web, `drift\t- ${"x".repeat(200)}`, "looked\t1")),
      `- ${"x".repeat(77)}…, ${after}`,
    ],
    [
      "what moves a cursor",
      seen(...mine(web, "drift\t+ a\u001b[2Jb\tc", "looked\t1")),
      `+ a\\u{1b}[2Jb c, ${after}`,
    ],
  ];
  for (const [what, observation, expected] of rows) {
    it(what, () => assert.strictEqual(driftOf(observation, web), expected));
  }

  it("is a different word after each run", () => {
    const words = ["1", "2"].map((at) =>
      driftOf(seen(`i\tapplied\t${at}`, "i\tdrift\t- a", "i\tlooked\t1"), "i"),
    );
    assert.notStrictEqual(words[0], words[1]);
  });
});

describe("describeDrift", () => {
  const many = Array.from({ length: 20 }, (_, i) => `drift\t+ ${i}`);
  const rows: [string, string[], string[] | undefined][] = [
    ["nothing", mine(web, "looked\t0"), undefined],
    ["another stack's drift", [`${web}\tmeta\tstack=farm/test`, `${web}\tdrift\t- a`], undefined],
    [
      "instances by name, each with its diff",
      [...mine(web, "drift\t- a", "drift\t+ b", "looked\t2"), ...mine(vips, "drift\t- c", "looked\t1")],
      [head, "  web-web1.vhosts", "    - a", "    + b", "  web-web1.vips", "    - c"],
    ],
    [
      "the first lines of many, and how many more",
      mine(web, ...many, "looked\t1000"),
      [
        head,
        "  web-web1.vhosts",
        ...many.slice(0, 12).map((line) => `    ${line.slice(6)}`),
        "    and 988 more",
      ],
    ],
    [
      "in doubt, and then no lines",
      [...mine(web, "drift\t- a", "looked\t1"), mark],
      [head, "  web-web1.vhosts", `    in doubt: ${doubt}`],
    ],
  ];
  it("is one short message, however many instances differ", () => {
    const lines = Array.from({ length: 100 }, (_, i) =>
      mine(`farm.prod.z${i}.zone`, "drift\t- a", "looked\t1"),
    ).flat();
    const shown = describeDrift("ns1", seen(...lines), "farm/prod")?.split("\n") ?? [];
    assert.strictEqual(shown.length, 42);
    assert.strictEqual(shown.at(-1), "  and 160 more lines, of more instances");
  });
  for (const [what, lines, expected] of rows) {
    it(what, () =>
      assert.strictEqual(describeDrift("web1", seen(...lines), "farm/prod"), expected?.join("\n")),
    );
  }
});

describe("unknownDrift", () => {
  const late = `no answer in time for ${web}; run there: bash /var/lib/loopback-ha/${web}/current/scripts/drift.sh`;
  const rows: [string, string[], string[]][] = [
    ["an empty machine", [], []],
    ["an empty machine without root", ["-\tblind"], []],
    ["all looked at", mine(web, "looked\t0"), []],
    ["in doubt, so not looked at", [...mine(web), mark], []],
    ["not looked at in time", mine(web), [late]],
    ["several", [...mine(web), ...mine(vips)], [late.replace(";", " and 1 more;")]],
    [
      "a machine at work, once for all instances",
      [...mine(web, "unknown\tat work"), ...mine(vips, "unknown\tat work")],
      ["at work"],
    ],
    [
      "without root, once for all instances",
      ["-\tblind", ...mine(web), ...mine(vips)],
      ["its login user may not run commands as root without a password"],
    ],
  ];
  for (const [what, lines, expected] of rows) {
    it(what, () => assert.deepStrictEqual(unknownDrift(seen(...lines), "farm/prod"), expected));
  }
});
