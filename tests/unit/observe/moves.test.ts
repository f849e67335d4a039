import assert from "node:assert/strict";
import { Mover, Moves } from "../../../cli/observe/moves";
import { pictureOf, lastRoundOf, troublesOf } from "../../../cli/observe/picture";
import * as events from "../../../cli/watch/events";
import { Result } from "../../../cli/watch/state";
import { Watched, policy, servers } from "../watch/support";

const HOLD = { server: "web2", at: "2026-11-30T16:00:00Z", reason: "refuses connections" };

describe("the moves that a watcher has seen", () => {
  it("a flip is one move of the watcher, with its reason", () => {
    const moves = new Moves();
    moves.onLine(events.dead("web2", 3, "x"), 1);
    moves.onLine(events.flip(["web2"], ["web1"]), 2);
    moves.onLine(events.flipped(["web2"], 3.6, "192.0.2.64/27 goes to web1"), 3);
    assert.deepEqual(moves.last, [
      {
        ...{ at: 3, by: Mover.Watch, servers: "web2" },
        text: "web2 is dead and web1 answers: 192.0.2.64/27 goes to web1",
      },
    ]);
    assert.deepEqual([moves.counts, moves.failures], [{ watch: 1, guard: 0, operator: 0 }, 0]);
  });

  it("one that fails is no move, one that moved a part is both; a reason is told once", () => {
    const moves = new Moves();
    moves.onLine(events.flip(["web2"], ["web1"]), 1);
    moves.onLine(events.failed(["web2"], "nothing moved:\n  because", 5000), 2);
    moves.onLine(events.partial(["web2"], "r2 does not send it", 5000), 3);
    assert.deepEqual(
      moves.last.map(({ text, failed }) => [text, failed]),
      [
        ["r2 does not send it", true],
        ["web2 is dead and web1 answers: nothing moved:; because", true],
      ],
    );
    assert.deepEqual([moves.counts.watch, moves.failures], [1, 2]);
  });

  it("a guard's hold is one move of the guard, however often it is told; its adoption is one of the watcher", () => {
    const moves = new Moves();
    const state = { routers: { r1: { held: [HOLD] } }, servers: { web1: {}, web2: {} } };
    assert.deepEqual(
      [1, 2, 3].map(() => moves.onState(state as never, 1)),
      [true, false, false],
    );
    moves.onLine(events.adopt(["web2"], [{ router: "r1", ...HOLD }]), 2);
    moves.onState({ ...state, routers: { r1: { held: [] } } } as never, 3);
    moves.onState(state as never, 4);
    assert.equal(moves.counts.guard, 1);
    assert.deepEqual(moves.last[0], {
      ...{ at: Date.parse(HOLD.at), by: Mover.Guard, servers: "web2" },
      text: "the guard on r1 took web2 out of service, because it refuses connections",
    });
    moves.onLine(events.flipped(["web2"], 1, "it carried no traffic"), 5);
    assert.match(moves.last[0].text, /^.*web2.*refuses connections.*: it carried no traffic$/);
    assert.doesNotMatch(moves.last[0].text, /setting the state/);
  });

  it("a router that tells of thousands of holds, or of servers that are not, fills nothing", () => {
    const moves = new Moves();
    for (let i = 0; i < 2000; i++)
      moves.onState(
        {
          routers: {
            r1: {
              held: [
                { ...HOLD, at: `t${i}` },
                { ...HOLD, server: "__proto__" },
              ],
            },
          },
          servers: { web2: {} },
        } as never,
        i,
      );
    assert.equal(moves.counts.guard, 2000);
    assert.equal(moves.last.length, 20);
    assert.equal(moves.last[0].servers, "web2");
  });

  it("an operator's change is told as the operator's, and flips from before a restart are remembered", () => {
    const moves = new Moves();
    moves.remember([
      { server: "web3", at: 1 },
      { server: "web4", at: 2, sick: true },
    ]);
    moves.onLine(events.changed("web2", "down", "active"), 3);
    assert.deepEqual(
      moves.last.map(({ by, servers: names, text }) => [by, names, text]),
      [
        ["operator", "web2", "web2 was changed from down to active outside this watcher"],
        ["watch", "web4", "web4 was sick and set down, before this watcher was started"],
        ["watch", "web3", "web3 was dead and set down, before this watcher was started"],
      ],
    );
    assert.deepEqual(moves.counts, { watch: 0, guard: 0, operator: 1 });
  });
});

describe("the picture of a watcher", () => {
  const nowhere = {
    stack: "a/b",
    version: "1",
    started: 0,
    moves: [],
    counts: new Moves().counts,
    failures: 0,
  };
  const shown = ({ state, at }: Watched, guard = false) =>
    pictureOf(
      {
        state,
        at,
        unable: [],
        farm: { servers: [], routers: [{ name: "r1", ...(guard ? { guard: {} } : {}) }] } as never,
      },
      { ...nowhere, now: 5_000_000 },
    );

  it("has each server's health as the verdict has it, and when the last round came", () => {
    const watcher = new Watched(policy(), servers("active", "active", "active", "down"));
    const before = shown(watcher);
    assert.deepEqual(
      before.servers.map(({ health, answers }) => [health, answers]),
      Array(4).fill(["unknown", null]),
    );
    assert.equal(lastRoundOf(before), null);
    assert.deepEqual(troublesOf(before), ["r1 does not report: the watcher sees nothing through it"]);
    watcher.rounds("++++", "+x~ ");
    assert.deepEqual(
      shown(watcher).servers.map(({ health, answers, ms }) => [health, answers, ms]),
      [
        ["well", true, 10],
        ["stumbles", false, null],
        ["stumbles", false, null],
        ["unknown", null, null],
      ],
    );
    watcher.rounds("+x~ ", "+x~ ");
    const picture = shown(watcher);
    assert.deepEqual(
      picture.servers.map(({ health }) => health),
      ["well", "dead", "sick", "unknown"],
    );
    assert.equal(lastRoundOf(picture), 5_000_000);
    assert.deepEqual(troublesOf(picture), [
      "web2 is dead: Connection refused",
      "web3 is sick: no answer within 0.5 s",
    ]);
    watcher.at += 700;
    assert.equal(lastRoundOf(shown(watcher)), 5_000_000 - 700);
  });

  it("several routers must agree that a server is dead", () => {
    const watcher = new Watched(policy(), servers("active", "active"), ["r1", "r2"]);
    for (let i = 0; i < 4; i++) {
      watcher.at += 500;
      watcher.round("r1", "+x").round("r2", "++");
    }
    const [, web2] = shown(watcher).servers;
    assert.deepEqual([web2.health, web2.answers, web2.reason], ["well", true, ""]);
  });

  it("has what guards hold, of servers that there are", () => {
    const watcher = new Watched(policy({ dryRun: true }));
    watcher.at += 500;
    watcher.round("r1", "++++", undefined, { held: [HOLD, { ...HOLD, server: "other" }] });
    const { routers, dryRun } = shown(watcher, true);
    assert.deepEqual(routers, [
      { name: "r1", reports: true, lastRound: 5_000_000, guarded: true, held: [HOLD], tracked: null },
    ]);
    assert.ok(dryRun);
    assert.equal(Result.Done, "done");
  });
});
