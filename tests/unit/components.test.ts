import assert from "assert";
import * as path from "path";
import * as pulumi from "@pulumi/pulumi";
import { withDrift } from "../../components/host/knownDrift";
import { filesOf } from "../../components/host/payload.cjs";
import {
  CheckKind,
  DnsRoundRobin,
  DnsRoundRobinArgs,
  LoopbackVip,
  RouterKind,
  RouterRoute,
  RouterRouteArgs,
  ServerState,
  SiteArgs,
  VipBinding,
  WebServerPool,
  WebServerPoolArgs,
  healthToken,
  registerRouterKind,
} from "../../components";

const COMMAND = "command:local:Command";
const TOKEN = "t0k3nt0k3nt0k3nt0k3nt0k3nt0k3nt0";
const prefixes = ["192.0.2.32/27", "192.0.2.64/27"];

/** Inputs without their wrapping as secrets. */
const bare = (inputs: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(inputs).map(([key, input]) => [
      key,
      input?.["4dabf18193072939515e22adb298388d"] ? input.value : input,
    ]),
  );

let made: pulumi.runtime.MockResourceArgs[];
const mocks: pulumi.runtime.Mocks = {
  newResource: (args) => {
    made.push({ ...args, inputs: bare(args.inputs) });
    const computed =
      args.type === COMMAND ? { stdout: `done ${args.name}` } : { result: pulumi.secret(TOKEN) };
    return { id: `${args.name}-id`, state: { ...args.inputs, ...computed } };
  },
  call: () => ({}),
};

const value = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((resolve) => output.apply(resolve));
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
const commands = (): pulumi.runtime.MockResourceArgs[] => made.filter(({ type }) => type === COMMAND);
const names = (): string[] => commands().map(({ name }) => name);
const wantOf = (command: pulumi.runtime.MockResourceArgs): Record<string, string> =>
  JSON.parse(command.inputs.stdin).want;

const host = (name: string, n: number): { name: string; address: string } => ({
  name,
  address: `192.0.2.${n}`,
});
const hosts = (kind: string, count: number) =>
  Array.from({ length: count }, (_, i) => host(`${kind}${i + 1}`, i + 2));
const sites = (count: number): SiteArgs[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `s${i}`,
    serverName: `s${i}.widgetco.example`,
    documentRoot: `/srv/s${i}`,
    vips: [33, 65].map((first) => `192.0.2.${first + i}`),
  }));

const pool = (rest: Partial<WebServerPoolArgs> = {}): WebServerPoolArgs => ({
  servers: hosts("web", 2),
  sites: sites(2),
  prefixes,
  ...rest,
});
const routing = (rest: Partial<RouterRouteArgs> = {}): RouterRouteArgs => ({
  router: host("r1", 1),
  block: "192.0.2.0/24",
  serverSubnet: "192.0.2.0/27",
  routes: prefixes.map((prefix, i) => ({ prefix, server: `web${i + 1}`, nextHop: `192.0.2.${i + 2}` })),
  ...rest,
});
const zone = (rest: Partial<DnsRoundRobinArgs> = {}): DnsRoundRobinArgs => ({
  zone: "widgetco.example",
  nsRecords: ["ns1.example.net"],
  contact: "hostmaster@widgetco.example",
  timers: { refresh: 86400, retry: 3600, expire: 1209600, minimum: 300 },
  ttl: 300,
  sites: sites(2).map(({ serverName, vips }) => ({ name: serverName, addresses: vips })),
  nameServers: hosts("ns", 2),
  ...rest,
});

