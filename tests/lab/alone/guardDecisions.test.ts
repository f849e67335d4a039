/**
 * What must not look like a death to a guard: a server that reboots in order moves once at most, one that restarts, hangs
 * or is flooded not at all. And two routers, each with its own guard.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { addressOf, machines } from "../../../lab/machines";
import { FALL, Guarding, INTERVAL, KILL_APACHE, guardOn, moveLimit, revive } from "../guarding";
import { Outage, observeServers, wrongMoves } from "../outages";
import { Farm, SERVERS, within } from "../support";
import { now } from "../../../lab/load/record";

/** How often each; GUARD_TIMES=20 takes a quarter of an hour. */
const TIMES = Number(process.env.GUARD_TIMES ?? 2);
/** A server that is back within this time has only restarted (docs/decisions/0038). */
const GRACE_MS = (FALL - 1) * INTERVAL;
const ADDRESSES = Object.fromEntries(
  machines.filter(({ role }) => role === "web").map((machine) => [machine.name, addressOf(machine)]),
);
const each = Array.from({ length: TIMES }, (_, i) => SERVERS[(i + 1) % SERVERS.length]);

/** On a web server: Apache takes no connection for three seconds, while more of them come than wait for it. */
const FLOOD = `systemctl kill -s STOP apache2
  perl -e 'use Socket; my @all; for (1 .. 1500) { socket my $s, PF_INET, SOCK_STREAM | 04000, 6 or last; connect $s, sockaddr_in(80, INADDR_LOOPBACK); push @all, $s }
    sleep 3; print scalar grep { !getpeername $_ } @all'
  systemctl kill -s CONT apache2`;

