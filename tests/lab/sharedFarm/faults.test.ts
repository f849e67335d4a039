import assert from "node:assert/strict";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "../../../lab/client";
import { ExecResult } from "../../../lab/lab";
import { failures } from "../../../lab/load/record";
import { Project, labUser } from "../../../lab/project";
import { APPLY_PID, Farm, SERVERS, hold, textOf } from "../support";

const HELD =
  "perl -MIO::Socket::INET -e 'push @ARGV, IO::Socket::INET->new(LocalPort => 80, Listen => 1, ReuseAddr => 1); sleep 300'";

/** What is wrong with web3, how it comes about, how it ends, and what the operator must read. */
const REFUSALS: [string, string, string, RegExp][] = [
  [
    "a full disk",
    "mount -t tmpfs -o size=512k,mode=755 full /mnt && cp -a /var/lib/loopback-ha/. /mnt/ && mount --bind /mnt /var/lib/loopback-ha && dd if=/dev/zero of=/var/lib/loopback-ha/fill bs=1k 2>/dev/null; true",
    "umount /var/lib/loopback-ha /mnt",
    /web3: .*(full|No space left)/,
  ],
  [
    "another admin's broken vhost",
    "echo 'Bogus on' >/etc/apache2/sites-enabled/foreign.conf",
    "rm /etc/apache2/sites-enabled/foreign.conf",
    /web3: Apache's configuration was already broken before this change: .*foreign\.conf/,
  ],
  [
    "port 80 held by another program",
    `systemctl stop apache2 && systemd-run --quiet --unit=squatter ${HELD.replace("perl", "/usr/bin/perl")}; sleep 0.5`,
    "systemctl stop squatter; systemctl start apache2",
    /web3: port 80 is in use by another program .*perl/,
  ],
  [
    "another port held by another program, and a Listen for it that Apache has not read yet",
    `systemd-run --quiet --unit=squatter ${HELD.replace("perl", "/usr/bin/perl").replace("80", "443")}; echo 'Listen 443' >/etc/apache2/conf-enabled/tls.conf; sleep 0.5`,
    "systemctl stop squatter; rm /etc/apache2/conf-enabled/tls.conf",
    /web3: port 443 is in use by another program \(perl, process \d+\).*\/etc\/apache2\/conf-enabled\/tls\.conf:1/,
  ],
  [
    "a VIP on another interface",
    "ip address add 192.0.2.103/32 dev host0",
    "ip address del 192.0.2.103/32 dev host0",
    /web3: VIP 192\.0\.2\.103 already belongs to interface host0/,
  ],
  [
    "no Apache",
    "mv /usr/sbin/apache2 /usr/sbin/apache2.away",
    "mv /usr/sbin/apache2.away /usr/sbin/apache2",
    /web3: the program 'apache2' is missing/,
  ],
  [
    "no iproute2",
    "mv /usr/bin/ip /usr/bin/ip.away",
    "mv /usr/bin/ip.away /usr/bin/ip",
    /web3: the program 'ip' is missing; install it \(apt-get install iproute2\)/,
  ],
];

