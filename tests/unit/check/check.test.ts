import assert from "node:assert/strict";
import fc from "fast-check";
import { check, describeFinding } from "../../../cli/check/check";
import { remedy, serversPerSite, sitesBelow } from "../../../cli/check/serversPerSite";
import { withEditedValues } from "../../../cli/pulumi/stackFile";
import { readStackConfig } from "../../../components/config/stack";
import { block } from "../../pages";
import { classicFarm } from "../config/support";
import { configOf } from "./support";

const SUBNETS = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
const all = (server: string): Record<string, string> =>
  Object.fromEntries(SUBNETS.map((prefix) => [prefix, server]));
/** The servers with the states that are given. */
const servers = (states: Record<string, string>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(classicFarm().servers as object).map(([name, server]) => [
      name,
      { ...server, ...(states[name] ? { state: states[name] } : {}) },
    ]),
  );

describe("check --min-servers-per-site", () => {
  const lines = (changes: Record<string, unknown>, least?: number): string[] =>
    describeFinding(
      check(
        { stack: "prod", file: "Pulumi.prod.yaml", config: configOf(changes), imports: false },
        { minServersPerSite: least },
      ),
    );
  const below = (site: string, number: number, by: string, least = 2): string => {
    const vips = [0, 32, 64, 96].map((base) => `192.0.2.${base + 32 + number}`).join(", ");
    return `Pulumi.prod.yaml: site ${site} would be served only by ${by}, on ${vips} together; at least ${least} servers are required`;
  };
  const both = (by: string, least = 2): string[] => [
    below("gadgets", 2, by, least),
    below("widgetco", 1, by, least),
  ];

  const rows: [string, Record<string, unknown>, number | undefined, string[]][] = [
    ["a farm with enough", {}, 2, ["Pulumi.prod.yaml: 2 sites, each served by 4 servers or more"]],
    [
      "without the rule",
      { overrides: all("web1") },
      undefined,
      ["Pulumi.prod.yaml: 2 sites, each served by 1 server or more"],
    ],
    ["no site", { sites: {}, zones: {} }, 2, ["Pulumi.prod.yaml: no sites"]],
    [
      "everything pinned to one server",
      { overrides: all("web2") },
      2,
      [...both("web2"), "to fix this:", `  pulumi config rm --path 'overrides["192.0.2.32/27"]'`],
    ],
    [
      "every home on one server",
      { homes: all("web2") },
      2,
      [...both("web2"), "to fix this:", `  pulumi config set --path 'homes["192.0.2.32/27"]' web1`],
    ],
    [
      "one active server",
      { servers: servers({ web1: "maintenance", web2: "down", web3: "maintenance" }) },
      2,
      [...both("web10"), "to fix this:", "  pulumi config set --path 'servers.web1.state' active"],
    ],
    [
      "one active server, and three are asked for",
      { servers: servers({ web1: "maintenance", web2: "down", web3: "maintenance" }) },
      3,
      [
        ...both("web10", 3),
        "to fix this:",
        "  pulumi config set --path 'servers.web1.state' active",
        "  pulumi config set --path 'servers.web2.state' active",
      ],
    ],
    [
      "more than there are",
      {},
      5,
      [
        ...both("web1, web2, web3, web10", 5),
        "to fix this:",
        "  add servers: at least 5 are needed under servers, there are 4",
        "  set network.vipSubnets to 5: with 4, a site has 4 VIPs and at most as many servers",
      ],
    ],
    [
      "one VIP subnet",
      {
        network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 1 },
        sites: { s: { serverName: "s.widgetco.example", documentRoot: "/srv/www/s", hostNumber: 5 } },
      },
      2,
      [
        "Pulumi.prod.yaml: site s would be served only by web1, on 192.0.2.37 together; at least 2 servers are required",
        "to fix this:",
        "  pulumi config set --path 'network.vipSubnets' 2",
      ],
    ],
    [
      "a config that is refused, in its own words",
      { overrides: { "192.0.2.32/27": "web9" } },
      2,
      [
        'Pulumi.prod.yaml: overrides["192.0.2.32/27"]: "web9" is not a server; did you mean web1? (known: web1, web2, web3, web10)',
      ],
    ],
  ];
  for (const [what, changes, least, expected] of rows)
    it(what, () => assert.deepEqual(lines(changes, least), expected));

  it("says what the docs quote", () => {
    const { web1, web2 } = servers({ web2: "maintenance" });
    const found = lines(
      {
        network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2 },
        servers: { web1, web2 },
        sites: {
          widgetco: { serverName: "www.widgetco.example", documentRoot: "/srv/www/a", hostNumber: 5 },
        },
      },
      2,
    );
    assert.deepEqual(found, block("docs/command-line.md", "would be served", "text").trimEnd().split("\n"));
  });

  it("ignores a retiring site, and counts only VIPs that are in DNS", () => {
    const sites = classicFarm().sites as Record<string, object>;
    const changes = {
      overrides: { "192.0.2.32/27": "web1", "192.0.2.64/27": "web1", "192.0.2.96/27": "web1" },
      network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4, retiringVipSubnets: 1 },
      sites: { ...sites, gadgets: { ...sites.gadgets, retiring: true } },
    };
    const found = sitesBelow(readStackConfig(configOf(changes)), 2);
    assert.deepEqual(
      found.map(({ site, servers: by, vips }) => [site, by, vips.length]),
      [["widgetco", ["web1"], 3]],
    );
  });

  it("counts each VIP's server when VIPs are placed one by one", () => {
    const network = { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4, granularity: "host" };
    const overrides = { ...all("web1"), "192.0.2.65/32": "web3" };
    const found = serversPerSite(readStackConfig(configOf({ network, overrides })));
    assert.deepEqual(
      found.map(({ site, servers: by }) => [site, by]),
      [
        ["gadgets", ["web1"]],
        ["widgetco", ["web1", "web3"]],
      ],
    );
  });

  it("names a few of many sites, and their number", () => {
    const sites = Object.fromEntries(
      Array.from({ length: 25 }, (_, i) => [
        `s${i}`,
        { serverName: `s${i}.widgetco.example`, documentRoot: `/srv/www/s${i}`, hostNumber: i + 1 },
      ]),
    );
    const found = lines({ sites, overrides: all("web1") }, 2);
    assert.equal(found.length, 10 + 1 + 2);
    assert.equal(found[10], "Pulumi.prod.yaml: and 15 more such sites");
  });

  it("proposes what works: with it, every site has enough (slow)", () => {
    const names = Object.keys(classicFarm().servers as object);
    const state = fc.constantFrom("active", "maintenance", "down");
    const given = fc.record({
      states: fc.record(Object.fromEntries(names.map((name) => [name, state]))),
      overrides: fc.dictionary(fc.constantFrom(...SUBNETS), fc.constantFrom(...names)),
      homes: fc.dictionary(fc.constantFrom(...SUBNETS), fc.constantFrom(...names)),
      least: fc.integer({ min: 1, max: 4 }),
    });
    let proposals = 0;
    fc.assert(
      fc.property(given, ({ states, overrides, homes, least }) => {
        const active = (name: string): boolean => states[name] === "active";
        fc.pre(names.some(active));
        const held = Object.fromEntries(Object.entries(overrides).filter(([, name]) => active(name)));
        const config = configOf({ servers: servers(states), overrides: held, homes });
        const edits = remedy(config, least);
        // Four servers and four VIP subnets: it can always be had.
        assert.ok(edits !== undefined);
        proposals += edits.length;
        const mended = { ...config, all: withEditedValues(config.all, "farm", edits) };
        assert.deepEqual(sitesBelow(readStackConfig(mended), least), []);
      }),
    );
    assert.ok(proposals > 0);
  });
});
