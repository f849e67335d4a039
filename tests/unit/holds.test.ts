import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { statusOf } from "../../cli/status/model";
import { renderStatus } from "../../cli/status/render";
import { FarmModel, readFarm } from "../../components/config";
import { parseObservation } from "../../components/host/observe";
import { heldUnits, describeHeld, lastingHolds, waysFromHold } from "../../components/network/holds";
import { FlowFate } from "../../components/network/moves";
import { Findings } from "../../components/preflight/inspection";
import { MOVES_FILE, movesOf, printPreflightReport } from "../../components/preflight/report";

const STACK = "farm/prod";
const AT = "2026-11-30T16:00:00Z";
const [p1, p2, p3] = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27"];

const farmOf = (states: Record<string, string> = {}, router: object = { guard: {} }): FarmModel =>
  readFarm({
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 3 },
    servers: Object.fromEntries(
      [1, 2, 3].map((n) => [
        `web${n}`,
        { address: `192.0.2.${n + 1}`, ...(states[`web${n}`] ? { state: states[`web${n}`] } : {}) },
      ]),
    ),
    routers: { r1: { address: "192.0.2.1", ...router } },
  });

/** What the router says: "FILE LINE" of its one instance, and the time at its end. */
const seen = (...lines: string[]): Findings =>
  new Map([
    [
      "r1",
      parseObservation(
        [
          "-\tnow\t1",
          ...["meta stack=farm/prod", "looked 0", ...lines].map((line) => `i\t${line.replace(" ", "\t")}`),
        ].join("\n"),
      ),
    ],
  ]);
const live = (...servers: number[]): string[] =>
  servers.map((n, i) => `live ${[p1, p2, p3][i]} 192.0.2.${n + 1}`);
const held = (name: string, reason = "refuses connections"): string => `held ${name} ${AT} ${reason}`;

describe("servers that a guard holds", () => {
  const placement = [
    { prefix: p1, server: "web1" },
    { prefix: p2, server: "web2" },
    { prefix: p3, server: "web2" },
  ];
  const lists = [
    { prefix: p1, servers: ["web2", "web3"] },
    { prefix: p2, servers: ["web3", "web1"] },
    { prefix: p3, servers: ["web1", "web3"] },
  ];
  const hold = (server: string) => ({ server, at: AT, reason: "refuses connections" });
  const texts = (...servers: string[]): string[] =>
    heldUnits(servers.map(hold), placement, lists).map(describeHeld);

  const told: [string, string[], string[]][] = [
    ["none", [], []],
    ["one", ["web1"], [`the guard moved ${p1} from web1 to web2 at ${AT}, because web1 refuses connections`]],
    [
      "one whose units went to two",
      ["web2"],
      [
        `the guard moved ${p2} from web2 to web3 and ${p3} from web2 to web1 at ${AT}, because web2 refuses connections`,
      ],
    ],
    [
      "two",
      ["web1", "web2"],
      [
        `the guard moved ${p1} from web1 to web3 at ${AT}, because web1 refuses connections`,
        `the guard moved ${p2}, ${p3} from web2 to web3 at ${AT}, because web2 refuses connections`,
      ],
    ],
    [
      "all",
      ["web1", "web2", "web3"],
      [
        `the guard holds web1 as dead since ${AT}, because it refuses connections, but ${p1} still goes there, as no other server is left`,
        `the guard holds web2 as dead since ${AT}, because it refuses connections, but ${p2}, ${p3} still go there, as no other server is left`,
        `the guard holds web3 as dead since ${AT}, because it refuses connections; it carries nothing`,
      ],
    ],
  ];
  for (const [what, servers, expected] of told)
    it(`says what it did: ${what}`, () => assert.deepEqual(texts(...servers), expected));

  it("names the first few of many units", () => {
    const units = Array.from({ length: 9 }, (_, i) => ({ prefix: `10.0.${i}.0/24`, to: "web2" }));
    assert.match(describeHeld({ ...hold("web1"), units }), /10\.0\.5\.0\/24 and 3 more from web1 to web2/);
  });

  it("a hold lasts while the config counts on its server", () => {
    const servers = [
      { name: "web1", down: false },
      { name: "web2", down: true },
    ];
    assert.deepEqual(lastingHolds(["web1", "web2", "web9"].map(hold), servers), [hold("web1")]);
  });
});

