/** Whatever somebody has left in Apache's configuration, a change of ours does not end it. */
import assert from "node:assert/strict";
import { Farm, SERVERS } from "./support";

const CONF = "/etc/apache2/conf-enabled/zz-foreign.conf";
const NO_TRIAL = "/etc/apache2/loopback-ha.no-trial";
const SQUATTER = `/usr/bin/perl -MIO::Socket::INET -e 'push @ARGV, IO::Socket::INET->new(LocalPort => 443, Listen => 1, ReuseAddr => 1); sleep 900'`;
const KEYS = "/root/foreign-keys";
const modules = (...names: string[]): string =>
  names.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join("");

/** What no test of Apache's own sees, by server, and what the operator must read. */
const LEFT: Record<string, [string, RegExp]> = {
  web1: ["Listen 443", new RegExp(`web1: port 443 is held by another program \\(perl.*${CONF}:1`)],
  web2: [
    `${modules("ssl", "socache_shmcb")}Listen 8443
<VirtualHost *:8443>
SSLEngine on
SSLCertificateFile ${KEYS}/a.crt
SSLCertificateKeyFile ${KEYS}/b.key
</VirtualHost>`,
    new RegExp(`web2: Apache would end .*${KEYS}/a\\.crt and ${KEYS}/b\\.key do not match`),
  ],
  web3: [
    "Listen 10.9.9.9:81",
    /web3: Apache would end .*could not bind to address 10\.9\.9\.9:81.*nothing was changed/,
  ],
  web4: [
    `${modules("rewrite")}CustomLog "|/usr/local/bin/foreign a" combined
ErrorLog "||/usr/local/bin/foreign"
Define FOREIGN "|/usr/local/bin/foreign"
CustomLog \${FOREIGN} combined
RewriteMap x prg:/usr/local/bin/foreign
Listen 10.9.9.9:81`,
    /web4: Apache would end .*10\.9\.9\.9:81/,
  ],
};

// Ours are not the only files there.
const TRACES = `find /var/log/apache2 /run/apache2 /run/lock /dev/shm /tmp /etc/apache2 -not -type d -printf '%p %s %T@ %i\\n' | sort; ipcs -ms; ls /run/loopback-ha; pgrep -c apache2; ls /root/foreign-ran 2>&1; true`;

describe("Apache as it is found", function () {
  const farm = new Farm();
  let isDestroyed = false;
  const all = (command: (server: string) => string): Promise<string[]> =>
    Promise.all(SERVERS.map((server) => farm.sh(server, command(server))));
  const leave = (server: string): string => `cat >${CONF} <<'END'\n${LEFT[server][0]}\nEND\n`;
  const traces = (): Promise<string[]> => all(() => TRACES);

  before("a farm in the lab", async () => {
    await farm.build();
    await all(
      () => `mkdir ${KEYS}; cd ${KEYS}
openssl req -x509 -newkey rsa:2048 -nodes -keyout a.key -out a.crt -subj /CN=a 2>/dev/null; openssl genrsa -out b.key 2048 2>/dev/null
printf '#!/bin/sh\\ntouch /root/foreign-ran\\nexec cat >/dev/null\\n' >/usr/local/bin/foreign; chmod +x /usr/local/bin/foreign
systemd-run --quiet --unit=squatter ${SQUATTER}`,
    );
  });
  after(async () => {
    try {
      if (!isDestroyed) await farm.destroy();
    } finally {
      const left = `${CONF} ${NO_TRIAL} ${KEYS} /usr/local/bin/foreign /root/foreign-ran`;
      await all(() => `rm -rf ${left}; systemctl stop squatter || true; systemctl restart apache2`);
    }
  });

  it("loses no server, leaves no trace of its trial, and runs nobody's program", async () => {
    await all(leave);
    await farm.set("sites.sprockets.serverName", "www.sprockets.example");
    await farm.set("sites.sprockets.documentRoot", "/srv/www/sprockets");
    await farm.set("sites.sprockets.hostNumber", "7");
    const before = await traces();
    const said = await farm.failingUp();
    assert.deepEqual(await farm.serving(), SERVERS);
    for (const server of SERVERS) assert.match(said, LEFT[server][1]);
    assert.deepEqual(await traces(), before);
  });

  it("says in Apache's own words what keeps it down where nobody was to try", async () => {
    await all((server) => (server === "web3" ? `touch ${NO_TRIAL}` : `rm ${CONF}`));
    const said = await farm.failingUp();
    assert.match(
      said,
      new RegExp(
        `web3: Apache's configuration can't be tried before it is reloaded \\(${NO_TRIAL} is there\\)`,
      ),
    );
    assert.match(
      said,
      /web3: Apache did not take its configuration: .*could not bind to address 10\.9\.9\.9:81/,
    );
    assert.match(said, /Apache does not run on web3 now.*loopback-ha down web3/);
    await farm.sh("web3", `rm ${CONF} ${NO_TRIAL}`);
    await farm.up();
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("a removal ends no Apache either", async () => {
    await farm.sh("web3", leave("web3"));
    const { code, stdout, stderr } = await farm.project.destroy();
    isDestroyed = true;
    farm.project.remove();
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout + stderr, /web3: Apache was not reloaded, which would end it: .*10\.9\.9\.9:81/);
    assert.equal((await farm.sh("web3", "systemctl is-active apache2")).trim(), "active");
  });
});
