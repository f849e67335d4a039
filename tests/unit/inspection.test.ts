import assert from "assert";
import * as pulumi from "@pulumi/pulumi";
import { ConfigError, FarmModel, readFarm } from "../../components/config";
import { Findings, driftOf, inspect } from "../../components/preflight/inspection";

const stack = "farm/prod";
const vips = ["192.0.2.33", "192.0.2.65"];

/** Two servers, one site; the site's state and more of the configuration as a test wants it. */
function farmOf(rest: Record<string, unknown> = {}): FarmModel {
  return readFarm({
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2 },
    servers: { web1: { address: "192.0.2.2" }, web2: { address: "192.0.2.3" } },
    routers: { r1: { address: "192.0.2.1" } },
    nameServers: { ns1: { address: "192.0.2.5" } },
    zones: { "widgetco.example": { contact: "hostmaster@widgetco.example" } },
    sites: { www: { serverName: "www.widgetco.example", documentRoot: "/srv/www", hostNumber: 1 } },
    ...rest,
  });
}

type Machines = Record<string, string[] | Error>;

/** What observe.sh prints on each machine: "FILE LINE" of the one instance that it has. */
const look =
  (machines: Machines, of = stack) =>
  async ({ name }: { name: string }): Promise<string> => {
    const lines = machines[name] ?? [];
    if (lines instanceof Error) throw lines;
    const files = [`meta stack=${of}`, "looked 1", ...lines].map((line) => `i\t${line.replace(" ", "\t")}`);
    return ["-\tnow\t1000", ...files, ""].join("\n");
  };

