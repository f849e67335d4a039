import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Load, prepareServers } from "../../../lab/client";
import { ConnectionKind, failures, lastFailure, LoadRecord, now, toldAfter } from "../../../lab/load/record";
import { File } from "../../../lab/load/spec";
import { VIP, startCrashLoad } from "../crash";
import { Farm, SERVERS, within } from "../support";

const INSTANCE = "loopback-ha.lab.r1.linux-routes";
const STATE = `/var/lib/loopback-ha/${INSTANCE}`;
const UNIT = `loopback-ha-guard.${INSTANCE}.service`;
/** In milliseconds; the guard finds a death in so many rounds. */
const [INTERVAL, FALL] = [150, 3];
const PREFIX = "192.0.2.64/27";

/** On the router: what is in force, with a guard. Each prefix goes to the server after its own. */
const BEGIN = `rm -rf /root/guarded /root/before; cp -RL --preserve=mode ${STATE}/current /root/before; cp -RL --preserve=mode ${STATE}/current /root/guarded; rm -rf /root/guarded/pristine; cd /root/guarded
  printf '%s\\n' guard_interval=${INTERVAL} guard_fall=${FALL} guard_min_active=1 guard_dry_run=no guard_moves_per_hour=100 >>want/settings
  awk 'FILENAME ~ /servers/ { name[NR - 1] = $1; at[$1] = NR - 1; next }
    { printf "%s", $1; for (i = 1; i < 4; i++) printf " %s", name[(at[$2] + i) % 4]; print "" }' want/servers want/routes >want/fallbacks
  sed -i s/^version=.*/version=guarded/ meta; bash scripts/apply.sh >/dev/null; systemctl is-active ${UNIT}`;

/** On a web server: for how many milliseconds its port 80 refuses connections within 3 s. */
const CLOSED = `perl -e 'use Socket; sub now { open my $f, "<", "/proc/uptime"; (split " ", <$f>)[0] } my ($end, $closed) = (now() + 3, 0);
  while (now() < $end) { socket my $s, PF_INET, SOCK_STREAM, 6; my $t = now(); select undef, undef, undef, 0.005; connect $s, sockaddr_in(80, INADDR_LOOPBACK) or $closed += now() - $t }
  printf "%.0f", $closed * 1000'`;

/** As pulumi left it. */
const END = `for server in $(awk '{ print $1 }' /run/loopback-ha/held.${INSTANCE} 2>/dev/null); do loopback-ha-guard release --force $server; done >/dev/null
  bash /root/before/scripts/apply.sh >/dev/null; rm -f ${STATE}/in-doubt; ! systemctl is-active --quiet ${UNIT}`;

interface Move {
  /** As `now()`. */
  at: number;
  text: string;
}

