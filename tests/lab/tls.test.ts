/** Certificates as wanted state: on every server, renewed, refused, kept, and gone. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "../../lab/client";
import { hexOf } from "../../lab/load/http";
import { LoadRecord, Request, failures } from "../../lab/load/record";
import { Target } from "../../lab/load/spec";
import { makeKey } from "../../components/webServerPool/tls/makeCertificate.cjs";
import { TestPair, inDays, issue, makeAuthorities, sha256Of, writePair } from "../certificates";
import { bearableRate } from "./flips";
import { AWAY, Farm, SERVERS, textOf, within } from "./support";

const STORE = "/var/lib/loopback-ha/.certificates";
const THUMBPRINT = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";
const NAMES = ["www.widgetco.example", "widgetco.example"];
const SPROCKETS = ["www.sprockets.example"];

describe("https", function () {
  const farm = new Farm();
  const { lab } = farm;
  const { root, intermediate } = makeAuthorities();
  const certs = fs.mkdtempSync(path.join(os.tmpdir(), "https-"));
  const rootFile = path.join(certs, "root.pem");
  const put = (site: string, pair: TestPair): void => writePair(`${certs}/${site}`, pair);
  let widgetco = issue(intermediate, NAMES);
  const sprockets = issue(intermediate, SPROCKETS);
  let isDestroyed = false;

  /** The site by https, for a load. */
  const secure = (vips = farm.vips): Target[] =>
    farm.targets(vips).map((target) => ({ ...target, authority: root.certificate }));
  /** What a client is shown on a VIP for a name: the SHA-256 of the certificate. */
  const shown = async (vip: string, name: string): Promise<string> => {
    const script = `openssl s_client -connect ${vip}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`;
    const { stdout } = await lab.exec("client", ["bash", "-c", script]);
    return hexOf(stdout.trim().replace(/^.*=/, ""));
  };
  /** The same on all VIPs. */
  const shownOnAll = (name: string): Promise<string[]> =>
    Promise.all(farm.vips.map((vip) => shown(vip, name)));
  const onAll = (pair: TestPair): string[] => farm.vips.map(() => sha256Of(pair));
  /** Status, location and body of what curl gets on a VIP. */
  const get = async (vip: string, url: string): Promise<string> => {
    const { hostname, port, protocol } = new URL(url);
    const words = ["-sS", "--cacert", rootFile, "--max-time", "5"];
    const to = ["--resolve", `${hostname}:${port || (protocol === "https:" ? 443 : 80)}:${vip}`];
    const format = ["-w", "\\n%{http_code} %{content_type} %{redirect_url}"];
    const { stdout, stderr } = await lab.exec("client", ["curl", ...words, ...to, ...format, url]);
    return stdout + stderr;
  };
  const store = (server: string): Promise<string> => farm.sh(server, `ls ${STORE} 2>&1 || true`);
  const preview = async (env: Record<string, string> = {}): Promise<string> =>
    textOf(await farm.project.pulumi(["preview", "--diff", "--stack", "lab"], { env }));

  /** All that Apache reads and has loaded, and what of ours is there. */
  const traces = (server: string): Promise<string> =>
    farm.sh(
      server,
      "find /etc/apache2 -type f -exec sha256sum {} + | sort; find /etc/apache2 -type l -printf '%p %l\\n' | sort; ls -a /var/lib/loopback-ha /run/loopback-ha 2>&1; ss -Hltn 'sport = :443'; grep -oE 'mod_(ssl|headers)' /proc/$(systemctl show -P MainPID apache2)/maps | sort -u; true",
    );
  const untouched: Record<string, string> = {};

  before("a farm with two sites, and what servers had before", async () => {
    await farm.begin();
    for (const server of SERVERS) untouched[server] = await traces(server);
    fs.writeFileSync(rootFile, root.certificate);
    put("widgetco", widgetco);
    put("sprockets", sprockets);
    await farm.start({
      "tls.folder": certs,
      "tls.acmeThumbprint": THUMBPRINT,
      "tls.hsts": "300",
      "sites.sprockets.serverName": SPROCKETS[0],
      "sites.sprockets.documentRoot": "/srv/www/sprockets",
      "sites.sprockets.hostNumber": "7",
    });
  });
  after(async () => {
    fs.rmSync(certs, { recursive: true, force: true });
    if (!isDestroyed) await farm.destroy();
  });

  it("every server shows each site's certificate, and no site's for an unknown name (story)", async () => {
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(widgetco));
    assert.deepEqual(await shownOnAll(NAMES[1]), onAll(widgetco));
    for (const other of [await shownOnAll("nobody.example"), await shownOnAll(SPROCKETS[0])])
      for (const certificate of other) {
        assert.match(certificate, /^[0-9a-f]{64}$/);
        assert.notEqual(certificate, sha256Of(widgetco));
        assert.notEqual(certificate, sha256Of(sprockets));
      }
    const [vip] = farm.vips;
    assert.match(await get(vip, `https://${NAMES[0]}${farm.healthPath}`), /^web1 widgetco\n200 /);
    assert.match(
      await get(vip, `http://${NAMES[1]}/a?b=c`),
      /\n301 \S+ ?\S* https:\/\/widgetco\.example\/a\?b=c$/,
    );
    for (const scheme of ["http", "https"]) {
      const challenge = `${scheme}://${NAMES[0]}/.well-known/acme-challenge`;
      assert.equal(await get(vip, `${challenge}/t0k-n_`), `t0k-n_.${THUMBPRINT}\n200 text/plain `);
      assert.match(await get(vip, `${challenge}/%3Cscript%3E`), /\n404 /);
      assert.match(await get(vip, `${challenge}/`), /\n404 /);
    }
    const { stdout } = await lab.exec("client", [
      "bash",
      "-c",
      `curl -sSkI --resolve ${NAMES[0]}:443:${vip} https://${NAMES[0]}/ ; curl -sSk -o /dev/null -w '%{http_code}' --resolve nobody.example:443:${vip} https://nobody.example/`,
    ]);
    assert.match(stdout, /strict-transport-security: max-age=300\r/i);
    assert.match(stdout, /421$/);
  });

  it("the next run changes nothing, and only root can read keys", async () => {
    assert.match(await farm.up(), /Resources:\s+\d+ unchanged/);
    for (const server of SERVERS) {
      const modes = await farm.sh(server, `stat -c '%U:%G %a' ${STORE} ${STORE}/* | sort -u`);
      assert.equal(modes, "root:root 600\nroot:root 700\n");
    }
    const state = fs.readFileSync(farm.project.file("state/.pulumi/stacks/loopback-ha/lab.json"), "utf8");
    for (const { key } of [widgetco, sprockets])
      for (const line of key.split("\n").filter((text) => /^[^-]/.test(text)))
        assert.ok(!state.includes(line));
    assert.ok(state.includes(sha256Of(widgetco)));
  });

  it("a site's own page and certificate are checked over https, before a move and by status", async () => {
    const page = "/srv/www/widgetco/index.html";
    const problems = async (): Promise<string[]> =>
      (JSON.parse((await farm.project.cli(["status", "--json"])).stdout) as { problems: string[] }).problems;
    const [, web2, web3] = SERVERS;
    await Promise.all(
      SERVERS.filter((name) => name !== web3).map((name) => farm.sh(name, `echo a page >${page}`)),
    );
    const worse = /^site widgetco answers with status 40[34] on web3 .*, but with status 200 on web1, web2/;
    assert.match((await problems())[0], worse);
    await farm.set('overrides["192.0.2.64/27"]', web3);
    assert.match(
      await farm.failingUp(),
      /r1: site widgetco answers with status 40[34] on web3 \(192\.0\.2\.69\), but with status 200 on web2, which has it now; nothing was moved/,
    );
    await farm.sh(web3, `echo a page >${page}`);

    // As a server that has missed a renewal.
    const older = issue(intermediate, NAMES, { from: inDays(-40) });
    const file = `${STORE}/${sha256Of(widgetco)}.pem`;
    await farm.sh(
      web3,
      `cp -p ${file} /root/kept.pem; cat >${file} <<'END'\n${older.key}${older.chain}END\nsystemctl reload apache2`,
    );
    await within(10, "web3 shows it", async () => (await shown(farm.vips[2], NAMES[0])) === sha256Of(older));
    await farm.sh(web3, `mv /root/kept.pem ${file}`);
    const day = (days: number): string => inDays(days).toISOString().slice(0, 10);
    assert.ok(
      (await problems()).some((text) =>
        text.startsWith(`site widgetco answers with the certificate of ${day(-40)} on web3`),
      ),
    );
    assert.match(
      await farm.failingUp(),
      /answers with the older certificate of \S+ on web3 .*, but with the certificate of \S+ on web2, which/,
    );
    // Altered now, it is drift, which the run mends; Apache reads it then.
    await farm.sh(web3, `echo >>${file}`);
    await farm.up();
    assert.equal(await shown(farm.vips[2], NAMES[0]), sha256Of(widgetco));
    assert.match(await farm.up(), /Resources:\s+\d+ unchanged/);
    assert.equal((await farm.serving())[1], web3);
    await farm.drop("overrides");
    await farm.up();
    assert.equal((await farm.serving())[1], web2);
    assert.deepEqual(await problems(), []);
    await Promise.all(SERVERS.map((name) => farm.sh(name, `rm ${page}`)));
  });

  it("a renewal shows its days in the preview, loses no request, and is on every server when the run ends", async () => {
    await farm.sh("web2", "mv /usr/bin/openssl /usr/bin/openssl.away");
    const former = widgetco;
    widgetco = issue(intermediate, NAMES, { to: inDays(120) });
    put("widgetco", widgetco);
    const day = (days: number): string => inDays(days).toISOString().slice(0, 10);
    const diff = await preview();
    assert.match(diff, new RegExp(`expires ${day(89)} issued [^"]*${sha256Of(former)}`));
    assert.match(diff, new RegExp(`expires ${day(120)} issued [^"]*${sha256Of(widgetco)}`));
    assert.ok(!diff.includes(widgetco.key.split("\n")[1]));
    const requestsPerSecond = await bearableRate(lab, secure(), [300, 150, 75]);
    const load = await startLoad(lab, { targets: secure(), requestsPerSecond });
    await farm.up();
    const ended = load.mark("every server has it");
    await sleep(3000);
    const record = await load.stop();
    assert.deepEqual(failures(record), []);
    const shownIn = (requests: Request[]): Set<string | undefined> =>
      new Set(requests.map(({ certificate }) => certificate));
    for (const vip of farm.vips) {
      const asked = record.requests.filter((request) => request.vip === vip);
      const first = asked.filter((request) => request.ended < record.began + 500);
      const after = asked.filter((request) => request.started >= ended);
      assert.deepEqual(shownIn(first), new Set([sha256Of(former)]));
      assert.deepEqual(shownIn(after), new Set([sha256Of(widgetco)]));
    }
    for (const server of SERVERS) {
      const files = (await store(server)).split("\n");
      assert.equal(files.filter((name) => /^[0-9a-f]{64}\.pem$/.test(name)).length, 2, files.join());
      assert.equal(files.filter((name) => name.startsWith("ticket-")).length, 1);
    }
    await farm.sh("web2", "mv /usr/bin/openssl.away /usr/bin/openssl");
  });

  it("a site with TLS 1.3 only shows its certificate, and a wrong certificate is detected", async () => {
    await farm.set("sites.sprockets.tls", "true");
    await farm.set("tls.minimum", "TLSv1.3");
    await farm.up();
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(widgetco));
    const old = `openssl s_client -tls1_2 -connect ${farm.vips[0]}:443 -servername ${NAMES[0]} </dev/null 2>&1`;
    assert.match(
      (await lab.exec("client", ["bash", "-c", old])).stdout,
      /alert protocol version|no peer certificate/,
    );
    // Somebody's vhost that is asked first has our name, and his own certificate.
    const theirs = "/etc/apache2/sites-enabled/000-theirs.conf";
    await farm.sh(
      "web2",
      `cat >${theirs} <<END
<IfModule !ssl_module>
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Listen 443
</IfModule>
<VirtualHost ${farm.vips.map((vip) => `${vip}:443`).join(" ")}>
ServerName ${NAMES[0]}
SSLEngine On
SSLCertificateFile ${STORE}/unknown.pem
</VirtualHost>
END`,
    );
    try {
      put("widgetco", issue(intermediate, NAMES));
      assert.match(
        await farm.failingUp(),
        /web2: site widgetco shows another certificate on 192\.0\.2\.\d+\s[^]*the previous state is back in force/,
      );
    } finally {
      await farm.sh("web2", `rm -f ${theirs}; systemctl reload apache2`);
      put("widgetco", widgetco);
      await farm.drop("tls.minimum");
      await farm.drop("sites.sprockets.tls");
      await farm.up();
    }
  });

  it("a planned failover loses no https request, and sessions resume at the new server; a failover after a crash works, too", async () => {
    const [, vip] = farm.vips;
    const [http] = farm.targets([vip]);
    const [https] = secure([vip]);
    const of = ({ requests }: LoadRecord, target: "http" | "https", from: number): Request[] =>
      requests.filter(
        (it) => it.started >= from && ((it.certificate ?? it.resumed) !== undefined) === (target === "https"),
      );
    const targets = [http, https, { ...https, resumes: true }];
    const load = await startLoad(lab, { targets, requestsPerSecond: 150 });
    await sleep(1000);
    await farm.setState("web2", "maintenance");
    await farm.up();
    await sleep(2000);
    const flipped = await load.stop();
    assert.deepEqual(failures(flipped), []);
    for (const target of ["http", "https"] as const)
      assert.deepEqual(
        new Set(of(flipped, target, 0).map(({ server }) => server)),
        new Set(["web2", "web1"]),
      );
    const resuming = flipped.requests.filter(({ resumed }) => resumed);
    assert.ok(
      resuming.some(({ server }) => server === "web2") && resuming.some(({ server }) => server === "web1"),
    );
    // One handshake shows the certificate, the first one.
    const full = flipped.requests.filter(({ certificate }) => certificate);
    assert.ok(full.length < resuming.length * 1.1, `${full.length} full, ${resuming.length} resumed`);

    await farm.setState("web2", "active");
    await farm.up();
    const crash = await startLoad(lab, { targets, requestsPerSecond: 150, patienceMs: 1200 });
    await sleep(1000);
    await lab.crash("web2");
    try {
      await farm.setState("web2", "down");
      await farm.up();
      const healed = crash.mark("healed");
      await sleep(2000);
      const record = await crash.stop();
      const lost = failures(record);
      assert.deepEqual(failures(record, { after: healed }), []);
      assert.ok(
        lost.length > 0 && lost.every(({ failure }) => failure === "timeout" || failure === "unreachable"),
      );
      for (const target of ["http", "https"] as const) {
        const after = of(record, target, healed);
        assert.ok(after.length > 50, target);
        assert.deepEqual(new Set(after.map(({ server }) => server)), new Set(["web1"]));
      }
    } finally {
      await lab.start("web2");
      await farm.setState("web2", "active");
      await farm.up();
    }
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("without the folder nothing changes, a flip works, and a lost file is drift that the folder repairs", async () => {
    const away = `${certs}.away`;
    fs.renameSync(certs, away);
    const text = await preview();
    assert.match(
      text,
      /this computer has no certificate and key \(\S+\/gadgets\/fullchain\.pem\) for sprockets, widgetco: the certificates in force stay/,
    );
    assert.match(text, /for gadgets: http only until it does/);
    assert.match(text, /Resources:\s+\d+ unchanged/);
    await farm.setState("web2", "maintenance");
    await farm.up();
    assert.deepEqual(await farm.serving(), AWAY);
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(widgetco));
    await farm.setState("web2", "active");
    await farm.up();
    fs.renameSync(away, certs);
    await farm.sh(
      "web3",
      `echo >>${STORE}/${sha256Of(widgetco)}.pem; rm ${STORE}/${sha256Of(sprockets)}.pem`,
    );
    assert.match(await preview(), /- certificate of sprockets[^]*- certificate of widgetco/);
    await farm.up();
    assert.match(await farm.up(), /Resources:\s+\d+ unchanged/);
    assert.equal(await farm.sh("web3", `head -c 5 ${STORE}/${sha256Of(sprockets)}.pem`), "-----");
  });

  it("bad pairs are refused all at once if they would be delivered, and only warned about if they are in force", async () => {
    put("widgetco", { ...issue(intermediate, NAMES), key: makeKey() });
    put("sprockets", issue(intermediate, ["other.example"], { to: inDays(-2), from: inDays(-9) }));
    const said = await farm.failingUp();
    assert.match(
      said,
      /sites\.widgetco\.tls: \S+\/widgetco\/privkey\.pem is not the key of \S+\/widgetco\/fullchain\.pem/,
    );
    assert.match(
      said,
      /sites\.sprockets\.tls: \S+\/sprockets\/fullchain\.pem does not cover www\.sprockets\.example/,
    );
    assert.match(said, /sites\.sprockets\.tls: \S+\/sprockets\/fullchain\.pem expired on /);
    put("widgetco", { ...widgetco, key: makeKey() });
    fs.rmSync(`${certs}/sprockets/fullchain.pem`);
    await farm.setState("web2", "maintenance");
    const warned = await farm.up();
    assert.match(warned, /site widgetco: already in force: \S+\/widgetco\/privkey\.pem is not the key/);
    assert.deepEqual(await farm.serving(), AWAY);
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(widgetco));
    await farm.setState("web2", "active");
    put("widgetco", widgetco);
    put("sprockets", sprockets);
    await farm.up();
  });

  it("an expired certificate, a missing pair and a broken one neither slow nor stop a flip, and are named", async () => {
    const gadgets = issue(intermediate, ["www.gadgets.example"]);
    /** web2 goes down and comes back by the command line: how long the first took, and what it said. */
    const flip = async (): Promise<{ ms: number; said: string }> => {
      const began = Date.now();
      const down = await farm.project.cli(["down", "web2", "--yes"]);
      const ms = Date.now() - began;
      assert.equal(down.code, 0, textOf(down));
      assert.deepEqual(await farm.serving(), AWAY);
      await farm.setState("web2", "active");
      await farm.up();
      assert.deepEqual(await farm.serving(), SERVERS);
      return { ms, said: textOf(down) };
    };
    put("gadgets", gadgets);
    await farm.up();
    await flip();
    const [one, two] = [await flip(), await flip()];
    const expires = inDays(0, Date.now() + 45_000);
    const brief = issue(intermediate, NAMES, { to: expires });
    put("widgetco", brief);
    await farm.up();
    await sleep(Math.max(0, expires.getTime() + 1000 - Date.now()));
    fs.rmSync(`${certs}/sprockets`, { recursive: true });
    fs.writeFileSync(`${certs}/gadgets/fullchain.pem`, "-----BEGIN CERTIFICATE-----\nhalf of i");
    const [three, four] = [await flip(), await flip()];
    const sound = Math.min(one.ms, two.ms);
    const bad = Math.min(three.ms, four.ms);
    console.log(`      down web2: ${sound} ms with sound pairs, ${bad} ms with three that are not`);
    const day = expires.toISOString().slice(0, 10);
    for (const words of [
      new RegExp(`site widgetco: already in force: \\S+/widgetco/fullchain\\.pem expired on ${day}`),
      /site sprockets: \S+\/sprockets\/fullchain\.pem is missing\. The certificate in force stays/,
      /site gadgets: \S+\/gadgets\/fullchain\.pem has no certificate in PEM form\. The certificate in force stays/,
    ])
      assert.match(three.said, words);
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(brief));
    assert.equal(await shown("192.0.2.39", SPROCKETS[0]), sha256Of(sprockets));
    assert.equal(await shown("192.0.2.38", "www.gadgets.example"), sha256Of(gadgets));
    put("widgetco", widgetco);
    put("sprockets", sprockets);
    fs.rmSync(`${certs}/gadgets`, { recursive: true });
    await farm.up();
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(widgetco));
  });

  it("a site that leaves takes its key along, and destroy leaves neither key nor module nor port", async () => {
    await farm.set("sites.sprockets.tls", "false");
    await farm.up();
    for (const server of SERVERS) {
      const files = await store(server);
      assert.ok(files.includes(sha256Of(widgetco)) && !files.includes(sha256Of(sprockets)), files);
    }
    await farm.drop("tls");
    await farm.drop("sites.sprockets.tls");
    await farm.up();
    for (const server of SERVERS) {
      assert.match(await store(server), /No such file/);
      assert.equal(await farm.sh(server, "ss -Hltn 'sport = :443'"), "");
    }
    assert.deepEqual(await farm.serving(), SERVERS);
    await farm.set("tls.folder", certs);
    await farm.up();
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(widgetco));
    isDestroyed = true;
    await farm.destroy();
    for (const server of SERVERS) assert.equal(await traces(server), untouched[server]);
    // Nor does a key lie anywhere else.
    const secrets = [widgetco, sprockets].map(({ key }) => key.split("\n")[1]);
    const search = "grep -rlaFf - / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev 2>/dev/null; true";
    for (const server of SERVERS) {
      const { stdout } = await lab.exec(server, ["bash", "-c", search], { input: `${secrets.join("\n")}\n` });
      assert.equal(stdout, "");
    }
  });
});
