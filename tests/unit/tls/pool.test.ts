/** What a pool's commands have of https, and what they have not. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { ConfigError, SiteArgs, WebServerPool, WebServerPoolArgs } from "../../../components";
import { commandsOf, planAhead } from "../../../components/webServerPool/tls";
import { makeKey } from "../../../components/webServerPool/tls/makeCertificate.cjs";
import { inDays, issue, makeAuthorities, writePair } from "../../certificates";

const { intermediate } = makeAuthorities();
const pair = issue(intermediate, ["www.a.example"]);
const HELD = `expires 2099-01-01 issued 2098-01-01 certificate ${"1".repeat(64)} key ${"2".repeat(64)}`;
const SECRET = "4dabf18193072939515e22adb298388d";
const isSecret = (input: unknown): boolean => typeof input === "object" && input !== null && SECRET in input;
const bare = (input: unknown): unknown => (isSecret(input) ? (input as { value: unknown }).value : input);

interface Command {
  name: string;
  stdin: { want: Record<string, Record<string, string> & string>; sources?: unknown };
  environment: Record<string, unknown>;
  /** Names of its secret entries. */
  secrets: string[];
  /** All of it, but for secrets. */
  plain: string;
}

let made: Command[];
let state: Record<string, unknown>;
const mocks: pulumi.runtime.Mocks = {
  newResource: (args) => {
    if (args.type === "command:local:Command" && args.name.includes("vhosts")) {
      const { inputs } = args;
      const environment = bare(inputs.environment) as Record<string, unknown>;
      const all = isSecret(inputs.environment);
      const secrets = Object.keys(environment).filter((key) => all || isSecret(environment[key]));
      made.push({
        name: args.name,
        stdin: JSON.parse(inputs.stdin as string),
        environment: Object.fromEntries(
          Object.entries(environment).map(([key, value]) => [key, bare(value)]),
        ),
        secrets,
        plain: JSON.stringify(inputs, (key, value) =>
          isSecret(value) ? "" : all && /^LOOPBACK_HA_SECRET_/.test(key) ? "" : value,
        ),
      });
    }
    return {
      id: args.name,
      state: { ...args.inputs, stdout: "", result: "t0k3n", base64: pulumi.secret("dGlja2V0") },
    };
  },
  call: ({ token }) => (token.endsWith("readStackResourceOutputs") ? { outputs: state } : {}),
};
/** Until both servers have their command. */
async function settled(): Promise<void> {
  for (let i = 0; i < 300 && made.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("tls: a pool", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pool-"));
  after(() => fs.rmSync(folder, { recursive: true }));
  beforeEach(async () => {
    made = [];
    state = {};
    fs.rmSync(path.join(folder, "a"), { recursive: true, force: true });
    await pulumi.runtime.setMocks(mocks, "farm", "prod", false, "organization");
  });
  const site = (tls?: SiteArgs["tls"]): SiteArgs => ({
    name: "a",
    serverName: "www.a.example",
    documentRoot: "/srv/a",
    vips: ["192.0.2.33"],
    ...(tls ? { tls } : {}),
  });
  const servers = [2, 3].map((n) => ({ name: `web${n - 1}`, address: `192.0.2.${n}` }));
  async function build(tls: WebServerPoolArgs["tls"], own?: SiteArgs["tls"]): Promise<Command[]> {
    new WebServerPool("web", {
      servers,
      sites: [site(own)],
      prefixes: ["192.0.2.32/27"],
      ...(tls ? { tls } : {}),
    });
    await settled();
    return made;
  }

  it("has nothing of tls without tls in the config", async () => {
    for (const { stdin, environment } of await build(undefined)) {
      assert.deepEqual(Object.keys(stdin), ["scripts", "want"]);
      assert.deepEqual(Object.keys(stdin.want), ["private/server.conf", "private/vhost.conf", "sites"]);
      assert.doesNotMatch(JSON.stringify(stdin), /443|SSL|acme|@IF/);
      assert.deepEqual(
        Object.keys(environment).filter((key) => /TLS|SUPPLIER|ticket|pairs/.test(key)),
        [],
      );
    }
    assert.equal(made.length, 2);
  });

  it("has days and checksums, and no key", async () => {
    writePair(path.join(folder, "a"), pair);
    const [one, two] = await build({ folder });
    assert.deepEqual(one.stdin, two.stdin);
    assert.match(
      one.stdin.want.certificates.a,
      /^expires \S+ issued \S+ certificate [0-9a-f]{64} key [0-9a-f]{64}$/,
    );
    assert.deepEqual(one.stdin.want.https, { a: "TLSv1.2 redirect 0" });
    assert.deepEqual(one.stdin.sources, { folder });
    assert.equal(one.stdin.want["private/ticket"], "@SECRET:ticket@\n");
    assert.equal(one.environment.LOOPBACK_HA_SECRET_ticket, "dGlja2V0");
    assert.equal(one.environment.LOOPBACK_HA_SUPPLIER, "components/webServerPool/tls/send.cjs");
    assert.ok(!one.plain.includes("dGlja2V0"));
    const [, secretLine] = pair.key.split("\n");
    assert.ok(!JSON.stringify(one).includes(secretLine));
  });

  it("lets a site have its own settings", async () => {
    writePair(path.join(folder, "a"), pair);
    const [one] = await build({ folder, tickets: false }, { redirect: false, hsts: 60 });
    assert.deepEqual(one.stdin.want.https, { a: "TLSv1.2 plain 60" });
    assert.ok(!("private/ticket" in one.stdin.want) && !("LOOPBACK_HA_SECRET_ticket" in one.environment));
    made = [];
    const [plain] = await build({ folder }, { enabled: false });
    assert.ok(!("https" in plain.stdin.want));
  });

  it("keeps on each server what the state has if there is no pair", async () => {
    const stdin = JSON.stringify({ scripts: "x", want: { certificates: { a: HELD } } });
    state = {
      "urn:pulumi:prod::farm::loopback-ha:index:WebServerPool$command:local:Command::web-vhosts-web1-192.0.2.2":
        {
          outputs: { stdin },
        },
    };
    const commands = await build({ folder });
    const lines = Object.fromEntries(
      commands.map((command) => [command.name, command.stdin.want.certificates]),
    );
    assert.deepEqual(lines, {
      "web-vhosts-web1-192.0.2.2": { a: HELD },
      "web-vhosts-web2-192.0.2.3": {},
    });
  });

  it("makes a key from the program a secret, and not the certificate", async () => {
    const certificate = pulumi.output(pair.chain);
    const [one] = await build(undefined, { certificate, privateKey: pulumi.secret(pair.key) });
    assert.match(one.stdin.want.certificates.a, /^expires /);
    assert.deepEqual(JSON.parse(one.environment.LOOPBACK_HA_SECRET_pairs0 as string), [
      ["a", { certificate: pair.chain, privateKey: pair.key }],
    ]);
    assert.equal(one.environment.LOOPBACK_HA_SECRET_pairs1, "");
    assert.ok(!one.plain.includes(pair.key.split("\n")[1]));
  });

  it("uses the plan that was prefetched, once", async () => {
    writePair(path.join(folder, "a"), pair);
    const pool = { sites: [site()], tls: { folder }, commands: commandsOf("web", servers) };
    const { lines } = await planAhead(pool);
    writePair(path.join(folder, "a"), issue(intermediate, ["www.a.example"]));
    const [one] = await build({ folder });
    assert.deepEqual(one.stdin.want.certificates, lines.get("web1"));
    made = [];
    const [next] = await build({ folder });
    assert.notDeepEqual(next.stdin.want.certificates, lines.get("web1"));
  });

  it("is refused before anything is declared, with the path", async () => {
    writePair(path.join(folder, "a"), { ...issue(intermediate, ["www.a.example"]), key: makeKey() });
    const pool = { sites: [site()], tls: { folder }, commands: commandsOf("web", servers) };
    await assert.rejects(planAhead(pool), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, /^sites\.a\.tls: .*privkey\.pem is not the key of /);
      return true;
    });
    writePair(path.join(folder, "a"), issue(intermediate, ["www.a.example"], { to: inDays(-1) }));
    await assert.rejects(planAhead(pool), /sites\.a\.tls: .* expired on /);
  });
});
