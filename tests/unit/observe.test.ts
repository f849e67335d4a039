import assert from "assert";
import { execFileSync } from "node:child_process";
import * as path from "node:path";
import { Observation, linesOf, observe, parseObservation } from "../../components/host/observe";

const seen = (...lines: string[]): Observation => parseObservation([...lines, ""].join("\n"));

describe("observation", () => {
  const parsed: [string, string, Observation][] = [
    ["nothing", "", { now: 0, instances: {} }],
    ["the clock", "-\tnow\t1700000000\n", { now: 1700000000, instances: {} }],
    ["a login that may not become root", "-\tblind\n-\tnow\t5\n", { now: 5, blind: true, instances: {} }],
    ["a banner of sshd", "Welcome!\n\n-\tnow\t5\n", { now: 5, instances: {} }],
    [
      "lines of files, in order",
      "i\tmeta\tstack=farm/prod\ni\tsites\tb 2\ni\tsites\ta 1\nj\tmeta\t\n",
      { now: 0, instances: { i: { meta: ["stack=farm/prod"], sites: ["b 2", "a 1"] }, j: { meta: [""] } } },
    ],
    ["a line with tabs", "i\troutes\ta\tb\tc\n", { now: 0, instances: { i: { routes: ["a\tb\tc"] } } }],
  ];
  for (const [what, text, expected] of parsed) {
    it(`parses ${what}`, () => assert.deepStrictEqual(parseObservation(text), expected));
  }

  it("takes any name from a machine for a name only", () => {
    const text = ["__proto__", "constructor"].flatMap((instance) =>
      ["down", "__proto__", "toString"].map((file) => `${instance}\t${file}\tx`),
    );
    const { instances } = seen(...text);
    assert.deepStrictEqual(Object.keys(instances), ["__proto__", "constructor"]);
    for (const files of Object.values(instances))
      assert.deepStrictEqual(Object.keys(files), ["down", "__proto__", "toString"]);
    assert.strictEqual(({} as { down?: unknown }).down, undefined);
  });

  it("shows control characters as text", () => {
    const { instances } = seen("i\tdrift\t- a\x1b[2J\x9b1A\rb\x07");
    assert.deepStrictEqual(instances.i.drift, ["- a\\u{1b}[2J\\u{9b}1A\\u{d}b\\u{7}"]);
  });

  it("gives lines of one stack's instances only", () => {
    const observation = seen(
      "i\tmeta\tinstance=i",
      "i\tmeta\tstack=farm/prod",
      "i\tsites\ta 1",
      "j\tmeta\tstack=farm/prod2",
      "j\tsites\tb 2",
      "k\tsites\tc 3",
      "l\tmeta\tstack=farm/prod",
      "l\tsites\td 4",
    );
    assert.deepStrictEqual(linesOf(observation, "farm/prod", "sites"), ["a 1", "d 4"]);
    assert.deepStrictEqual(linesOf(observation, "farm/prod", "left"), []);
  });

  it("takes an incomplete answer for none", async () => {
    const found = await observe([{ name: "a", address: "192.0.2.1" }], async () => "i\tsites\ta 1\n");
    assert.deepStrictEqual(found.get("a"), { failure: "a: its answer was truncated", now: 0, instances: {} });
  });

  it("separates a machine that fails from those that answer", async () => {
    const hosts = ["a", "b"].map((name) => ({ name, address: "192.0.2.1" }));
    const found = await observe(hosts, async ({ name }) => {
      if (name === "a") throw new Error("a is off");
      return "-\tnow\t7\n";
    });
    assert.deepStrictEqual(
      [...found],
      [
        ["a", { failure: "a is off", now: 0, instances: {} }],
        ["b", { now: 7, instances: {} }],
      ],
    );
  });

  const SCRIPT = path.join(__dirname, "../../components/host/machine/observe.sh");
  const MACHINE = `mount -t tmpfs tmpfs /var/lib; mkdir -p /var/lib/loopback-ha/i/current/want; cd /var/lib/loopback-ha/i
    echo stack=farm/prod >current/meta; echo 7 >in-doubt; echo routed >current/want/routes; echo kept >left
    echo not-for-everybody >current/want/text; sh -s "$@" <"$0"`;
  for (const [title, args, expected] of [
    ["what the roles' manifests name", ["current/want/routes", "left", "served", "as"], ["routed", "kept"]],
    ["with sudo", ["left", "as", "env", "-i"], [undefined, "kept"]],
    ["nothing of a role that is not named", ["as"], [undefined, undefined]],
    ["no arguments at all", [], [undefined, undefined]],
  ] as const)
    it(`reads on a machine what each role has, and ${title}`, () => {
      const text = execFileSync("unshare", ["-m", "bash", "-c", MACHINE, SCRIPT, ...args], {
        encoding: "utf8",
      });
      const { now, instances } = parseObservation(text);
      assert(now > 0);
      assert.deepStrictEqual(instances.i, {
        meta: ["stack=farm/prod"],
        "in-doubt": ["7"],
        ...(expected[0] && { routes: [expected[0]] }),
        ...(expected[1] && { left: [expected[1]] }),
      });
    });
});
