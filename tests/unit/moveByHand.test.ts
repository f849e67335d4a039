/** loopback-ha-move on a router that routes: the real scripts with the kernel's routes and pins, and servers that answer a ping. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { renderServers } from "../../components/routerRoute/pinning";
import { renderChecks, renderRoutes, renderSettings } from "../../components/routerRoute/routes";

const COMPONENTS = path.join(__dirname, "../../components");
const SERVER_SUBNET = "192.0.2.0/27";
const SERVERS = ["web1", "web2", "web3", "web4"].map((name, i) => ({ name, address: `192.0.2.${i + 2}` }));
/** So many VIPs, each with a route of its own. */
const MANY = 250;
const VIPS = Array.from({ length: MANY }, (_, i) => `203.0.113.${i + 1}`);
/** In turns, so that each server has a quarter. */
const homeOf = (n: number): string => SERVERS[(n - 1) % SERVERS.length].name;

const SYSTEMCTL = "#!/bin/bash\n[[ $1 != is-enabled ]]\n";

// begin: a router and its servers, each in a network of its own. served SERVER: how many prefixes the kernel leads there.
const PRELUDE = `
exec 2>&1
set -eu
mount -t tmpfs none /run; mount -t tmpfs none /var/lib; mount -t tmpfs none /etc/systemd/system; mount -t tmpfs none /usr/local/sbin
mount --bind "$0/systemctl" "$(readlink -f /usr/bin/systemctl)"
ip link set lo up; ip link add host0 type bridge; ip link set host0 up; ip address add 192.0.2.1/27 dev host0
ip link add out0 type veth peer name out0-end; ip link set out0 up; ip link set out0-end up; ip address add 198.51.100.1/24 dev out0
echo 1 >/proc/sys/net/ipv4/ip_forward
for n in 1 2 3 4; do
  ip netns add web$n
  ip link add to$n type veth peer name eth0 netns web$n; ip link set to$n master host0 up
  ip -n web$n -batch - <<END
link set lo up
link set eth0 up
address add 192.0.2.$((n + 1))/27 dev eth0
route add default via 192.0.2.1
route add local 203.0.113.0/24 dev lo
END
done
served() { ip -4 route show proto 76 | grep -c "via 192.0.2.$((\${1#web} + 1)) " || true; }
move() { /usr/local/sbin/loopback-ha-move "$@"; }
all_of() { awk -v from=$1 -v to=$2 '$2 == from { print $1, to }' /var/lib/loopback-ha/*/current/want/routes; }
for ((i = 0; i < 100; i++)); do if ping -c 1 -W 1 192.0.2.5 >/dev/null; then break; fi; sleep 0.05; done
bash "$0/scripts/apply.sh" >/dev/null
`;

