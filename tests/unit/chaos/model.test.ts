import assert from "node:assert/strict";
import {
  BASE,
  Config,
  Fault,
  PREFIXES,
  Prefix,
  SERVERS,
  World,
  after,
  issues,
  configsOf,
  makesSense,
  mayLose,
  mayLoseDuring,
  mayServe,
  mustSucceed,
  wellAt,
} from "../../chaos/model";
import { Change, Step } from "../../chaos/sequence";

const [FIRST, SECOND, THIRD, FOURTH] = PREFIXES;
const up = (change: Change): Step & { kind: "up" } => ({ kind: "up", change });
const state = (server: (typeof SERVERS)[number], to: "active" | "maintenance" | "down"): Step =>
  up({ what: "state", server, state: to });
const well = wellAt(BASE);
const withState = (server: string, to: string): Config => ({
  ...BASE,
  states: { ...BASE.states, [server]: to },
});
const play = (world: World, ...steps: Step[]): World =>
  steps.reduce((now, step) => after(now, step, { succeeded: true }), world);

describe("chaos: the model's placement", () => {
  it("a prefix is served by its home; by its override's server; by any active one when its home is none", () => {
    assert.deepEqual(mayServe(BASE, SECOND), ["web2"]);
    assert.deepEqual(mayServe({ ...BASE, overrides: { [SECOND]: "web4" } }, SECOND), ["web4"]);
    assert.deepEqual(mayServe(withState("web2", "maintenance"), SECOND), ["web1", "web3", "web4"]);
  });

  const homes: Record<Prefix, string> = {
    [FIRST]: "web1",
    [SECOND]: "web2",
    [THIRD]: "web3",
    [FOURTH]: "web4",
  };
  const twoAway: Config = { ...BASE, states: { web1: "down", web2: "down", web3: "active", web4: "active" } };
  const rows: [string, Config, Partial<Record<Prefix, string>>, number][] = [
    ["all at home", BASE, homes, 0],
    ["one that is away from its home", BASE, { ...homes, [FIRST]: "web2" }, 1],
    ["one that no server has", BASE, { ...homes, [FOURTH]: undefined }, 1],
    ["one that the dead server has", withState("web2", "down"), homes, 1],
    ["two spread over two", twoAway, { ...homes, [FIRST]: "web3", [SECOND]: "web4" }, 0],
    ["two heaped on one", twoAway, { ...homes, [FIRST]: "web3", [SECOND]: "web3" }, 2],
  ];
  for (const [what, config, serving, count] of rows)
    it(`${what}: ${count} issues`, () => assert.equal(issues(config, serving).length, count));
});

describe("chaos: the model's configs", () => {
  it("from down to active it is two runs, by maintenance", () => {
    const world = wellAt(withState("web2", "down"));
    assert.deepEqual(
      configsOf(world, state("web2", "active"))!.map(({ states }) => states.web2),
      ["maintenance", "active"],
    );
  });

  it("a server that leaves takes its overrides along", () => {
    const world = wellAt({ ...BASE, overrides: { [FIRST]: "web2" } });
    assert.deepEqual(configsOf(world, state("web2", "maintenance"))![0].overrides, {});
  });

  it("makes no empty change, takes no last server away, and overrides to no unknown server", () => {
    const oneLeft = wellAt({
      ...BASE,
      states: { web1: "down", web2: "down", web3: "maintenance", web4: "active" },
    });
    for (const [world, step] of [
      [well, state("web1", "active")],
      [well, up({ what: "undo" })],
      [well, up({ what: "site", site: "cogs" })],
      [oneLeft, state("web4", "maintenance")],
      [oneLeft, up({ what: "override", prefix: FIRST, server: "web3" })],
    ] as const)
      assert.equal(configsOf(world, step), undefined);
  });

  it("after a run that failed, 'undo' is the config of the last that succeeded", () => {
    const failed = after(well, state("web2", "maintenance"), { succeeded: false });
    assert.deepEqual(configsOf(failed, up({ what: "undo" })), [BASE]);
  });
});

