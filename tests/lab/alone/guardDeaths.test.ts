/** Deaths at moments that are hard for a guard: two at once, during a run, before a confirmation, in a move, and its own. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { now } from "../../../lab/load/record";
import {
  Guarding,
  INTERVAL,
  KILL_APACHE,
  Placement,
  START_APACHE,
  guardOn,
  moveLimit,
  placementOfMap,
  placementOfRoutes,
  revive,
} from "../guarding";
import { APPLY_PID, CUT_SSH, Farm, HEAL_SSH, SERVERS, oncePending, textOf, within } from "../support";

/** How many times the guard is killed at a moment by chance, and how many deaths follow another. */
const TIMES = Number(process.env.GUARD_TIMES ?? 2);
const CONFIRM_SECONDS = 5;
const [FIRST, SECOND] = ["192.0.2.32/27", "192.0.2.64/27"];

describe("deaths at bad moments for a guard", function () {
  this.timeout(Math.max(300_000, TIMES * 60_000));
  const farm = new Farm();
  const guard = new Guarding(farm.lab);
  const map = `nft list map ip loopback-ha.${guard.instance} routes`;
  /** Where prefixes are while all servers are well, and the config that says so. */
  let home: Placement;
  let config = "";
  const configFile = (): string => farm.project.file("Pulumi.lab.yaml");

  before("a farm in the lab with a guard", async () => {
    await farm.take({ "routers.r1.confirmSeconds": String(CONFIRM_SECONDS) });
    await guardOn(farm);
    config = fs.readFileSync(configFile(), "utf8");
    await farm.up();
    await guard.ready();
    home = await guard.routes();
  });
  after("the next has the farm, without a guard", async () => {
    await guard.liveOn();
    await revive(farm, guard);
    await farm.handOn();
  });
  beforeEach(() => guard.forget());
  afterEach("each server is at home", async () => {
    await guard.sh("rm -f /run/sampling");
    await revive(farm, guard);
    fs.writeFileSync(configFile(), config);
    await farm.up();
    await guard.ready();
    assert.deepEqual(await guard.routes(), home);
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  const kill = (server: string): Promise<string> => farm.sh(server, KILL_APACHE);

  /** Neither routes nor rules lead to a dead server, and every prefix is where its list says. */
  async function leadsAwayFrom(dead: string[], before: Placement): Promise<void> {
    const expected: Placement = {};
    for (const [prefix, server] of Object.entries(before)) {
      const successors = await guard.successors(prefix);
      expected[prefix] = dead.includes(server) ? successors.find((name) => !dead.includes(name))! : server;
    }
    for (const found of [await guard.routes(), await guard.map()]) assert.deepEqual(found, expected);
  }

  /** Repeats on the router what shows both tables, until `end`; each is what new connections could have met. */
  async function sampleTables(): Promise<{ end(): Promise<{ routes: Placement[]; maps: Placement[] }> }> {
    await guard.sh("touch /run/sampling");
    const sampling = guard.sh(
      `while [ -e /run/sampling ]; do printf 'nft %s\\n' "$(${map} 2>/dev/null | tr -d '\\n')"; printf 'ip ;%s\\n' "$(ip -4 route show proto 76 | tr '\\n' ';')"; sleep 0.02; done`,
    );
    return {
      async end() {
        await guard.sh("rm -f /run/sampling");
        const lines = (await sampling).split("\n");
        const of = (kind: string): string[] => lines.filter((line) => line.startsWith(`${kind} `));
        return { maps: of("nft").map(placementOfMap), routes: of("ip").map(placementOfRoutes) };
      },
    };
  }

  /** web1 has two prefixes, as web2 is in maintenance. */
  async function withTwoPrefixes(): Promise<Placement> {
    await farm.setState("web2", "maintenance");
    await farm.set(`overrides["${SECOND}"]`, "web1");
    await farm.up();
    const before = await guard.routes();
    assert.deepEqual([before[FIRST], before[SECOND]], ["web1", "web1"]);
    return before;
  }

  it("two servers lose their power at once: both are held, and every prefix goes to a living server of its list", async () => {
    const died = now();
    await Promise.all(["web2", "web3"].map((server) => farm.lab.crash(server)));
    const moves = await guard.holds(["web2", "web3"]);
    for (const { at, text } of moves) console.log(`      ${Math.round(at - died)} ms: ${text}`);
    assert.deepEqual(moves.flatMap(({ servers }) => servers).sort(), ["web2", "web3"]);
    await leadsAwayFrom(["web2", "web3"], home);
    const serving = await farm.serving();
    assert.ok(
      serving.every((server) => ["web1", "web4"].includes(server)),
      serving.join(),
    );
  });

  for (const ms of [100, 250, 400].slice(0, Math.max(2, TIMES)))
    it(`a second server dies ${ms} ms after the first, while the guard moves: the same`, async () => {
      await Promise.all([kill("web2"), sleep(ms).then(() => kill("web3"))]);
      const moves = await guard.holds(["web2", "web3"]);
      console.log(`      in ${moves.length} moves`);
      assert.deepEqual(moves.flatMap(({ servers }) => servers).sort(), ["web2", "web3"]);
      await leadsAwayFrom(["web2", "web3"], home);
    });

  it("a release while the supervisor looks again and again: one that is dead is refused, one that is well is released", async () => {
    await kill("web2");
    await guard.holds(["web2"]);
    // As the supervisor and the guard's plan do it.
    const current = `/var/lib/loopback-ha/${guard.instance}/current`;
    const adapt = `bash -c '. ${current}/scripts/lib.sh; adapt "$state/current"' 2>/dev/null`;
    const adapting = guard.sh(`touch /run/sampling; while [ -e /run/sampling ]; do ${adapt}; done; true`);
    const release = async (): Promise<[number, string]> => {
      const ended = await farm.lab.exec("r1", ["loopback-ha-guard", "release", "web2"]);
      return [ended.code, textOf(ended)];
    };
    const [refused, why] = await release();
    assert.equal(refused, 1, why);
    assert.match(why, /on web2 does not answer[^]*web2 was not released, and is still held/);
    await leadsAwayFrom(["web2"], home);
    await farm.sh("web2", START_APACHE);
    const [code, said] = await release();
    assert.equal(code, 0, said);
    await guard.sh("rm -f /run/sampling");
    await adapting;
    assert.deepEqual([await guard.held(), await guard.routes(), await guard.map()], [[], home, home]);
  });

  it("one dies while up asks the servers: the guard does not wait for it, and up gives the dead one nothing", async () => {
    await farm.setState("web4", "maintenance");
    const running = await farm.project.beginUp();
    await guard.sh(
      `for i in $(seq 3000); do pid=$(${APPLY_PID}); if [ "$pid" ]; then exit; fi; sleep 0.01; done; exit 9`,
    );
    const died = now();
    await kill("web2");
    const [move] = await guard.holds(["web2"]);
    console.log(`      moved after ${Math.round(move.at - died)} ms`);
    const result = await running.ended;
    console.log(`      up: exit code ${result.code}`);
    for (const found of [await guard.routes(), await guard.map()])
      assert.ok(!Object.values(found).includes("web2"), JSON.stringify(found));
    assert.ok(move.at - died <= moveLimit(INTERVAL) + 500, `moved after ${move.at - died} ms`);
    const said = await farm.up();
    assert.match(said, /the guard moved/);
    for (const found of [await guard.routes(), await guard.map()])
      assert.ok(
        !Object.values(found).some((server) => ["web2", "web4"].includes(server)),
        JSON.stringify(found),
      );
  });

  it("one dies that a change gave a prefix to which waits for its confirmation: it loses all, and going back gives it nothing", async () => {
    await farm.setState("web2", "maintenance");
    await farm.set(`overrides["${SECOND}"]`, "web1");
    const pending = guard.sh(oncePending("linux", CUT_SSH));
    const up = farm.project.beginUp();
    try {
      await pending;
      const died = now();
      await kill("web1");
      const [move] = await guard.holds(["web1"]);
      console.log(`      moved after ${Math.round(move.at - died)} ms`);
      assert.ok(move.at - died <= moveLimit(INTERVAL) + 500, `moved after ${move.at - died} ms`);
      const tables = await sampleTables();
      // It goes back in the meantime.
      await sleep((CONFIRM_SECONDS + 2) * 1000);
      const { routes, maps } = await tables.end();
      const wrong = [...routes, ...maps].filter((found) => Object.values(found).includes("web1"));
      assert.deepEqual(wrong, []);
    } finally {
      await guard.sh(HEAL_SSH);
    }
    const result = await (await up).ended;
    assert.notEqual(result.code, 0, textOf(result));
    assert.equal((await guard.routes())[SECOND], "web2");
    assert.deepEqual(await guard.held(), ["web1"]);
  });

  it("one dies that a change took its only prefix from, which waits for its confirmation: going back gives it nothing", async () => {
    await farm.set(`overrides["${SECOND}"]`, "web4");
    const moved = `for i in $(seq 6000); do if [ -e /run/loopback-ha/pending.${guard.instance} ] && ip route show exact ${SECOND} | grep -q 'via 192.0.2.5 '; then ${CUT_SSH}; exit; fi; sleep 0.005; done; exit 9`;
    const pending = guard.sh(moved);
    const up = farm.project.beginUp();
    try {
      await pending;
      await kill("web2");
      await sleep((CONFIRM_SECONDS + 2) * 1000);
      for (const found of [await guard.routes(), await guard.map()])
        assert.notEqual(found[SECOND], "web2", JSON.stringify(found));
    } finally {
      await guard.sh(HEAL_SSH);
    }
    const result = await (await up).ended;
    assert.notEqual(result.code, 0, textOf(result));
  });

  /** web1 dies with two prefixes while the guard dies, too: no table that anything could have met is half of each. */
  async function diesToo({ prepare, death }: { prepare?(): Promise<void>; death?(): Promise<unknown> }) {
    const before = await withTwoPrefixes();
    await prepare?.();
    await guard.ready();
    try {
      const tables = await sampleTables();
      const died = now();
      await Promise.all([kill("web1"), death?.()]);
      await within(15, "the move is complete", async () => {
        const found = [await guard.routes(), await guard.map()];
        return found.every((placement) => !Object.values(placement).includes("web1"));
      });
      console.log(`      complete after ${Math.round(now() - died)} ms`);
      // What was completed stays.
      await sleep(1000);
      const { maps } = await tables.end();
      const half = maps.filter(
        (found) => Object.keys(found).length > 0 && (found[FIRST] === "web1") !== (found[SECOND] === "web1"),
      );
      assert.deepEqual(half, []);
      assert.ok(maps.length > 10, `only ${maps.length} looks`);
      await leadsAwayFrom(["web1"], before);
      assert.deepEqual(await guard.held(), ["web1"]);
    } finally {
      await guard.liveOn();
    }
  }

  for (const step of ["held", "nft", "ip"])
    it(`the guard is killed in the move after '${step}': old or new table, and the next guard completes the move`, () =>
      diesToo({ prepare: () => guard.dieAt(step) }));

  it(`${TIMES} times the guard is killed at any moment: the same`, async () => {
    for (let i = 0; i < TIMES; i++) {
      const seconds = 0.2 + (0.5 * (i + 1)) / (TIMES + 1);
      console.log(`      killed ${seconds.toFixed(2)} s after the death`);
      const pid = `$(systemctl show --property MainPID --value ${guard.unit})`;
      await diesToo({ death: () => guard.sh(`sleep ${seconds}; kill -KILL ${pid}`) });
      await revive(farm, guard);
      guard.forget();
    }
  });
});