describe("the router's guard", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const r1 = (command: string): Promise<string> => farm.sh("r1", command);
  let file: File;
  /** What it has said since the last call, with the times of its journal. */
  let seen = 0;
  const said = async (): Promise<Move[]> => {
    const lines = (
      await r1(`journalctl --sync 2>/dev/null; journalctl -q -o json -u ${UNIT} --no-pager`)
    ).trim();
    return lines
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, string>)
      .map((entry) => ({ at: Number(entry.__MONOTONIC_TIMESTAMP) / 1000, text: entry.MESSAGE }))
      .filter(({ text, at }) => at > seen && /the guard moved/.test(text));
  };
  const release = async (...servers: string[]): Promise<void> => {
    for (const server of servers) await r1(`loopback-ha-guard release ${server}`);
    assert.deepEqual(await farm.serving(), SERVERS);
    seen = now();
  };
  /** For the guard to have answers of all, and a plan. */
  const settled = (): Promise<void> => sleep(2500);

  before("a farm in the lab, and its guard", async () => {
    await farm.take();
    file = await prepareServers(farm.lab, "/srv/www/widgetco", 40_000_000);
    // The machines of the lab are one machine's processes: a journal with all lines of a busy lab in it.
    assert.match(await r1(BEGIN), /^active$/m);
    await settled();
    seen = now();
  });
  after("the next has the farm, without a guard", async () => {
    await farm.lab.start("web2");
    await farm.sh("web2", "systemctl reset-failed apache2 || true; systemctl start apache2");
    await r1(END);
    await farm.handOn();
  });

  /** After a death at `died`: when the guard has moved, and what clients felt; asserts the limits. */
  async function felt(what: string, load: Load, died: number): Promise<LoadRecord> {
    await within(5, "the guard moves", async () => (await said()).length > 0);
    await sleep(2000);
    const record = await load.stop();
    const [move, ...more] = await said();
    assert.deepEqual(more, []);
    const last = lastFailure(record);
    const open = toldAfter(record, VIP, died);
    const told = open.map(({ ms }) => ms);
    console.log(`      ${open.map(({ kind, ms }) => `${kind} ${Math.round(ms)}`).join(", ")} ms`);
    console.log(
      `      ${what}: moved after ${Math.round(move.at - died)} ms; the last request failed that began ` +
        `${Math.round((last?.started ?? died) - died)} ms after; open connections knew after ${Math.round(Math.max(...told))} ms (${told.length}); ${move.text}`,
    );
    const limit = (FALL + 1) * INTERVAL + 150;
    assert.ok(move.at - died <= limit, `moved after ${move.at - died} ms, limit ${limit} ms`);
    assert.deepEqual(failures(record, { after: died + 1000 }), []);
    return record;
  }

  it("Apache is killed under load: moved within (fall + 1) x interval + 150 ms, and whole within 1 s", async () => {
    const load = await startCrashLoad(farm.lab, farm.targets([VIP]), file);
    const died = now();
    // Killed alone, systemd starts it again within half a second.
    await farm.sh("web2", "systemctl kill -s KILL apache2; systemctl stop apache2");
    await felt("Apache killed", load, died);
    await farm.sh("web2", "systemctl reset-failed apache2 || true; systemctl start apache2");
    await sleep(1000);
    assert.deepEqual(
      await farm.serving(),
      ["web1", "web3", "web3", "web4"],
      "it does not come back by itself",
    );
    await release("web2");
    await settled();
  });

  it("a machine's power is cut under load: the same, and each of its clients gets a reset", async () => {
    const load = await startCrashLoad(farm.lab, farm.targets([VIP]), file);
    const died = now();
    await farm.lab.crash("web2");
    const record = await felt("power cut", load, died);
    const told = toldAfter(record, VIP, died);
    for (const kind of Object.values(ConnectionKind)) {
      const times = told.filter((one) => one.kind === kind).map(({ ms }) => ms);
      assert.ok(times.length > 0, `no ${kind} connection was open`);
      assert.ok(Math.max(...times) <= 2000, `${kind}: ${times.join()} ms`);
    }
  });

  it("the router reboots: the hold stays; the server is back, and gets its prefixes when it is released", async () => {
    await farm.lab.reboot("r1");
    await within(
      20,
      "the guard runs",
      async () => (await r1(`systemctl is-active ${UNIT} || true`)).trim() === "active",
    );
    await within(20, "the routes are there", async () =>
      (await r1(`ip route show exact ${PREFIX}`)).includes("192.0.2.4 "),
    );
    await farm.lab.start("web2");
    await sleep(2000);
    assert.deepEqual(await farm.serving(), ["web1", "web3", "web3", "web4"]);
    assert.match(
      await r1("loopback-ha-guard status"),
      /held: web2 since \S+, because it answers neither connections nor ping/,
    );
    await release("web2");
    await settled();
  });

  it("Apache restarts and reloads, hangs, and a cable that is out for less than fall rounds: nothing moves", async () => {
    const closed: Record<string, number> = {};
    for (const server of SERVERS)
      for (const verb of ["reload", "restart"])
        closed[`${server} ${verb}`] = Number(
          await farm.sh(server, `${CLOSED} & systemctl ${verb} apache2; wait $!`),
        );
    console.log(`      port 80 was closed: ${JSON.stringify(closed)} ms`);
    await sleep(1500);
    // A longer restart looks like a death, and clients are refused for as long.
    const long = SERVERS.filter((server) => closed[`${server} restart`] >= (FALL - 1) * INTERVAL);
    const moved = (await said()).map(({ text }) => / because (\S+) refuses/.exec(text)?.[1] ?? text);
    assert.deepEqual(
      moved.filter((server) => !long.includes(server)),
      [],
    );
    await release(...moved);
    await sleep(1000);
    await r1("ip link set host0 down; sleep 0.2; ip link set host0 up");
    await sleep(1000);
    await farm.sh(
      "web3",
      "ip link set host0 down; sleep 0.25; ip link set host0 up; ip route replace default via 192.0.2.1",
    );
    await sleep(1500);
    await farm.sh("web4", "systemctl kill -s STOP apache2; sleep 3; systemctl kill -s CONT apache2");
    await sleep(1000);
    assert.deepEqual(await said(), []);
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("takes less than 3 % of a core", async () => {
    const usage = `cat /sys/fs/cgroup/system.slice/${UNIT}/cpu.stat | awk '$1 == "usage_usec" { print $2 }'`;
    const before = Number(await r1(usage));
    await sleep(20_000);
    const share = (Number(await r1(usage)) - before) / 20_000_000;
    console.log(`      ${(share * 100).toFixed(2)} % of a core`);
    assert.ok(share < 0.03, `${share}`);
  });
});