describe("a preview beside a guard", () => {
  const flows = "flows 192.0.2.64/27 192.0.2.3 7";
  const movesWith = (farm: FarmModel, ...lines: string[]) => movesOf(farm, STACK, seen(...lines))[0];

  it("moves nothing that the guard moved", () => {
    const { moves, held: kept } = movesWith(farmOf(), ...live(1, 1, 3), held("web2"));
    assert.deepEqual(moves, []);
    assert.deepEqual(kept, [
      { server: "web2", at: AT, reason: "refuses connections", units: [{ prefix: p2, to: "web1" }] },
    ]);
  });

  it("moves nothing either when the config has that server down", () => {
    const { moves, held: kept } = movesWith(farmOf({ web2: "down" }), ...live(1, 1, 3), held("web2"));
    assert.deepEqual([moves, kept], [[], undefined]);
  });

  it("says what really moves, as the router leaves held servers out", () => {
    const { moves } = movesWith(farmOf({ web1: "maintenance" }), ...live(1, 1, 3), held("web2"), flows);
    // web1's prefix goes to web2 by the config, and to the first of its fallbacks by the router; so does web2's.
    assert.deepEqual(
      moves.map(({ prefix, from, to }) => [prefix, from, to]),
      [
        [p1, "web1", "web3"],
        [p2, "web1", "web3"],
      ],
    );
    assert.deepEqual(moves[1].flows, [
      { server: "web1", count: 0, fate: FlowFate.Stay },
      { server: "web2", count: 7, fate: FlowFate.Move },
    ]);
  });

  it("knows of no hold on a router without a guard, and of none without a look", () => {
    const { moves } = movesWith(farmOf({}, {}), ...live(1, 1, 3), held("web2"));
    assert.deepEqual(
      moves.map(({ prefix, to }) => [prefix, to]),
      [[p2, "web2"]],
    );
    assert.equal(movesOf(farmOf(), STACK, new Map())[0].held, undefined);
  });

  const reported = async (farm: FarmModel, ...lines: string[]) => {
    const said: Record<"info" | "warn", string[]> = { info: [], warn: [] };
    const log = (kind: "info" | "warn") => (text: string) => Promise.resolve(void said[kind].push(text));
    await printPreflightReport(farm, STACK, seen(...lines), { info: log("info"), warn: log("warn") });
    return said;
  };

  it("warns of what the guard did, that up leaves it so, and of both ways out", async () => {
    const { info, warn } = await reported(farmOf(), ...live(1, 1, 3), held("web2"));
    assert.deepEqual(info, []);
    assert.deepEqual(warn, [
      `r1: the guard moved ${p2} from web2 to web1 at ${AT}, because web2 refuses connections. pulumi up does not change that. To keep it so: loopback-ha adopt web2, which sets web2 down in the config. To give web2 its traffic back once it works: loopback-ha release web2`,
    ]);
    assert.deepEqual((await reported(farmOf({ web2: "down" }), ...live(1, 1, 3), held("web2"))).warn, []);
  });

  it("has it in the file for programs", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "holds-"));
    process.env[MOVES_FILE] = path.join(folder, "moves.json");
    try {
      await reported(farmOf(), ...live(1, 1, 3), held("web2"));
      const { routers } = JSON.parse(fs.readFileSync(process.env[MOVES_FILE], "utf8"));
      assert.deepEqual(
        routers.map(({ moves, held: kept }: { moves: unknown[]; held: { server: string }[] }) => [
          moves.length,
          kept[0].server,
        ]),
        [[0, "web2"]],
      );
    } finally {
      delete process.env[MOVES_FILE];
      fs.rmSync(folder, { recursive: true });
    }
  });
});

describe("status beside a guard", () => {
  const status = (farm: FarmModel, ...lines: string[]) =>
    statusOf(farm, { stack: STACK, at: 0, machines: seen(...lines), health: new Map(), serials: [] });

  it("says what the guard moved, once, and that it is not as the config has it", () => {
    const { problems, routers, prefixes } = status(farmOf(), ...live(1, 1, 3), held("web2"));
    assert.deepEqual(problems, [
      `r1: the guard moved ${p2} from web2 to web1 at ${AT}, because web2 refuses connections. ${waysFromHold({ server: "web2" })}`,
    ]);
    assert.deepEqual(routers[0].held, [
      { server: "web2", at: AT, reason: "refuses connections", units: [{ prefix: p2, to: "web1" }] },
    ]);
    assert.deepEqual([prefixes[1].wanted, prefixes[1].live], ["web2", "web1"]);
  });

  it("marks it in the table", () => {
    const text = renderStatus(status(farmOf(), ...live(1, 1, 3), held("web2")));
    assert.match(text, /192\.0\.2\.64\/27\s+\S*\s*web1 \(guard\)\s+\S*\s*web2/);
  });

  it("still says what goes elsewhere than the guard sent it", () => {
    const { problems } = status(farmOf(), ...live(1, 3, 3), held("web2"));
    assert.ok(problems.includes(`r1: ${p2} goes to web3 instead of web2`), problems.join("\n"));
  });

  it("has nothing to say without a hold", () => {
    const { problems, routers } = status(farmOf(), ...live(1, 2, 3));
    assert.deepEqual([problems, routers[0].held], [[], []]);
  });

  it("what a router says is printed as text", () => {
    const { problems } = status(farmOf(), ...live(1, 1, 3), held("web2", "refuses \x1b[2J"));
    assert.ok(!problems.join().includes("\x1b"));
  });
});
