import assert from "node:assert/strict";
import { SiteModel, readFarm } from "../../../components/config";
import { makeKey } from "../../../components/webServerPool/tls/makeCertificate.cjs";
import { Reading, parsePair } from "../../../components/webServerPool/tls/pair.cjs";
import { Journal, Order, keyOf } from "../../../cli/certs/journal";
import { MOST_ORDERS, PlannedSite, Step, dueOn, plan } from "../../../cli/certs/plan";
import { inDays, issue, makeAuthorities } from "../../certificates";

const NOW = new Date();
const SERVER = "https://acme.example/directory";
const HOUR = 3_600_000;

const { intermediate } = makeAuthorities();
const source = { chain: "fullchain.pem", key: "privkey.pem" };
const pair = (names: string[], from = -1, to = 89): Reading => {
  const { chain, key } = issue(intermediate, names, { from: inDays(from), to: inDays(to) });
  return parsePair({ chain, key }, source);
};

/** Sites as the config has them; with a folder each is served by https. */
function sitesOf(sites: Record<string, object>, folder: string | null = "acme/live"): SiteModel[] {
  const config = {
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2 },
    servers: { web1: { address: "192.0.2.2" } },
    ...(folder === null ? {} : { tls: { folder } }),
    sites: Object.fromEntries(
      Object.entries(sites).map(([name, more], i) => [
        name,
        { serverName: `www.${name}.example`, documentRoot: `/srv/www/${name}`, hostNumber: i + 1, ...more },
      ]),
    ),
  };
  return readFarm(config).sites;
}

const journal = (orders: Order[] = []): Journal => ({
  stack: "a/b",
  server: SERVER,
  orders,
  delivered: {},
});
const order = (
  hoursAgo: number,
  result: Order["result"],
  names = ["www.a.example"],
  server = SERVER,
): Order => ({
  at: new Date(NOW.getTime() - hoursAgo * HOUR),
  site: "a",
  key: keyOf(server, names),
  result,
  ...(result === "failed" ? { text: "the CA did not like it" } : {}),
});

/** What is planned for one site, a. */
function planOf(
  site: object,
  reading: Reading | undefined,
  orders: Order[] = [],
  named: string[] = [],
): PlannedSite {
  const pairs = new Map(reading ? [["a", reading]] : []);
  return plan(sitesOf({ a: site }), pairs, NOW, journal(orders), { named: new Set(named) })[0];
}

