import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { prepareServers, startLoad } from "../../../lab/client";
import { ConnectionKind, LoadRecord } from "../../../lab/load/record";
import { ExecResult } from "../../../lab/lab";
import { File } from "../../../lab/load/spec";
import { labUser } from "../../../lab/project";
import { Farm, SERVERS, within } from "../support";

const TABLE = "loopback-ha.loopback-ha.lab.r1.linux-routes";
const UNIT = `loopback-ha.loopback-ha.lab.r1.linux-routes.service`;
/** The subnet that the tests move, which web2 serves, and its VIP. */
const [PREFIX, VIP] = ["192.0.2.64/27", "192.0.2.69"];

/** A flip as the kernel sees it: the map and the main route, and nothing else. */
const flipTo = (server: string): string => {
  const number = SERVERS.indexOf(server) + 2;
  return `nft -f - <<<'delete element ip ${TABLE} routes { ${PREFIX} }
    add element ip ${TABLE} routes { ${PREFIX} : goto serve_7600${number} }'
    ip route replace ${PREFIX} via 192.0.2.${number} proto 76`;
};
const rulesOf = (chain: string, text: string): string =>
  `nft -a list chain ip ${TABLE} ${chain} | sed -n 's/.*${text}.*# handle //p'`;
const takeOut = (chain: string, text: string): string =>
  `for h in $(${rulesOf(chain, text)}); do nft delete rule ip ${TABLE} ${chain} handle $h; done; test -z "$(${rulesOf(chain, text)})"`;

