import assert from "assert";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { FarmModel, readFarm } from "../../components/config";
import { parseObservation } from "../../components/host/observe";
import { Findings } from "../../components/preflight/inspection";
import { TableSource } from "../../components/network/moves";
import {
  MOVES_FILE,
  describeLimits,
  describeProposal,
  describeShifts,
  movesOf,
  routerViews,
  printPreflightReport,
} from "../../components/preflight/report";
import { UserError } from "../../components/base/userError";

const stack = "farm/prod";

function farmOf(hosts: Record<string, number>, rest: Record<string, unknown> = {}): FarmModel {
  return readFarm({
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4 },
    servers: Object.fromEntries(
      Object.entries(hosts).map(([name, n]) => [name, { address: `192.0.2.${n}` }]),
    ),
    routers: { r1: { address: "192.0.2.1" } },
    ...rest,
  });
}
const three = { web1: 2, web2: 4, web3: 6 };

/** What the router tells: "FILE LINE" of its one instance. */
const seen = (...lines: string[]): Findings =>
  new Map([
    [
      "r1",
      parseObservation(
        ["meta stack=farm/prod", ...lines].map((line) => `i\t${line.replace(" ", "\t")}`).join("\n"),
      ),
    ],
  ]);
const servers = (hosts: Record<string, number>): string[] =>
  Object.entries(hosts).map(([name, n]) => `servers ${name} 192.0.2.${n} up 0x${n}000000 7600${n}`);

