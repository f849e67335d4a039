import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { startLoad, targetsOf, whoServes } from "../../lab/client";
import { ExecResult, Lab } from "../../lab/lab";
import { LoadRecord, statsByVip } from "../../lab/load/record";
import { Project } from "../../lab/project";
import { sshArguments } from "../../components/host/ssh";
import { ciscoIos } from "../../components/routerRoute/ciscoIos";
import { renderSettings } from "../../components/routerRoute/routes";
import { assertOnlyOpenWereReset, configureFrr, emptyLab } from "./support";

const WIDGETCO = ["192.0.2.37", "192.0.2.69", "192.0.2.101", "192.0.2.133"];
const SERVERS = ["web1", "web2", "web3", "web4"];

/** FRR with its command line as login shell takes IOS's words, and routes for real. */
describe("kind cisco-ios on FRR's command line", () => {
  const lab = new Lab();
  let project: Project;
  let healthPath: string;

  const r1 = async (command: string): Promise<string> =>
    (await lab.exec("r1", ["bash", "-c", command], { check: true })).stdout;
  const lines = async (): Promise<string[]> =>
    (await r1("vtysh -c 'show running-config' | grep '^ip route' || true")).split("\n").filter(Boolean);
  const saved = (): Promise<string> => r1("cat /etc/frr/frr.conf");
  const up = async (): Promise<string> => {
    const { code, stdout, stderr } = await project.up();
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const serving = (): Promise<string[]> =>
    Promise.all(WIDGETCO.map((vip) => whoServes(lab, vip, "www.widgetco.example", healthPath)));

  before("r1 with FRR and a user who gets its command line, and another admin's routes", async () => {
    await emptyLab(lab);
    await r1(
      `systemctl enable --quiet --now frr
       useradd --create-home --shell /usr/bin/vtysh --groups frr,frrvty cisco
       install -d -o cisco -m 700 ~cisco/.ssh && install -o cisco -m 600 ~/.ssh/authorized_keys ~cisco/.ssh/
       ${configureFrr("ip route 203.0.113.0/24 198.51.100.10", "ip route 203.0.113.64/26 198.51.100.11 tag 5", "end", "write memory")}`,
    );
    project = new Project(lab);
    await project.init();
    await project.set("routers.r1.kind", "cisco-ios");
    await project.set("routers.r1.ssh.user", "cisco");
  });
  after("the farm goes, and r1 is as before", async () => {
    const { code, stdout, stderr } = await project.destroy();
    project.remove();
    await r1(
      "userdel --remove cisco 2>/dev/null; systemctl disable --quiet --now frr; truncate -s 0 /etc/frr/frr.conf",
    );
    assert.equal(code, 0, stdout + stderr);
  });

  it("builds the farm: saves its lines beside those of others; preview says what the kind can't do (story)", async () => {
    const preview = await project.pulumi(["preview", "--stack", "lab"]);
    assert.match(preview.stdout, /r1: kind cisco-ios can't ask a server/);
    const printed = await up();
    assert.match(printed, /warning: r1: it can't undo a change by itself/);
    healthPath = (await project.output("healthPath")) as string;
    assert.deepEqual(await serving(), SERVERS);
    const all = await lines();
    assert.equal(all.length, 7, all.join("\n"));
    assert.deepEqual(
      all.filter((line) => line.includes("203.0.113.")),
      ["ip route 203.0.113.0/24 198.51.100.10", "ip route 203.0.113.64/26 198.51.100.11 tag 5"],
    );
    assert.match(await saved(), /^ip route 192\.0\.2\.64\/27 192\.0\.2\.3 tag 76\d{7}$/m);
  });

  it("an old router, which speaks what OpenSSH no longer offers, is reached with the page's ssh_config", async () => {
    const page = fs.readFileSync(path.join(lab.checkout, "docs", "router-kinds.md"), "utf8");
    const [, config] = /^```\n(Host 192\.0\.2\.1\n[^`]*)```$/m.exec(page)!;
    fs.writeFileSync(project.file("ssh_config"), config);
    await r1(`ssh-keygen -q -t rsa -N '' -f /root/old-router
      mkdir -p /run/sshd; $(type -P sshd) -p 2222 -o PidFile=/run/old-router.pid -h /root/old-router -o HostKeyAlgorithms=ssh-rsa \\
        -o KexAlgorithms=diffie-hellman-group14-sha1 -o Ciphers=aes128-cbc
      for _ in {1..100}; do [[ ! $(ss -Hltn 'sport = :2222') ]] || break; sleep 0.05; done`);
    const login = (file: string): Promise<ExecResult> =>
      lab.exec("operator", [
        ...["ssh", "-F", file, "-p", "2222", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new"],
        ...["-o", `UserKnownHostsFile=${project.file("known_hosts")}`, "root@192.0.2.1", "echo in"],
      ]);
    try {
      const refused = await login("/dev/null");
      assert.match(refused.stderr, /no matching key exchange method found/);
      const { stdout, stderr } = await login(project.file("ssh_config"));
      assert.equal(stdout, "in\n", stderr);
    } finally {
      await r1("kill $(cat /run/old-router.pid); rm -f /root/old-router*");
    }
  });

  it("a second up changes nothing", async () => {
    const before = await r1("stat -c %Y.%s /etc/frr/frr.conf");
    assert.doesNotMatch(await up(), /updated|created|deleted/);
    assert.equal(await r1("stat -c %Y.%s /etc/frr/frr.conf"), before);
  });

  it("a flip under load; the prefix is never without a route, and a reboot keeps the new one (story)", async () => {
    const watch = await lab.spawn("r1", ["timeout", "60", "ip", "-4", "monitor", "route"]);
    let seen = "";
    watch.stdout?.setEncoding("utf8").on("data", (text: string) => (seen += text));
    await project.set("servers.web2.state", "maintenance");
    const site = { serverName: "www.widgetco.example", healthPath, vips: WIDGETCO };
    const load = await startLoad(lab, { targets: targetsOf(site), requestsPerSecond: 1000 });
    let record!: LoadRecord;
    await up().finally(async () => (record = await load.stop()));
    watch.kill();
    assert.equal(Object.keys(statsByVip(record)["192.0.2.69"].servers).at(-1), "web1");
    assertOnlyOpenWereReset(record, "192.0.2.69");
    assert.match(seen, /^192\.0\.2\.64\/27/m);
    assert.doesNotMatch(seen, /^Deleted 192\.0\.2\.64\/27/m);
    assert.deepEqual(await serving(), ["web1", "web1", "web3", "web4"]);
    assert.match(await saved(), /^ip route 192\.0\.2\.64\/27 192\.0\.2\.2 tag 76\d{7}$/m);
    await lab.reboot("r1");
    assert.deepEqual(await serving(), ["web1", "web1", "web3", "web4"]);
  });

  it("reports another admin's better route that shadows its own, and undoes the change", async () => {
    const before = await lines();
    await r1("ip route add 192.0.2.64/27 via 192.0.2.2 proto 99");
    await project.set("servers.web2.state", "active");
    const { code, stdout, stderr } = await project.up();
    await r1("ip route del 192.0.2.64/27 via 192.0.2.2 proto 99");
    assert.notEqual(code, 0);
    assert.match(
      stdout + stderr,
      /192\.0\.2\.64\/27 should go to web2 \(192\.0\.2\.3\) on r1, but it is shadowed by a kernel route/,
    );
    assert.match(stdout + stderr, /former routes are back/);
    assert.deepEqual(await lines(), before);
    await up();
    assert.deepEqual(await serving(), SERVERS);
  });

  it("checks from outside: a server that does not answer for what moved to it loses it again", async () => {
    const before = await lines();
    const instance = "loopback-ha.lab.r1.ios-routes";
    const keys = path.join(lab.folder, "ssh");
    const ssh = [
      ...["-i", path.join(keys, "id_ed25519"), "-o", `UserKnownHostsFile=${path.join(keys, "known_hosts")}`],
      ...sshArguments({ name: "r1", address: "192.0.2.1", ssh: { user: "cisco" } }),
    ];
    const farm = (server: number): string =>
      JSON.stringify({
        want: {
          routes: WIDGETCO.map((vip, i) => {
            const [prefix, number] = [
              vip.replace(/\d+$/, (host) => `${Number(host) - 5}/27`),
              i === 0 ? server : i + 1,
            ];
            return `${prefix} web${number} 192.0.2.${number + 1}\n`;
          }).join(""),
          block: "192.0.2.0/24\n",
          settings: renderSettings({ serverSubnet: "192.0.2.0/27", pinFlows: false, confirmSeconds: 0 }),
          "private/vips": WIDGETCO.map(
            (vip) => `${vip} widgetco http www.widgetco.example ${healthPath}\n`,
          ).join(""),
        },
      });
    const deliver = (server: number): Promise<ExecResult> =>
      lab.exec("client", ["node", ciscoIos.driver!.deliver], {
        env: {
          LOOPBACK_HA_MACHINE: "r1",
          LOOPBACK_HA_INSTANCE: instance,
          LOOPBACK_HA_SSH: ssh.join(" "),
        },
        input: farm(server),
        timeoutMs: 60_000,
      });
    await lab.exec("web2", ["systemctl", "stop", "apache2"], { check: true });
    const refused = await deliver(2);
    await lab.exec("web2", ["systemctl", "start", "apache2"], { check: true });
    assert.notEqual(refused.code, 0);
    assert.match(
      refused.stderr,
      /web2 does not answer for 192\.0\.2\.37 \(widgetco\) behind r1, asked from this computer; its former routes are back/,
    );
    assert.deepEqual(await lines(), before);
    for (const server of [2, 1]) {
      const { code, stderr } = await deliver(server);
      assert.deepEqual([code, stderr], [0, ""]);
    }
    assert.deepEqual(await lines(), before);
  });

  it("refuses another admin's line for one of the prefixes before it changes anything", async () => {
    await r1("vtysh -c 'configure terminal' -c 'ip route 192.0.2.160/27 198.51.100.10'");
    await project.set("network.vipSubnets", "5");
    const { code, stdout, stderr } = await project.up();
    await r1("vtysh -c 'configure terminal' -c 'no ip route 192.0.2.160/27 198.51.100.10'");
    await project.set("network.vipSubnets", "4");
    assert.notEqual(code, 0);
    assert.match(
      stdout + stderr,
      /a line not managed by this stack routes 192\.0\.2\.160\/27 on r1: .*nothing was changed/,
    );
  });

  it("destroy removes the farm's lines and leaves those of others, even without the checkout's files (story)", async () => {
    fs.renameSync(project.file("components"), project.file("components-away"));
    const { code, stdout, stderr } = await project.pulumi([
      "destroy",
      "--yes",
      "--skip-preview",
      "--stack",
      "lab",
    ]);
    fs.renameSync(project.file("components-away"), project.file("components"));
    assert.equal(code, 0, stdout + stderr);
    const others = ["ip route 203.0.113.0/24 198.51.100.10", "ip route 203.0.113.64/26 198.51.100.11 tag 5"];
    assert.deepEqual(await lines(), others);
    assert.doesNotMatch(await saved(), /192\.0\.2\./);
  });
});
