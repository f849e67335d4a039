import assert from "node:assert/strict";
import * as fs from "node:fs";
import { clientAddresses, startLoad, targetsOf, underLoad, whoServes } from "../../lab/client";
import { ExecResult, Lab } from "../../lab/lab";
import { LoadRecord } from "../../lab/load/record";
import { Project } from "../../lab/project";
import {
  AWAY,
  CUT_SSH,
  HEAL_SSH,
  assertOnlyOpenWereReset,
  configureFrr,
  emptyLab,
  oncePending,
} from "./support";

const WIDGETCO = ["192.0.2.37", "192.0.2.69", "192.0.2.101", "192.0.2.133"];
const SERVERS = ["web1", "web2", "web3", "web4"];

/** However often it was started just now: systemd refuses a fourth start within three minutes. */
const START_FRR = "systemctl reset-failed frr; systemctl start frr";

/** Another admin's FRR: saved lines, and one that is not saved. */
const ADMIN = `
  cp -a /etc/frr /root/frr.before
  printf '%s\\n' '! core router, see the wiki' 'ip prefix-list customers seq 5 permit 203.0.113.0/24' \
    'ip route 203.0.113.0/25 192.0.2.5' 'ip route 192.0.2.96/27 192.0.2.10 200' '!' >>/etc/frr/frr.conf
  systemctl enable --now frr && sleep 1`;
const UNSAVED = configureFrr("ip route 203.0.113.128/25 192.0.2.4 tag 9");
const SAVED = "cd /etc/frr; stat -c '%n %U:%G %a' *; cat *.conf";
/** What must be as before after a destroy. */
const PICTURE = `vtysh -c 'show running-config'; ip -4 route show table all | sed 's/ nhid [0-9]*//' | sort; ip -4 rule; nft list ruleset
  ls /var/lib/loopback-ha /run/loopback-ha /etc/systemd/system 2>&1`;