describe("a guard's decisions", function () {
  this.timeout(Math.max(300_000, TIMES * 60_000));
  const farm = new Farm();
  const guard = new Guarding(farm.lab);
  let observing: { stop(): Promise<Outage[]> } | undefined;

  before("a farm in the lab with a guard", async () => {
    await farm.take();
    await guardOn(farm);
    await farm.up();
    await guard.ready();
  });
  after("the next has the farm, without a guard", async () => {
    await revive(farm, guard);
    await farm.handOn();
  });
  beforeEach("a second observer", async () => {
    guard.forget();
    observing = await observeServers(farm.lab, ADDRESSES);
    await sleep(500);
  });
  afterEach("each server is at home", async () => {
    await observing?.stop();
    observing = undefined;
    await revive(farm, guard);
    await guard.ready();
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  /** Compares what the guard did with what the observer saw. */
  async function nothingWrong(): Promise<Outage[]> {
    await sleep((FALL + 2) * INTERVAL);
    const moves = await guard.moves();
    const outages = await observing!.stop();
    observing = undefined;
    const lasting = outages.map(
      ({ server, began, ended = Infinity }) => `${server} ${Math.round(ended - began)} ms`,
    );
    console.log(`      out of service: ${lasting.join(", ") || "none"}; ${moves.length} moves`);
    assert.deepEqual(wrongMoves(moves, outages, GRACE_MS), []);
    return outages;
  }

  it(`${TIMES} server reboots: only the server that reboots is moved, once, and it does not come back by itself`, async () => {
    for (const server of each) {
      const from = (await guard.moves()).length;
      await farm.lab.reboot(server);
      await sleep(1000);
      const moves = (await guard.moves()).slice(from);
      assert.deepEqual(
        moves.map(({ servers }) => servers),
        [[server]],
      );
      assert.deepEqual(await guard.held(), [server]);
      assert.ok(!Object.values(await guard.routes()).includes(server));
      await within(20, `${server} answers`, async () => {
        const { code } = await farm.lab.exec("r1", ["loopback-ha-guard", "release", server]);
        return code === 0;
      });
      await guard.ready();
      assert.deepEqual(await farm.serving(), SERVERS);
    }
    await nothingWrong();
  });

  it(`${2 * TIMES} restarts and reloads of Apache: no move, unless the port is closed for longer than a restart may take`, async () => {
    for (const server of each)
      for (const verb of ["reload", "restart"]) {
        await farm.sh(server, `systemctl ${verb} apache2`);
        await sleep(700);
      }
    await nothingWrong();
  });

  it(`${TIMES} link flaps shorter than fall of a server, and of the router: no move`, async () => {
    const flap = (seconds: number): string =>
      `ip link set host0 down; sleep ${seconds}; ip link set host0 up`;
    for (const server of each) {
      await farm.sh(server, `${flap(0.25)}; ip route replace default via 192.0.2.1`);
      await sleep(1000);
      await guard.sh(flap(0.2));
      await sleep(1000);
    }
    await nothingWrong();
    assert.deepEqual(await guard.moves(), []);
  });

  it("the router's link is down for longer than fall: no move, and its log says why", async () => {
    await guard.sh(`ip link set host0 down; sleep ${(2 * FALL * INTERVAL) / 1000}; ip link set host0 up`);
    await sleep(1000);
    await nothingWrong();
    const said = await guard.said();
    assert.deepEqual(await guard.moves(), []);
    assert.ok(
      said.some(({ text }) => /moves nothing/.test(text)),
      JSON.stringify(said),
    );
  });

  it(`${TIMES} times SIGSTOP of Apache for three seconds: no move`, async () => {
    for (const server of each)
      await farm.sh(server, "systemctl kill -s STOP apache2; sleep 3; systemctl kill -s CONT apache2");
    await nothingWrong();
    assert.deepEqual(await guard.moves(), []);
  });

  it(`${TIMES} times the listen backlog of one server is full: no move`, async () => {
    for (const server of each)
      assert.ok(Number(await farm.sh(server, FLOOD)) > 0, "all connections found room in the backlog");
    await nothingWrong();
    assert.deepEqual(await guard.moves(), []);
  });

  it(`${TIMES} times the listen backlogs of all servers are full: no move`, async () => {
    for (let i = 0; i < TIMES; i++) {
      const left = await Promise.all(SERVERS.map((server) => farm.sh(server, FLOOD)));
      assert.ok(
        left.every((count) => Number(count) > 0),
        `all connections found room in a backlog: ${left.join()}`,
      );
      await sleep(500);
    }
    await nothingWrong();
    assert.deepEqual(await guard.moves(), []);
  });
});

describe("two routers with a guard each", function () {
  this.timeout(300_000);
  const farm = new Farm();
  // The machine that web4 was is a router of kind linux now.
  const [first, second] = [new Guarding(farm.lab), new Guarding(farm.lab, "r2", "web4")];
  const both = [first, second];
  const three = SERVERS.slice(0, 3);

  before("a farm with two routers", async () => {
    await farm.take();
    await farm.setState("web4", "maintenance");
    await farm.up();
    await farm.drop("servers.web4");
    await farm.up();
    await farm.sh("web4", "sysctl -qw net.ipv4.ip_forward=1; ip address replace 203.0.113.5/32 dev lo");
    await farm.sh("r1", "ip route replace 203.0.113.5/32 via 192.0.2.5");
    await farm.set("routers.r2.address", "192.0.2.5");
    await farm.set("routers.r2.checkSource", "203.0.113.5");
    for (const router of ["r1", "r2"]) await guardOn(farm, router);
    await farm.up();
    await Promise.all(both.map((guard) => guard.ready()));
    both.forEach((guard) => guard.forget());
  });
  after("the next has the farm, with one router", async () => {
    await Promise.all(three.map((server) => farm.lab.start(server)));
    for (const server of three)
      await farm.sh(server, "systemctl reset-failed apache2 || true; systemctl start apache2");
    for (const guard of both) await guard.release(...(await guard.held()));
    await farm.drop("routers.r2");
    await farm.drop("routers.r1.guard");
    await farm.up();
    await farm.sh("web4", "sysctl -qw net.ipv4.ip_forward=0; ip address del 203.0.113.5/32 dev lo");
    await farm.sh("r1", "ip route del 203.0.113.5/32 via 192.0.2.5");
    await farm.handOn();
  });

  for (const [what, kill] of [
    ["Apache ends", () => farm.sh("web2", KILL_APACHE)],
    ["loses its power", () => farm.lab.crash("web2")],
  ] as [string, () => Promise<unknown>][])
    it(`a server ${what}: both decide alike, each within its time`, async () => {
      const before = await Promise.all(both.map((guard) => guard.routes()));
      assert.deepEqual(before[0], before[1]);
      both.forEach((guard) => guard.forget());
      const died = now();
      await kill();
      const moves = await Promise.all(both.map((guard) => guard.holds(["web2"])));
      const limit = moveLimit(INTERVAL);
      for (const [i, [move, ...more]] of moves.entries()) {
        console.log(`      r${i + 1} moved ${Math.round(move.at - died)} ms after`);
        assert.deepEqual([move.servers, more], [["web2"], []]);
        assert.ok(move.at - died <= limit, `r${i + 1} moved after ${move.at - died} ms, limit ${limit} ms`);
      }
      const routes = await Promise.all(both.map((guard) => guard.routes()));
      assert.deepEqual(routes[0], routes[1]);
      assert.deepEqual(await first.map(), await second.map());
      for (const [prefix, server] of Object.entries(before[0])) {
        const [successor] = await first.successors(prefix);
        assert.equal(routes[0][prefix], server === "web2" ? successor : server, prefix);
      }
      await farm.lab.start("web2");
      await farm.sh("web2", "systemctl reset-failed apache2 || true; systemctl start apache2");
      const { code, stdout, stderr } = await farm.project.cli(["release", "web2", "--yes"]);
      assert.equal(code, 0, stdout + stderr);
      for (const guard of both) {
        assert.deepEqual(await guard.held(), []);
        assert.deepEqual(await guard.routes(), before[0]);
        await guard.ready();
      }
    });

  for (const [what, down, up] of [
    ["its link", "ip link set host0 down", "ip link set host0 up; ip route replace default via 192.0.2.1"],
    [
      "every packet, with carrier",
      `nft -f - <<<'table ip deaf { chain c { type filter hook prerouting priority -400; iifname "host0" drop; }; }'`,
      "nft delete table ip deaf",
    ],
  ])
    it(`one router alone loses ${what}: neither moves anything`, async () => {
      const before = await first.routes();
      both.forEach((guard) => guard.forget());
      await second.sh(`${down}; sleep ${(3 * FALL * INTERVAL) / 1000}; ${up}`);
      await sleep(1000);
      for (const guard of both) {
        assert.deepEqual(await guard.moves(), []);
        assert.deepEqual(await guard.held(), []);
      }
      const said = (await second.said()).map(({ text }) => text);
      assert.ok(
        said.some((text) => /moves nothing/.test(text)),
        said.join("\n"),
      );
      // Routes through a link that was down are there again by the supervisor's next turn.
      await within(10, "the second router's routes", async () => {
        return JSON.stringify(await second.routes()) === JSON.stringify(before);
      });
      await second.ready();
    });
});