describe("inspect", () => {
  const { warn } = pulumi.log;
  const { LOOPBACK_HA_FORCE_REMOVAL: force } = process.env;
  let warnings: string[];

  beforeEach(() => {
    delete process.env.LOOPBACK_HA_FORCE_REMOVAL;
    warnings = [];
    Object.assign(pulumi.log, { warn: async (text: string) => void warnings.push(text) });
  });
  after(() => {
    Object.assign(pulumi.log, { warn });
    if (force !== undefined) process.env.LOOPBACK_HA_FORCE_REMOVAL = force;
  });

  const old = "old.widgetco.example 192.0.2.34";
  const www = vips.map((vip) => `www.widgetco.example ${vip}`);
  const routes = ["routes 192.0.2.32/27 web1 192.0.2.2", "routes 192.0.2.64/27 web2 192.0.2.3"];
  const installed = { web1: [`sites s ${old} /srv/s`], web2: [`sites s ${old} /srv/s`] };

  const refused: [string, Machines, string, RegExp][] = [
    [
      "a moved server that carries nothing",
      { r1: ["routes 192.0.2.64/27 web1 192.0.2.2", "servers web2 192.0.2.9 up 0x9000000 76009"] },
      "servers.web2.address",
      /^servers.web2.address: "192.0.2.3" is a new address, it was 192.0.2.9/,
    ],
    [
      "a moved server",
      { r1: ["routes 192.0.2.64/27 web2 192.0.2.9"] },
      "servers.web2.address",
      /^servers.web2.address: "192.0.2.3" is a new address, it was 192.0.2.9 \(as recorded on r1\).*such as web2b$/,
    ],
    [
      "a moved server, once for all its prefixes",
      { r1: ["routes 192.0.2.32/27 web1 192.0.2.9", "routes 192.0.2.64/27 web1 192.0.2.9"] },
      "servers.web1.address",
      /^[^\n]*$/,
    ],
    [
      "a name that is in DNS",
      { ...installed, ns1: [`served 1 ${old}`] },
      "sites",
      /^sites: old.widgetco.example is still in DNS \(ns1 answers 192.0.2.34\): restore the site as it was, with retiring/,
    ],
    [
      "another host number without the old one retiring",
      {
        web1: ["sites s www.widgetco.example 192.0.2.40 /srv/s"],
        ns1: ["served 1 www.widgetco.example 192.0.2.40"],
      },
      "sites",
      /set sites.www.retiringHostNumber to 8, run pulumi up, and remove that once the TTL has passed$/,
    ],
    [
      "fewer VIP subnets without the last one retiring",
      {
        web1: ["sites s www.widgetco.example 192.0.2.97 /srv/s"],
        ns1: ["served 1 www.widgetco.example 192.0.2.97"],
      },
      "sites",
      /restore the VIP subnet, with network.retiringVipSubnets, run/,
    ],
    [
      "a name whose TTL is running",
      { ...installed, ns1: [`left 900 300 ${old}`] },
      "sites",
      /^sites: old.widgetco.example at 192.0.2.34 left DNS 100 s ago.*wait another 200 s$/,
    ],
    [
      "the same with another machine down",
      { ...installed, ns1: [`served 1 ${old}`], r1: new Error("r1 is off"), web2: new Error("off") },
      "sites",
      /is still in DNS/,
    ],
  ];
  for (const [what, machines, path, message] of refused) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(inspect(farmOf(), stack, look(machines)), (error: ConfigError) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, message);
        assert.deepStrictEqual(
          error.problems.map((problem) => problem.path),
          [path],
        );
        return true;
      });
    });
  }

  it("lists all problems at once", async () => {
    const machines = { ...installed, r1: ["routes p web1 192.0.2.9"], ns1: [`served 1 ${old}`] };
    await assert.rejects(
      inspect(farmOf(), stack, look(machines)),
      /^ConfigError: servers.web1.*\nsites: old/,
    );
  });

  it("does not look at a server that is down", async () => {
    const servers = { web1: { address: "192.0.2.2" }, web2: { address: "192.0.2.3", state: "down" } };
    const asked: string[] = [];
    const found = await inspect(farmOf({ servers }), stack, async (host) => {
      asked.push(host.name);
      return look({})(host);
    });
    assert.deepStrictEqual(asked.sort(), ["ns1", "r1", "web1"]);
    assert.strictEqual(found.has("web2"), false);
    assert.deepStrictEqual(warnings, []);
  });

  it("names the next step for a server that does not answer, and for no other machine", async () => {
    const silent = new Error("it did not answer within 12 s");
    await inspect(
      farmOf(),
      stack,
      look({ r1: silent, web2: silent, ns1: silent, web1: new Error("refused") }),
    );
    const dead = warnings.filter((text) => text.includes("if it is dead"));
    assert.deepStrictEqual(dead, [
      "web2: not reachable, drift unknown (it did not answer within 12 s); if it is dead, set servers.web2.state to down and run pulumi up again",
    ]);
    assert.strictEqual(warnings.length, 4);
  });

  describe("a name that leaves while no name server can be queried", () => {
    const machines = { ...installed, ns1: new Error("off") };
    const { isDryRun } = pulumi.runtime;
    after(() => void Object.assign(pulumi.runtime, { isDryRun }));

    it("is refused in an up", async () => {
      Object.assign(pulumi.runtime, { isDryRun: () => false });
      await assert.rejects(
        inspect(farmOf(), stack, look(machines)),
        /^ConfigError: sites: old.widgetco.example would be removed from the servers.*no name server could be asked.*FORCE_REMOVAL=1$/,
      );
    });
    it("is a warning in a preview", async () => {
      Object.assign(pulumi.runtime, { isDryRun: () => true });
      await inspect(farmOf(), stack, look(machines));
      assert.match(
        warnings.join("\n"),
        /old.widgetco.example would be removed from the servers.*pulumi up will refuse to do that/,
      );
    });
    it("is fine if another name server shows that it is out of DNS", async () => {
      Object.assign(pulumi.runtime, { isDryRun: () => false });
      const farm = farmOf({ nameServers: { ns1: { address: "192.0.2.5" }, ns2: { address: "192.0.2.6" } } });
      await inspect(farm, stack, look({ ...machines, ns2: [`left 700 300 ${old}`] }));
    });
  });

  const accepted: [string, Machines][] = [
    ["new machines", {}],
    [
      "a farm as it is",
      { r1: routes, web1: www.map((p) => `sites s ${p} /srv/s`), ns1: www.map((p) => `served 1 ${p}`) },
    ],
    ["a server that leaves", { r1: ["routes 192.0.2.32/27 web9 192.0.2.9"] }],
    ["a name whose TTL has passed", { ...installed, ns1: [`left 700 300 ${old}`] }],
    ["a name that no server has", { ns1: [`served 1 ${old}`] }],
  ];
  for (const [what, machines] of accepted) {
    it(`accepts ${what}`, async () => {
      const found = await inspect(farmOf(), stack, look(machines));
      assert.deepStrictEqual([...found.keys()], ["r1", "web1", "web2", "ns1"]);
      assert.deepStrictEqual(warnings, []);
    });
  }

  it("accepts a retiring site: it leaves DNS, not the servers", async () => {
    const sites = {
      www: { serverName: "www.widgetco.example", documentRoot: "/srv/www", hostNumber: 1, retiring: true },
    };
    const machines = { web1: www.map((p) => `sites s ${p} /srv/s`), ns1: www.map((p) => `served 1 ${p}`) };
    await inspect(farmOf({ sites }), stack, look(machines));
  });

  it("accepts a host number, an alias and a VIP subnet that retire", async () => {
    const farm = farmOf({
      network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2, retiringVipSubnets: 1 },
      sites: {
        www: {
          serverName: "www.widgetco.example",
          retiringAliases: ["old.widgetco.example"],
          documentRoot: "/srv/www",
          hostNumber: 1,
          retiringHostNumber: 8,
        },
      },
    });
    const pairs = ["www", "old"].flatMap((name) =>
      ["33", "65", "40", "72"].map((host) => `${name}.widgetco.example 192.0.2.${host}`),
    );
    const machines = {
      web1: pairs.map((p) => `sites s ${p} /srv/s`),
      ns1: pairs.map((p) => `served 1 ${p}`),
    };
    await inspect(farm, stack, look(machines));
  });

  it("leaves other stacks alone", async () => {
    const machines = { ...installed, r1: ["routes p web2 192.0.2.9"], ns1: [`served 1 ${old}`] };
    await inspect(farmOf(), stack, look(machines, "farm/test"));
  });

  it("only warns of machines that can't be looked at", async () => {
    const off = Object.fromEntries(
      ["r1", "web1", "web2", "ns1"].map((name) => [name, new Error(`${name}?`)]),
    );
    const found: Findings = await inspect(farmOf(), stack, look(off));
    assert.deepStrictEqual(
      warnings,
      Object.keys(off).map((name) => `${name}: not reachable, drift unknown (${name}?)`),
    );
    assert.strictEqual(driftOf(found.get("r1"), "i"), undefined);
  });

  it("shows drift as one warning for each machine, and returns it by instance", async () => {
    const found = await inspect(farmOf(), stack, look({ web2: ["drift - address 192.0.2.33/32 on lo"] }));
    assert.strictEqual(warnings.length, 1);
    assert.match(
      warnings[0],
      /^web2 differs from what was applied to it.*\n.*\n {4}- address 192\.0\.2\.33\/32 on lo$/,
    );
    assert.match(driftOf(found.get("web2"), "i") ?? "", /^- address/);
    assert.strictEqual(driftOf(found.get("web1"), "i"), undefined);
  });

  it("reports a machine without any loopback-ha files, but not in a stack's first run", async () => {
    const told: string[] = [];
    const { info } = pulumi.log;
    Object.assign(pulumi.log, { info: async (text: string) => void told.push(text) });
    try {
      const empty = async (): Promise<string> => "-\tsince\t60\n-\tnow\t1000\n";
      const first = await inspect(farmOf(), stack, empty);
      assert.deepStrictEqual([told, driftOf(first.get("web1"), "i")], [[], undefined]);
      const there = look({});
      const found = await inspect(farmOf(), stack, (host) => (host.name === "web2" ? empty() : there(host)));
      assert.strictEqual(driftOf(found.get("web1"), "j"), undefined);
      assert.strictEqual(
        driftOf(found.get("web2"), "i"),
        "nothing of this stack is on it since 1970-01-01T00:01:00Z",
      );
      assert.deepStrictEqual(told, [
        "web2 has no files from this stack: the machine is new, or its disk was replaced. pulumi up sets it up completely",
      ]);
    } finally {
      Object.assign(pulumi.log, { info });
    }
  });

  it("looks at nothing with detectDrift: false, and says so", async () => {
    const found = await inspect(farmOf({ detectDrift: false }), stack, () => assert.fail("looked"));
    assert.strictEqual(found.size, 0);
    assert.match(warnings.join("\n"), /^detectDrift is false:.*[^\n]$/);
  });

  it("LOOPBACK_HA_FORCE_REMOVAL allows removals of names, not moves", async () => {
    process.env.LOOPBACK_HA_FORCE_REMOVAL = "1";
    const early = { ...installed, ns1: [`served 1 ${old}`] };
    await inspect(farmOf(), stack, look(early));
    assert.match(warnings.join("\n"), /^LOOPBACK_HA_FORCE_REMOVAL is set:[^\n]*$/);
    const moved = look({ ...early, r1: ["routes p web2 192.0.2.9"] });
    await assert.rejects(inspect(farmOf(), stack, moved), /^ConfigError: servers.web2.address[^\n]*$/);
  });
});
