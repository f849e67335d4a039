import assert from "assert";
import { registerRouterKind } from "../../../components/routerRoute/kindRegistry";
import { Json, Key, classicFarm, problemsOf, refuses, row, set, table } from "./support";

describe("config: bad servers, routers and name servers", () => {
  const web1 = ["servers", "web1", "address"];
  const ns1 = ["nameServers", "ns1", "address"];
  const pinning = (key: string): Key[] => ["routers", "r1", "pinning", key];
  const guard = (key: string): Key[] => ["routers", "r1", "guard", key];
  const ssh = (key: string): Key[] => ["servers", "web1", "ssh", key];
  table([
    row(["servers"], undefined, "add one, such as servers.web1.address 192.0.2.2", classicFarm().servers),
    row(["servers"], {}, "add one", classicFarm().servers, "servers"),
    row(["servers"], ["192.0.2.2"], 'must be an object; use one such as {"web1"', classicFarm().servers),
    row(["servers", "web1"], "192.0.2.2", "use an object with address", { address: "192.0.2.2" }),
    row(web1, undefined, "is missing; use one such as 192.0.2.2", "192.0.2.2"),
    row(web1, "web1.example.org", "is not an IPv4 address; use one such as 192.0.2.2", "192.0.2.2"),
    row(web1, "192.0.2.02", "is not an IPv4 address", "192.0.2.2"),
    row(web1, "192.0.2.2/27", "is not an IPv4 address", "192.0.2.2"),
    row(web1, "2001:db8::2", "IPv4 only; use one such as 192.0.2.2", "192.0.2.2"),
    row(web1, "192.0.2.40", "outside the servers' subnet 192.0.2.0/27; use 192.0.2.2", "192.0.2.2"),
    row(web1, "192.0.2.0", "network address of 192.0.2.0/27; use 192.0.2.2", "192.0.2.2"),
    row(web1, "192.0.2.31", "broadcast address of 192.0.2.0/27; use 192.0.2.2", "192.0.2.2"),
    row(web1, "192.0.2.1", "is already used by routers.r1.address; use 192.0.2.2", "192.0.2.2"),
    row(
      ["servers", "web4"],
      { address: "192.0.2.3" },
      "is already used by servers.web2.address; use 192.0.2.5",
      { address: "192.0.2.5" },
      "servers.web4.address",
    ),
    row(
      ["routers", "r1", "address"],
      "198.51.100.1",
      "outside the servers' subnet 192.0.2.0/27; use 192.0.2.1",
      "192.0.2.1",
    ),
    row(["routers", "r1", "address"], "192.0.2.31", "broadcast address", "192.0.2.1"),
    row(["routers", "r1", "kind"], "cisco", "use linux", "linux"),
    row(["routers", "r1", "checkSource"], "192.0.2.1", "servers' subnet 192.0.2.0/27", "198.51.100.1"),
    row(["routers", "r1", "checkSource"], "192.0.2.70", "VIP subnet 192.0.2.64/27", "198.51.100.1"),
    row(["routers", "r1", "checkSource"], "outside", "is not an IPv4 address", "198.51.100.1"),
    row(ns1, "192.0.2.40", "VIP subnet 192.0.2.32/27; use 192.0.2.5", "192.0.2.5"),
    row(ns1, "192.0.2.0", "network address", "192.0.2.5"),
    row(ns1, "192.0.2.4", "is already used by servers.web3.address", "192.0.2.5"),
    row(
      ["nameServers", "web1"],
      { address: "198.51.100.54" },
      "is also the name of servers.web1; give one of them another name, such as web1-ns",
      undefined,
    ),
    row(["servers", "web1", "state"], "up", "is not known; use active, maintenance or down", "down"),
    row(["servers", "web1", "weight"], 0, "from 1 to 1000, such as 1", 1),
    row(["servers", "web1", "weight"], 1.5, "use a whole number from 1 to 1000", 1000),
    row(["servers", "web1", "weight"], "2", "must be a number, not a string; write 2", 2),
    row(["routers", "r1", "state"], "down", "is only for servers", undefined),
    row(["nameServers", "ns1", "state"], "active", "is only for servers", undefined),
    row(["routers", "r1", "pinFlows"], "no", "use true or false, without quotes", false),
    row(["routers", "r1", "confirmSeconds"], 601, "of seconds from 0 to 600, such as 20", 600),
    row(["routers", "r1", "confirmSeconds"], -1, "from 0 to 600", 0),
    row(["routers", "r1", "checkSeconds"], 4, "of seconds from 5 to 60, such as 30", 5),
    row(["routers", "r1", "checkSeconds"], 61, "from 5 to 60", 60),
    row(pinning("markMask"), "ff000000", "is not a 32-bit mask; use one such as 0xff000000", "0x00ff0000"),
    row(pinning("markMask"), "0xf0f00000", "is not one run of bits", "0x1f"),
    row(
      pinning("markMask"),
      "0x7",
      "has no room for host number 11 (web10); use 4 bits, such as 0xf0000000",
      "0xf",
    ),
    row(pinning("tableBase"), 0, "from 1 to 4000000000, such as 76000", 1),
    row(
      pinning("tableBase"),
      240,
      "uses tables 241 to 270, but 253 is the kernel's table default; use one such as 76000",
      255,
    ),
    row(pinning("tableBase"), 7650, "but 7676 is the table for health checks before a move", 7676),
    row(pinning("rulePriority"), 0, "from 1 to 32765, such as 7677", 1),
    row(pinning("rulePriority"), 32766, "from 1 to 32765", 32765),
    row(
      pinning("rulePriority"),
      7676,
      "is reserved for the rule that routes health checks before a move",
      7675,
    ),
    row(pinning("helpers"), "ftp", 'use a list such as ["ftp"]', ["ftp"]),
    row(
      pinning("helpers"),
      ["ftps"],
      "is not a protocol with a helper; use ftp",
      ["ftp"],
      "routers.r1.pinning.helpers[0]",
    ),
    row(["routers", "r1", "textfile"], "node", "is not the absolute path of a folder", "/srv/node_exporter"),
    row(["routers", "r1", "textfile"], "/a/../etc", "use one such as /var/lib/prometheus", "/a/etc"),
    row(["routers", "r1", "textfile"], "/srv/", "is not the absolute path of a folder", "/srv"),
    row(["routers", "r1", "guard"], true, "use an object with interval, fall, minActive", {}),
    row(
      guard("interval"),
      "150",
      "is not a time with a unit; use a time from 50ms to 10s, such as 150ms",
      "150ms",
    ),
    row(guard("interval"), 150, "must be a string; use a time from 50ms to 10s", "1s"),
    row(guard("interval"), "0.1234s", "is not a time with a unit", "0.123s"),
    row(guard("interval"), "49ms", "is shorter than 50ms", "50ms"),
    row(guard("interval"), "11s", "is longer than 10s", "10s"),
    row(guard("fall"), 1, "use a whole number of rounds from 2 to 100, such as 3", 2),
    row(guard("fall"), 101, "from 2 to 100", 100),
    row(guard("minActive"), 0, "use a whole number of servers from 1 to 1000, such as 1", 1),
    row(guard("minActive"), 4, "of 4 servers would never let the guard move anything; use 3 or less", 3),
    row(guard("dryRun"), "yes", "use true or false, without quotes", true),
    row(guard("maxMovesPerHour"), 0, "use a whole number of servers from 1 to 1000, such as 10", 1),
    row(guard("intervall"), "1s", "did you mean interval?", undefined),
    row(pinning("table"), 1, "unknown key; did you mean tableBase?", undefined),
    row(["servers", "web1", "addres"], "192.0.2.2", "did you mean address?", undefined),
    row(["servers", "Web_9"], { address: "192.0.2.9" }, "use one such as web-9", undefined, "servers.Web_9"),
    row(
      ["servers", "web 9"],
      { address: "192.0.2.9" },
      "use one such as web-9",
      undefined,
      'servers["web 9"]',
    ),
    row(
      ["servers", "w".repeat(41)],
      { address: "192.0.2.9" },
      "longer than 40",
      undefined,
      `servers.${"w".repeat(41)}`,
    ),
    row(["servers", "-"], { address: "192.0.2.9" }, "use one such as web1", undefined, "servers.-"),
    row(ssh("user"), "root; reboot", "is not a valid user name; use a login name such as root", "root"),
    row(ssh("user"), "-oProxyCommand=x", "is not a valid user name", "admin"),
    row(ssh("port"), 0, "from 1 to 65535, such as 22", 22),
    row(ssh("port"), 65536, "from 1 to 65535, such as 22", 22),
    row(ssh("port"), "22", "must be a number, not a string; write 22", 22),
    row(ssh("configFile"), "-F", "use one such as ./ssh_config", "./ssh_config"),
    row(ssh("configFile"), "my config", "use one such as ./ssh_config", "./ssh_config"),
    row(ssh("configFile"), "~/.ssh/config", "does not expand", "/etc/ssh/farm_config"),
    row(ssh("sudo"), "yes", "use true or false, without quotes", true),
    row(ssh("usr"), "root", "did you mean user?", undefined),
    row(["ssh"], { prot: 22 }, "did you mean port?", { port: 22 }, "ssh.prot"),
    row(["ssh"], "root", "use an object with user", { user: "root" }),
  ]);

  it("all servers in maintenance or down", () => {
    const config = classicFarm();
    for (const name of Object.keys(config.servers as Json))
      set(config, ["servers", name, "state"], name === "web2" ? "down" : "maintenance");
    refuses(config, "servers", "no server is active");
  });

  it("a host number that the default mask has no room for", () => {
    const config = classicFarm();
    set(config, ["network"], { block: "10.0.0.0/16", subnetPrefix: 20, vipSubnets: 4 });
    for (const [i, name] of ["web1", "web2", "web3", "web10"].entries())
      set(config, ["servers", name, "address"], `10.0.1.${i}`);
    set(config, ["routers", "r1", "address"], "10.0.0.1");
    set(config, ["nameServers", "ns1", "address"], "10.0.0.2");
    const path = ["routers", "r1", "pinning", "markMask"];
    refuses(
      config,
      "routers.r1.pinning.markMask",
      "has no room for host number 259 (web10); use 9 bits, such as 0xff800000",
    );
    assert.deepStrictEqual(problemsOf(set(config, path, "0xff800000")), []);
  });

  it("pinned flows on a router kind that can't pin", () => {
    registerRouterKind("plain", { role: "plain-routes", scripts: [], pinsFlows: false });
    const config = set(classicFarm(), ["routers", "r1"], {
      address: "192.0.2.1",
      kind: "plain",
      pinFlows: true,
    });
    refuses(config, "routers.r1.pinFlows", "true is not supported by routers of kind plain; remove the key");
    assert.deepStrictEqual(problemsOf(set(config, ["routers", "r1", "pinFlows"], false)), []);
  });

  it("helpers where flows are not pinned", () => {
    const config = set(classicFarm(), ["routers", "r1"], {
      address: "192.0.2.1",
      pinFlows: false,
      pinning: { helpers: ["ftp"] },
    });
    refuses(
      config,
      "routers.r1.pinning.helpers",
      "works only with pinned flows, which this router does not have; remove the key",
    );
    assert.deepStrictEqual(problemsOf(set(config, ["routers", "r1", "pinFlows"], true)), []);
  });

  it("tracking of VIPs only where flows are not pinned", () => {
    const config = set(classicFarm(), ["routers", "r1"], {
      address: "192.0.2.1",
      pinFlows: false,
      pinning: { trackOnlyVips: true },
    });
    refuses(
      config,
      "routers.r1.pinning.trackOnlyVips",
      "works only with pinned flows, which this router does not have; remove the key",
    );
    assert.deepStrictEqual(problemsOf(set(config, ["routers", "r1", "pinFlows"], true)), []);
  });

  const guards: [string, Json, string, string][] = [
    [
      "kind frr",
      { kind: "frr", guard: {} },
      "routers.r1.guard",
      "{} is not supported by routers of kind frr: FRR sets the routes there, and without pinned flows the guard can't ask each server; remove the key, and use FRR's own BFD (from FRR 8.5) or loopback-ha watch: see docs/guard.md",
    ],
    [
      "kind cisco-ios",
      { kind: "cisco-ios", guard: { fall: 4 } },
      "routers.r1.guard",
      "is not supported by routers of kind cisco-ios: no program can run on it; remove the key, and use IOS's own IP SLA with track: see docs/guard.md",
    ],
    [
      "a kind that says nothing of it",
      { kind: "silent", guard: {} },
      "routers.r1.guard",
      "is not supported by routers of kind silent: no guard is known for it; remove the key, and use loopback-ha watch",
    ],
    [
      "flows that are not pinned",
      { pinFlows: false, guard: {} },
      "routers.r1.guard",
      "works only with pinned flows, by which the guard asks each server, and routers.r1.pinFlows is false; remove one of the two keys",
    ],
  ];
  registerRouterKind("silent", { role: "silent-routes", scripts: [], pinsFlows: true });
  for (const [what, router, path, says] of guards)
    it(`a guard with ${what}`, () => {
      const config = set(classicFarm(), ["routers", "r1"], { address: "192.0.2.1", ...router });
      refuses(config, path, says);
      assert.deepStrictEqual(problemsOf(set(config, ["routers", "r1", "guard"], undefined)), []);
    });

  it("a textfile of a kind that can't write one", () => {
    const router = { address: "192.0.2.1", kind: "frr", textfile: "/srv/node" };
    refuses(
      set(classicFarm(), ["routers", "r1"], router),
      "routers.r1.textfile",
      "is not supported by routers of kind frr; remove the key",
    );
  });

  it("a guard without a second server", () => {
    const config = set(classicFarm(), ["servers"], { web1: { address: "192.0.2.2" } });
    set(config, ["routers", "r1", "guard"], {});
    refuses(
      config,
      "routers.r1.guard",
      "{} has no other server to move anything to; add a second server, or remove the key",
    );
  });

  it("two name servers of one address", () => {
    refuses(
      set(classicFarm(), ["nameServers", "ns2", "address"], "192.0.2.30"),
      "nameServers.ns2.address",
      "is already used by nameServers.ns1.address",
    );
  });

  it("a servers' subnet that is full", () => {
    const network = { block: "192.0.2.0/28", subnetPrefix: 30, vipSubnets: 1 };
    const servers = {
      web1: { address: "192.0.2.1" },
      web2: { address: "192.0.2.2" },
      web3: { address: "192.0.2.1" },
    };
    refuses({ network, servers }, "servers.web3.address", "a shorter network.subnetPrefix");
  });
});
