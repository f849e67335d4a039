import assert from "node:assert/strict";
import { parse } from "yaml";
import { Answers, configOf, filesOf, zoneFor } from "../../cli/init/files";
import { issueIn, machinesIn } from "../../cli/init/questions";
import { readFarm } from "../../components/config";

const ANSWERS: Answers = {
  project: "farm",
  stack: "prod",
  block: "192.0.2.0/24",
  subnetPrefix: 27,
  vipSubnets: 4,
  servers: { web1: "192.0.2.2", web2: "192.0.2.3" },
  routers: { r1: "192.0.2.1" },
  routerKind: "linux",
  nameServers: { ns1: "192.0.2.10" },
  user: "root",
  site: { name: "widgetco", serverName: "www.widgetco.example", documentRoot: "/srv/www/widgetco" },
  contact: "hostmaster@widgetco.example",
};

describe("init", () => {
  it("writes a project whose config is accepted", () => {
    const files = filesOf(ANSWERS);
    assert.deepEqual(Object.keys(files), ["Pulumi.yaml", "index.js", "Pulumi.prod.yaml"]);
    assert.equal(parse(files["Pulumi.yaml"]).name, "farm");
    const { config } = parse(files["Pulumi.prod.yaml"]) as { config: Record<string, unknown> };
    const bare = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key.replace("farm:", ""), value]),
    );
    assert.deepEqual(bare, configOf(ANSWERS));
    assert.equal(readFarm(bare).sites[0].vips.length, 4);
    assert.match(files["Pulumi.prod.yaml"], /^ {2}# Each site has one VIP/m);
    assert.match(
      files["Pulumi.prod.yaml"],
      /^ {2}# Each site is served by https as soon as .*loopback-ha certs.*\n {2}farm:tls:\n {4}folder: acme\/live$/m,
    );
    assert.ok(readFarm(bare).sites.every(({ tls }) => tls !== undefined));
  });

  it("writes a program for the module kind of the folder", () => {
    assert.match(filesOf(ANSWERS)["index.js"], /require\(.*\nmodule\.exports = program;\n$/s);
    assert.match(
      filesOf({ ...ANSWERS, esModules: true })["index.js"],
      /^import .*\nexport default program;\n$/ms,
    );
  });

  it("writes no zone without name servers; writes another login and another router kind", () => {
    const config = configOf({ ...ANSWERS, nameServers: {}, user: "ops", routerKind: "frr" });
    assert.deepEqual(config.zones, undefined);
    assert.deepEqual(config.ssh, { user: "ops" });
    assert.deepEqual(config.routers, { r1: { address: "192.0.2.1", kind: "frr" } });
  });

  it("refuses an impossible farm", () => {
    const twice = { ...ANSWERS, servers: { web1: "192.0.2.2", web2: "192.0.2.2" } };
    assert.throws(
      () => filesOf(twice),
      /servers\.web2\.address: .* is already used by servers\.web1\.address/,
    );
  });

  it("finds the zone of a name", () => {
    for (const [name, zone] of [
      ["www.widgetco.example", "widgetco.example"],
      ["widgetco.example", "widgetco.example"],
      ["a.b.widgetco.example", "b.widgetco.example"],
    ])
      assert.equal(zoneFor(name), zone);
  });

  it("reads machines", () => {
    assert.deepEqual(machinesIn("web1=192.0.2.2, web2=192.0.2.3"), { web1: "192.0.2.2", web2: "192.0.2.3" });
    for (const text of ["web1", "web1=", "=192.0.2.2", "we b=1.2.3.4=5", "$(x)=192.0.2.2"])
      assert.throws(
        () => machinesIn(text, "r1=192.0.2.1"),
        /is missing a name or an address; write NAME=ADDRESS, such as r1=192\.0\.2\.1/,
      );
  });

  const SO_FAR: [string, Partial<Answers>, RegExp | undefined][] = [
    ["a block alone", { block: "10.0.0.0/16", subnetPrefix: 19 }, undefined],
    ["what is not answered yet", { site: undefined, user: undefined, servers: undefined }, undefined],
    ["a router in the servers' subnet", { routers: { r1: "192.0.2.1" } }, undefined],
    ["a router outside the block", { routers: { r1: "10.1.2.3" } }, /^routers\.r1\.address: "10\.1\.2\.3" /],
    ["a router among the VIPs", { routers: { r1: "192.0.2.65" } }, /^routers\.r1\.address: /],
    ["what is no address", { servers: { web1: "300.0.2.2" } }, /^servers\.web1\.address: "300\.0\.2\.2" /],
    [
      "a server with the router's address",
      { routers: { r1: "192.0.2.2" }, servers: { web1: "192.0.2.2" } },
      /routers\.r1\.address|servers\.web1\.address/,
    ],
    ["servers where a made-up router would be", { servers: { a: "192.0.2.1", b: "192.0.2.2" } }, undefined],
    ["a name server", { servers: { web1: "192.0.2.2" }, nameServers: { ns1: "192.0.2.10" } }, undefined],
    [
      "a name server with a server's address",
      { servers: { web1: "192.0.2.2" }, nameServers: { ns1: "192.0.2.2" } },
      /nameServers\.ns1\.address/,
    ],
  ];
  for (const [what, answers, expected] of SO_FAR)
    it(`refuses at once, not after the last question: ${what}`, () => {
      const issue = issueIn(answers);
      if (expected === undefined) assert.equal(issue, undefined);
      else assert.match(issue!, expected);
    });
});
