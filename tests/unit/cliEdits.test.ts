import assert from "node:assert/strict";
import { leavingEdits, moveEdits } from "../../cli/edits/flips";
import { duration, goOnDespite } from "../../cli/commands/arguments";
import { prefixNamed } from "../../cli/edits/named";
import { additionOf, nextHostNumber, removalOf } from "../../cli/edits/site";
import { FarmModel, ServerState, readFarm } from "../../components/config";

const SITE = { serverName: "www.acme.example", documentRoot: "/srv/www/acme" };

function farm(
  more: Record<string, unknown> = {},
  states: string[] = ["active", "active", "active"],
): FarmModel {
  return readFarm({
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 3 },
    servers: Object.fromEntries(
      states.map((state, i) => [`web${i + 1}`, { address: `192.0.2.${i + 2}`, state }]),
    ),
    routers: { r1: { address: "192.0.2.1" } },
    sites: { old: { serverName: "www.old.example", documentRoot: "/srv/www/old", hostNumber: 1 } },
    ...more,
  });
}

describe("sites that a move goes on despite", () => {
  const given = (despiteSites?: string): string | undefined => {
    delete process.env.LOOPBACK_HA_DESPITE_SITES;
    try {
      goOnDespite(
        farm({
          sites: {
            shop: { ...SITE, hostNumber: 2 },
            blog: { ...SITE, serverName: "b.example", hostNumber: 3 },
          },
        }),
        { despiteSites },
      );
      return process.env.LOOPBACK_HA_DESPITE_SITES;
    } finally {
      delete process.env.LOOPBACK_HA_DESPITE_SITES;
    }
  };
  it("are passed to pulumi in its environment", () => {
    assert.equal(given("shop,blog"), "shop,blog");
    assert.equal(given(), undefined);
  });
  it("must be names of sites", () => {
    assert.throws(
      () => given("shop,blgo"),
      /--despite-sites: there is no site "blgo"; .*blog.*Nothing was touched/,
    );
    assert.throws(() => given("shop,"), /there is no site ""/);
  });
});

describe("what a command writes into the config", () => {
  it("drain: sets the state, and removes overrides to the server", () => {
    const overrides = { "192.0.2.64/27": "web1", "192.0.2.96/27": "web2" };
    assert.deepEqual(leavingEdits(farm({ overrides }), overrides, "web1", ServerState.Maintenance), [
      { path: ["servers", "web1", "state"], value: "maintenance" },
      { path: ["overrides", "192.0.2.64/27"] },
    ]);
  });

  it("drain: refuses the last active server", () => {
    const one = farm({}, ["active", "maintenance", "down"]);
    assert.throws(() => leavingEdits(one, {}, "web1", ServerState.Down), /last active server.*restore web2/);
  });

  it("move: writes an override, or removes it if the server is the home", () => {
    const edits = (to: string, overrides: Record<string, string> = {}): unknown =>
      moveEdits(farm({ overrides }), overrides, "192.0.2.64/27", to);
    assert.deepEqual(edits("web1"), [{ path: ["overrides", "192.0.2.64/27"], value: "web1" }]);
    assert.deepEqual(edits("web2", { "192.0.2.64/27": "web1" }), [
      { path: ["overrides", "192.0.2.64/27"], value: undefined },
    ]);
    assert.throws(
      () => moveEdits(farm({}, ["active", "active", "down"]), {}, "192.0.2.64/27", "web3"),
      /web3 can't take traffic: its state is down; first run loopback-ha restore web3/,
    );
  });

  it("move: overrides one VIP, against an override of its subnet, when VIPs are placed one by one", () => {
    const network = { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 3, granularity: "host" };
    const overrides = { "192.0.2.64/27": "web3" };
    const hosts = farm({ network, overrides });
    assert.equal(prefixNamed(hosts, "192.0.2.65"), "192.0.2.65/32");
    const home = hosts.placement.find(({ prefix }) => prefix === "192.0.2.65/32")!.home;
    assert.deepEqual(moveEdits(hosts, overrides, "192.0.2.65/32", home), [
      { path: ["overrides", "192.0.2.65/32"], value: home },
    ]);
  });

  it("site add: takes the lowest host number that no site has, not even a retiring one", () => {
    const site = (hostNumber: number, more: object = {}): object => ({ ...SITE, hostNumber, ...more });
    assert.equal(nextHostNumber(farm({ sites: {} })), 1);
    const sites = {
      a: site(1, { serverName: "a.example" }),
      b: site(3, { serverName: "b.example", retiringHostNumber: 2 }),
    };
    assert.equal(nextHostNumber(farm({ sites })), 4);
    const all = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`s${i}`, site(i + 1, { serverName: `s${i}.example` })]),
    );
    assert.throws(
      () => nextHostNumber(farm({ sites: all })),
      /no host number is free: 1 to 30 are all taken/,
    );
  });

  it("site add: adds the zone when it is new and there are name servers", () => {
    const nameServers = { ns1: { address: "192.0.2.10" } };
    const site = { path: ["sites", "acme"], value: { ...SITE, hostNumber: 2 } };
    assert.deepEqual(additionOf(farm(), "acme", SITE), [site]);
    const named = farm({ nameServers, zones: { "old.example": { contact: "hostmaster@old.example" } } });
    assert.throws(
      () => additionOf(named, "acme", SITE),
      /not in any of the zones \(old\.example\); pass --contact hostmaster@acme\.example/,
    );
    assert.deepEqual(additionOf(named, "acme", { ...SITE, contact: "me@acme.example" }), [
      site,
      { path: ["zones", "acme.example"], value: { contact: "me@acme.example" } },
    ]);
    assert.deepEqual(additionOf(named, "acme", { ...SITE, serverName: "x.old.example" }).length, 1);
  });

  it("site add: shares VIPs instead of a host number, and refuses a name that is taken", () => {
    assert.deepEqual(additionOf(farm(), "acme", { ...SITE, shareVipsWith: "old" }), [
      { path: ["sites", "acme"], value: { ...SITE, shareVipsWith: "old" } },
    ]);
    assert.throws(() => additionOf(farm(), "old", SITE), /site "old" already exists/);
  });

  it("site remove: takes the site out of DNS first, then removes it, and never the last one", () => {
    const sites = {
      old: { serverName: "www.old.example", documentRoot: "/srv/www/old", hostNumber: 1, retiring: true },
      acme: { ...SITE, hostNumber: 2 },
    };
    assert.deepEqual(removalOf(farm({ sites }), "acme"), [
      { path: ["sites", "acme", "retiring"], value: true },
    ]);
    assert.deepEqual(removalOf(farm({ sites }), "old"), [{ path: ["sites", "old"] }]);
    assert.throws(() => removalOf(farm({ sites: { old: sites.old } }), "old"), /last site/);
    assert.throws(() => removalOf(farm({ sites }), "acne"), /did you mean acme\?/);
  });

  it("times", () => {
    for (const [text, seconds] of [
      ["500ms", 0.5],
      ["2s", 2],
      ["1.5m", 90],
      ["1h", 3600],
    ] as const)
      assert.equal(duration(text), seconds);
    for (const text of ["", "10", "-1s", "1d", "1m30s"])
      assert.throws(
        () => duration(text),
        /is not a duration; use a number with a unit \(ms, s, m or h\), such as 10m/,
      );
  });
});
