/** What role.sh and tls.sh make of the wanted files on a machine. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { VipBinding } from "../../../components/network/addressPlan";
import { filesOf } from "../../../components/host/payload.cjs";
import { renderHttps } from "../../../components/webServerPool/lineFormats.cjs";
import { TlsContext } from "../../../components/webServerPool/tls/httpsTemplate";
import { SiteArgs, renderSites, renderVhosts } from "../../../components/webServerPool/vhostTemplate";
import { TlsVersion } from "../../../components/webServerPool/tls/defaults";
import { asLib, installScripts } from "../machineScripts";

const pool = path.join(__dirname, "../../../components/webServerPool");
const hash = (digit: number): string => String(digit).repeat(64);
const line = (digit: number): string =>
  `expires 2027-03-04 issued 2026-12-04 certificate ${hash(digit)} key ${hash(0)}`;
const sites: SiteArgs[] = ["a", "b", "c"].map((name, i) => ({
  name,
  serverName: `${name}.example`,
  aliases: name === "a" ? ["x.example", "y.example"] : [],
  documentRoot: `/srv/${name}`,
  vips: [`192.0.2.${33 + i}`, `192.0.2.${65 + i}`],
}));
const https = {
  a: renderHttps({ minimum: TlsVersion.Tls12, redirect: true, hsts: 300 }),
  b: renderHttps({ minimum: TlsVersion.Tls13, redirect: false, hsts: 0 }),
};

describe("tls: on a machine", () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "tls-"));
  const bundle = path.join(root, "i", "current");
  const store = path.join(root, ".certificates");
  after(() => fs.rmSync(root, { recursive: true }));

  function run(script: string): string {
    const preamble = `set -euo pipefail; ${asLib()}warn() { say "warning: $*"; }; fail() { say "failed: $*"; exit 1; }
install_file() { cat >"$1.new"; chmod "$2" "$1.new"; mv "$1.new" "$1"; }
root=${root} run=${root}/run instance=i machine=web1 stack=a/b state=${root}/i scripts=${root}/scripts
. ${pool}/role.sh
`;
    try {
      return execFileSync("bash", ["-c", preamble + script], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    } catch (error) {
      return (
        String((error as { stdout: string; stderr: string }).stdout) +
        String((error as { stderr: string }).stderr)
      );
    }
  }
  function write(
    tls: TlsContext | undefined,
    certificates: Record<string, string>,
    binding = VipBinding.Alias,
  ): void {
    fs.rmSync(path.join(bundle, "want"), { recursive: true, force: true });
    fs.mkdirSync(path.join(bundle, "want/private"), { recursive: true });
    const want = {
      ...renderVhosts(renderSites(sites), { prefixes: ["192.0.2.32/31"], binding, tls }),
      ...(tls && Object.keys(tls.https).length > 0 ? { https: tls.https, certificates } : {}),
      ...(tls?.tickets ? { "private/ticket": `${Buffer.alloc(48, 7).toString("base64")}\n` } : {}),
    };
    for (const [name, text] of Object.entries(filesOf({ want })))
      fs.writeFileSync(path.join(bundle, "want", name), text);
  }
  const has = (...digits: number[]): void => {
    fs.rmSync(store, { recursive: true, force: true });
    fs.mkdirSync(store);
    for (const digit of digits) fs.writeFileSync(path.join(store, `${hash(digit)}.pem`), "x");
    fs.writeFileSync(path.join(store, "unknown.pem"), "x");
    run(`note_sums ${fs.readdirSync(store).join(" ")}`);
  };
  const vhosts = (text: string): Map<string, string[]> =>
    new Map(
      [...text.matchAll(/^<VirtualHost ([^>]*)>\n {4}ServerName (\S+)\n([^]*?)^<\/VirtualHost>/gm)].map(
        ([, listen, name, body]) => [`${name} ${listen}`, body.split("\n").map((words) => words.trim())],
      ),
    );

  before(() => {
    fs.mkdirSync(path.join(root, "run"));
    installScripts(path.join(root, "scripts"), "webServerPool");
  });

  it("a site has https once its certificate is here, by its own settings", () => {
    write({ https, tickets: true, acmeThumbprint: "thumb" }, { a: line(1), b: line(2) });
    has(1, 2);
    const found = vhosts(run(`render ${bundle}`));
    assert.deepEqual(
      [...found.keys()],
      [
        "unknown.loopback-ha.invalid 192.0.2.33:80 192.0.2.65:80",
        "a.example 192.0.2.33:80 192.0.2.65:80",
        "unknown.loopback-ha.invalid 192.0.2.33:443 192.0.2.65:443",
        "a.example 192.0.2.33:443 192.0.2.65:443",
        "unknown.loopback-ha.invalid 192.0.2.34:80 192.0.2.66:80",
        "b.example 192.0.2.34:80 192.0.2.66:80",
        "unknown.loopback-ha.invalid 192.0.2.34:443 192.0.2.66:443",
        "b.example 192.0.2.34:443 192.0.2.66:443",
        "unknown.loopback-ha.invalid 192.0.2.35:80 192.0.2.67:80",
        "c.example 192.0.2.35:80 192.0.2.67:80",
        "unknown.loopback-ha.invalid 192.0.2.35:443 192.0.2.67:443",
      ],
    );
    const a = found.get("a.example 192.0.2.33:443 192.0.2.65:443")!;
    for (const words of [
      "ServerAlias x.example",
      "ServerAlias y.example",
      `SSLCertificateFile "${store}/${hash(1)}.pem"`,
      "SSLProtocol -all +TLSv1.2 +TLSv1.3",
      'Header always set Strict-Transport-Security "max-age=300"',
      'DocumentRoot "/srv/a"',
      'ErrorDocument 200 "web1 a"',
      'ErrorDocument 200 "%{env:MATCH_TOKEN}.thumb"',
    ])
      assert.ok(a.includes(words), words);
    const b = found.get("b.example 192.0.2.34:443 192.0.2.66:443")!;
    assert.ok(b.includes("SSLProtocol -all +TLSv1.3") && !b.join().includes("Strict-Transport"));
    const redirects = (name: string): boolean =>
      found.get(name)!.some((words) => words.startsWith("Redirect permanent"));
    assert.ok(redirects("a.example 192.0.2.33:80 192.0.2.65:80"));
    assert.ok(!redirects("b.example 192.0.2.34:80 192.0.2.66:80"));
    assert.ok(!redirects("a.example 192.0.2.33:443 192.0.2.65:443"));
    const ticket = [...found.values()].flatMap((body) =>
      body.filter((words) => /^SSLSessionTicketKeyFile/.test(words)),
    );
    assert.equal(ticket.length, 5);
    assert.equal(new Set(ticket).size, 1);
    assert.doesNotMatch(run(`render ${bundle}`).replaceAll("@SECRET:health@", ""), /@[A-Z]/);
  });

  it("a site without its certificate is served over http as before", () => {
    write(undefined, {});
    const plain = vhosts(run(`render ${bundle}`));
    write({ https, tickets: false }, { a: line(1) });
    has();
    const found = vhosts(run(`render ${bundle}`));
    for (const [name, body] of plain) assert.deepEqual(found.get(name), body);
    assert.deepEqual(
      [...found.keys()].filter((name) => / \S+:443/.test(name) && !name.startsWith("unknown")),
      [],
    );
  });

  it("subnets: unknown names on every address of both ports, first", () => {
    write({ https, tickets: false }, { a: line(1) }, VipBinding.Subnet);
    has(1);
    const [first, second] = [...vhosts(run(`render ${bundle}`)).keys()];
    assert.equal(first, "unknown.loopback-ha.invalid 192.0.2.32:80 192.0.2.33:80");
    assert.equal(second, "unknown.loopback-ha.invalid 192.0.2.32:443 192.0.2.33:443");
  });

  it("ACME's challenge by itself needs no certificate, no ssl and no port", () => {
    write({ https: {}, tickets: true, acmeThumbprint: "thumb" }, {});
    const text = run(`render ${bundle}`);
    assert.match(text, /MATCH_TOKEN\}\.thumb/);
    assert.doesNotMatch(text, /SSL|443|ssl_module/);
  });

  it("a short message says what is missing", () => {
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`s${i + 1}`, line(i + 1)]));
    write(
      { https: Object.fromEntries(Object.keys(many).map((name) => [name, https.a])), tickets: false },
      many,
    );
    has(2, 3, 7);
    const lacks = (): string => run(`lacking_certificates ${bundle}`);
    assert.equal(lacks(), "1,4-6,8-9");
    fs.rmSync(path.join(store, "unknown.pem"));
    assert.equal(lacks(), "1,4-6,8-9 unknown");
    has(1, 2, 3, 4, 5, 6, 7, 8, 9);
    assert.equal(lacks(), "");
    fs.writeFileSync(path.join(store, `${hash(5)}.pem`), "y");
    // What somebody altered is not taken for what was put there.
    assert.equal(run("note_sums; say noted"), "noted\n");
    assert.equal(lacks(), "5");
    assert.equal(run(`certificates_drift ${bundle}`), "- certificate of s5\n");
  });

  /** What a machine asks for and says, when it gets an answer with these files. */
  function fetch(files: Record<string, string>, settings = ""): string {
    const answer = path.join(root, "answer");
    fs.rmSync(answer, { recursive: true, force: true });
    fs.mkdirSync(answer);
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(answer, name), text);
    return run(`tar -cz -C ${answer} -f ${answer}.tar .
exec 3< <(printf 'LOOPBACK-HA-SUPPLY %s %s\\n' "$(stat -c %s ${answer}.tar)" "$(sha256sum <${answer}.tar | cut -d ' ' -f 1)"; cat ${answer}.tar) 4>&1
LOOPBACK_HA_TOKEN=t; ${settings} fetch_certificates ${bundle}; say fetched; ls ${root}/run* 2>/dev/null || true`);
  }

  it("asks for missing pairs, and keeps what comes readable by root only", () => {
    write({ https, tickets: true }, { a: line(1), b: line(2) });
    has(2);
    assert.equal(
      fetch({ [`${hash(1)}.pem`]: "one", "unknown.pem": "other" }),
      "LOOPBACK-HA-LACKS 1\nfetched\n",
    );
    assert.equal(fs.readFileSync(path.join(store, `${hash(1)}.pem`), "utf8"), "one");
    assert.equal(fs.statSync(path.join(store, `${hash(1)}.pem`)).mode & 0o777, 0o600);
    assert.equal(run(`lacking_certificates ${bundle}; certificates_drift ${bundle}`), "");
    assert.equal(fetch({}), "fetched\n");
  });

  it("does without a pair that does not come, unless another one of the site is in force", () => {
    write({ https, tickets: false }, { a: line(1), b: line(2) });
    has(2);
    assert.match(fetch({}), /LACKS 1\nwarning: site a is served by http only here: .*\nfetched\n/);
    assert.equal(run(`certificates_drift ${bundle}`), "- certificate of a\n");
    // In force by another version: the same folder with another line.
    const before = path.join(root, "before");
    fs.cpSync(path.join(root, "i"), before, { recursive: true });
    fs.writeFileSync(path.join(before, "current/want/certificates"), `a ${line(3)}\n`);
    has(2, 3);
    assert.match(
      fetch({}, `state=${before};`),
      /LACKS 1\nfailed: the certificate of site a that this run should install is no longer in its folder; nothing was changed/,
    );
    fs.rmSync(before, { recursive: true });
  });

  it("an answer that is cut off, or not from loopback-ha, changes nothing", () => {
    write({ https, tickets: false }, { a: line(1) });
    has();
    const ask = (answer: string): string =>
      run(
        `exec 3< <(printf '${answer}') 4>&1; LOOPBACK_HA_TOKEN=t; fetch_certificates ${bundle}; say fetched`,
      );
    assert.match(
      ask("LOOPBACK-HA-SUPPLY 5 abc\\nxyz"),
      /failed: an answer about certificates arrived truncated/,
    );
    assert.match(ask(""), /failed: a question about certificates was not answered/);
    assert.match(ask("LOOPBACK-HA-STAY\\n"), /^LOOPBACK-HA-LACKS 1\n$/);
    assert.ok(!fs.existsSync(path.join(store, `${hash(1)}.pem`)));
  });

  it("pairs that nothing in force needs are removed, and the folder with the last one", () => {
    write({ https, tickets: true }, { a: line(1) });
    has(1, 2);
    const sweep = `new=(); put_ticket ${bundle}; note_sums "\${new[@]}"; : >${store}/ticket-0000.key; sweep_certificates; say swept`;
    assert.equal(run(sweep), "swept\n");
    const ticket = path.basename(run(`ticket_file ${bundle}`).trim());
    assert.deepEqual(fs.readdirSync(store).sort(), [`${hash(1)}.pem`, "sums", ticket, "unknown.pem"]);
    assert.deepEqual(fs.readFileSync(path.join(store, ticket)), Buffer.alloc(48, 7));
    assert.equal(run(`sweep_certificates ${root}/i; say swept`), "swept\n");
    assert.ok(!fs.existsSync(store));
  });
});