describe("chaos: what the model lets be lost", () => {
  it("nothing in a planned action: a drain, an override, a site, a second stack, a move by hand", () => {
    for (const step of [
      state("web2", "maintenance"),
      up({ what: "override", prefix: FIRST, server: "web4" }),
      up({ what: "site", site: "cogs", to: "here" }),
      { kind: "second stack" },
      { kind: "move", prefix: FIRST, server: "web2" },
    ] as Step[])
      assert.deepEqual(mayLoseDuring(well, step, play(well, step)), { prefixes: [], servers: [] });
  });

  it("a dead server's prefixes until a run has moved them, and its connections until it is repaired", () => {
    const dead = play(well, { kind: "fault", fault: Fault.Off, machine: "web2" });
    assert.deepEqual(mayLose(dead), { prefixes: [SECOND], servers: ["web2"] });
    const moved = after(dead, state("web2", "down"), { succeeded: true, routed: { [SECOND]: "web1" } });
    assert.deepEqual(mayLose(moved), { prefixes: [], servers: ["web2"] });
    assert.deepEqual(mayLose(play(moved, { kind: "mend", machine: "web2" })), { prefixes: [], servers: [] });
  });

  it("the prefixes and connections of a server that dies in the run that moves them away", () => {
    const cut = { name: "the cable is pulled", machine: "web2", leaves: Fault.Cut, afterMs: 900 } as const;
    const step: Step = { ...state("web2", "maintenance"), disturbance: cut } as Step;
    const next = after(well, step, { succeeded: true, routed: { [SECOND]: "web1" } });
    assert.deepEqual(mayLoseDuring(well, step, next), { prefixes: [SECOND], servers: ["web2"] });
    assert.deepEqual(mayLose(next), { prefixes: [], servers: ["web2"] });
  });

  it("everything while the router is dead", () => {
    const dead = play(well, { kind: "fault", fault: Fault.Cut, machine: "r1" });
    assert.deepEqual(mayLose(dead), { prefixes: [...PREFIXES], servers: [...SERVERS] });
  });

  it("nothing for a full disk, a dead sshd, a wrong clock, or a dead name server", () => {
    for (const [machine, fault] of [
      ["web1", Fault.FullDisk],
      ["web1", Fault.NoSshd],
      ["r1", Fault.NoSshd],
      ["ns1", Fault.ClockBehind],
      ["ns1", Fault.Off],
    ] as const)
      assert.deepEqual(mayLose(play(well, { kind: "fault", fault, machine })), { prefixes: [], servers: [] });
  });

  it("a run that did not get to its end leaves open who serves, but nothing moves to the dead", () => {
    const dead = play(well, { kind: "fault", fault: Fault.Off, machine: "web1" });
    const failed = after(dead, state("web2", "maintenance"), { succeeded: false });
    assert.deepEqual(failed.at[SECOND], ["web2", "web3", "web4"]);
  });

  it("what another admin took away is back with the next run that succeeds, except on a server that is down", () => {
    const tamper: Step = {
      kind: "tamper",
      tampering: { name: "stops Apache", machine: "web2", breaks: "until up" },
    };
    const broken = play(well, tamper);
    assert.deepEqual(mayLose(broken).prefixes, [SECOND]);
    assert.deepEqual(play(broken, up({ what: "nothing" })).broken, []);
    assert.deepEqual(play(broken, state("web2", "down")).broken, ["web2"]);
    const cut = play(broken, { kind: "fault", fault: Fault.Cut, machine: "web2" });
    assert.deepEqual(play(cut, up({ what: "nothing" })).broken, ["web2"]);
  });
});

describe("chaos: when a step makes sense", () => {
  it("a dead machine can't die again, and only a sick one is repaired", () => {
    const dead = play(well, { kind: "fault", fault: Fault.Off, machine: "web1" });
    const crash: Step = { kind: "fault", fault: Fault.Off, machine: "web1" };
    const mend: Step = { kind: "mend", machine: "web1" };
    assert.deepEqual([makesSense(well, crash), makesSense(dead, crash)], [true, false]);
    assert.deepEqual([makesSense(well, mend), makesSense(dead, mend)], [false, true]);
  });

  it("no route is replaced by a foreign one if it is missing", () => {
    const route: Step = {
      kind: "tamper",
      tampering: { name: "puts a route", machine: "r1", moves: { prefix: SECOND, server: "web3" } },
    };
    const without = play(well, { kind: "destroy", machine: "r1", command: "r1-routes" });
    assert.deepEqual([makesSense(well, route), makesSense(without, route)], [true, false]);
  });

  it("named is not stopped if its zones are gone, and its zones do not go if it is stopped", () => {
    const stop: Step = {
      kind: "tamper",
      tampering: { name: "stops named", machine: "ns1", breaks: "until up" },
    };
    const routes: Step = { kind: "destroy", machine: "r1", command: "r1-routes" };
    const zone: Step = { kind: "destroy", machine: "ns1", command: "gadgets.example-zone" };
    assert.deepEqual([makesSense(well, stop), makesSense(play(well, routes), stop)], [true, false]);
    const stopped = play(well, stop);
    assert.deepEqual([makesSense(stopped, routes), makesSense(stopped, zone)], [false, true]);
    assert.equal(makesSense(play(stopped, up({ what: "nothing" })), routes), true);
    assert.deepEqual(mayLose(stopped), { prefixes: [], servers: [] });
  });

  it("a run on a healthy farm must succeed; with a fault, or another admin's change in its way, it need not", () => {
    const nothing = up({ what: "nothing" });
    const killed: Step = { ...nothing, disturbance: { name: "up is killed", afterMs: 1, kills: "up" } };
    assert.equal(mustSucceed(well, nothing), true);
    assert.equal(mustSucceed(well, killed), false);
    assert.equal(
      mustSucceed(play(well, { kind: "fault", fault: Fault.Slow, machine: "ns1" }), nothing),
      false,
    );
  });

  it("a killed up asks for the recovery before the next one", () => {
    const killed: Step = {
      ...up({ what: "nothing" }),
      disturbance: { name: "up is killed", afterMs: 1, kills: "up" },
    };
    const interrupted = after(well, killed, { succeeded: false });
    assert.equal(interrupted.interrupted, true);
    assert.equal(play(interrupted, up({ what: "nothing" })).interrupted, false);
  });
});