describe("components", () => {
  beforeEach(async () => {
    made = [];
    await pulumi.runtime.setMocks(mocks, "farm", "prod");
  });

  // What each makes, after `setup`: resource names of its commands, in any order.
  const shapes: [string, () => unknown, string[]][] = [
    [
      "LoopbackVip",
      () => new LoopbackVip("lo", { server: host("web1", 2), vips: ["192.0.2.33"], prefixes }),
      ["lo-vips-192.0.2.2"],
    ],
    [
      "WebServerPool",
      () => new WebServerPool("web", pool()),
      [
        "web-vhosts-web1-192.0.2.2",
        "web-vhosts-web2-192.0.2.3",
        "web-web1-vips-192.0.2.2",
        "web-web2-vips-192.0.2.3",
      ],
    ],
    ["RouterRoute", () => new RouterRoute("r1", routing()), ["r1-routes-192.0.2.1"]],
    [
      "DnsRoundRobin",
      () => new DnsRoundRobin("widgetco.example", zone()),
      ["widgetco.example-zone-ns1-192.0.2.2", "widgetco.example-zone-ns2-192.0.2.3"],
    ],
  ];
  for (const [type, make, expected] of shapes) {
    it(`${type} makes one command for each host and role, without paths of this checkout`, async () => {
      make();
      await settled();
      assert.deepStrictEqual(names().sort(), expected);
      assert.ok(made.some((resource) => resource.type === `loopback-ha:index:${type}`));
      for (const { inputs } of commands()) {
        assert.strictEqual(inputs.create, "node components/host/deliver.cjs");
        assert.strictEqual(inputs.delete, 'sh -c "$LOOPBACK_HA_REMOVE"');
        assert.deepStrictEqual(inputs.interpreter, ["env", "DRIFT=none", "sh", "-c"]);
        assert.ok(!JSON.stringify(inputs).includes(process.cwd()));
        assert.match(JSON.parse(inputs.stdin).scripts, /^[0-9a-f]{12}$/);
        assert.strictEqual(inputs.environment.LOOPBACK_HA_STACK, "farm/prod");
        assert.strictEqual(inputs.triggers, undefined);
        assert.strictEqual(inputs.update, undefined);
      }
    });
  }

  const kinds: [string, Partial<RouterKind>, string, string | RegExp][] = [
    [
      "bash",
      { scripts: ["components/loopbackVip"] },
      "node components/host/deliver.cjs",
      /ssh \$newer \$LOOPBACK_HA_SSH/,
    ],
    [
      "driven",
      { driver: { deliver: path.resolve("mine/deliver.cjs"), remove: "echo gone" } },
      "node mine/deliver.cjs",
      "echo gone",
    ],
  ];
  for (const [name, rest, create, remove] of kinds) {
    it(`RouterRoute takes a user's own kind by its name: ${name}`, async () => {
      registerRouterKind(`mine-${name}`, {
        role: `${name}-routes`,
        scripts: [],
        pinsFlows: false,
        ...rest,
      });
      new RouterRoute("r1", routing({ kind: `mine-${name}`, enableSecret: "s3cret" }));
      await settled();
      const [{ inputs }] = commands();
      assert.strictEqual(inputs.create, create);
      const { environment } = inputs;
      assert.strictEqual(environment.LOOPBACK_HA_INSTANCE, `farm.prod.r1.${name}-routes`);
      if (typeof remove === "string") assert.strictEqual(environment.LOOPBACK_HA_REMOVE, remove);
      else assert.match(environment.LOOPBACK_HA_REMOVE, remove);
      assert.strictEqual(environment.LOOPBACK_HA_SECRET_enable, "s3cret");
      assert.ok(!inputs.stdin.includes("s3cret"));
      assert.match(wantOf(commands()[0]).settings, /^pin_flows=no$/m);
      assert.throws(
        () => new RouterRoute("r2", routing({ kind: `mine${name}` })),
        /is not a router kind; use linux.*mine-/,
      );
    });
  }

  it("the number of commands depends on hosts, not on sites or prefixes", async () => {
    const many = sites(25);
    new WebServerPool("web", pool({ servers: hosts("web", 3), sites: many }));
    new DnsRoundRobin(
      "z",
      zone({ sites: many.map(({ serverName, vips }) => ({ name: serverName, addresses: vips })) }),
    );
    const checks = many.flatMap(({ name, vips }) => vips.map((vip) => ({ vip, site: name })));
    new RouterRoute("r1", routing({ checks }));
    await settled();
    assert.strictEqual(names().length, 3 * 2 + 2 + 1, names().join("\n"));
  });

  it("sends each machine its own name, address, instance and role", async () => {
    const ssh = { user: "admin", port: 2222 };
    new LoopbackVip("lo", { server: { ...host("web1", 2), ssh }, vips: ["192.0.2.33"], prefixes });
    await settled();
    const { LOOPBACK_HA_SSH, LOOPBACK_HA_REMOVE, ...rest } = commands()[0].inputs.environment;
    assert.match(LOOPBACK_HA_SSH, /^-p 2222 .* admin@192.0.2.2$/);
    assert.match(LOOPBACK_HA_REMOVE, /ssh/);
    assert.deepStrictEqual(rest, {
      LOOPBACK_HA_MACHINE: "web1",
      LOOPBACK_HA_ADDRESS: "192.0.2.2",
      LOOPBACK_HA_SUDO: "sudo -n",
      LOOPBACK_HA_STACK: "farm/prod",
      LOOPBACK_HA_INSTANCE: "farm.prod.lo.vips",
      LOOPBACK_HA_ROLE: "vips",
      LOOPBACK_HA_SCRIPTS: "components/loopbackVip",
      LOOPBACK_HA_IF_DEAD: "set servers.web1.state to down and run pulumi up again",
    });
    assert.deepStrictEqual(Object.keys(wantOf(commands()[0])), ["bindings", "sysctls"]);
  });

  it("declares in each command its role: which goes first, and what to do about a dead machine", async () => {
    new WebServerPool("web", pool({ servers: hosts("web", 1) }));
    new DnsRoundRobin("z", zone({}));
    new RouterRoute("r1", routing({}));
    await settled();
    const facts = commands().map(({ inputs: { environment } }) => [
      environment.LOOPBACK_HA_ROLE,
      environment.LOOPBACK_HA_ONE_FIRST,
      environment.LOOPBACK_HA_IF_DEAD,
    ]);
    const down = "set servers.web1.state to down and run pulumi up again";
    assert.deepStrictEqual(
      new Map(facts.map(([role, ...rest]) => [role, rest])),
      new Map([
        ["vips", [undefined, down]],
        ["vhosts", ["1", down]],
        ["zone", [undefined, undefined]],
        ["linux-routes", [undefined, undefined]],
      ]),
    );
  });

  it("binds every site's VIPs, each once", async () => {
    const [first, second] = sites(2);
    const shared = { ...second, vips: first.vips };
    new WebServerPool("web", pool({ sites: [first, shared], servers: hosts("web", 1) }));
    await settled();
    const vips = commands().find(({ name }) => name.includes("-vips-"))!;
    assert.match(wantOf(vips).bindings, /^address 192.0.2.33\naddress 192.0.2.65\nunreachable/);
  });

  it("packs many sites in each server's command, and shows their lines once", async () => {
    const [one] = sites(1);
    const many = Array.from({ length: 3000 }, (_, i) => ({ ...one, name: `s${i}` }));
    new WebServerPool("web", pool({ sites: many, servers: hosts("web", 2) }));
    await settled();
    const vhosts = commands().filter(({ name }) => name.includes("-vhosts-"));
    assert.deepStrictEqual(
      vhosts.map(({ inputs }) => filesOf(JSON.parse(inputs.stdin)).sites.split("\n").length),
      [3001, 3001],
    );
    assert.ok(vhosts.every(({ inputs }) => inputs.stdin.length < 60_000));
    const { inputs } = made.find(({ type }) => type.endsWith(":WebServerPool"))!;
    assert.strictEqual(Object.keys(JSON.parse(inputs.sites)).length, 3000);
  });

  it("in subnet mode a new site changes no binding", async () => {
    for (const count of [1, 2]) {
      const args = { sites: sites(count), servers: hosts("web", 1), binding: VipBinding.Subnet };
      new WebServerPool(`w${count}`, pool(args));
    }
    await settled();
    const [one, two] = commands().filter(({ name }) => name.includes("-vips-"));
    assert.strictEqual(one.inputs.stdin, two.inputs.stdin);
  });

  const tokens: [string, (() => pulumi.Input<string>) | undefined][] = [
    ["the pool's own", undefined],
    ["one made before", () => healthToken("web")],
    ["a plain one", () => TOKEN],
  ];
  for (const [what, token] of tokens) {
    it(`keeps the health token out of stdin: ${what}`, async () => {
      const made = new WebServerPool("web", pool({ healthToken: token?.() }));
      const checks = [
        { vip: "192.0.2.33", site: "s0", kind: CheckKind.Http, serverName: "a.b", pool: "web" },
      ];
      new RouterRoute("r1", routing({ checks, healthPaths: { web: made.healthPath } }));
      await settled();
      assert.strictEqual(await value(made.healthPath), `/.well-known/loopback-ha/${TOKEN}`);
      const carrying = commands().filter(({ inputs }) => JSON.stringify(inputs).includes(TOKEN));
      assert.deepStrictEqual(carrying.map(({ name }) => name).sort(), [
        "r1-routes-192.0.2.1",
        "web-vhosts-web1-192.0.2.2",
        "web-vhosts-web2-192.0.2.3",
      ]);
      for (const { inputs } of commands()) {
        const { environment, ...rest } = inputs;
        assert.ok(!JSON.stringify(rest).includes(TOKEN));
        const holding = Object.keys(environment).filter((key) => environment[key].includes(TOKEN));
        for (const key of holding) assert.match(key, /^LOOPBACK_HA_SECRET_health(_web)?$/);
      }
      if (what !== "a plain one") assert.ok(await pulumi.isSecret(made.healthPath));
    });
  }

  it("keeps the secrets of a site's own lines out of stdin, and sends each only where a line has it", async () => {
    const [first, second] = sites(2);
    const apache = ['SetEnv A "${secret:db}"', "Header set B c"];
    new WebServerPool(
      "web",
      pool({ sites: [{ ...first, apache }, second], secrets: { db: TOKEN, other: "x" }, healthToken: "t" }),
    );
    await settled();
    const vhosts = commands().filter(({ name }) => name.includes("-vhosts-"));
    assert.equal(vhosts.length, 2);
    for (const { inputs } of commands()) {
      const { environment, ...rest } = inputs;
      assert.ok(!JSON.stringify(rest).includes(TOKEN));
      const keys = Object.keys(environment).filter((key) => key.includes("SECRET_site"));
      assert.deepEqual(
        keys,
        vhosts.some((command) => command.inputs === inputs) ? ["LOOPBACK_HA_SECRET_site_db"] : [],
      );
    }
    assert.equal(
      wantOf(vhosts[0])["private/directives"],
      's0 * SetEnv A "@SECRET:site_db@"\ns0 - Header set B c\n',
    );
    assert.throws(
      () => new WebServerPool("other", pool({ sites: [{ ...first, apache }] })),
      /^UserError: sites\[0\]\.apache\[0\]: .* uses the secret db, which is not set/,
    );
  });

  it("says what the failure of one of several routers means", async () => {
    new RouterRoute("r1", routing({ others: ["r2", "r3"] }));
    new RouterRoute("r4", routing({ kind: "frr" }));
    await settled();
    const said = commands().map(({ inputs }) => inputs.environment.LOOPBACK_HA_ON_FAILURE);
    assert.match(
      said.find((text) => text),
      /^r1 keeps its former routes.* r2, r3 may already have the new ones/,
    );
    assert.equal(said.filter((text) => text).length, 1);
  });

  it("asks a zone's other name servers: none if there is only one, and none that is down", async () => {
    new DnsRoundRobin("two", zone());
    new DnsRoundRobin("one", zone({ nameServers: hosts("ns", 1) }));
    const [up, gone] = hosts("ns", 2);
    new DnsRoundRobin("down", zone({ nameServers: [up, { ...gone, state: ServerState.Down }] }));
    await settled();
    assert.match(commands().find(({ name }) => name.startsWith("down-zone-ns2"))!.inputs.create, /^echo/);
    const asked = commands().filter(({ inputs }) => inputs.stdin);
    // They are registered in no certain order.
    const ordered = asked.sort((a, b) => (a.name < b.name ? -1 : 1));
    const peers = ordered.map(({ inputs }) => JSON.parse(inputs.environment.LOOPBACK_HA_PEERS ?? "[]"));
    assert.deepStrictEqual(
      peers.map((list) => list.map((words: string[]) => words.at(-1))),
      [[], [], ["root@192.0.2.3"], ["root@192.0.2.2"]],
    );
    const ask = ordered[2].inputs.environment.LOOPBACK_HA_ASK_PEERS;
    assert.match(ask, /^cat \/var\/lib\/loopback-ha\/farm\.prod\.two\.zone\/serial; /);
    assert.strictEqual(new Set(asked.map(({ inputs }) => inputs.stdin)).size, 1);
  });

  it("sends a guard its settings and fallbacks, and neither without a guard", async () => {
    new RouterRoute("r1", routing());
    new RouterRoute("r2", routing({ router: host("r2", 9), guard: { interval: "50ms" } }));
    const fallbacks = [{ prefix: prefixes[0], servers: ["web2"] }];
    new RouterRoute("r3", routing({ router: host("r3", 10), guard: {}, fallbacks }));
    await settled();
    const [plain, guarded, named] = ["r1", "r2", "r3"].map((name) =>
      wantOf(commands().find((made) => made.name.startsWith(`${name}-`))!),
    );
    assert.deepStrictEqual([plain.fallbacks, /guard/.test(plain.settings)], [undefined, false]);
    assert.match(guarded.settings, /^guard_interval=50\nguard_fall=3\n/m);
    assert.strictEqual(guarded.fallbacks, `${prefixes[0]} web2\n${prefixes[1]} web1\n`);
    assert.strictEqual(named.fallbacks, `${prefixes[0]} web2\n${prefixes[1]}\n`);
    assert.ok(guarded.settings.startsWith(plain.settings));
  });

  it("shows a router's routes as the component's inputs, and drift as a variable of the environment", async () => {
    const router = withDrift(host("r1", 1), (instance) => `${instance} differs`);
    new RouterRoute("r1", routing({ router }));
    await settled();
    const component = made.find(({ type }) => type === "loopback-ha:index:RouterRoute")!;
    assert.deepStrictEqual(component.inputs.routes, {
      "192.0.2.32/27": "via web1",
      "192.0.2.64/27": "via web2",
    });
    assert.deepStrictEqual(commands()[0].inputs.interpreter, [
      "env",
      "DRIFT=farm.prod.r1.linux-routes differs",
      "sh",
      "-c",
    ]);
  });

  it("has a command that does nothing, and waits for nothing, on a server that is down", async () => {
    const [up, gone] = hosts("web", 2);
    const token = healthToken("web");
    new WebServerPool(
      "web",
      pool({ servers: [up, { ...gone, state: ServerState.Down }], healthToken: token }),
    );
    await settled();
    const idle = commands().filter(({ name }) => name.includes("web2"));
    assert.deepStrictEqual(idle.map(({ name }) => name).sort(), [
      "web-vhosts-web2-192.0.2.3",
      "web-web2-vips-192.0.2.3",
    ]);
    for (const { inputs } of idle) {
      assert.deepStrictEqual(inputs, {
        create: "echo 'web2 is down: nothing was done. In state maintenance it is brought up to date'",
        interpreter: ["env", "DRIFT=none", "sh", "-c"],
      });
    }
    assert.ok(commands().every(({ name, inputs }) => name.includes("web2") || inputs.stdin));
  });

  it("reports what the commands printed", async () => {
    const web = new WebServerPool("web", pool());
    const r1 = new RouterRoute("r1", routing());
    const dns = new DnsRoundRobin("z", zone());
    assert.deepStrictEqual(
      [Object.keys(web.reports), Object.keys(dns.reports)],
      [
        ["web1", "web2"],
        ["ns1", "ns2"],
      ],
    );
    assert.strictEqual(await value(web.reports.web2), "done web-vhosts-web2-192.0.2.3");
    assert.strictEqual(await value(r1.report), "done r1-routes-192.0.2.1");
    assert.strictEqual(await value(dns.reports.ns1), "done z-zone-ns1-192.0.2.2");
  });

  const twice = [host("a", 2), host("a", 3)];
  const becomes = /becomes part of file names/;
  const bad: [string, () => unknown, RegExp][] = [
    ["pool name", () => new WebServerPool("we b", pool()), becomes],
    [
      "server name",
      () => new WebServerPool("web", pool({ servers: [host("a/b", 2)] })),
      /servers\[0\]\.name: "a\/b" may contain only/,
    ],
    [
      "servers twice",
      () => new WebServerPool("web", pool({ servers: twice })),
      /^UserError: servers: two are called "a"/,
    ],
    [
      "sites twice",
      () => new WebServerPool("web", pool({ sites: [...sites(1), ...sites(1)] })),
      /^UserError: sites: two are called "s0"/,
    ],
    [
      "stray VIP",
      () => new WebServerPool("web", pool({ prefixes: prefixes.slice(1) })),
      /192.0.2.33 is in none/,
    ],
    [
      "loopback's name",
      () => new LoopbackVip("l'o", { server: host("web1", 2), vips: [], prefixes }),
      becomes,
    ],
    ["router's name", () => new RouterRoute("r\n1", routing()), becomes],
    [
      "next hop",
      () => new RouterRoute("r1", routing({ serverSubnet: "198.51.100.0/24" })),
      /is outside the servers' subnet/,
    ],
    [
      "check without a pool",
      () =>
        new RouterRoute("r1", routing({ checks: [{ vip: "192.0.2.33", site: "s", kind: CheckKind.Http }] })),
      /needs serverName/,
    ],
    [
      "pinned flows where the kind can't",
      () => new RouterRoute("r1", routing({ kind: "frr", pinFlows: true })),
      /pinFlows: true .*kind "frr" cannot pin/,
    ],
    [
      "a guard where none can run",
      () => new RouterRoute("r1", routing({ kind: "frr", guard: {} })),
      /guard: \{\} is not supported by routers of kind frr: .*; remove the key/,
    ],
    [
      "a guard without pinned flows",
      () => new RouterRoute("r1", routing({ pinFlows: false, guard: {} })),
      /guard: \{\} needs pinned flows/,
    ],
    [
      "a server's state",
      () =>
        new WebServerPool("web", pool({ servers: [{ ...host("web1", 2), state: "donw" as ServerState }] })),
      /servers\[0\]\.state: "donw" is not known; use active, maintenance or down/,
    ],
    [
      "a router's server's state",
      () =>
        new RouterRoute(
          "r1",
          routing({ servers: hosts("web", 2).map((server) => ({ ...server, state: "up" as ServerState })) }),
        ),
      /servers: "up" is not known; use active, maintenance or down/,
    ],
    ["zone component's name", () => new DnsRoundRobin("z;z", zone()), becomes],
    ["zone", () => new DnsRoundRobin("z", zone({ zone: "a..b" })), /is not a domain name/],
    [
      "name servers twice",
      () => new DnsRoundRobin("z", zone({ nameServers: twice })),
      /nameServers: two are called "a"/,
    ],
    ["no name server", () => new DnsRoundRobin("z", zone({ nameServers: [] })), /needs at least one/],
    [
      "serial",
      () => new DnsRoundRobin("z", zone({ serialAtLeast: 2 ** 32 - 1 })),
      /serialAtLeast: 4294967295 is not a serial; use 1 to 4294967000/,
    ],
  ];
  for (const [what, make, message] of bad) {
    it(`throws before any command is made: ${what}`, async () => {
      assert.throws(make, message);
      await settled();
      assert.deepStrictEqual(names(), []);
    });
  }
});
