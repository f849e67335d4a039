/** `certs`: certificates out of a CA that speaks ACME, for servers that are told nothing of it. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { hexOf } from "../../lab/load/http";
import { ExecResult } from "../../lab/lab";
import type { CertsResult } from "../../cli/certs/result";
import { inDays, issue, makeAuthorities } from "../certificates";
import { AWAY, Farm, SERVERS, textOf } from "./support";
import { Pebble } from "./pebble";

const NAMES = ["www.widgetco.example", "widgetco.example"];
const GADGETS = "www.gadgets.example";

describe("certs", function () {
  this.timeout(400_000);
  const farm = new Farm();
  const { lab } = farm;
  let pebble: Pebble;

  const certs = (args: string[] = [], env: Record<string, string> = {}): Promise<ExecResult> =>
    farm.project.cli(["certs", "--yes", ...args], { env: { ...pebble.env, ...env } });
  /** What it did, in a run that ends so. */
  const certsJson = async (code: number, args: string[] = []): Promise<CertsResult> => {
    const result = await certs(["--json", ...args]);
    assert.equal(result.code, code, textOf(result));
    return JSON.parse(result.stdout) as CertsResult;
  };
  const resultsIn = ({ sites }: CertsResult): Record<string, string> =>
    Object.fromEntries(sites.map(({ site, result }) => [site, result]));
  /** The SHA-256 of what a client is shown on each of some VIPs; it must trust the CA's root, and no other. */
  const shown = async (vips: string[], name: string): Promise<string[]> => {
    const root = farm.project.file("root.pem");
    fs.writeFileSync(root, await pebble.root(lab));
    return Promise.all(
      vips.map(async (vip) => {
        const ask = `openssl s_client -CAfile ${root} -verify_return_error -verify_hostname ${name} -connect ${vip}:443 -servername ${name} </dev/null 2>/dev/null`;
        const { stdout } = await lab.exec("client", [
          "bash",
          "-c",
          `${ask} | openssl x509 -noout -fingerprint -sha256`,
        ]);
        return hexOf(stdout.trim().replace(/^.*=/, ""));
      }),
    );
  };
  /** The SHA-256 of what lies in the operator's folder. */
  const lies = (site: string): string =>
    hexOf(
      new X509Certificate(fs.readFileSync(farm.project.file(`acme/live/${site}/fullchain.pem`)))
        .fingerprint256,
    );
  /** Every VIP shows for this name what lies here for the site. */
  const isShown = async (site: string, name: string): Promise<void> =>
    assert.deepEqual(
      await shown(farm.vips, name),
      farm.vips.map(() => lies(site)),
    );

  before("a farm whose web2 is dead", async () => {
    await farm.begin();
    await farm.start();
    pebble = await Pebble.start(lab);
    await lab.crash("web2");
    await farm.setState("web2", "down");
    await farm.up();
    assert.deepEqual(await farm.serving(), AWAY);
  });
  after(async () => {
    await pebble?.stop();
    await farm.destroy();
  });

  it("creates the account, orders certificates for two sites while a server is dead, and all other servers show them (story)", async () => {
    const told = farm.project.file("told");
    const result = await certs(["--hook-command", `cat >>${told}; echo >>${told}`]);
    assert.equal(result.code, 0, `${textOf(result)}\n${pebble.log()}`);
    assert.match(result.stdout, /https with a new certificate: gadgets, widgetco/);
    for (const name of NAMES) await isShown("widgetco", name);
    const events = fs.readFileSync(told, "utf8").trim().split("\n");
    assert.deepEqual(
      events.map((line) => (JSON.parse(line) as { event: string; site?: string; sites?: string }).event),
      ["ordered", "ordered", "delivered"],
    );
    const again = await certsJson(0);
    assert.deepEqual(resultsIn(again), { gadgets: "keep", widgetco: "keep" });
    assert.deepEqual(again.delivered, []);
    await lab.start("web2");
    for (const state of ["maintenance", "active"]) {
      await farm.setState("web2", state);
      await farm.up();
    }
    assert.deepEqual(await farm.serving(), SERVERS);
    await isShown("widgetco", NAMES[0]);
  });

  it("leaves keys readable by their owner only, and in no state and no file of the project", async () => {
    const acme = (...names: string[]): string => farm.project.file(path.join("acme", ...names));
    const mode = (file: string): number => fs.statSync(file).mode & 0o777;
    assert.equal(mode(acme()), 0o700);
    assert.equal(fs.readFileSync(acme(".gitignore"), "utf8"), "# Private keys.\n*\n");
    const [account] = fs
      .readdirSync(acme("accounts"), { recursive: true, encoding: "utf8" })
      .filter((name) => path.basename(name) === "private_key.json");
    assert.equal(mode(acme("accounts", account)) & 0o077, 0);
    assert.equal(mode(acme("live/widgetco/privkey.pem")) & 0o077, 0);
    const secrets = [
      ...Object.entries(JSON.parse(fs.readFileSync(acme("accounts", account), "utf8")) as object)
        .filter(([name]) => ["d", "p", "q"].includes(name))
        .map(([, value]) => String(value)),
      ...["widgetco", "gadgets"].map(
        (site) => fs.readFileSync(acme("live", site, "privkey.pem"), "utf8").split("\n")[1],
      ),
    ];
    assert.ok(secrets.length >= 3 && secrets.every((text) => text.length > 30));
    const state = farm.project.file("state/.pulumi/stacks/loopback-ha/lab.json");
    for (const file of [state, farm.project.file("Pulumi.lab.yaml"), acme("orders.json")]) {
      const text = fs.readFileSync(file, "utf8");
      for (const secret of secrets) assert.ok(!text.includes(secret), file);
    }
  });

  it("renews what is due and nothing else; Ctrl-C ends it after the order that is on its way, and the next run goes on", async () => {
    const { intermediate } = makeAuthorities();
    for (const [site, names] of [
      ["widgetco", NAMES],
      ["gadgets", [GADGETS]],
    ] as const) {
      const { chain, key } = issue(intermediate, [...names], { from: inDays(-70), to: inDays(20) });
      fs.writeFileSync(farm.project.file(`acme/live/${site}/fullchain.pem`), chain);
      fs.writeFileSync(farm.project.file(`acme/live/${site}/privkey.pem`), key);
      if (site === "widgetco") {
        const due = await certsJson(0, ["--dry-run"]);
        assert.deepEqual(resultsIn(due), { gadgets: "keep", widgetco: "planned" });
      }
    }
    const child = await lab.spawn("operator", farm.project.cliCommand(["certs", "--yes"]), {
      cwd: lab.checkout,
      env: { ...farm.project.env, ...pebble.env },
    });
    let said = "";
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await new Promise<void>((resolve) => {
      child.stdout!.on("data", (text) => {
        said += String(text);
        if (/will be ordered/.test(said)) resolve();
      });
    });
    const other = await certs();
    assert.equal(other.code, 3, textOf(other));
    assert.match(
      other.stderr,
      /another run is ordering certificates in \S+\/acme: process \d+ of .*nothing was touched/,
    );
    // As a terminal's Ctrl-C: the group in the foreground, which certbot has left.
    process.kill(-child.pid!, "SIGINT");
    assert.equal(await ended, 130, said);
    const next = await certsJson(0);
    assert.deepEqual(next.delivered, ["gadgets", "widgetco"]);
    assert.deepEqual(resultsIn(await certsJson(0)), { gadgets: "keep", widgetco: "keep" });
    for (const name of NAMES) await isShown("widgetco", name);
  });

  it("refuses a name that leads elsewhere before it asks the CA, and leaves one that failed twice alone; others go on", async () => {
    await farm.sh(
      "ns1",
      `cat >/etc/bind/elsewhere.zone <<'END'
$TTL 60
@ SOA ns hostmaster 1 60 60 60 60
@ NS ns
ns A 192.0.2.10
www A 203.0.113.7
END
echo 'zone "elsewhere.example" { type master; file "/etc/bind/elsewhere.zone"; };' >>/etc/bind/named.conf.local
rndc reconfig`,
    );
    await farm.set("sites.away.serverName", "www.elsewhere.example");
    await farm.set("sites.away.documentRoot", "/srv/www/away");
    await farm.set("sites.away.hostNumber", "9");
    await farm.up();
    const refused = await certsJson(1, ["--renew", "away", "gadgets"]);
    assert.deepEqual(resultsIn(refused), { away: "refused", gadgets: "ordered" });
    assert.deepEqual(refused.delivered, ["gadgets"]);
    const { why } = refused.sites.find(({ site }) => site === "away")!;
    assert.match(
      why,
      /^www\.elsewhere\.example resolves to 203\.0\.113\.7, not to this farm; the site's VIPs are 192\.0\.2\.41, /,
    );
    for (const end of ["failed", "failed", "stopped"])
      assert.deepEqual(resultsIn(await certsJson(1, ["--no-check"])), {
        ...{ away: end, gadgets: "keep", widgetco: "keep" },
      });
    await farm.sh(
      "ns1",
      "sed -i /elsewhere.example/d /etc/bind/named.conf.local; rm /etc/bind/elsewhere.zone; rndc reconfig",
    );
    await farm.drop("sites.away");
    await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
    assert.deepEqual(resultsIn(await certsJson(0)), { gadgets: "keep", widgetco: "keep" });
  });

  it("site add --certs adds a site with http first, and then with https", async () => {
    const name = "extra.widgetco.example";
    const words = ["--server-name", name, "--document-root", "/srv/www/extra", "--host-number", "8"];
    const result = await farm.project.cli(["site", "add", "extra", ...words, "--certs", "--yes", "--json"], {
      env: pebble.env,
    });
    assert.equal(result.code, 0, textOf(result));
    const { site, certs: ordered } = JSON.parse(result.stdout) as {
      site: { vips: string[] };
      certs: CertsResult;
    };
    assert.deepEqual(ordered.delivered, ["extra"]);
    assert.deepEqual(
      await shown(site.vips, name),
      site.vips.map(() => lies("extra")),
    );
    await farm.drop("sites.extra");
    await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
  });

  it("--caa lets no other account order for the farm's zones, and makes no pending moves", async () => {
    const { account } = await certsJson(0, ["--caa-issuer", "ca.example"]);
    const records = await farm.sh(
      "ns1",
      "dig +short @192.0.2.10 widgetco.example CAA; dig +short @192.0.2.10 gadgets.example CAA",
    );
    const record = `0 issue "ca.example\\; accounturi=${account!.uri}\\; validationmethods=http-01"`;
    assert.deepEqual(
      records
        .trim()
        .split("\n")
        .map((line) => line.replaceAll("\\", "")),
      [record, record].map((line) => line.replaceAll("\\", "")),
    );
    assert.match(await farm.up(), /unchanged/);
    await farm.setState("web2", "maintenance");
    const waiting = await certsJson(1, ["--renew", "widgetco"]);
    assert.match(waiting.undelivered!, /pending changes that would move traffic \(r1: 192\.0\.2\.64\/27\)/);
    assert.deepEqual(await farm.serving(), SERVERS);
    await farm.setState("web2", "active");
    assert.deepEqual((await certsJson(0)).delivered, ["widgetco"]);
  });

  it("orders certificates for ten new sites while traffic moves ten times: none fails, and the run waits for its turn to deliver (story)", async () => {
    const many = Array.from({ length: 10 }, (_, i) => `many${i}`);
    for (const [i, site] of many.entries()) {
      await farm.set(`sites.${site}.serverName`, `${site}.widgetco.example`);
      await farm.set(`sites.${site}.documentRoot`, "/srv/www/many");
      await farm.set(`sites.${site}.hostNumber`, String(10 + i));
    }
    await farm.up();
    const ordering = certsJson(0);
    const began = Date.now();
    for (let flip = 0; flip < 10; flip++) {
      await farm.setState(flip % 4 < 2 ? "web2" : "web3", flip % 2 === 0 ? "maintenance" : "active");
      await farm.up();
    }
    const ended = Date.now();
    const result = await ordering;
    assert.deepEqual(
      result.sites.filter(({ site }) => many.includes(site)).map(({ result: how }) => how),
      many.map(() => "ordered"),
    );
    assert.deepEqual(result.delivered, many);
    const { orders } = JSON.parse(fs.readFileSync(farm.project.file("acme/orders.json"), "utf8")) as {
      orders: { site: string; at: string }[];
    };
    const meanwhile = orders.filter(({ site, at }) => {
      const time = new Date(at).getTime();
      return many.includes(site) && time > began && time < ended;
    });
    assert.ok(meanwhile.length >= 8, `${meanwhile.length} orders began while traffic moved`);
    assert.deepEqual(await farm.serving(), SERVERS);
    const vips = ((await farm.project.output("sites")) as Record<string, string[]>).many7;
    assert.deepEqual(
      await shown(vips, "many7.widgetco.example"),
      vips.map(() => lies("many7")),
    );
  });
});
