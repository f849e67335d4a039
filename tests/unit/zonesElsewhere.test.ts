import assert from "node:assert/strict";
import { readFarm } from "../../components/config";
import type { Observation } from "../../components/host/observe";
import { zonesElsewhere } from "../../components/preflight/zonesElsewhere";

const NOW = new Date("2026-11-29T12:00:00Z");
const HERE = 2026112900;

function farmOf(zone: Record<string, unknown> = {}) {
  return readFarm({
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 1 },
    servers: { web1: { address: "192.0.2.2" } },
    routers: { r1: { address: "192.0.2.1" } },
    nameServers: { ns1: { address: "192.0.2.10" }, ns2: { address: "192.0.2.11" } },
    zones: { "moving.example": { contact: "hostmaster@moving.example", ...zone } },
    sites: {},
  });
}

const nothing: Observation = { now: 1, instances: {} };
const failed: Observation = { now: 0, failure: "off", instances: {} };
const mine: Observation = {
  now: 1,
  instances: { "farm.prod.moving.example.zone": { meta: ["stack=farm/prod"] } },
};
const theirs: Observation = {
  now: 1,
  instances: { "farm.lab.moving.example.zone": { meta: ["stack=farm/lab"] } },
};

describe("a zone that moves here from elsewhere", () => {
  const say = (
    serial: number | undefined,
    {
      found = { ns1: nothing, ns2: nothing } as Record<string, Observation>,
      config = {},
      nsname = "ns.other.example",
    } = {},
  ): Promise<string[]> =>
    zonesElsewhere(
      farmOf(config),
      "farm/prod",
      new Map(Object.entries(found)),
      (zone) => {
        assert.equal(zone, "moving.example");
        return serial === undefined
          ? Promise.reject(new Error("ENOTFOUND"))
          : Promise.resolve({ serial, nsname });
      },
      NOW,
    );

  it("with a serial above today's gives a warning with the command", async () => {
    assert.deepEqual(await say(2099123100), [
      "zone moving.example is served elsewhere with serial 2099123100 (ns.other.example), but would start with 2026112900 here: its secondaries would ignore the new zone. " +
        `If you are moving it here, start with a higher serial: pulumi config set --path 'zones["moving.example"].serialAtLeast' 2099123101`,
    ]);
  });

  const rows: [what: string, serial: number | undefined, warns: boolean, config?: Record<string, unknown>][] =
    [
      ["today's first", HERE, true],
      ["the next", HERE + 1, true],
      ["one before", HERE - 1, false],
      ["small, as a counter", 17, false],
      // RFC 1982: half of all serials are beyond, the others before.
      ["the last one that is beyond", HERE + 2 ** 31 - 1, true],
      ["opposite: undefined by the RFC", HERE + 2 ** 31, false],
      ["the highest of all, which is before ours", 2 ** 32 - 1, false],
      ["no name server knows the zone", undefined, false],
      ["below what the config says", 2099123100, false, { serialAtLeast: 2099123101 }],
      ["beyond what the config says", 2099123101, true, { serialAtLeast: 2099123101 }],
    ];
  for (const [what, serial, warns, config] of rows)
    it(`${what}: ${warns ? "a warning" : "nothing"}`, async () =>
      assert.equal((await say(serial, { config })).length, warns ? 1 : 0));

  const seen: [what: string, found: Record<string, Observation>, asked: boolean][] = [
    ["is on a name server already", { ns1: mine, ns2: nothing }, false],
    ["is another stack's there", { ns1: theirs, ns2: nothing }, true],
    ["may be on the one that answers only", { ns1: failed, ns2: nothing }, true],
    ["no name server could be looked at", { ns1: failed, ns2: failed }, false],
    ["with observation off", {}, false],
  ];
  for (const [what, found, asked] of seen)
    it(`${what}: ${asked ? "asked" : "not asked"}`, async () =>
      assert.equal((await say(2099123100, { found })).length, asked ? 1 : 0));

  it("shows control characters in the other name server's name as text", async () => {
    assert.ok(!(await say(2099123100, { nsname: "\u001b[2Jns" }))[0].includes("\u001b"));
  });
});