describe("loopback-ha-move (slow)", function () {
  this.timeout(120_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-move-"));
  before("a bundle as pulumi makes it", () => {
    for (const from of ["host/machine", "routerRoute", "routerRoute/linux"])
      fs.cpSync(path.join(COMPONENTS, from), path.join(folder, "scripts"), {
        recursive: true,
        filter: (file) => !fs.statSync(file).isDirectory() || file.endsWith(from),
      });
    const write = (name: string, text: string, mode = 0o644): void =>
      fs.writeFileSync(path.join(folder, name), text, { mode });
    fs.mkdirSync(path.join(folder, "want/private"), { recursive: true });
    write(
      "meta",
      "instance=farm.lab.r1.linux-routes\nstack=farm/lab\nrole=linux-routes\nmachine=r1\nversion=1\n",
    );
    write("systemctl", SYSTEMCTL, 0o755);
    const routes = VIPS.map((vip, i) => ({
      prefix: `${vip}/32`,
      server: homeOf(i + 1),
      nextHop: SERVERS.find(({ name }) => name === homeOf(i + 1))!.address,
    }));
    write("want/routes", renderRoutes(routes));
    write("want/servers", renderServers(SERVERS, SERVER_SUBNET));
    write("want/block", "203.0.113.0/24\n");
    write("want/settings", renderSettings({ serverSubnet: SERVER_SUBNET, pinFlows: false, checkSeconds: 5 }));
    write("want/private/vips", renderChecks(VIPS.map((vip) => ({ vip, site: "widgetco" }))));
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  const run = (script: string): string => {
    const { stdout, stderr } = spawnSync("unshare", ["-m", "-n", "bash", "-c", PRELUDE + script, folder], {
      encoding: "utf8",
    });
    return stdout + stderr;
  };
  const moved = "grep -c ', moved$' /run/report || true";
  const served = "for n in 1 2 3 4; do served web$n; done | xargs";

  it("moves everything of a dead server in one call, at once, and records each move", () => {
    const said = run(`
      move --down --from web2 $(all_of web2 web3) >/run/report
      ${moved}; ${served}; cd /var/lib/loopback-ha/*/current
      grep -c ' web2 web3 20' moved; cut -d ' ' -f 4 moved | uniq | wc -l; cut -d ' ' -f 1,3 want/servers | xargs
      # Back again, which is no move.
      move $(all_of web3 web2 | grep -f <(cut -d ' ' -f 1,2 moved)) >/run/report; ${served}; cd ../current; wc -l <moved`);
    assert.equal(
      said,
      ["63", "63 0 125 62", "63", "1", "web1 up web2 down web3 up web4 up", "63 63 62 62", "0", ""].join(
        "\n",
      ),
    );
  });

  it("names those that can't move, and moves the others", () => {
    const dead = run(`
      ip link set to3 down; ip neigh flush all
      move --down --from web2,web1 $(all_of web2 web3) $(all_of web1 web4) 203.0.113.4/32 web1 203.0.113.3/32 web9 >/run/report || echo code $?
      ${moved}; ${served}; ls /run/loopback-ha | grep move || true`);
    assert.equal(
      dead.replace(/^(.*)203\.0\.113\.2\/32, .* and 55 more: (.*)$/m, "$1MANY: $2"),
      [
        "loopback-ha-move: 203.0.113.4/32 goes to web4, and not to web2,web1",
        "loopback-ha-move: 203.0.113.3/32: web9 is not a server of this router; known servers: web1 web2 web3 web4",
        "loopback-ha-move: MANY: r1: web3 (192.0.2.4) does not answer at all. Is it running? If it is dead, set its state to down and run pulumi up again",
        "loopback-ha-move: 63 of 128 prefixes moved",
        ...["code 1", "63", "0 63 62 125", ""],
      ].join("\n"),
    );
  });

  it("moves the others when the new server does not answer for two of them", () => {
    const said = run(`
      for i in 3 7; do ip -n web4 route add unreachable 203.0.113.$i table local; done
      move --down $(all_of web3 web4) >/run/report || echo code $?; ${served}`);
    assert.match(
      said,
      /^loopback-ha-move: 203\.0\.113\.3\/32, 203\.0\.113\.7\/32: r1: widgetco on web4 does not answer for 203\.0\.113\.[37]: .*\. It was asked from 198\.51\.100\.1: check that server's .*\nloopback-ha-move: 60 of 62 prefixes moved\ncode 1\n63 63 2 122\n$/,
    );
  });

  it("takes a server that does not answer a ping for dead", () => {
    assert.equal(
      run(`
        ip link set to2 down; ip neigh flush all
        move $(all_of web2 web3) $(all_of web1 web4) | grep -v served; ${served}; cut -d ' ' -f 1,3 /var/lib/loopback-ha/*/current/want/servers | xargs`),
      "web2 does not answer a ping: its connections move too\n0 0 125 125\nweb1 up web2 down web3 up web4 up\n",
    );
  });

  it("refuses what it can't read, and changes nothing", () => {
    const one = "203.0.113.1/32";
    const said = run(
      [
        `${one}`,
        `${one} web2 203.0.113.5/32`,
        `'${one} web2' web3`,
        `--from 'web1 x' ${one} web2`,
        `${one} web2 ${one} web3`,
        `${one} web1`,
        `${one} web1 203.0.113.2/32 web2`,
      ]
        .map((words) => `! move ${words} 2>&1 | sed '/^$/,$d'; echo --; `)
        .join("") + served,
    );
    const usage = `usage: ${/usage: (.*?)END\n/s.exec(fs.readFileSync(path.join(folder, "scripts/move.sh"), "utf8"))![1]}\n`;
    assert.deepEqual(said.split("\n--\n"), [
      ...Array<string>(4).fill(usage.trim()),
      `loopback-ha-move: ${one} is given twice; nothing was changed`,
      `loopback-ha-move: ${one} goes to web1 already; nothing was changed`,
      `loopback-ha-move: ${one} goes to web1 already\nloopback-ha-move: 203.0.113.2/32 goes to web2 already\nloopback-ha-move: none of these 2 prefixes was moved`,
      "63 63 62 62\n",
    ]);
  });
});