describe("faults", function () {
  const farm = new Farm();
  const { lab } = farm;

  const sh = (name: string, command: string): Promise<ExecResult> => lab.exec(name, ["bash", "-c", command]);
  const addSite = async (): Promise<void> => {
    const site = { serverName: "www.sprockets.example", documentRoot: "/srv/www/sprockets", hostNumber: 7 };
    for (const [key, value] of Object.entries(site))
      await farm.project.set(`sites.sprockets.${key}`, String(value));
  };
  const hasSite = async (name: string): Promise<boolean> =>
    (await sh(name, "cat /var/lib/loopback-ha/*.vhosts/current/want/sites")).stdout.includes("sprockets");

  const whileBroken = async <T>(break_: string, mend: string, work: () => Promise<T>): Promise<T> => {
    const { code, stderr } = await sh("web3", break_);
    try {
      assert.equal(code, 0, stderr);
      return await work();
    } finally {
      await sh("web3", mend);
    }
  };

  let config: string;
  before("a farm in the lab", async () => {
    await farm.take();
    config = fs.readFileSync(farm.project.file("Pulumi.lab.yaml"), "utf8");
  });
  afterEach("the config put back, and one up where that changes anything", async function () {
    const now = fs.readFileSync(farm.project.file("Pulumi.lab.yaml"), "utf8");
    if (this.currentTest?.state === "failed" || now !== config) await farm.bringHome();
  });
  after("the next has the farm", () => farm.handOn());

  describe("web3 refuses", () => {
    for (const [what, break_, mend, message] of REFUSALS) {
      it(`${what}: one clear error, web3 is as it was, the other servers keep their changes, and the next up completes it`, async () => {
        await addSite();
        const refusal = await whileBroken(break_, mend, async () => {
          const refused = await farm.failingUp();
          const unfinished = "find /var/lib/loopback-ha -name '*.new' -o -name in-doubt -o -name incoming";
          assert.equal((await sh("web3", unfinished)).stdout, "");
          return refused;
        });
        assert.match(refusal, message);
        assert.deepEqual(await farm.serving(), SERVERS);
        assert.deepEqual(await Promise.all(SERVERS.map(hasSite)), [true, true, false, true]);
        await farm.up();
        assert.equal(await hasSite("web3"), true);
      });
    }
  });

  describe("with a healthy farm", () => {
    it("reports sudo without rights, and changes nothing", async () => {
      await farm.project.set("servers.web3.ssh.user", "norights");
      assert.match(
        await farm.failingUp(),
        /web3: user norights may not run commands as root without a password/,
      );
    });

    it("refuses a changed host key", async () => {
      const close = `ssh -o ControlPath=~/.ssh/loopback-ha-%C -O exit ${labUser}@192.0.2.4 2>/dev/null; true`;
      await sh(
        "operator",
        `${close}; cd /root/.ssh && cp -p known_hosts known_hosts.kept && key=$(sed -n 's/^web1,[^ ]* //p' known_hosts.kept) &&
       sed "s|^\\(web3,[^ ]*\\) .*|\\1 $key|" known_hosts.kept >known_hosts`,
      );
      await addSite();
      const result = await farm.project.up();
      await sh("operator", "cd /root/.ssh && mv known_hosts.kept known_hosts");
      assert.notEqual(result.code, 0);
      assert.match(textOf(result), /the host key of web3 is not the one in known_hosts/);
    });

    it("flips to a server whose own update fails in the same run", async () => {
      await farm.project.set("servers.web1.state", "maintenance");
      await farm.up();
      await addSite();
      await farm.project.set("servers.web2.state", "maintenance");
      const [, break_, mend] = REFUSALS[0];
      assert.match(await whileBroken(break_, mend, () => farm.failingUp()), /web3: /);
      assert.deepEqual(await farm.serving(), ["web3", "web4", "web3", "web4"]);
    });

    it("flips 6 times in a row while web3 fails in each of the runs", async () => {
      await addSite();
      const [, break_, mend] = REFUSALS[0];
      await whileBroken(break_, mend, async () => {
        for (let flip = 0; flip < 6; flip++) {
          const state = flip % 2 === 0 ? "maintenance" : "active";
          await farm.project.set("servers.web2.state", state);
          assert.match(await farm.failingUp(), /web3: /);
          const now = [SERVERS[0], state === "active" ? "web2" : "web1", SERVERS[2], SERVERS[3]];
          assert.deepEqual(await farm.serving(), now, `flip ${flip}`);
        }
      });
    }).timeout(300_000);

    it("refuses a second stack with the same VIPs, or the same prefixes, and leaves the first alone", async () => {
      const second = new Project(lab, "second");
      await second.init();
      const refusal = async (): Promise<string> => {
        const result = await second.up();
        assert.notEqual(result.code, 0);
        return textOf(result);
      };
      const taken =
        /r1, web1, .* have this farm from stack loopback-ha\/lab, but this is stack loopback-ha\/second, /;
      assert.match(await refusal(), taken);
      assert.match(textOf(await second.pulumi(["preview", "--stack", "second"])), taken);
      // Nobody looks, and the machines refuse it themselves.
      await second.set("detectDrift", "false");
      const sameVips = await refusal();
      for (const name of SERVERS)
        assert.match(
          sameVips,
          new RegExp(`${name}: VIP \\S+ already belongs to stack loopback-ha/lab; nothing was changed`),
        );
      for (const [site, host] of Object.entries({ widgetco: "20", gadgets: "21" }))
        await second.set(`sites.${site}.hostNumber`, host);
      assert.match(
        await refusal(),
        /r1: \S+ is already routed by stack loopback-ha\/lab; nothing was changed/,
      );
      const gone = await second.destroy();
      assert.equal(gone.code, 0, textOf(gone));
      const { stdout } = await farm.project.up();
      assert.doesNotMatch(stdout, /updated|created|deleted/);
    });

    it("is taken over in place by its own stack under a new name; a download goes on, and nothing of the former name is left (stack renamed)", async () => {
      const left = async (name: string): Promise<string> =>
        (
          await Promise.all(
            ["r1", ...SERVERS, "ns1"].map(
              async (machine) =>
                (
                  await sh(
                    machine,
                    `find / -xdev -name '*loopback-ha.${name}.*' 2>/dev/null; find /run -name '*loopback-ha.${name}.*'; nft list tables 2>/dev/null | grep 'ha\\.${name}\\.'; grep -rls 'loopback-ha[./]${name}' /var/lib/loopback-ha /etc/systemd /etc/apache2`,
                  )
                ).stdout,
            ),
          )
        ).join("");
      const rename = (from: string, to: string) =>
        farm.project.pulumi(["stack", "rename", to, "--stack", from], { check: true });
      // Pinned to web2, which new connections do not reach any more.
      const held = await hold(lab, farm.vips[1], 290);
      await farm.project.set("servers.web2.state", "maintenance");
      await farm.up();
      await rename("lab", "production");
      try {
        const seen = await farm.project.pulumi(["preview", "--stack", "production"], { check: true });
        assert.match(
          textOf(seen),
          /this stack was renamed from loopback-ha\/lab to loopback-ha\/production: pulumi up renames what it has on r1, web1, .*ns1 in place/,
        );
        assert.doesNotMatch(textOf(seen), /new => |differs from what was applied/);
        const load = await startLoad(lab, { targets: farm.targets(), requestsPerSecond: 100 });
        await farm.project.pulumi(["up", "--yes", "--continue-on-error", "--stack", "production"], {
          check: true,
        });
        const record = await load.stop();
        assert.deepEqual(failures(record), []);
        assert.equal(await left("lab"), "");
        const again = await farm.project.pulumi(["up", "--yes", "--stack", "production"], { check: true });
        assert.doesNotMatch(again.stdout, /updated|created|deleted/);
        assert.equal(
          await sh("r1", "systemctl is-active loopback-ha.loopback-ha.production.r1.linux-routes").then(
            ({ stdout }) => stdout,
          ),
          "active\n",
        );
        assert.equal(await Promise.race([held.ended, sleep(2500, "open")]), "open");
      } finally {
        await rename("production", "lab");
      }
      await farm.up();
      assert.equal(await left("production"), "");
      await held.end();
    }).timeout(300_000);

    it("starts a stopped BIND for a new zone, unsigned whatever its options say, with the serial that the config says (global dnssec-policy, zone that moves here)", async () => {
      const files = ["named.conf", "named.conf.options"].map((name) => `/etc/bind/${name}`);
      // All zones are to be signed (a global dnssec-policy), which Debian's own could not be; and this one had a serial elsewhere.
      const changed = await sh(
        "ns1",
        `systemctl stop named; cp -a ${files.join(" ")} /run/; sed -i 's/^options {/&\\n dnssec-policy default;/' ${files[1]}; sed -i '/default-zones/d' ${files[0]}; grep -c dnssec-policy ${files[1]}`,
      );
      assert.notEqual(changed.stdout.trim(), "0");
      try {
        await farm.project.set('zones["new.example"].contact', "hostmaster@new.example");
        await farm.project.set('zones["new.example"].serialAtLeast', "2099123100");
        await farm.up();
        const soa = (await sh("ns1", "dig +short +dnssec @192.0.2.10 new.example SOA")).stdout;
        assert.match(soa, /^\S+ hostmaster\.new\.example\. 2099123100 [\d ]+\n$/);
        assert.doesNotMatch((await farm.project.up()).stdout, /updated|created|deleted/);
      } finally {
        await sh(
          "ns1",
          "mv /run/named.conf /run/named.conf.options /etc/bind/; rndc reconfig || systemctl start named",
        );
      }
    });

    it("reports a missing BIND", async () => {
      await sh("ns1", "mv /usr/bin/named-checkzone /usr/bin/named-checkzone.away");
      await farm.project.set('zones["widgetco.example"].ttl', "61");
      const result = await farm.project.up();
      await sh("ns1", "mv /usr/bin/named-checkzone.away /usr/bin/named-checkzone");
      assert.notEqual(result.code, 0);
      assert.match(
        textOf(result),
        /ns1: the program 'named-checkzone' is missing; install it \(apt-get install bind9-utils\)/,
      );
    });

    it("does not move traffic to a server that does not answer (story)", async () => {
      await sh(
        "web1",
        "nft -f - <<<'table ip foreign { chain c { type filter hook input priority 0; tcp dport 80 iif host0 reject; }; }'",
      );
      await farm.project.set("servers.web2.state", "maintenance");
      const result = await farm.project.up();
      await sh("web1", "nft delete table ip foreign");
      assert.notEqual(result.code, 0);
      assert.match(
        textOf(result),
        /r1: site \w+ on web1 does not answer for 192\.0\.2\.\d+: .*nothing was moved/,
      );
    });

    it("moves from a server with a stopped Apache to one that answers with a redirect, as all do, but not while the current one does better", async () => {
      const vhosts = "/etc/apache2/sites-enabled/loopback-ha.*.conf";
      const redirect = `cp -p ${vhosts} /root/as-applied; sed -i 's|Redirect 200$|Redirect 301 https://elsewhere.example/|' ${vhosts}; apache2ctl graceful`;
      const back = `mv /root/as-applied ${vhosts}; systemctl start apache2; apache2ctl graceful`;
      const move = (): Promise<ExecResult> => sh("r1", "loopback-ha-move 192.0.2.64/27 web1");
      const others = ["web1", "web3", "web4"];
      await Promise.all(others.map((name) => sh(name, redirect)));
      await sh("web2", `cp -p ${vhosts} /root/as-applied`);
      try {
        const refused = await move();
        assert.notEqual(refused.code, 0);
        assert.match(
          textOf(refused),
          /on web1 does not answer for \S+: HTTP status 301 instead of 200; nothing was moved/,
        );
        await sh("web2", "systemctl stop apache2");
        const moved = await move();
        assert.equal(moved.code, 0, textOf(moved));
        assert.match(
          textOf(moved),
          /warning: r1: site \w+ on web1 answers HTTP status 301 instead of 200 for/,
        );
        assert.match((await sh("r1", "ip route show exact 192.0.2.64/27")).stdout, /via 192\.0\.2\.2 /);
      } finally {
        await Promise.all(SERVERS.map((name) => sh(name, back)));
        await farm.up();
      }
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("leaves nothing of a killed health check behind, even when no other run follows", async () => {
      await sh(
        "web1",
        "nft -f - <<<'table ip foreign { chain c { type filter hook input priority 0; tcp dport 80 iif host0 drop; }; }'",
      );
      await farm.project.set("servers.web2.state", "maintenance");
      const folders = "find /run/loopback-ha /run/loopback-ha-in.* -name 'checks.*' 2>/dev/null";
      const killer = sh(
        "r1",
        `for i in $(seq 1000); do if [ "$(${folders})" ]; then kill -KILL $(${APPLY_PID}); exit; fi; sleep 0.02; done; exit 1`,
      );
      const result = await farm.project.up();
      await sh("web1", "nft delete table ip foreign");
      assert.equal((await killer).code, 0);
      assert.notEqual(result.code, 0);
      assert.match(textOf(result), /r1-routes[^]*exit code 137\); nothing was changed/);
      assert.equal((await sh("r1", `${folders}; find /run -name "loopback-ha-in.*"`)).stdout, "");
    });

    it("refuses a bundle that was cut off", async () => {
      const { stdout, code } = await sh(
        "operator",
        `cd ${farm.project.folder} && { echo "LOOPBACK-HA-1 5000 ${"0".repeat(64)}"; echo short; } |
       cat components/host/machine/receive.sh - | ssh root@192.0.2.4 bash -s loopback-ha 60 token 2>&1`,
      );
      assert.notEqual(code, 0);
      assert.match(stdout, /nothing was changed/);
    });

    // apply.sh on web3 is killed after so many milliseconds, wherever it then is; its pid is in the lock's holder file.
    // Each step of it: kills.test.ts.
    for (const delay of [150, 450, 1000]) {
      it(`apply.sh killed after ${delay} ms: the state is old or new, and the former config applies cleanly`, async () => {
        await addSite();
        const killer = sh(
          "web3",
          `for i in $(seq 400); do pid=$(${APPLY_PID})
          if [ "$pid" ] && [ "$pid" != "$(cat /run/last-killed 2>/dev/null)" ] && [ -d "/proc/$pid" ]; then sleep ${delay / 1000}; kill -9 "$pid" && echo "$pid" >/run/last-killed; exit 0; fi
          sleep 0.02; done`,
        );
        await farm.project.up();
        await killer;
        assert.deepEqual(await farm.serving(), SERVERS);
        fs.writeFileSync(farm.project.file("Pulumi.lab.yaml"), config);
        await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
        assert.equal(await hasSite("web3"), false);
        const doubt = await sh(
          "web3",
          "ls /var/lib/loopback-ha/*/in-doubt 2>/dev/null; ip -4 address show dev lo",
        );
        assert.doesNotMatch(doubt.stdout, /in-doubt|192\.0\.2\.103/);
      });
    }

    for (const [signal, delay] of [
      ["SIGINT", 2500],
      ["SIGINT", 3500],
      ["SIGKILL", 2500],
      ["SIGKILL", 3500],
    ] as const) {
      it(`pulumi up ended by ${signal} after ${delay} ms: one recovery, then one clean up`, async () => {
        await addSite();
        const up = await farm.project.beginUp();
        setTimeout(() => up.kill(signal), delay);
        await up.ended;
        assert.deepEqual(await farm.serving(), SERVERS);
        fs.writeFileSync(farm.project.file("Pulumi.lab.yaml"), config);
        await farm.project.recover();
        await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
        assert.deepEqual(await Promise.all(SERVERS.map(hasSite)), [false, false, false, false]);
      });
    }
  });
});