describe("router kind frr", function () {
  const lab = new Lab();
  let project: Project;
  let healthPath: string;
  let pristine: string;
  let saved: string;

  const sh = (name: string, command: string): Promise<ExecResult> => lab.exec(name, ["bash", "-c", command]);
  const r1 = async (command: string): Promise<string> => (await sh("r1", command)).stdout;
  const text = ({ stdout, stderr }: ExecResult): string => stdout + stderr;
  const expectUp = async (): Promise<string> => {
    const result = await project.up();
    assert.equal(result.code, 0, text(result));
    return result.stdout;
  };
  const serving = (): Promise<string[]> =>
    Promise.all(WIDGETCO.map((vip) => whoServes(lab, vip, "www.widgetco.example", healthPath)));
  const state = (server: string, value: string): Promise<void> =>
    project.set(`servers.${server}.state`, value);
  const until = async (seconds: number, check: () => Promise<boolean>): Promise<void> => {
    const end = Date.now() + seconds * 1000;
    while (!(await check())) {
      assert.ok(Date.now() < end, `not within ${seconds} s`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const areServed = async (servers: string[]): Promise<boolean> =>
    JSON.stringify(await serving()) === JSON.stringify(servers);
  const site = () => ({ serverName: "www.widgetco.example", healthPath, vips: WIDGETCO });
  /** What the kernel's routing tables of the router see meanwhile, one line a change. */
  const monitored = async (work: () => Promise<unknown>): Promise<string[]> => {
    const monitor = await lab.spawn("r1", ["ip", "-4", "monitor", "route"]);
    let printed = "";
    monitor.stdout?.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk));
    const ended = new Promise((resolve) => monitor.once("close", resolve));
    await new Promise((resolve) => setTimeout(resolve, 300));
    try {
      await work();
      await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      monitor.kill();
      await ended;
    }
    // The health check's own table is not one that traffic uses.
    return printed.split("\n").filter((line) => line && !/ table 7676 | cache/.test(line));
  };

  before("a router with another admin's FRR", async () => {
    await emptyLab(lab);
    const { code, stderr } = await sh("r1", ADMIN);
    assert.equal(code, 0, stderr);
    await r1(UNSAVED);
    pristine = await r1(PICTURE);
    saved = await r1(SAVED);
    project = new Project(lab);
    await project.init();
    await project.set("routers.r1.kind", "frr");
  });
  after("the router without FRR", async () => {
    if (fs.existsSync(project.folder)) await project.destroy();
    project.remove();
    // What the test of two routers may have left when it failed.
    await sh("web4", "sysctl -qw net.ipv4.ip_forward=0; ip address del 203.0.113.5/32 dev lo");
    await r1("ip route del 203.0.113.5/32 via 192.0.2.5");
    await r1(
      "systemctl disable --now frr; if test -e /root/frr.before; then rm -rf /etc/frr; mv /root/frr.before /etc/frr; fi",
    );
  });

  it("is built by one up: zebra has the routes in the kernel, and the preview says what this kind can't do (story)", async () => {
    const { stdout } = await project.pulumi(["preview", "--stack", "lab"], { check: true });
    assert.match(stdout, /kind frr can't pin flows/);
    await expectUp();
    healthPath = (await project.output("healthPath")) as string;
    assert.deepEqual(await serving(), SERVERS);
    const routes = await r1("ip -4 route show proto 196");
    SERVERS.forEach((_, i) =>
      assert.match(routes, new RegExp(`192\\.0\\.2\\.${32 * (i + 1)}/27 .*via 192\\.0\\.2\\.${i + 2} `)),
    );
    assert.match(routes, /unreachable 192\.0\.2\.0\/24/);
    // Not written memory: what the other admin has not saved is still not saved.
    const saves = await r1("cat /etc/frr/frr.conf");
    assert.match(saves, /ip route 192\.0\.2\.64\/27 192\.0\.2\.3 tag 7676/);
    assert.doesNotMatch(saves, /tag 9/);
  });

  it("has nothing to change in a second run", async () => {
    const look = "find /etc/frr /var/lib/loopback-ha -printf '%p %C@\\n' | sort";
    const before = await r1(look);
    const changes = await monitored(async () => {
      assert.doesNotMatch(await expectUp(), /updated|created|deleted/);
      const again = await sh("r1", "bash /var/lib/loopback-ha/*.frr-routes/current/scripts/apply.sh");
      assert.equal(again.code, 0, again.stderr);
    });
    assert.deepEqual(changes, []);
    assert.equal(await r1(look), before);
  });

  for (const [time, from] of [
    ["(story)", 0],
    ["and once more", 4],
  ] as const) {
    it(`flips make-before-break, there and back: the kernel sees one replace for the prefix that moves ${time}`, async () => {
      const flips = [
        ["maintenance", AWAY, 2],
        ["active", SERVERS, 3],
      ] as const;
      for (const [i, [value, expected, hop]] of flips.entries()) {
        await state("web2", value);
        // Not a port of a flip before, see assertOnlyOpenWereReset.
        const sources = clientAddresses.slice(from + 2 * i, from + 2 * i + 2);
        const load = await startLoad(lab, { targets: targetsOf(site()), requestsPerSecond: 1000, sources });
        let record!: LoadRecord;
        const changes = await monitored(expectUp).finally(async () => (record = await load.stop()));
        assert.equal(changes.length, 1, changes.join("\n"));
        assert.match(changes[0], new RegExp(`^192\\.0\\.2\\.64/27 .*via 192\\.0\\.2\\.${hop} `));
        assert.deepEqual(await serving(), expected);
        assertOnlyOpenWereReset(record, WIDGETCO[1]);
      }
      assert.match(
        await r1("vtysh -c 'show running-config'"),
        /ip route 203\.0\.113\.128\/25 192\.0\.2\.4 tag 9/,
      );
    });
  }

  for (const [what, line, message] of [
    [
      "a static route with a better distance is refused before anything is changed",
      "ip route 192.0.2.64/27 192.0.2.10",
      /r1: a route not managed by this stack exists for 192\.0\.2\.64\/27 already \(FRR has it as static, distance 1, next hop 192\.0\.2\.10\); nothing was changed/,
    ],
    [
      "another admin's line that is the same to FRR is refused before anything is changed",
      "ip route 192.0.2.64/27 192.0.2.2 200",
      /r1: the line 'ip route 192\.0\.2\.64\/27 192\.0\.2\.2' exists with another tag or distance, not managed by this stack.*nothing was changed/,
    ],
    [
      "another admin's longer prefix, beside the first address, is refused before anything is changed",
      "ip route 192.0.2.80/28 192.0.2.10",
      /192\.0\.2\.64\/27 should go to web1 \(192\.0\.2\.2\), but a more specific route not managed by this stack sends part of it elsewhere: 192\.0\.2\.80\/28 via 192\.0\.2\.10 dev host0\. .*vtysh.*; nothing was moved/,
    ],
  ] as const) {
    it(what, async () => {
      await state("web2", "maintenance");
      await r1(`vtysh -c 'configure terminal' -c '${line}'`);
      const result = await project.up();
      await r1(`vtysh -c 'configure terminal' -c 'no ${line}'`);
      assert.notEqual(result.code, 0, text(result));
      assert.match(text(result), message);
      await until(2, () => areServed(SERVERS));
      await expectUp();
      assert.deepEqual(await serving(), AWAY);
      await state("web2", "active");
      await expectUp();
      assert.deepEqual(await serving(), SERVERS);
    });
  }

  it("another admin's better route to one prefix does not stop the move of another, and is reported once", async () => {
    const line = "ip route 192.0.2.96/27 192.0.2.10";
    await r1(`vtysh -c 'configure terminal' -c '${line}'`);
    try {
      await state("web2", "maintenance");
      const result = await project.up();
      assert.equal(result.code, 0, text(result));
      const said: string[] = text(result).match(/warning: r1: .*192\.0\.2\.96\/27.*/g) ?? [];
      assert.equal(new Set(said).size, 1, text(result));
      assert.match(
        said[0],
        /a route not managed by this stack exists for 192\.0\.2\.96\/27 already \(FRR has it as static, distance 1/,
      );
      assert.match(await r1("ip route show 192.0.2.64/27"), /via 192\.0\.2\.2 /);
      assert.match(await r1("ip route show 192.0.2.96/27"), /via 192\.0\.2\.10 /);
    } finally {
      await r1(`vtysh -c 'configure terminal' -c 'no ${line}'`);
    }
    await state("web2", "active");
    await expectUp();
    assert.deepEqual(await serving(), SERVERS);
  });

  it("another admin's line for the block replaces the farm's, and stays as it is", async () => {
    const configure = (line: string): Promise<string> => r1(`vtysh -c 'configure terminal' -c '${line}'`);
    const block = async (): Promise<string[]> =>
      (await r1("vtysh -c 'show running-config'"))
        .split("\n")
        .filter((line) => line.includes(" 192.0.2.0/24 "));
    await configure("ip route 192.0.2.0/24 Null0");
    const [theirs, ...more] = await block();
    assert.deepEqual([more, /tag 7676/.test(theirs)], [[], false]);
    await state("web2", "maintenance");
    await expectUp();
    assert.deepEqual(await block(), [theirs]);
    await configure(`no ${theirs}`);
    await state("web2", "active");
    await expectUp();
    assert.match((await block()).join(), /^ip route 192\.0\.2\.0\/24 reject tag 7676/);
  });

  it("the router undoes an unconfirmed flip by itself, and comes up without it after a reboot", async () => {
    const conf = (): Promise<string> => r1("cat /etc/frr/frr.conf");
    const before = await conf();
    await project.set("routers.r1.confirmSeconds", "5");
    await state("web2", "maintenance");
    /** Between apply and confirmation; what is saved then. */
    const cut = async (meanwhile: () => Promise<void>): Promise<void> => {
      const happened = r1(oncePending("frr", `${CUT_SSH}; cat /etc/frr/frr.conf`));
      const up = project.up();
      try {
        assert.equal(await happened, before);
        assert.deepEqual(await serving(), AWAY);
        await meanwhile();
      } finally {
        await r1(`${HEAL_SSH} 2>/dev/null`);
        await up;
      }
      assert.notEqual((await up).code, 0, text(await up));
    };
    await cut(() => until(7, () => areServed(SERVERS)));
    assert.equal(await conf(), before);
    await cut(async () => {
      await lab.crash("r1");
      await lab.start("r1");
      await until(15, () => areServed(SERVERS));
    });
    await project.drop("routers.r1.confirmSeconds");
    await expectUp();
    assert.deepEqual(await serving(), AWAY);
    assert.notEqual(await conf(), before);
    await state("web2", "active");
    await expectUp();
  });

  it("shows changes by hand in a preview, and up repairs them", async () => {
    const service = "loopback-ha.loopback-ha.lab.r1.frr-routes.service";
    await r1(
      `systemctl stop ${service}; vtysh -c 'configure terminal' -c 'no ip route 192.0.2.64/27 192.0.2.3' -c 'ip route 192.0.2.96/27 192.0.2.10 tag 7676 3'`,
    );
    const { stdout } = await project.pulumi(["preview", "--stack", "lab"], { check: true });
    assert.match(stdout, /- route 192\.0\.2\.64\/27 via 192\.0\.2\.3/);
    assert.match(stdout, /\+ FRR: ip route 192\.0\.2\.96\/27 192\.0\.2\.10/);
    await expectUp();
    assert.deepEqual(await serving(), SERVERS);
    assert.doesNotMatch(await expectUp(), /updated|created|deleted/);
    assert.match(await r1(`systemctl is-active ${service}`), /^active/);
  });

  it("FRR is stopped: one clear line, and nothing is changed; the routes come back with FRR (story)", async () => {
    await state("web2", "maintenance");
    await r1("systemctl stop frr");
    const result = await project.up();
    await r1(START_FRR);
    assert.notEqual(result.code, 0);
    assert.match(text(result), /r1: FRR is not running \(.*\); nothing was changed\. Start it/);
    await until(5, () => areServed(SERVERS));
    await expectUp();
    assert.deepEqual(await serving(), AWAY);
    await state("web2", "active");
    await expectUp();
  });

  it("another session holds FRR's configuration for some seconds: the run waits for it", async () => {
    await state("web2", "maintenance");
    // FRR 8 knows no such lock.
    await r1(`systemd-run --quiet --collect sh -c "(echo 'configure terminal file-lock'; sleep 6) | vtysh"`);
    await expectUp();
    assert.deepEqual(await serving(), AWAY);
    await state("web2", "active");
    await expectUp();
  });

  it("staticd dies in the middle: FRR 8 refuses, and the former routes come back; with FRR 10 the run waits for it (staticd)", async () => {
    const version = Number(/^FRRouting (\d+)/m.exec(await r1("vtysh -c 'show version'"))![1]);
    await state("web2", "maintenance");
    // Real vtysh, real staticd: it is killed just before its first line.
    await r1(`mv /usr/bin/vtysh /usr/bin/vtysh.real
      printf '%s\\n' '#!/bin/sh' 'case "$*" in *"terminal -c ip route"*) kill -9 $(cat /run/frr/staticd.pid) && sleep 0.2 ;; esac' 'exec /usr/bin/vtysh.real "$@"' >/usr/bin/vtysh
      chmod 755 /usr/bin/vtysh`);
    const result = await project.up().finally(() => r1("mv /usr/bin/vtysh.real /usr/bin/vtysh"));
    if (version < 10) {
      assert.notEqual(result.code, 0);
      assert.match(text(result), /r1: FRR rejects the commands: .*staticd is not running/);
      await until(20, () => areServed(SERVERS));
      await expectUp();
    } else assert.equal(result.code, 0, text(result));
    assert.deepEqual(await serving(), AWAY);
    await state("web2", "active");
    await expectUp();
  });

  for (const [what, command, seconds] of [
    ["a flush of zebra's routes", "ip -4 route flush proto 196", 3],
    ["a restart of FRR", "systemctl reset-failed frr; systemctl restart frr", 3],
    ["lines taken out by hand", "vtysh -c 'configure terminal' -c 'no ip route 192.0.2.64/27 192.0.2.3'", 3],
    ["a link down and up", "ip link set host0 down; ip link set host0 up", 5],
  ] as const) {
    it(`has its routes back within ${seconds} s of ${what}`, async () => {
      await r1(command);
      await until(seconds, () => areServed(SERVERS));
      // Not only what was still there when it was asked.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assert.deepEqual(await serving(), SERVERS);
    });
  }

  it("a changed kind is refused where FRR is not running; there and back, no request is lost and one kind is left", async () => {
    const left = () => r1("ls /var/lib/loopback-ha; ls /etc/systemd/system | grep loopback-ha");
    const instance = "loopback-ha.lab.r1";
    const change = async (kind: string): Promise<string[]> => {
      await project.set("routers.r1.kind", kind);
      return monitored(async () => {
        const stats = await underLoad(lab, site(), expectUp);
        for (const vip of WIDGETCO) assert.equal(stats[vip].failures, 0, JSON.stringify(stats));
      });
    };
    const toLinux = await change("linux");
    assert.deepEqual(await serving(), SERVERS);
    assert.equal(await left(), `${instance}.linux-routes\nloopback-ha.${instance}.linux-routes.service\n`);
    assert.doesNotMatch(await r1("vtysh -c 'show running-config'"), /tag 7676/);
    assert.equal(await r1(SAVED), saved);
    // The new kind's routes are there when the former one's go.
    const first = (pattern: RegExp) => toLinux.findIndex((line) => pattern.test(line));
    const came = first(/^192\.0\.2\.32\/27 .*proto 76/);
    assert.ok(came >= 0 && came < first(/^Deleted 192\.0\.2\.32\/27/), toLinux.join("\n"));

    await project.set("routers.r1.kind", "frr");
    await r1("systemctl stop frr");
    const refused = await project.up();
    await r1(START_FRR);
    assert.notEqual(refused.code, 0);
    assert.match(text(refused), /r1: FRR is not running/);
    assert.match(await left(), /linux-routes/);
    assert.deepEqual(await serving(), SERVERS);

    await change("frr");
    assert.equal(await left(), `${instance}.frr-routes\nloopback-ha.${instance}.frr-routes.service\n`);
    assert.equal(
      await r1("ip -4 route show table all proto 76; ip -4 rule | grep fwmark; nft list tables"),
      "",
    );
    assert.doesNotMatch(await expectUp(), /updated|created|deleted/);
  });

  it("a changed kind whose new routes don't come into force leaves the former routes as they were", async () => {
    await project.set("routers.r1.kind", "linux");
    await expectUp();
    const before = await r1("ip -4 route show table main proto 76");
    await project.set("routers.r1.kind", "frr");
    await r1("ip route add 192.0.2.64/28 via 192.0.2.10");
    const result = await project.up();
    await r1("ip route del 192.0.2.64/28");
    assert.match(text(result), /192\.0\.2\.64\/27 should go to web2/);
    assert.equal(await r1("ip -4 route show table main proto 76"), before);
    assert.deepEqual(await serving(), SERVERS);
    await expectUp();
    assert.deepEqual(await serving(), SERVERS);
  });

  it("answers again after a reboot with the last desired routes, even when the other admin saves in between", async () => {
    await r1("vtysh -c 'write memory'");
    await state("web2", "maintenance");
    await expectUp();
    await lab.reboot("r1");
    await until(10, () => areServed(AWAY));
    await state("web2", "active");
    await expectUp();
    assert.deepEqual(await serving(), SERVERS);
  });

  // The machine that web4 was is a router of kind linux now.
  it("one of two routers fails: the other has the new table, and the run says which has which and what to do", async () => {
    const r2 = "ip -4 route get 192.0.2.69 from 203.0.113.5 | head -n 1";
    await state("web4", "maintenance");
    await expectUp();
    await project.drop("servers.web4");
    await expectUp();
    await sh("web4", "sysctl -qw net.ipv4.ip_forward=1; ip address add 203.0.113.5/32 dev lo");
    // Not by FRR, which is stopped below.
    await r1("ip route add 203.0.113.5/32 via 192.0.2.5");
    for (const [key, value] of [
      ["address", "192.0.2.5"],
      ["checkSource", "203.0.113.5"],
    ])
      await project.set(`routers.r2.${key}`, value);
    assert.match(
      await expectUp(),
      /warning: r2: answers from web1, web2, web3 reach clients by another path than 192\.0\.2\.5, .*can't pin/,
    );
    assert.match((await sh("web4", r2)).stdout, /via 192\.0\.2\.3 /);

    await state("web2", "maintenance");
    await r1("systemctl stop frr");
    const result = await project.up();
    await r1(START_FRR);
    assert.notEqual(result.code, 0);
    assert.match(text(result), /r1: FRR is not running .*nothing was changed/);
    assert.match(
      text(result),
      /r1 keeps its former routes.* r2 may already have the new ones.*run pulumi up again/,
    );
    assert.match(text(result), /r2-routes.*192\.0\.2\.64\/27 is served by web3 \(192\.0\.2\.4\), moved/);
    assert.match((await sh("web4", r2)).stdout, /via 192\.0\.2\.4 /);
    await until(5, async () => (await serving())[1] === "web2");
    for (const name of ["r1", "web4"])
      assert.equal((await sh(name, "ls /var/lib/loopback-ha/*-routes/in-doubt 2>/dev/null")).stdout, "");

    await expectUp();
    assert.equal((await serving())[1], "web3");
    await project.drop("routers.r2");
    await state("web2", "active");
    await expectUp();
    await sh("web4", "sysctl -qw net.ipv4.ip_forward=0; ip address del 203.0.113.5/32 dev lo");
    await r1("ip route del 203.0.113.5/32 via 192.0.2.5");
  });

  it("is destroyed, and FRR is as it was before (story)", async () => {
    // Lost with the restarts above, as it was saved by nobody.
    await r1(UNSAVED);
    const others = await r1("grep -v 'tag 7676' /etc/frr/frr.conf");
    const result = await project.destroy();
    assert.equal(result.code, 0, text(result));
    assert.equal(await r1("cat /etc/frr/frr.conf"), others);
    assert.equal(await r1(PICTURE), pristine);
  });
});