describe("preflight report", () => {
  it("takes a router's table from its own answer, or else from what was last written", () => {
    const written = ["routes 192.0.2.32/27 web1 192.0.2.2", "routes 192.0.2.64/27 old 192.0.2.9"];
    const names = { "192.0.2.2": "web1", "192.0.2.9": "old" };
    const [fallback] = routerViews(farmOf(three), stack, seen(...written));
    assert.deepStrictEqual(fallback, {
      router: "r1",
      pinsFlows: true,
      fromRecord: true,
      live: [
        { prefix: "192.0.2.32/27", nextHop: "192.0.2.2" },
        { prefix: "192.0.2.64/27", nextHop: "192.0.2.9" },
      ],
      names,
      flows: undefined,
    });
    const told = ["live 192.0.2.32/27 192.0.2.4", "flows 192.0.2.32/27 192.0.2.2 17"];
    const [view] = routerViews(farmOf(three), stack, seen(...written, ...told));
    assert.deepStrictEqual(view.live, [{ prefix: "192.0.2.32/27", nextHop: "192.0.2.4" }]);
    assert.strictEqual(view.fromRecord, false);
    const [wiped] = routerViews(farmOf(three), stack, seen(...written, "live -"));
    assert.deepStrictEqual([wiped.live, wiped.fromRecord], [[], false]);
    assert.deepStrictEqual(view.flows, [{ prefix: "192.0.2.32/27", server: "192.0.2.2", count: 17 }]);
    assert.deepStrictEqual(view.names, names);
    const [idle] = routerViews(farmOf(three), stack, seen(...written, "flows -"));
    assert.deepStrictEqual(idle.flows, []);
  });

  it("says why a router's table is not known", () => {
    const failing: Findings = new Map([["r1", { failure: "r1 is off", now: 0, instances: {} }]]);
    assert.strictEqual(routerViews(farmOf(three), stack, failing)[0].failure, "r1 is off");
    assert.strictEqual(routerViews(farmOf(three), stack, new Map())[0].failure, "detectDrift is false");
    const routers = { r1: { address: "192.0.2.1", pinFlows: false } };
    assert.strictEqual(routerViews(farmOf(three, { routers }), stack, failing)[0].pinsFlows, false);
  });

  it("says what moves on a router that was not looked at from the routes that Pulumi has, if any", () => {
    const farm = farmOf(three);
    const written = farm.placement.map(
      ({ prefix, server }) => `${prefix} ${server} 192.0.2.${three[server as "web1"]}`,
    );
    written[1] = "192.0.2.64/27 old 192.0.2.9";
    const [byRecord] = movesOf(farm, stack, new Map(), new Map([["r1", written]]));
    assert.strictEqual(byRecord.failure, "detectDrift is false");
    assert.strictEqual(byRecord.table, TableSource.Written);
    assert.deepStrictEqual(
      byRecord.moves.map(({ prefix, from, to }) => [prefix, from, to]),
      [["192.0.2.64/27", "old", "web2"]],
    );
    const [byConfig] = movesOf(farm, stack, new Map(), new Map([["r2", written]]));
    assert.deepStrictEqual([byConfig.table, byConfig.moves], [TableSource.Config, []]);
    // What the router tells wins.
    const [live] = movesOf(farm, stack, seen("live -"), new Map([["r1", written]]));
    assert.strictEqual(live.table, TableSource.Live);
  });

  it("says where answers bypass the router, which can't pin them then", () => {
    const found = (gateway: string): Findings =>
      new Map([
        ...seen("limits the table is full"),
        ["web1", { now: 1, gateway: "192.0.2.1", instances: {} }],
        ["web2", { now: 1, gateway, instances: {} }],
        ["web3", { failure: "off", now: 0, instances: {} }],
      ]);
    const limit = "r1: the table is full";
    assert.deepStrictEqual(describeLimits(farmOf(three), stack, found("192.0.2.1")), [limit]);
    const [first, second, ...more] = describeLimits(farmOf(three), stack, found("192.0.2.9"));
    assert.deepStrictEqual([first, more], [limit, []]);
    assert.match(second, /^r1: answers from web2 reach clients by another path than 192\.0\.2\.1, /);
    const routers = { r1: { address: "192.0.2.1", pinFlows: false } };
    assert.deepStrictEqual(describeLimits(farmOf(three, { routers }), stack, found("192.0.2.9")), []);
  });

  it("says that a router's conntrack table is full (H1)", () => {
    const found = seen("limits notrack", "trouble the table is full");
    assert.deepStrictEqual(describeLimits(farmOf(three), stack, found), [
      "r1: the table is full",
      "r1: notrack",
    ]);
    const routers = { r1: { address: "192.0.2.1", pinFlows: false } };
    assert.deepStrictEqual(describeLimits(farmOf(three, { routers }), stack, seen("trouble closed")), [
      "r1: closed",
    ]);
  });

  it("warns of homes that shift, with the commands that keep them", () => {
    const found = seen(...servers(three));
    assert.strictEqual(describeShifts(farmOf(three), stack, found), undefined);
    assert.strictEqual(describeShifts(farmOf({ ...three, web4: 7 }, homes(4)), stack, found), undefined);
    assert.strictEqual(
      describeShifts(farmOf({ ...three, new: 3 }), stack, found),
      "the set of servers changed, so the default order gives some VIP subnets a new home: 192.0.2.64/27 (web2 => new), " +
        "192.0.2.96/27 (web3 => web2), 192.0.2.128/27 (web1 => web3). To keep their homes:\n" +
        `  pulumi config set --path 'homes["192.0.2.64/27"]' web2\n` +
        `  pulumi config set --path 'homes["192.0.2.96/27"]' web3\n` +
        `  pulumi config set --path 'homes["192.0.2.128/27"]' web1`,
    );
    assert.strictEqual(describeShifts(farmOf({ ...three, new: 3 }), stack, new Map()), undefined);
  });

  const homes = (count: number): Record<string, unknown> => ({
    homes: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`192.0.2.${32 * (i + 1)}/27`, `web${1 + (i % 2)}`]),
    ),
  });
  it("proposes homes for a server that is the home of no subnet, if its weight gives it one", () => {
    assert.deepStrictEqual(describeProposal(farmOf(three)), []);
    assert.deepStrictEqual(describeProposal(farmOf(three, homes(4))), [
      "web3: no subnet has its home there. To balance by weight:",
      `  pulumi config set --path 'homes["192.0.2.128/27"]' web3`,
    ]);
    const waiting = Object.fromEntries(
      Object.entries(three).map(([name, n]) => [
        name,
        { address: `192.0.2.${n}`, state: name === "web3" ? "maintenance" : "active" },
      ]),
    );
    assert.deepStrictEqual(describeProposal(farmOf({}, { ...homes(4), servers: waiting })), []);
    const five = { ...three, web4: 7, web5: 8 };
    assert.deepStrictEqual(describeProposal(farmOf(five)), []);
  });

  describe("the file", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-moves-"));
    const file = path.join(folder, "moves.json");
    let told: string[];
    beforeEach(() => (told = []));
    const tell = async (text: string): Promise<void> => void told.push(text);
    const log = { info: tell, warn: tell };
    afterEach(() => delete process.env[MOVES_FILE]);
    after(() => fs.rmSync(folder, { recursive: true }));
    const found = seen("routes 192.0.2.32/27 web1 192.0.2.2", ...servers(three));

    it("gets the moves in place of its former content; the operator gets lines", async () => {
      fs.writeFileSync(file, "old");
      process.env[MOVES_FILE] = file;
      const network = { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 1 };
      const states = { web1: { address: "192.0.2.2", state: "down" }, web2: { address: "192.0.2.4" } };
      await printPreflightReport(farmOf({}, { network, servers: states }), stack, found, log);
      assert.deepStrictEqual(JSON.parse(fs.readFileSync(file, "utf8")), {
        routers: [
          {
            router: "r1",
            failure: null,
            table: "written",
            moves: [
              {
                prefix: "192.0.2.32/27",
                from: "web1",
                to: "web2",
                sites: [],
                flows: [{ server: "web1", count: null, fate: "move" }],
              },
            ],
            leaving: [],
            shares: { web1: { before: 1, after: 0 }, web2: { before: 0, after: 1 } },
          },
        ],
        hidden: [],
        proposedHomes: {},
      });
      assert.deepStrictEqual(fs.readdirSync(folder), ["moves.json"]);
      assert.strictEqual(told.length, 1);
      assert.match(
        told[0],
        /^r1: its routing table could not be read.*\nr1: 192.0.2.32\/27: via web1 => via web2; open connections move at once.*\nr1: web1 1 of 1/,
      );
    });

    it("ends the run if it can't be written", async () => {
      process.env[MOVES_FILE] = path.join(folder, "nowhere", "moves.json");
      await assert.rejects(printPreflightReport(farmOf(three), stack, found, log), (error: UserError) => {
        assert.ok(error instanceof UserError);
        assert.match(
          error.message,
          /^LOOPBACK_HA_MOVES_FILE: ".*nowhere\/moves.json" can't be written \(ENOENT.*such as .\/moves.json/,
        );
        return true;
      });
    });
  });
});
