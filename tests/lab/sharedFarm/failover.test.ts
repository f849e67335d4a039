import assert from "node:assert/strict";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { RouterMoves } from "../../../components/network/moves";
import { startLoad } from "../../../lab/client";
import { ConnectionKind, failures, now } from "../../../lab/load/record";
import { AWAY, Farm, CHECK_SECONDS, SERVERS, textOf, within } from "../support";

const PREFIXES = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
const [PREFIX, VIP] = [PREFIXES[1], "192.0.2.69"];

/** The same on every run. */
function* randomNumbers(seed: number): Generator<number> {
  for (let state = seed; ;) yield (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
}

describe("a failover", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const r1 = (command: string): Promise<string> => farm.sh("r1", command);
  const preview = async (env: Record<string, string> = {}): Promise<string> =>
    textOf(await farm.project.pulumi(["preview", "--diff", "--stack", "lab"], { check: true, env }));

  before("a farm in the lab", () => farm.take());
  after("the next has the farm", () => farm.handOn());
  const home = async (): Promise<void> => {
    for (const name of SERVERS) await farm.setState(name, "active");
    await farm.up();
    assert.deepEqual(await farm.serving(), SERVERS);
  };

  for (const [granularity, units] of [
    ["subnet", PREFIXES],
    ["host", PREFIXES.flatMap((_, i) => [5, 6].map((host) => `192.0.2.${32 * (i + 1) + host}/32`))],
  ] as const) {
    it(`says in advance exactly which prefixes the router moves, ${granularity} by ${granularity}`, async () => {
      await farm.set("network.granularity", granularity);
      await farm.up();
      const random = randomNumbers(20261124);
      const next = (): number => random.next().value as number;
      const one = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)];
      const file = farm.project.file("moves.json");
      for (let round = 0; round < 3; round++) {
        const active = SERVERS.filter(() => next() < 0.6);
        if (active.length === 0) active.push(one(SERVERS));
        for (const name of SERVERS)
          await farm.setState(name, active.includes(name) ? "active" : one(["maintenance", "down"]));
        await farm.set(`servers.${one(SERVERS)}.weight`, one(["1", "2", "3"]));
        await farm.set(`overrides["${one(units)}"]`, one(active));
        await preview({ LOOPBACK_HA_MOVES_FILE: file });
        const { routers } = JSON.parse(fs.readFileSync(file, "utf8")) as { routers: RouterMoves[] };
        const told = routers[0].moves.map(({ prefix, to }) => `${prefix} ${to}`).sort();
        await r1("systemd-run --quiet --collect --unit=watch sh -c 'exec ip -4 monitor route >/run/moved'");
        await farm.up();
        const seen = (await r1("systemctl stop watch; cat /run/moved"))
          .split("\n")
          .filter((line) => line.includes("proto 76") && !/table|^Deleted/.test(line))
          .map((line) => /^([^/ ]+)(\/\d+)? via 192\.0\.2\.(\d+) /.exec(line)!)
          .map(([, address, length = "/32", number]) => `${address}${length} web${Number(number) - 1}`);
        assert.deepEqual([...new Set(seen)].sort(), told, `round ${round}`);
        await farm.drop("overrides");
      }
      for (const name of SERVERS) await farm.drop(`servers.${name}.weight`);
      await home();
      await farm.drop("network.granularity");
      await farm.up();
    });
  }

  describe("is checked before anything moves", () => {
    afterEach(home);

    for (const [what, break_, seconds] of [
      ["no default route", "ip route del default", "30"],
      ["a wrong default route (story)", "ip route replace default via 192.0.2.29", CHECK_SECONDS],
    ]) {
      it(`refuses a server with ${what}, says which VIP on which server; LOOPBACK_HA_FORCE_MOVE moves and says what it skipped`, async () => {
        await farm.sh("web1", break_);
        try {
          await farm.setState("web2", "maintenance");
          // The default is half a minute.
          if (seconds === "30") await farm.drop("routers.r1.checkSeconds");
          const began = Date.now();
          const printed = await farm.failingUp();
          const took = (Date.now() - began) / 1000;
          assert.ok(took >= Number(seconds) && took < Number(seconds) + 30, `took ${took} s`);
          await farm.set("routers.r1.checkSeconds", CHECK_SECONDS);
          assert.match(
            printed,
            /r1: site \w+ on web1 does not answer for 192\.0\.2\.(69|70): .*nothing was moved/,
          );
          assert.match(await r1(`ip route show ${PREFIX}`), /via 192\.0\.2\.3 /);
          const forced = await farm.up({ LOOPBACK_HA_FORCE_MOVE: "1" });
          assert.match(
            forced,
            /warning: r1: LOOPBACK_HA_FORCE_MOVE: moved although site \w+ on web1 does not answer for 192\.0\.2\.69/,
          );
          assert.match(await r1(`ip route show ${PREFIX}`), /via 192\.0\.2\.2 /);
        } finally {
          // As networkd made it: another test compares.
          await farm.sh("web1", "ip route replace default via 192.0.2.1 proto static");
        }
      });
    }
  });

  it("does not happen on a router that forwards nothing: preview, up, status and the router's own command say so (forward policy drop)", async () => {
    const loadRules = (rules: string): Promise<string> => r1(`nft -f - <<'END'\n${rules}\nEND`);
    const status = async (): Promise<string[]> => {
      const { stdout } = await farm.project.cli(["status", "--json"]);
      return (JSON.parse(stdout) as { problems: string[] }).problems;
    };
    try {
      await loadRules(
        "table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }",
      );
      await farm.setState("web2", "maintenance");
      const closed = /chain forward of table inet fw drops everything that this router forwards/;
      assert.match(await preview(), closed);
      assert.match(await farm.failingUp(), closed);
      assert.ok(
        (await status()).some((problem) => closed.test(problem)),
        "status",
      );
      assert.match(
        textOf(await farm.lab.exec("r1", ["loopback-ha-move", PREFIX, "web1"])),
        new RegExp(`r1: ${closed.source}.*nothing was changed`),
      );
      assert.match(await r1(`ip route show ${PREFIX}`), /via 192\.0\.2\.3 /);
      // As a container engine's: what the rules let nobody through for is told, and what they do let through is not.
      await loadRules("add rule inet fw forward ct state established accept");
      const lost =
        /a new connection from \S+ \(by out0\) to 192\.0\.2\.\d+ tcp port 80 does not get through this router/;
      assert.match(await farm.up(), lost);
      assert.ok(
        (await status()).some((problem) => lost.test(problem)),
        "status",
      );
      await loadRules("add rule inet fw forward ip daddr 192.0.2.0/24 tcp dport 80 accept");
      assert.deepEqual(await farm.serving(), AWAY);
      assert.deepEqual(await status(), []);
    } finally {
      await r1("nft delete table inet fw");
      await home();
    }
  });

  it("is refused where another admin's longer route leads a VIP elsewhere, and status names it (foreign /32)", async () => {
    const inside = new RegExp(
      `r1: ${PREFIX} should go to web\\d .*: ${VIP} via 192\\.0\\.2\\.10 dev host0\\. Remove it: `,
    );
    await r1(`ip route add ${VIP}/32 via 192.0.2.10`);
    try {
      await farm.setState("web2", "maintenance");
      const printed = await farm.failingUp();
      assert.match(printed, inside);
      assert.match(printed, /nothing was moved/);
      assert.match(await r1(`ip route show ${PREFIX}`), /via 192\.0\.2\.3 /);
      assert.match(textOf(await farm.project.cli(["status"])), inside);
    } finally {
      await r1(`ip route del ${VIP}/32 via 192.0.2.10`);
      await home();
    }
  });

  it("asks for a site's other ports only what the current server answers there", async () => {
    const listener = `use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 8443, Listen => 9, ReuseAddr => 1) or die; close $c while $c = $s->accept`;
    await farm.set("sites.widgetco.checkPorts[0]", "8443");
    try {
      await farm.setState("web2", "maintenance");
      assert.match(
        await farm.up(),
        /warning: r1: port 8443 of widgetco on web1 does not answer for 192\.0\.2\.69, but neither did any server before/,
      );
      await home();
      await farm.sh("web2", `systemd-run --quiet --collect --unit=listener perl -e '${listener}'`);
      await farm.setState("web2", "maintenance");
      assert.match(
        await farm.failingUp(),
        /r1: port 8443 of widgetco on web1 does not answer for 192\.0\.2\.69: Connection refused; nothing was moved/,
      );
    } finally {
      await farm.sh("web2", "systemctl stop listener || true");
      await farm.drop("sites.widgetco.checkPorts");
      await home();
    }
  });

  describe("by hand on the router", () => {
    afterEach(home);

    it("moves a prefix; the next preview shows it as drift, and says how to keep it; up undoes it (story)", async () => {
      const printed = await r1(`loopback-ha-move ${PREFIX} web3`);
      assert.match(printed, /192\.0\.2\.64\/27 is served by web3 \(192\.0\.2\.4\), moved/);
      assert.deepEqual(await farm.serving(), ["web1", "web3", "web3", "web4"]);
      const shown = await preview();
      assert.match(shown, /- 192\.0\.2\.64\/27 via web2/);
      assert.match(
        shown,
        /\+ 192\.0\.2\.64\/27 via web3, moved on the router at \S+; to keep it: overrides\["192\.0\.2\.64\/27"\] = web3/,
      );
      assert.match(shown, /192\.0\.2\.64\/27: via web3 => via web2/);
      await farm.up();
      assert.deepEqual(await farm.serving(), SERVERS);
      assert.doesNotMatch(await preview(), /moved on the router/);
    });

    it("is kept by an override, without another move", async () => {
      await r1(`loopback-ha-move ${PREFIX} web3`);
      await farm.set(`overrides["${PREFIX}"]`, "web3");
      await r1("systemd-run --quiet --collect --unit=watch sh -c 'exec ip -4 monitor route >/run/moved'");
      await farm.up();
      assert.doesNotMatch(await r1("systemctl stop watch; cat /run/moved"), /\/27 via/);
      assert.doesNotMatch(await preview(), /moved on the router/);
      await farm.drop("overrides");
    });

    it("cleans up what a killed one left", async () => {
      const left = "ls -d /run/loopback-ha/move.*";
      await r1(`loopback-ha-move ${PREFIX} web3 & until ${left}; do :; done 2>&1; kill -9 $!; ${left}`);
      await r1(`loopback-ha-move ${PREFIX} web4`);
      assert.match(await r1(`${left} 2>&1 || true`), /No such file/);
      assert.deepEqual(await farm.serving(), ["web1", "web4", "web3", "web4"]);
    });

    it("moves off a server that is dead, and its open connections too (story)", async () => {
      const load = await startLoad(farm.lab, {
        targets: farm.targets([VIP]),
        requestsPerSecond: 20,
        idle: 4,
      });
      await sleep(1500);
      const crashed = now();
      try {
        await farm.lab.crash("web2");
        const printed = await r1(`loopback-ha-move ${PREFIX} web3`);
        const moved = now();
        assert.match(printed, /web2 does not answer a ping: its connections move too/);
        await sleep(2500);
        const record = await load.stop();
        assert.deepEqual(failures(record, { after: moved }), []);
        // What is opened again once the reset has come, before the command is back, is web3's.
        const idle = record.connections.filter(
          ({ kind, connected = Infinity }) => kind === ConnectionKind.Idle && connected < crashed,
        );
        assert.ok(idle.length >= 4, `${idle.length} connections began before the crash`);
        for (const connection of idle)
          assert.ok((connection.ended ?? Infinity) < moved + 1000, JSON.stringify({ moved, connection }));
      } finally {
        await farm.lab.start("web2");
      }
    });

    it("checks the server's health, and keeps the farm's record: a refusal changes nothing", async () => {
      const refused = async (args: string): Promise<string> => {
        const { code, stdout, stderr } = await farm.lab.exec(
          "r1",
          ["bash", "-c", `loopback-ha-move ${args}`],
          { timeoutMs: 60_000 },
        );
        assert.notEqual(code, 0, stdout);
        return stderr;
      };
      assert.match(await refused(""), /usage: loopback-ha-move[\s\S]*192\.0\.2\.64\/27 web2 192\.0\.2\.3/);
      assert.match(
        await refused(`203.0.113.0/24 web3`),
        /203\.0\.113\.0\/24 is not a prefix of this router; known prefixes: 192\.0\.2\.32\/27/,
      );
      assert.match(
        await refused(`${PREFIX} web9`),
        /web9 is not a server of this router; known servers: web1 web2 web3 web4/,
      );
      assert.match(await refused(`${PREFIX} web2`), /goes to web2 already; nothing was changed/);
      await farm.sh("web3", "systemctl stop apache2");
      assert.match(
        await refused(`${PREFIX} web3`),
        /on web3 does not answer for 192\.0\.2\.\d+.*nothing was moved/,
      );
      await farm.sh("web3", "systemctl start apache2");
      assert.deepEqual(await farm.serving(), SERVERS);
      assert.doesNotMatch(await preview(), /differs from what was applied/);
    });

    it("waits for another move or run to end, and undoes nothing of it (story)", async () => {
      await r1(
        `loopback-ha-move ${PREFIXES[0]} web3 & loopback-ha-move ${PREFIXES[1]} web4 & wait -n && wait -n`,
      );
      assert.deepEqual(await farm.serving(), ["web3", "web4", "web3", "web4"]);
      assert.equal((await preview()).match(/moved on the router at/g)?.length, 2);
      await farm.set(`overrides["${PREFIXES[3]}"]`, "web1");
      // Holds the lock while up waits for it, and the move for up.
      await r1("systemd-run --quiet --collect flock /run/loopback-ha/lock sleep 6");
      const up = farm.up();
      await sleep(4000);
      const moving = r1(`loopback-ha-move ${PREFIXES[1]} web3`);
      await Promise.all([up, moving]);
      assert.deepEqual((await farm.serving())[3], "web1");
      await farm.drop("overrides");
    });

    it("there and back is no move, and twice is one", async () => {
      await r1(`loopback-ha-move ${PREFIX} web3; loopback-ha-move ${PREFIX} web4`);
      const shown = await preview();
      assert.match(shown, /- 192\.0\.2\.64\/27 via web2\n.*\+ 192\.0\.2\.64\/27 via web4, moved/);
      assert.doesNotMatch(shown, /via web3, moved/);
      await r1(`loopback-ha-move ${PREFIX} web2`);
      assert.doesNotMatch(await preview(), /moved on the router at/);
    });

    it("finishes, and is recorded, even when the login that started it ends", async () => {
      await r1(`rm -f /run/loopback-ha/holder
        systemd-run --quiet --collect --unit=moving loopback-ha-move ${PREFIX} web3
        for i in $(seq 1000); do grep -q move /run/loopback-ha/holder && break; sleep 0.002; done
        systemctl kill -s HUP moving; systemctl kill -s TERM moving
        while systemctl is-active -q moving; do sleep 0.05; done`);
      assert.equal((await farm.serving())[1], "web3");
      assert.match(await preview(), /via web3, moved on the router at/);
    });

    it("takes a server that drops pings for dead, and leaves the rest of its traffic there", async () => {
      await farm.set(`overrides["${PREFIXES[2]}"]`, "web2");
      await farm.up();
      await farm.sh(
        "web2",
        "nft -f - <<<'table ip deaf { chain c { type filter hook input priority 0; icmp type echo-request drop; }; }'",
      );
      try {
        assert.match(await r1(`loopback-ha-move ${PREFIX} web3`), /web2 does not answer a ping/);
        const load = await startLoad(farm.lab, {
          targets: farm.targets([farm.vips[1], farm.vips[2]]),
          requestsPerSecond: 100,
        });
        await sleep(1000);
        const record = await load.stop();
        assert.deepEqual(failures(record), []);
        assert.deepEqual((await farm.serving()).slice(1, 3), ["web3", "web2"]);
      } finally {
        await farm.sh("web2", "nft delete table ip deaf");
      }
      await farm.drop("overrides");
    });

    it("survives a reboot", async () => {
      await r1(`loopback-ha-move ${PREFIX} web1`);
      await farm.lab.reboot("r1");
      await within(10, "still moved", async () => String(await farm.serving()) === String(AWAY));
    });
  });

  it("is not blocked by two servers behind one network card, and says what that costs", async () => {
    const mac = (await farm.sh("web4", "cat /sys/class/net/host0/address")).trim();
    await r1(`ip neigh replace 192.0.2.4 lladdr ${mac} dev host0 nud permanent; sleep 2`);
    try {
      await farm.setState("web2", "maintenance");
      assert.match(await preview(), new RegExp(`several servers answer with the network card ${mac}`));
      await farm.up();
      assert.equal((await farm.serving())[1], "web1");
    } finally {
      await r1("ip neigh del 192.0.2.4 dev host0; rm -f /run/loopback-ha/macs.*; sleep 2");
    }
    await home();
  });

  describe("on a router with another admin", () => {
    it("leaves routes, rules and nft tables alone, and so does destroy", async () => {
      const foreign = `ip route show table all | grep -v -e 'proto 76' -e 'proto kernel' -e ^local -e ^broadcast -e '^default via 192.0.2.[2-5] dev host0 table 7600' | grep -v -e '^192.0.2.*/27 via' -e ^unreachable
      ip rule | grep -v 'proto 76'; nft -s list table ip foreign; nft -s list table inet other; sysctl net.ipv4.ip_forward; cat /etc/nftables.conf`;
      await r1(`ip route add 203.0.113.0/24 via 192.0.2.5; ip route add 203.0.113.64/26 via 192.0.2.4 table 99 proto static
      ip rule add from 203.0.113.9 lookup 99 pref 99; ip rule add fwmark 0x1/0x1 lookup 99 pref 7600
      nft -f - <<'END'
table ip foreign { set s { type ipv4_addr; flags timeout; elements = { 203.0.113.1 timeout 1h }; }; map m { type ipv4_addr : verdict; }; chain c { type filter hook prerouting priority mangle; counter; ip saddr @s ct mark set ct mark or 0x1; }; }
table inet other { chain f { type filter hook forward priority 0; ct state invalid counter; }; }
END`);
      const picture = async (): Promise<string> => (await r1(foreign)).replaceAll(/ expires \S+/g, "");
      const before = await picture();
      await farm.setState("web2", "maintenance");
      await farm.up();
      assert.equal(await picture(), before);
      await r1(`loopback-ha-move ${PREFIX} web3`);
      assert.equal(await picture(), before);
      await farm.setState("web2", "down");
      await farm.up();
      await home();
      const gone = await farm.project.pulumi(["destroy", "--yes", "--skip-preview", "--stack", "lab"]);
      assert.equal(gone.code, 0, gone.stdout);
      assert.equal(await picture(), before);
      assert.equal(
        (
          await r1(
            "ip rule | grep 'proto 76'; nft list tables | grep loopback; ip route show table all proto 76; true",
          )
        ).trim(),
        "",
      );
      await r1(
        "ip route del 203.0.113.0/24; ip route flush table 99; ip rule del pref 99; ip rule del pref 7600; nft delete table ip foreign; nft delete table inet other",
      );
    });
  });
});