describe("certs: the plan", () => {
  const good = pair(["www.a.example"]);
  const cases: [string, object, Reading | undefined, Step, RegExp][] = [
    ["has none", {}, { missing: "x" }, Step.Order, /^no certificate yet$/],
    ["was not read", {}, undefined, Step.Order, /^no certificate yet$/],
    ["has one that is good", {}, good, Step.Keep, /^valid until \d{4}-\d\d-\d\d, due on /],
    ["lacks a name", { aliases: ["a.example"] }, good, Step.Order, /names have changed: \+a\.example$/],
    ["has a name too many", {}, pair(["www.a.example", "a.example"]), Step.Order, /: -a\.example$/],
    ["has another one's", {}, pair(["b.example"]), Step.Order, /: \+www\.a\.example -b\.example$/],
    [
      "has its names in another case",
      { serverName: "www.a.example" },
      pair(["WWW.a.example"]),
      Step.Keep,
      /./,
    ],
    [
      "keeps a name that leaves DNS",
      { retiringAliases: ["a.example"] },
      pair(["www.a.example", "a.example"]),
      Step.Keep,
      /./,
    ],
    ["has more than a third left", {}, pair(["www.a.example"], -59, 31), Step.Keep, /./],
    ["has less than a third left", {}, pair(["www.a.example"], -61, 29), Step.Order, /^expires \d{4}-/],
    ["has one that expired", {}, pair(["www.a.example"], -61, -1), Step.Order, /^expires /],
    ["has one of six days", {}, pair(["www.a.example"], -3, 3), Step.Keep, /./],
    ["has one of six days that ends", {}, pair(["www.a.example"], -5, 1), Step.Order, /^expires /],
    ["has a file that is none", {}, { broken: "x has no certificate" }, Step.Order, /^x has no certificate$/],
    [
      "has a key that is not its own",
      {},
      parsePair({ chain: issue(intermediate, ["www.a.example"]).chain, key: makeKey() }, source),
      Step.Order,
      /is not the key of/,
    ],
    ["is by http only", { tls: false }, good, Step.Skip, /http only/],
    [
      "has a folder of its own",
      { tls: { folder: "certs/a" } },
      good,
      Step.Skip,
      /from elsewhere \(certs\/a\)/,
    ],
    ["has its key elsewhere", { tls: { keys: "keys" } }, good, Step.Skip, /from elsewhere \(keys\)/],
    ["is retiring", { retiring: true }, undefined, Step.Skip, /being removed from DNS/],
    [
      "has a wildcard",
      { aliases: ["*.a.example"] },
      undefined,
      Step.Skip,
      /\*\.a\.example is a wildcard.*dns-01.*sites\.a\.tls\.folder/,
    ],
  ];
  for (const [what, site, reading, step, why] of cases)
    it(`a site that ${what}: ${step}`, () => {
      const planned = planOf(site, reading);
      assert.equal(planned.step, step, planned.why);
      assert.match(planned.why, why);
    });

  it("orders nothing without a folder in the config", () => {
    const [planned] = plan(sitesOf({ a: {} }, null), new Map(), NOW, journal());
    assert.equal(planned.step, Step.Skip);
  });

  it("makes a certificate due when a third of its life is left", () => {
    const days = (n: number): string => new Date(n * 24 * HOUR).toISOString();
    assert.equal(dueOn({ validFrom: days(0), validTo: days(90) }).toISOString(), days(60));
    assert.equal(dueOn({ validFrom: days(0), validTo: days(45) }).toISOString(), days(30));
  });

  const stops: [string, Order[], Step][] = [
    ["one failure", [order(1, "failed")], Step.Order],
    ["two failures", [order(2, "failed"), order(1, "failed")], Step.Stopped],
    ["three", [order(50, "failed"), order(26, "failed"), order(1, "failed")], Step.Stopped],
    ["a success between them", [order(27, "failed"), order(26, "ordered"), order(1, "failed")], Step.Order],
    ["a day since the last", [order(48, "failed"), order(24.1, "failed")], Step.Order],
    ["not quite a day", [order(48, "failed"), order(23.9, "failed")], Step.Stopped],
    ["failures of other names", [order(2, "failed", ["b"]), order(1, "failed", ["b"])], Step.Order],
    [
      "failures of another CA",
      [order(2, "failed", undefined, "x"), order(1, "failed", undefined, "x")],
      Step.Order,
    ],
    ["orders that were interrupted", [order(2, "begun"), order(1, "begun")], Step.Order],
  ];
  for (const [what, orders, step] of stops)
    it(`after ${what}: ${step}`, () => assert.equal(planOf({}, undefined, orders).step, step));

  it("says why a site is paused, until when, and how to continue", () => {
    const { why } = planOf({}, undefined, [order(2, "failed"), order(1, "failed")]);
    assert.match(
      why,
      /^failed 2 times, last on \S+: the CA did not like it\. .* or after \S+; to retry now: loopback-ha certs a$/,
    );
  });

  it("does not repeat an order of the last day that brought nothing better", () => {
    const { step, why } = planOf({}, { broken: "x is no certificate" }, [order(2, "ordered")]);
    assert.equal(step, Step.Stopped);
    assert.match(
      why,
      /^was ordered on \S+, but still: x is no certificate\. It is retried .* loopback-ha certs a$/,
    );
    assert.equal(planOf({}, { broken: "x" }, [order(25, "ordered")]).step, Step.Order);
    assert.equal(planOf({ aliases: ["a.example"] }, good, [order(2, "ordered")]).step, Step.Order);
    assert.equal(planOf({}, pair(["www.a.example"], -5, 1), [order(2, "ordered")]).step, Step.Order);
  });

  it("--renew orders valid certificates, too, but none that certs does not manage", () => {
    const renewed = (site: object): Step =>
      plan(sitesOf({ a: site }), new Map([["a", good]]), NOW, journal(), { renew: true })[0].step;
    assert.equal(renewed({}), Step.Order);
    assert.equal(renewed({ tls: false }), Step.Skip);
  });

  it("does not pause a site that a person names", () => {
    assert.equal(planOf({}, undefined, [order(2, "failed"), order(1, "failed")], ["a"]).step, Step.Order);
  });

  it("puts what expires first first; a site without a certificate goes before one that has more than a week left", () => {
    const names = ["a", "b", "c", "d"];
    const sites = sitesOf(Object.fromEntries(names.map((name) => [name, {}])));
    const pairs = new Map([
      ["a", pair(["www.a.example"], -70, 20)],
      ["b", pair(["www.b.example"], -87, 3)],
      ["d", pair(["www.d.example"], -75, 15)],
    ]);
    assert.deepEqual(
      plan(sites, pairs, NOW, journal()).map(({ site }) => site),
      ["b", "c", "d", "a"],
    );
  });

  it(`starts at most ${MOST_ORDERS} orders in three hours, failed and interrupted ones included`, () => {
    const sites = sitesOf({ a: {}, b: {}, c: {} });
    const before = Array.from({ length: MOST_ORDERS - 2 }, (_, i) =>
      order(2.9, (["ordered", "failed", "begun"] as const)[i % 3], [`${i}`]),
    );
    const long = Array.from({ length: 100 }, () => order(3.1, "ordered", ["x"]));
    const steps = plan(sites, new Map(), NOW, journal([...long, ...before])).map(({ step }) => step);
    assert.deepEqual(steps, [Step.Order, Step.Order, Step.Later]);
    // Those that are left alone take nobody's place.
    const failed = [order(2, "failed"), order(1, "failed")];
    const rest = plan(sites, new Map(), NOW, journal([...before.slice(2), ...failed])).map(
      ({ step }) => step,
    );
    assert.deepEqual(rest, [Step.Stopped, Step.Order, Step.Order]);
  });
});
