import assert from "assert";
import fc from "fast-check";
import { RunError } from "@pulumi/pulumi/errors";
import {
  boundAliases,
  boundVips,
  ConfigError,
  FarmModel,
  ServerState,
  VipBinding,
  readFarm,
  zoneOf,
} from "../../components/config";
import { Json, Key, classicFarm, problemsOf, record, records, refuses, set, zone } from "./config/support";

describe("readFarm", () => {
  it("reads a farm of four servers", () => {
    const farm = readFarm(classicFarm());
    assert.deepStrictEqual(farm.servers[0], {
      name: "web1",
      address: "192.0.2.2",
      state: ServerState.Active,
      weight: 1,
      ssh: { user: "root", sudo: false },
    });
    assert.deepStrictEqual(
      farm.servers.map(({ name }) => name),
      ["web1", "web2", "web3", "web10"],
    );
    assert.deepStrictEqual(
      farm.placement.map(({ server }) => server),
      ["web1", "web2", "web3", "web10"],
    );
    assert.deepStrictEqual(farm.sites[1], {
      name: "widgetco",
      serverName: "www.widgetco.example",
      aliases: ["widgetco.example"],
      documentRoot: "/var/www/widgetco",
      hostNumber: 1,
      vips: ["192.0.2.33", "192.0.2.65", "192.0.2.97", "192.0.2.129"],
      retiringVips: [],
      retiring: false,
      retiringAliases: [],
      checkPorts: [],
    });
    assert.strictEqual(farm.routers[0].kind, "linux");
    assert.strictEqual(farm.binding, VipBinding.Alias);
    assert.strictEqual(farm.detectDrift, true);
    assert.deepStrictEqual(farm.zones[0], {
      zone,
      nameServers: ["ns1", "ns2"],
      contact: "hostmaster@widgetco.example",
      timers: { refresh: 86400, retry: 3600, expire: 1209600, minimum: 300 },
      ttl: 300,
      nsRecords: ["ns1.widgetco.example", "ns2.widgetco.example"],
      records: [
        { name: "@", type: "MX", value: "10 mail" },
        { name: "mail", type: "A", value: "198.51.100.25" },
        { name: "ns1", type: "A", value: "192.0.2.30" },
        { name: "ns2", type: "A", value: "198.51.100.53" },
      ],
    });
  });

  it("needs nothing but a network and one server", () => {
    const { network, servers } = classicFarm();
    const farm = readFarm({ network, servers });
    assert.deepStrictEqual([farm.sites, farm.routers, farm.nameServers, farm.zones], [[], [], [], []]);
  });

  const accepted: [string, Key[], unknown, (farm: FarmModel) => unknown, unknown][] = [
    ["detectDrift as text", ["detectDrift"], "false", (farm) => farm.detectDrift, false],
    ["detectDrift", ["detectDrift"], false, (farm) => farm.detectDrift, false],
    ["the binding", ["network", "binding"], "subnet", (farm) => farm.binding, VipBinding.Subnet],
    ["a home", ["homes", "192.0.2.32/27"], "web3", (farm) => farm.placement[0].server, "web3"],
    ["maintenance", ["servers", "web2", "state"], "maintenance", (farm) => farm.placement[1].server, "web1"],
    ["an override", ["overrides", "192.0.2.32/27"], "web3", (farm) => farm.placement[0].server, "web3"],
    [
      "a server that is down",
      ["servers", "web2", "state"],
      "down",
      (farm) => farm.placement[1].server,
      "web1",
    ],
    [
      "VIP by VIP",
      ["network", "granularity"],
      "host",
      (farm) => farm.placement.slice(1, 4).map(({ prefix, server }) => `${prefix} ${server}`),
      ["192.0.2.34/32 web1", "192.0.2.65/32 web2", "192.0.2.66/32 web2"],
    ],
    ["a weight", ["servers", "web2", "weight"], 7, (farm) => farm.servers[1].weight, 7],
    ["homes", ["homes", "192.0.2.32/27"], "web3", (farm) => farm.homes, { "192.0.2.32/27": "web3" }],
    ["pinned flows", ["routers", "r1", "pinFlows"], false, (farm) => farm.routers[0].pinFlows, false],
    [
      "the numbers of pinning",
      ["routers", "r1", "pinning"],
      { markMask: "0xff", tableBase: 100, rulePriority: 9, helpers: ["ftp"] },
      (farm) => farm.routers[0].pinning,
      { markMask: "0xff", tableBase: 100, rulePriority: 9, helpers: ["ftp"] },
    ],
    ["a guard", ["routers", "r1", "guard"], {}, (farm) => farm.routers[0].guard, {}],
    [
      "a guard of its own kind",
      ["routers", "r1", "guard"],
      { interval: "0.5s", fall: 5, minActive: 3, dryRun: true, maxMovesPerHour: 1 },
      (farm) => farm.routers[0].guard,
      { interval: "0.5s", fall: 5, minActive: 3, dryRun: true, maxMovesPerHour: 1 },
    ],
    [
      "a guard, which gets fallbacks",
      ["routers", "r1", "guard"],
      {},
      (farm) => farm.fallbacks[0],
      { prefix: "192.0.2.32/27", servers: ["web2", "web3", "web10"] },
    ],
    ["no guard, and no fallbacks", ["detectDrift"], true, (farm) => farm.fallbacks, []],
    ["further ports", ["sites", "gadgets", "checkPorts"], [443], (farm) => farm.sites[0].checkPorts, [443]],
    ["no confirmation", ["routers", "r1", "confirmSeconds"], 0, (farm) => farm.routers[0].confirmSeconds, 0],
    ["a shorter check", ["routers", "r1", "checkSeconds"], 6, (farm) => farm.routers[0].checkSeconds, 6],
    ["the classic timers", ["zones", zone, "preset"], "classic", (farm) => farm.zones[0].ttl, 86400],
    ["a timer", ["zones", zone, "minimum"], 60, (farm) => farm.zones[0].timers.minimum, 60],
    [
      "a serial to go on from",
      ["zones", zone, "serialAtLeast"],
      2099123100,
      (farm) => farm.zones[0].serialAtLeast,
      2099123100,
    ],
    ["a zone's TTL", ["zones", zone, "ttl"], 60, (farm) => farm.zones[0].ttl, 60],
    [
      "upper case",
      ["sites", "gadgets", "serverName"],
      "WWW.Gadgets.example",
      (farm) => farm.sites[0].serverName,
      "www.gadgets.example",
    ],
    ["a retiring site", ["sites", "gadgets", "retiring"], true, (farm) => farm.sites[0].retiring, true],
    [
      "a check source",
      ["routers", "r1", "checkSource"],
      "198.51.100.1",
      (farm) => farm.routers[0].checkSource,
      "198.51.100.1",
    ],
    [
      "a zone's name server",
      ["zones", zone, "nameServers"],
      ["ns2"],
      (farm) => farm.zones[0].nsRecords,
      ["ns2.widgetco.example"],
    ],
    [
      "foreign NS names",
      ["zones", zone, "nsRecords"],
      ["ns.isp.example"],
      (farm) => farm.zones[0].records.length,
      2,
    ],
    [
      "a primary",
      ["zones", zone, "primary"],
      "hidden.isp.example",
      (farm) => farm.zones[0].primary,
      "hidden.isp.example",
    ],
    [
      "ssh defaults",
      ["ssh"],
      { user: "admin", port: 2222 },
      (farm) => farm.routers[0].ssh,
      { user: "admin", port: 2222, sudo: true },
    ],
    [
      "a host's ssh",
      ["servers", "web1", "ssh"],
      { user: "admin", sudo: false },
      (farm) => farm.servers[0].ssh,
      { user: "admin", sudo: false },
    ],
    [
      "an ssh_config",
      ["ssh"],
      { configFile: "../ssh_config" },
      (farm) => farm.servers[0].ssh.configFile,
      "../ssh_config",
    ],
  ];
  for (const [title, at, value, get, expected] of accepted)
    it(`takes ${title}`, () =>
      assert.deepStrictEqual(get(readFarm(set(classicFarm(), at, value))), expected));

  it("lets a host's ssh options win over the defaults", () => {
    const config = set(classicFarm(), ["ssh"], { user: "admin", port: 2222 });
    const farm = readFarm(set(config, ["servers", "web1", "ssh"], { user: "root" }));
    assert.deepStrictEqual(farm.servers[0].ssh, { user: "root", port: 2222, sudo: false });
  });

  it("lets a site share the VIPs of another", () => {
    const config = set(classicFarm(), ["sites", "gadgets", "shareVipsWith"], "widgetco");
    const [gadgets, widgetco] = readFarm(set(config, ["sites", "gadgets", "hostNumber"], undefined)).sites;
    assert.deepStrictEqual([gadgets.hostNumber, gadgets.vips], [1, widgetco.vips]);
  });

  it("keeps retiring sites out of DNS, and on the servers", () => {
    const config = set(classicFarm(), ["network", "retiringVipSubnets"], 2);
    set(config, ["sites", "widgetco", "retiringHostNumber"], 9);
    const [, widgetco] = readFarm(set(config, ["sites", "widgetco", "retiringAliases"], ["w.example"])).sites;
    assert.deepStrictEqual(widgetco.vips, ["192.0.2.33", "192.0.2.65"]);
    const others = ["97", "129", "41", "73", "105", "137"].map((host) => `192.0.2.${host}`);
    assert.deepStrictEqual(boundVips(widgetco), [...widgetco.vips, ...others]);
    assert.deepStrictEqual(boundAliases(widgetco), ["widgetco.example", "w.example"]);
  });

  it("lets the VIPs that a site leaves retire for those that share them", () => {
    const config = set(classicFarm(), ["sites", "gadgets", "shareVipsWith"], "widgetco");
    set(config, ["sites", "gadgets", "hostNumber"], undefined);
    const [gadgets] = readFarm(set(config, ["sites", "widgetco", "retiringHostNumber"], 9)).sites;
    assert.deepStrictEqual(gadgets.retiringVips, ["192.0.2.41", "192.0.2.73", "192.0.2.105", "192.0.2.137"]);
  });

  it("binds no VIP twice", () => {
    const config = set(classicFarm(), ["sites", "gadgets", "shareVipsWith"], "widgetco");
    set(config, ["sites", "gadgets", "hostNumber"], undefined);
    const [gadgets] = readFarm(set(config, ["sites", "gadgets", "retiringHostNumber"], 1)).sites;
    assert.deepStrictEqual(gadgets.retiringVips, []);
  });

  it("lets a record take the name of a retiring site", () => {
    const config = set(classicFarm(), [...records, 0], record({ name: "www" }));
    assert.deepStrictEqual(problemsOf(set(config, ["sites", "widgetco", "retiring"], true)), []);
  });

  it("leaves the order of keys alone", () => {
    const reversed = (value: unknown): unknown =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, inside]) => [key, reversed(inside)]),
          )
        : value;
    assert.deepStrictEqual(readFarm(reversed(classicFarm()) as Json), readFarm(classicFarm()));
  });

  it("brings a server's subnets back after maintenance", () => {
    const before = readFarm(classicFarm()).placement;
    const away = readFarm(set(classicFarm(), ["servers", "web2", "state"], "maintenance")).placement;
    assert.deepStrictEqual(
      away.filter(({ home, server }) => home !== server).map(({ home }) => home),
      ["web2"],
    );
    assert.deepStrictEqual(
      readFarm(set(classicFarm(), ["servers", "web2", "state"], "active")).placement,
      before,
    );
  });
});