describe("pinned flows", function () {
  this.timeout(180_000);
  const farm = new Farm();
  let file: File;
  const r1 = (command: string): Promise<string> => farm.sh("r1", command);

  before("a farm in the lab", async () => {
    await farm.take();
    file = await prepareServers(farm.lab, "/srv/www/widgetco", 4_000_000);
  });
  after("the next has the farm", () => farm.handOn());

  /** Downloads from the VIP that moves while something happens; how each ended. */
  const downloading = async (work: () => Promise<unknown>, seconds = 4): Promise<string[]> => {
    const load = await startLoad(farm.lab, {
      targets: farm.targets([VIP]),
      requestsPerSecond: 20,
      downloads: { count: 4, seconds, everyMs: 0, file },
    });
    await sleep(1000);
    await work();
    await sleep((seconds - 1) * 1000 + 1500);
    return endsOf(await load.stop(), ConnectionKind.Download);
  };
  const endsOf = (record: LoadRecord, kind: ConnectionKind): string[] =>
    record.connections.filter((connection) => connection.kind === kind).map(({ end }) => end ?? "open");
  const complete = Array<string>(4).fill("complete");

  describe("each rule is needed (story)", () => {
    before("nobody puts rules back meanwhile", () => r1(`systemctl stop ${UNIT}`));
    after(() => r1(`systemctl start ${UNIT}`));
    afterEach("the table as it was applied", () =>
      r1(
        `nft delete table ip ${TABLE} 2>/dev/null; nft -f /run/loopback-ha/pins.*.loaded && ${flipTo("web2")}`,
      ),
    );

    /** Each server's answer to a connection, and to a datagram: so the client sees from whom it comes. */
    const SENDER = `use IO::Socket::INET; $SIG{CHLD} = $SIG{PIPE} = "IGNORE";
      my ($vip, $name) = @ARGV;
      if (!fork) { my $udp = IO::Socket::INET->new(Proto => "udp", LocalAddr => $vip, LocalPort => 9000) or die; my $m; while (defined $udp->recv($m, 99)) { $udp->send($name) } }
      my $tcp = IO::Socket::INET->new(LocalAddr => $vip, LocalPort => 9000, Listen => 9, ReuseAddr => 1) or die;
      while (my $s = $tcp->accept) { next if fork; for (1 .. 40) { syswrite $s, "x" x 20000 or exit; select undef, undef, undef, 0.1 } exit }`;
    before("servers that send slowly", async () => {
      for (const name of ["web1", "web2"]) {
        await farm.lab.exec(name, ["tee", "/run/sender.pl"], { input: SENDER });
        await farm.sh(name, `systemd-run --quiet --collect --unit=sender perl /run/sender.pl ${VIP} ${name}`);
      }
    });
    after(() =>
      Promise.all(["web1", "web2"].map((name) => farm.sh(name, "systemctl stop sender; rm /run/sender.pl"))),
    );

    const WHOLE = "800000 bytes";
    /** A program on the client that says `ready` when it is; what it says after that. */
    const onClient = async (program: string): Promise<() => Promise<string>> => {
      const child = await farm.lab.spawn("client", ["timeout", "20", "node", "-e", program]);
      let said = "";
      child.stdout!.setEncoding("utf8").on("data", (text: string) => (said += text));
      const ended = once(child, "close");
      await Promise.race([once(child.stdout!, "data"), ended]);
      return async () => {
        await ended;
        return said.replace(/^ready\n/, "").trim();
      };
    };
    /** Receives from the VIP that moves, for four seconds, while something happens: how much came, or what was wrong. */
    const receiving = async (work: () => Promise<unknown>): Promise<string> => {
      const received = await onClient(`let n = 0; const s = require("net").connect(9000, "${VIP}");
        s.setTimeout(3000, () => s.destroy(new Error("silence"))).once("data", () => console.log("ready"));
        s.on("data", (d) => (n += d.length)).on("error", (e) => console.log(e.message)).on("end", () => console.log(n + " bytes"))`);
      await sleep(500);
      await work();
      return received();
    };
    /** A server that does not have the VIP now sends from it, for four seconds, to the client. */
    const serverSending = async (work: () => Promise<unknown>): Promise<string> => {
      const received = await onClient(
        `require("net").createServer((s) => { let n = 0; s.on("data", (d) => (n += d.length)).on("error", () => 0).on("close", () => { console.log(n + " bytes"); process.exit() }) }).listen(8099, () => console.log("ready"))`,
      );
      const server = `$SIG{PIPE} = "IGNORE"; $s = IO::Socket::INET->new(LocalAddr => "${VIP}", PeerAddr => "198.51.100.10", PeerPort => 8099) or die; for (1 .. 40) { syswrite $s, "x" x 20000 or exit 1; select undef, undef, undef, 0.1 }`;
      const sending = farm.lab.exec("web1", ["timeout", "15", "perl", "-MIO::Socket::INET", "-e", server]);
      await sleep(1000);
      await work();
      await sending;
      return received();
    };

    /** The server is the first to send then: an acknowledgement that is on its way tells nobody whose flow it is. */
    const loseEntry = async (): Promise<void> => {
      await farm.sh("web2", "systemctl kill -s STOP sender; sleep 0.3");
      await r1(`conntrack -D -d ${VIP} >/dev/null 2>&1 || true`);
      await farm.sh("web2", "systemctl kill -s CONT sender");
    };
    type Flow = (work: () => Promise<unknown>) => Promise<string>;
    const CASES: [string, { chain: string; rule: string }, Flow, () => Promise<unknown>][] = [
      ["an open flow", { chain: "to_vip", rule: "vmap @pins" }, receiving, () => r1(flipTo("web1"))],
      [
        "a flow whose conntrack entry was lost",
        { chain: "prerouting", rule: "vmap @senders" },
        receiving,
        () => r1(flipTo("web1")).then(loseEntry),
      ],
      [
        "a connection that a server opened from a VIP",
        { chain: "prerouting", rule: "vmap @senders" },
        serverSending,
        () => Promise.resolve(),
      ],
      [
        "a flow whose packets are too big all at once",
        { chain: "output", rule: "vmap @pins" },
        receiving,
        () => r1(`${flipTo("web1")}; ip link set out0 mtu 1280`),
      ],
    ];
    for (const [what, { chain, rule }, flow, event] of CASES) {
      it(`${what} stays whole, and breaks without '${rule}' in ${chain}`, async () => {
        const run = async (): Promise<string> => {
          const received = await flow(event).finally(() => r1("ip link set out0 mtu 1500"));
          // A server that has learned the path's MTU needs no error any more.
          await farm.sh("web2", "ip route flush cache");
          return received;
        };
        assert.equal(await run(), WHOLE);
        await r1(flipTo("web2"));
        await r1(takeOut(chain, rule));
        assert.notEqual(await run(), WHOLE);
      });
    }

    it("a flow older than the table stays whole", async () => {
      await r1(`nft delete table ip ${TABLE}`);
      const load = `nft -f /run/loopback-ha/pins.*.loaded; sleep 0.5; ${flipTo("web1")}`;
      assert.equal(await receiving(() => r1(load)), WHOLE);
    });

    it("bits of other programs' marks stay, in packets and in conntrack", async () => {
      await r1(
        `nft -f - <<<'table ip foreign { chain c { type filter hook prerouting priority -175; ip daddr ${VIP} ct mark set ct mark or 0x5; }; }'`,
      );
      try {
        let mark = "";
        const list = `conntrack -L -p tcp --dport 9000 --state ESTABLISHED 2>/dev/null | grep -o 'mark=[0-9]*'`;
        assert.equal(await receiving(async () => (mark = await r1(list))), WHOLE);
        assert.equal(mark.trim(), `mark=${0x03000005}`);
      } finally {
        await r1("nft delete table ip foreign");
      }
    });

    it("without the table, everything follows the plain routes", async () => {
      await r1(`nft delete table ip ${TABLE}`);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("UDP that is sent from the same port stays, and new UDP goes to the new server", async () => {
      /** Asks until so many seconds after the first answer. */
      const ask = (seconds: number): Promise<() => Promise<string>> =>
        onClient(
          `const s = require("dgram").createSocket("udp4"); const seen = new Set(); s.once("message", () => { console.log("ready"); setTimeout(() => { clearInterval(t); s.close(); console.log([...seen].join()) }, ${seconds * 1000}) }).on("message", (m) => seen.add(String(m))); const t = setInterval(() => s.send("?", 9000, "${VIP}"), 100)`,
        );
      const asked = await ask(2);
      await r1(flipTo("web1"));
      assert.equal(await asked(), "web2");
      assert.equal(await (await ask(0.3))(), "web1");
    });
  });

  describe("the supervisor", () => {
    const whole = async (): Promise<boolean> => {
      const list = `nft list table ip ${TABLE} 2>/dev/null | cmp -s - /run/loopback-ha/pins.*.listed && [ $(ip rule | grep -c 'proto 76') = 4 ] && [ $(ip route show table all proto 76 | grep -c -e ^default -e /27) = 8 ]`;
      return (await farm.lab.exec("r1", ["bash", "-c", list])).code === 0;
    };
    for (const wipe of [
      "nft flush ruleset",
      "systemctl reload-or-restart nftables; systemctl stop nftables",
      "networkctl reload; networkctl reconfigure host0",
      "ip link set host0 down; ip link set host0 up",
      `ip rule del pref 7677; ip route flush table 76003; nft delete table ip ${TABLE}`,
      `nft flush chain ip ${TABLE} to_vip`,
    ]) {
      it(`restores table, rules and routes within 3 s of: ${wipe}`, async () => {
        await within(3, "before", whole);
        await r1(wipe);
        // networkd begins after networkctl has ended: what is whole may still be what was before.
        await within(
          3,
          "after",
          async () => (await whole()) && isDeepStrictEqual(await farm.serving(), SERVERS),
        );
      });
    }

    it("keeps the plain routes whatever nft does; says so once, and so does up (H6)", async () => {
      const since = (await r1("date +%s")).trim();
      const journal = (): Promise<string> => r1(`journalctl -u ${UNIT} --since @${since} -o cat`);
      await r1(`systemctl stop ${UNIT}; mv /usr/sbin/nft /usr/sbin/nft.off; rm -f /run/loopback-ha/pins.*
        ip route flush table main proto 76; systemctl start ${UNIT}`);
      try {
        await within(3, "the routes", async () => isDeepStrictEqual(await farm.serving(), SERVERS));
        assert.match(
          await farm.failingUp(),
          /r1: the program 'nft' is missing; install it \(apt-get install nftables\)/,
        );
        const said = (await journal()).match(/pinning flows: the program 'nft' is missing/g);
        assert.equal(said?.length, 1, await journal());
        // What fails again and again does not hold the machine's lock again and again: a look finds it free.
        const holders = await r1(
          `for i in $(seq 50); do cat /run/loopback-ha/holder; sleep 0.1; done | grep restore.sh | sort -u`,
        );
        assert.ok(holders.trim().split("\n").length <= 2, holders);
      } finally {
        await r1("mv /usr/sbin/nft.off /usr/sbin/nft");
      }
      await within(4, "pinned again", whole);
      await within(4, "said", async () => (await journal()).includes("r1: everything is in force again"));
    });

    it("reads only its own routes, however many others there are (M10)", async () => {
      const used = async (): Promise<number> =>
        Number(await r1(`systemctl show -P CPUUsageNSec ${UNIT}`)) / 1e9;
      await r1(
        `awk 'BEGIN { for (i = 0; i < 200000; i++) print "route add blackhole " 20 + int(i / 65536) "." int(i / 256) % 256 "." i % 256 ".0/24 proto 99" }' | ip -batch -`,
      );
      try {
        await sleep(3000);
        const before = await used();
        await sleep(6000);
        // 10 % of a core, where all of them are read every second.
        assert.ok(((await used()) - before) / 6 < 0.05);
      } finally {
        await r1("ip route flush proto 99");
      }
    });

    it("restarts however often it has ended (L5)", () =>
      r1(`for i in 1 2 3 4 5 6 7; do systemctl restart ${UNIT}; done`));

    it("restores them after a reboot, and flows are pinned again (story)", async () => {
      await farm.lab.reboot("r1");
      await within(5, "after the reboot", whole);
      assert.deepEqual(await downloading(() => r1(`loopback-ha-move ${PREFIX} web1`)), complete);
      await farm.up();
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("learns the address of a server's new network card", async () => {
      await farm.sh("web2", "ip link set host0 address 02:00:00:00:00:22; ping -c 1 -W 2 192.0.2.1");
      await within(4, "the new address", async () =>
        (await r1(`nft list map ip ${TABLE} senders`)).includes("02:00:00:00:00:22"),
      );
      await farm.lab.reboot("web2");
      // Else the router may go on for half a minute with the card that web2 answered for while it shut down.
      await farm.sh("web2", "ping -c 1 -W 2 192.0.2.1");
      await within(10, "web2 serves again", async () => (await farm.serving())[1] === "web2");
    });
  });

  describe("limits", () => {
    const CONDITIONS: [string, string, string, RegExp][] = [
      [
        "notrack",
        "nft -f - <<<'table ip foreign { chain c { type filter hook prerouting priority raw; ip daddr 203.0.113.9 notrack; }; }'",
        "nft delete table ip foreign",
        /warning: r1: .*notrack/,
      ],
      [
        // The lab's kernel has none: so nft says what it says where one is.
        "a flowtable",
        `cp /usr/sbin/nft /run/nft; printf '%s\\n' '#!/bin/sh' '[ "$*" != "-t list ruleset" ] || printf "table ip foreign {\\n\\tflowtable f {\\n\\t\\thook ingress priority filter\\n\\t}\\n}\\n"' 'exec /run/nft "$@"' >/run/nft.with; chmod +x /run/nft.with; mount --bind /run/nft.with /usr/sbin/nft`,
        // The supervisor may be about to run it.
        "umount --lazy /usr/sbin/nft",
        /warning: r1: .*flowtable/,
      ],
      [
        "marks restored unmasked",
        "nft -f - <<<'table ip foreign { chain c { meta mark set ct mark; }; }'",
        "nft delete table ip foreign",
        /warning: r1: .*unmasked/,
      ],
      [
        // The limit itself is the host's, out of reach for the lab's router.
        "a conntrack table that is nearly full",
        "echo 1 >/run/max; mount --bind /run/max /proc/sys/net/netfilter/nf_conntrack_max",
        "umount /proc/sys/net/netfilter/nf_conntrack_max",
        /warning: r1: the conntrack table is \d+ % full \(\d+ of 1\): the kernel drops new connections, including those to the router itself\./,
      ],
    ];
    for (const [what, bring, mend, warning] of CONDITIONS) {
      it(`are reported: ${what}`, async () => {
        await r1(bring);
        await farm.setState("web2", "maintenance");
        const printed = await farm.up().finally(() => r1(mend));
        await farm.setState("web2", "active");
        await farm.up();
        assert.match(printed, warning);
      });
    }

    const COLLISIONS: [string, string, string, RegExp][] = [
      [
        "a routing table",
        "ip route add 203.0.113.0/24 via 192.0.2.5 table 76003",
        "ip route del 203.0.113.0/24 table 76003",
        /r1: a routing table that pinning needs has a route not managed by this stack .*tableBase/,
      ],
      [
        "the rules' preference",
        "ip rule add from 203.0.113.9 lookup 99 pref 7677",
        "ip rule del from 203.0.113.9 lookup 99 pref 7677",
        /r1: routing rule priority 7677.*rulePriority/,
      ],
      [
        "the mark's bits",
        "ip rule add fwmark 0x1000000/0x1000000 lookup 99 pref 98",
        "ip rule del pref 98",
        /r1: a routing rule not managed by this stack uses marks within 0xff000000.*markMask/,
      ],
    ];
    for (const [what, bring, mend, refusal] of COLLISIONS) {
      it(`a collision is refused: ${what}; nothing moves${what === "a routing table" ? " (story)" : ""}`, async () => {
        await r1(bring);
        await farm.setState("web2", "maintenance");
        const printed = await farm.failingUp().finally(() => r1(mend));
        assert.match(printed, refusal);
        assert.deepEqual(await farm.serving(), SERVERS);
        await farm.setState("web2", "active");
        await farm.up();
      });
    }

    it("other numbers come from the config, and the old ones are removed", async () => {
      await farm.set("routers.r1.pinning.tableBase", "5000");
      await farm.set("routers.r1.pinning.markMask", "0xff00");
      await farm.set("routers.r1.pinning.rulePriority", "500");
      assert.deepEqual(await downloading(() => farm.up(), 8), complete);
      const rules = await r1("ip rule; ip route show table all proto 76");
      assert.match(rules, /500:\tfrom all to 192\.0\.2\.0\/24 fwmark 0x300\/0xff00 lookup 5003/);
      assert.doesNotMatch(rules, /7677|76003/);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("a helper comes and goes with the config, and open connections stay", async () => {
      const table = (): Promise<string> => r1(`nft list table ip ${TABLE}`);
      const rule = /ip daddr @vips tcp dport 21 ct helper set "ftp"/;
      await farm.set("routers.r1.pinning.helpers[0]", "ftp");
      assert.deepEqual(await downloading(() => farm.up(), 8), complete);
      assert.match(await table(), rule);
      await farm.drop("routers.r1.pinning.helpers");
      assert.deepEqual(await downloading(() => farm.up(), 8), complete);
      assert.doesNotMatch(await table(), /helper/);
    });

    it("trackOnlyVips: nothing else is tracked until a stateful firewall needs it; beside one it is refused (H1)", async () => {
      const firewall = `nft -f - <<<'table inet fw {
        chain f { type filter hook forward priority 0; policy drop; ct state established,related,new accept; };
        chain i { type filter hook input priority 0; policy drop; iif lo accept; ct state established,related accept;
          tcp dport 22 ct state new accept; icmp type echo-request accept; }; }'`;
      const past = (): Promise<string> =>
        farm.sh(
          "client",
          "curl --silent --fail --max-time 3 --output /dev/null --write-out %{http_code} http://192.0.2.4/ || true",
        );
      const untracked = async (): Promise<boolean> =>
        (await r1(`nft list table ip ${TABLE}`)).includes("chain untracked_in");
      await farm.set("routers.r1.pinning.trackOnlyVips", "true");
      assert.deepEqual(await downloading(() => farm.up(), 8), complete);
      await past();
      assert.equal(await r1("conntrack -L -f ipv4 -d 192.0.2.4 2>/dev/null"), "");
      const ended = await r1(
        `${firewall}\nfrom=\${EPOCHREALTIME/./}; while nft list table ip ${TABLE} | grep -q notrack; do sleep 0.02; done; echo $((\${EPOCHREALTIME/./} - from))`,
      );
      // Within a second, where nothing else keeps this machine busy.
      assert.ok(Number(ended) < 2e6, `ended after ${ended} µs`);
      await farm.sh("operator", `ssh -o ControlPath=none -o ConnectTimeout=3 ${labUser}@192.0.2.1 true`);
      assert.notEqual(await past(), "000");
      assert.match(
        await r1(`journalctl --quiet --unit ${UNIT} --since -60s`),
        /trackOnlyVips is switched off: table inet fw \(/,
      );
      // It is no reason to refuse what was in force.
      assert.match(await farm.up(), /trackOnlyVips is not in force: table inet fw/);
      assert.equal(await untracked(), false);
      await r1("nft delete table inet fw");
      await farm.up();
      assert.equal(await untracked(), true);
      await farm.drop("routers.r1.pinning.trackOnlyVips");
      await farm.up();
      assert.equal(await untracked(), false);
      await farm.set("routers.r1.pinning.trackOnlyVips", "true");
      await r1(firewall);
      const refused = await farm.failingUp().finally(() => r1("nft delete table inet fw"));
      assert.match(
        refused,
        /trackOnlyVips can't be used together with something that needs all connections tracked: table inet fw/,
      );
      await farm.drop("routers.r1.pinning.trackOnlyVips");
      await farm.up();
    });

    it("pinFlows: false removes all of it, true restores it", async () => {
      await farm.set("routers.r1.pinFlows", "false");
      await farm.up();
      assert.equal((await r1("ip rule | grep 'proto 76'; nft list tables; true")).trim(), "");
      assert.deepEqual(await farm.serving(), SERVERS);
      await farm.set("routers.r1.pinFlows", "true");
      // Flows that began without pins stay with their server over the same up.
      await farm.setState("web2", "maintenance");
      assert.deepEqual(await downloading(() => farm.up(), 8), complete);
      assert.deepEqual(await farm.serving(), ["web1", "web1", "web3", "web4"]);
      await farm.setState("web2", "active");
      await farm.up();
    });

    it("a flow that began before pinning, from a port that was used before, stays with its server, too", async () => {
      /** From one port, until the server closes: so the port is free at once, while conntrack remembers it for minutes. */
      const reading = (path: string, seconds: number): Promise<ExecResult> => {
        const client = `const s = require("net").connect({ host: "${VIP}", port: 80, localAddress: "198.51.100.10", localPort: 23456 });
          s.write("GET ${path} HTTP/1.1\\r\\nHost: ${farm.targets()[0].serverName}\\r\\nConnection: close\\r\\n\\r\\n");
          let n = 0; const began = Date.now();
          (async () => { for await (const d of s) { n += d.length; await new Promise((r) => setTimeout(r, (n / ${file.bytes}) * ${seconds * 1000} - (Date.now() - began))) } console.log(n > ${file.bytes} ? "complete" : n + " bytes") })().catch((e) => console.log(e.message))`;
        return farm.lab.exec("client", ["node", "-e", client], { timeoutMs: 20_000 });
      };
      await reading("/", 0);
      await farm.set("routers.r1.pinFlows", "false");
      await farm.up();
      const remembered = await r1("conntrack -L -p tcp --dport 80 2>/dev/null | grep 'sport=23456 '");
      assert.match(remembered, /TIME_WAIT/);
      const read = reading(file.path, 8);
      await sleep(500);
      await farm.set("routers.r1.pinFlows", "true");
      await farm.setState("web2", "maintenance");
      await farm.up();
      assert.equal((await read).stdout.trim(), "complete");
      assert.equal((await farm.serving())[1], "web1");
    });
  });
});
