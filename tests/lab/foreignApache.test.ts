/** Whatever somebody has left in Apache's configuration, a change of ours does not end it. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { FarmStatus } from "../../cli/status/model";
import { whoServes } from "../../lab/client";
import { hexOf } from "../../lab/load/http";
import { issue, makeAuthorities, sha256Of, writePair } from "../certificates";
import { Farm, SERVERS, textOf } from "./support";

const CONF = "/etc/apache2/conf-enabled/zz-foreign.conf";
const NO_TRIAL = "/etc/apache2/loopback-ha.no-trial";
const SQUATTER = `/usr/bin/perl -MIO::Socket::INET -e 'push @ARGV, IO::Socket::INET->new(LocalPort => 443, Listen => 1, ReuseAddr => 1); sleep 900'`;
const KEYS = "/root/foreign-keys";
const modules = (...names: string[]): string =>
  names.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join("");

/** What no test of Apache's own sees, by server, and what the operator must read. */
const LEFT: Record<string, [string, RegExp]> = {
  web1: ["Listen 443", new RegExp(`web1: port 443 is in use by another program \\(perl.*${CONF}:1`)],
  web2: [
    `${modules("ssl", "socache_shmcb")}Listen 8443
<VirtualHost *:8443>
SSLEngine on
SSLCertificateFile ${KEYS}/a.crt
SSLCertificateKeyFile ${KEYS}/b.key
</VirtualHost>`,
    new RegExp(`web2: Apache would stop .*${KEYS}/a\\.crt and ${KEYS}/b\\.key do not match`),
  ],
  web3: [
    "Listen 10.9.9.9:81",
    /web3: Apache would stop .*could not bind to address 10\.9\.9\.9:81.*nothing was changed/,
  ],
  web4: [
    `${modules("rewrite")}CustomLog "|/usr/local/bin/foreign a" combined
ErrorLog "||/usr/local/bin/foreign"
Define FOREIGN "|/usr/local/bin/foreign"
CustomLog \${FOREIGN} combined
RewriteMap x prg:/usr/local/bin/foreign
Listen 10.9.9.9:81`,
    /web4: Apache would stop .*10\.9\.9\.9:81/,
  ],
};

/** The same where sites have https, and `ssl_module` and the port come with our own file. */
const SECURE = `${modules("ssl", "socache_shmcb")}Listen 443\n`;
const theirs = (lines: string): string =>
  `${SECURE}<VirtualHost *:443>\nServerName theirs.example\nSSLEngine on\n${lines}\n</VirtualHost>`;
const LEFT_SECURE: Record<string, [string, RegExp]> = {
  web1: [
    "Listen 443",
    new RegExp(
      `web1: Apache listens on port 443 without ssl_module \\(\\S+ \\(${CONF}:1\\)\\); nothing was changed`,
    ),
  ],
  web2: [
    theirs(`SSLCertificateFile ${KEYS}/a.crt\nSSLCertificateKeyFile ${KEYS}/b.key`),
    new RegExp(
      `web2: Apache would stop .*${KEYS}/a\\.crt and ${KEYS}/b\\.key do not match.*nothing was changed`,
    ),
  ],
  web3: [
    theirs(`SSLCertificateFile ${KEYS}/no.crt\nSSLCertificateKeyFile ${KEYS}/a.key`),
    /web3: Apache would stop .*no\.crt.*nothing was changed/,
  ],
  web4: [
    `${SECURE}Listen 10.9.9.9:443`,
    /web4: Apache would stop .*could not bind to address 10\.9\.9\.9:443.*nothing was changed/,
  ],
};

/** Which a reload does not bear. */
const mpm = (from: string, to: string): string => `a2dismod -q -f mpm_${from} || true; a2enmod -q mpm_${to}`;

// Ours are not the only files there.
const TRACES = `find /var/log/apache2 /run/apache2 /run/lock /dev/shm /tmp /etc/apache2 -not -type d -printf '%p %s %T@ %i\\n' | sort; ipcs -ms; ls /run/loopback-ha; pgrep -c apache2; ls /root/foreign-ran 2>&1; true`;