describe("granularity vip", () => {
  it("says nothing about VIPs of homes while a site has a problem", () => {
    const config = set(classicFarm(), ["network", "granularity"], "host");
    set(config, ["homes", "192.0.2.33/32"], "web3");
    assert.deepStrictEqual(problemsOf(config), []);
    refuses(set(config, ["sites", "widgetco", "hostNumber"], 99), "sites.widgetco.hostNumber", "use 1");
  });
});

describe("ConfigError", () => {
  it("lists everything that is wrong, one line for each", () => {
    const config = classicFarm();
    set(config, ["servers", "web1"], { address: "192.0.2.99", state: "up", ssh: { port: "x" } });
    set(config, ["sites", "gadgets"], { documentRoot: "/", hostNumber: 99 });
    set(config, ["zones", zone, "contact"], undefined);
    set(config, ["homes", "192.0.2.32/27"], "web7");
    set(config, ["observ"], "true");
    const problems = problemsOf(config);
    assert.deepStrictEqual(problems.map(({ path }) => path).sort(), [
      'homes["192.0.2.32/27"]',
      "observ",
      "servers.web1.address",
      "servers.web1.ssh.port",
      "servers.web1.state",
      "sites.gadgets.documentRoot",
      "sites.gadgets.hostNumber",
      "sites.gadgets.serverName",
      `zones["${zone}"].contact`,
    ]);
    assert.strictEqual(new ConfigError(problems).message.split("\n").length, problems.length);
  });

  it("says nothing about addresses while the network itself is wrong", () => {
    refuses(set(classicFarm(), ["network", "block"], "192.0.2.0/33"), "network.block", "192.0.2.0/24");
  });

  it("throws nothing but ConfigError, whatever it is given, with one line for each problem", () => {
    const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true });
    const places = [
      ["network"],
      ["servers"],
      ["servers", "web1"],
      ["servers", "web1", "address"],
      ["servers", "web1", "ssh"],
      ["sites"],
      ["sites", "gadgets"],
      ["sites", "gadgets", "hostNumber"],
      ["sites", "gadgets", "shareVipsWith"],
      ["sites", "gadgets", "aliases"],
      ["routers"],
      ["nameServers"],
      ["nameServers", "ns1", "address"],
      ["zones"],
      ["zones", zone],
      records,
      [...records, 0],
      [...records, 0, "value"],
      ["homes"],
      ["homes", "192.0.2.32/27"],
      ["overrides"],
      ["overrides", "192.0.2.32/27"],
      ["routers", "r1", "pinning"],
      ["servers", "web1", "weight"],
      ["network", "granularity"],
      ["ssh"],
      ["detectDrift"],
      ["network", "block"],
      ["network", "subnetPrefix"],
      ["network", "serverSubnet"],
    ];
    const garbage = fc.tuple(fc.constantFrom(...places), fc.oneof(anything, fc.string({ unit: "binary" })));
    fc.assert(
      fc.property(
        fc.array(garbage, { minLength: 1, maxLength: 3 }),
        fc.array(fc.string()),
        (changes, keys) => {
          const config = classicFarm();
          try {
            for (const [at, value] of changes) set(config, at, value);
          } catch {
            return; // an earlier change left no object to set the later one in
          }
          for (const { text } of problemsOf(config, keys))
            assert(/^[\x20-\x7e]+$/.test(text), JSON.stringify(text));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("refuses any text as a name that a shell or a config file would interpret", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const places: Key[][] = [
          ["sites", "gadgets", "serverName"],
          ["sites", "gadgets", "documentRoot"],
          ["servers", "web1", "ssh", "user"],
          ["servers", "web1", "ssh", "configFile"],
          ["zones", zone, "contact"],
        ];
        for (const at of places)
          if (problemsOf(set(classicFarm(), at, text)).length === 0)
            assert.match(text, /^[A-Za-z0-9@._/+-]+$/);
      }),
    );
  });

  it("has the mark that makes Pulumi print only its message", () => {
    assert(RunError.isInstance(new ConfigError([])));
  });
});

describe("zoneOf", () => {
  it("finds the longest zone", () => {
    const zones = ["example.org", "dev.example.org"];
    assert.strictEqual(zoneOf("www.dev.example.org", zones), "dev.example.org");
    assert.strictEqual(zoneOf("example.org", zones), "example.org");
    assert.strictEqual(zoneOf("badexample.org", zones), undefined);
  });
});