describe("Apache as it is found", function () {
  const farm = new Farm();
  const certs = fs.mkdtempSync(path.join(os.tmpdir(), "https-"));
  let isDestroyed = false;
  const all = (command: (server: string) => string): Promise<string[]> =>
    Promise.all(SERVERS.map((server) => farm.sh(server, command(server))));
  const leave = (text: string): string => `cat >${CONF} <<'END'\n${text}\nEND\n`;
  const traces = (): Promise<string[]> => all(() => TRACES);

  before("a farm in the lab", async () => {
    await farm.build();
    await all(
      () => `mkdir ${KEYS}; cd ${KEYS}
echo no certificate >no.crt
openssl req -x509 -newkey rsa:2048 -nodes -keyout a.key -out a.crt -subj /CN=a 2>/dev/null; openssl genrsa -out b.key 2048 2>/dev/null
printf '#!/bin/sh\\ntouch /root/foreign-ran\\nexec cat >/dev/null\\n' >/usr/local/bin/foreign; chmod +x /usr/local/bin/foreign
systemd-run --quiet --unit=squatter ${SQUATTER}`,
    );
  });
  after(async () => {
    try {
      if (!isDestroyed) await farm.destroy();
    } finally {
      fs.rmSync(certs, { recursive: true });
      const left = `${CONF} ${NO_TRIAL} ${KEYS} /usr/local/bin/foreign /root/foreign-ran`;
      await all(
        () =>
          `rm -rf ${left}; ${mpm("worker", "event")}; systemctl stop squatter || true; systemctl restart apache2`,
      );
    }
  });

  it("loses no server, leaves no trace of its trial start, and runs no program of others", async () => {
    await all((server) => leave(LEFT[server][0]));
    await farm.set("sites.sprockets.serverName", "www.sprockets.example");
    await farm.set("sites.sprockets.documentRoot", "/srv/www/sprockets");
    await farm.set("sites.sprockets.hostNumber", "7");
    const before = await traces();
    const said = await farm.failingUp();
    assert.deepEqual(await farm.serving(), SERVERS);
    for (const server of SERVERS) assert.match(said, LEFT[server][1]);
    assert.deepEqual(await traces(), before);
  });

  it("loses one server where no trial start was possible, quotes Apache, and leaves the other servers untouched", async () => {
    await all(() => `touch ${NO_TRIAL}; ${leave(LEFT.web3[0])}`);
    const untouched = (): Promise<string[]> =>
      all(
        () => "cat /etc/apache2/sites-enabled/loopback-ha.*; ls /var/lib/loopback-ha/*/in-doubt 2>&1; true",
      );
    const before = await untouched();
    const said = await farm.failingUp();
    const live = async (): Promise<string[]> =>
      (await all(() => "systemctl is-active apache2 || true")).map((text) => text.trim());
    assert.deepEqual(await live(), ["failed", "active", "active", "active"]);
    // Whoever just runs it again loses no other.
    await farm.failingUp();
    assert.deepEqual(await live(), ["failed", "active", "active", "active"]);
    // Nor does a run without web1, whose config has the change still.
    await farm.setState("web1", "down");
    assert.match(
      await farm.failingUp(),
      /web2: untouched\. an earlier run tried this change on web1, which failed; web1 is not part of this run/,
    );
    assert.deepEqual(await farm.serving(), ["web2", ...SERVERS.slice(1)]);
    await farm.setState("web1", "active");
    assert.deepEqual((await untouched()).slice(1), before.slice(1));
    for (const words of [
      `web1: Apache's configuration can't be tried before the reload \\(${NO_TRIAL} exists\\)`,
      "web1: Apache did not load its configuration: .*could not bind to address 10\\.9\\.9\\.9:81",
      "Apache is not running on web1 now.*loopback-ha down web1",
      ...SERVERS.slice(1).map((name) => `${name}: untouched\\. web1 got this change first and failed`),
    ])
      assert.match(said, new RegExp(words));
    await all(() => `rm ${CONF} ${NO_TRIAL}`);
    await farm.up();
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("names a foreign virtual host that a site's would hide, before and after", async () => {
    await farm.sh("web2", leave("<VirtualHost *:80>\nServerName www.shop.example\n</VirtualHost>"));
    const place = `also serves www\\.shop\\.example \\(${CONF}:2\\)\\. On the site's VIPs this stack's virtual host answers instead`;
    const words = new RegExp(`site shop: a virtual host not managed by this stack on web2 ${place}`);
    const named = ["--server-name", "www.shop.example", "--document-root", "/srv/www/shop"];
    const add = ["site", "add", "shop", ...named, "--contact", "hostmaster@shop.example", "--yes"];
    const refused = await farm.project.cli(add);
    assert.notEqual(refused.code, 0);
    assert.match(textOf(refused), words);
    assert.match(textOf(refused), /Nothing was touched.*--hide-existing/);
    const added = await farm.project.cli([...add, "--hide-existing"]);
    assert.equal(added.code, 0, textOf(added));
    assert.match(textOf(added), words);
    const [previewed, { stdout }, onMachine] = await Promise.all([
      farm.project.cli(["preview"]),
      farm.project.cli(["status", "--json"]),
      farm.sh(
        "web2",
        "bash /var/lib/loopback-ha/loopback-ha.lab.web-web2.vhosts/current/scripts/apply.sh 2>&1",
      ),
    ]);
    assert.match(textOf(previewed), words);
    const { notes, problems } = JSON.parse(stdout) as FarmStatus;
    assert.match(notes.join("\n"), words);
    assert.deepEqual(problems, []);
    assert.match(
      onMachine,
      new RegExp(`warning: web2: site shop: a virtual host not managed by this stack ${place}`),
    );
    await farm.sh("web2", `rm ${CONF}`);
  });

  it("with https, `site add` loses no server, whatever piece of https configuration Apache has not read yet", async () => {
    await all(() => "systemctl stop squatter");
    const pair = issue(makeAuthorities().intermediate, ["www.widgetco.example", "widgetco.example"]);
    writePair(`${certs}/widgetco`, pair);
    await farm.set("tls.folder", certs);
    await farm.up();
    const shown = (): Promise<string[]> =>
      Promise.all(
        farm.vips.map((vip) =>
          farm.sh(
            "client",
            `openssl s_client -connect ${vip}:443 -servername www.widgetco.example </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`,
          ),
        ),
      );
    const onAll = await shown();
    assert.deepEqual(
      new Set(onAll.map((text) => hexOf(text.trim().replace(/^.*=/, "")))),
      new Set([sha256Of(pair)]),
    );
    await all((server) => leave(LEFT_SECURE[server][0]));
    const before = await traces();
    const named = ["--server-name", "www.bolts.example", "--document-root", "/srv/www/bolts"];
    const add = ["site", "add", "bolts", ...named, "--contact", "hostmaster@bolts.example", "--yes"];
    const refused = await farm.project.cli(add);
    assert.notEqual(refused.code, 0);
    for (const server of SERVERS) assert.match(textOf(refused), LEFT_SECURE[server][1]);
    assert.deepEqual(await farm.serving(), SERVERS);
    assert.deepEqual(await shown(), onAll);
    assert.deepEqual(await traces(), before);
    await all(() => `rm ${CONF}`);
    await farm.up();
    assert.deepEqual(await shown(), onAll);
    const { bolts } = (await farm.project.output("sites")) as Record<string, string[]>;
    assert.equal(await whoServes(farm.lab, bolts[1], "www.bolts.example", farm.healthPath), "web2");
  });

  it("loses no Apache in a removal either", async () => {
    await farm.sh("web3", leave(LEFT.web3[0]));
    await farm.sh("web4", mpm("event", "worker"));
    const { code, stdout, stderr } = await farm.project.destroy();
    isDestroyed = true;
    farm.project.remove();
    assert.equal(code, 0, stdout + stderr);
    assert.match(
      stdout + stderr,
      /web3: Apache was not reloaded, because that would stop it: .*10\.9\.9\.9:81/,
    );
    assert.match(
      stdout + stderr,
      /web4: Apache was not reloaded, .*: it runs with mpm_event, but its configuration now has mpm_worker/,
    );
    for (const server of ["web3", "web4"]) {
      assert.equal((await farm.sh(server, "systemctl is-active apache2")).trim(), "active");
      // What it has read it has still: no key of ours need lie there any more.
      assert.equal(await farm.sh(server, "ls -A /var/lib/loopback-ha 2>/dev/null || true"), "");
    }
  });
});
