/** A router's guard has moved a dead server's traffic by itself: the watcher writes it into the config. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Policy, Result } from "../../../cli/watch/state";
import { parseHealth } from "../../../cli/routers/health";
import { Watched, policy, servers, times } from "./support";

const AT = "2026-11-30T16:00:00Z";
const holds = (...names: string[]) =>
  names.map((server) => ({ server, at: AT, reason: "refuses connections" }));
const watched = (rules: Partial<Policy> = {}, routers = ["r1"]): Watched =>
  new Watched(policy(rules), servers("active", "active", "active"), routers);
/** A round in which a router has these held. */
const round = (it: Watched, picture: string, names: string[], router = "r1"): Watched => {
  it.at += 500;
  return it.round(router, picture, undefined, { held: holds(...names) });
};

describe("watch: beside a guard", () => {
  it("adopts what a guard holds, at once", () => {
    const it = round(watched().rounds("+++"), "+x+", ["web2"]);
    assert.deepEqual([it.words, it.flips], [["adopt web2"], [["web2"]]]);
    assert.match(
      it.lines[0].text,
      /^r1's guard moved away from web2 at 2026-11-30T16:00:00Z, because it refuses connections: setting/,
    );
    it.flipped(Result.Done, "192.0.2.64/27 goes to web1", "active", "down", "active");
    round(it, "+x+", ["web2"]);
    assert.deepEqual(it.words, ["adopt web2", "flipped web2"]);
  });

  it("adopts also one that answers again: the guard never moves back", () => {
    const it = round(watched().rounds("+++"), "+++", ["web2"]);
    assert.deepEqual(it.flips, [["web2"]]);
  });

  it("takes all that guards hold in one flip, also of several routers", () => {
    const it = watched({}, ["r1", "r2"]).rounds("+++");
    it.round("r1", "+++", undefined, { held: holds("web3") });
    assert.deepEqual(it.flips, []); // too soon after the last round to count
    it.at += 500;
    it.round("r1", "+++", "pid 7, apply", { held: holds("web3") });
    it.round("r2", "+++", undefined, { held: holds("web2") });
    assert.deepEqual(it.flips, [["web2", "web3"]]);
  });

  it("tries again later when that failed", () => {
    const it = round(watched().rounds("+++"), "+++", ["web2"]);
    it.flipped(Result.Failed, "no passphrase");
    for (let i = 0; i < 20; i++) round(it, "+++", ["web2"]);
    assert.deepEqual(it.flips, [["web2"], ["web2"]]);
  });

  it("leaves alone what is not active, or of no server", () => {
    const it = new Watched(policy(), servers("active", "maintenance", "down"));
    for (let i = 0; i < 9; i++) round(it.rounds("+++"), "+++", ["web2", "web3", "web9"]);
    assert.deepEqual([it.words.filter((word) => word.startsWith("adopt")), it.flips], [[], []]);
  });

  it("never sets the last one down, and says what to do, once", () => {
    const it = watched();
    for (let i = 0; i < 5; i++) round(it, "+++", ["web1", "web2", "web3"]);
    assert.deepEqual([it.words, it.flips], [["minimum web1,web2,web3"], []]);
    assert.match(it.lines[0].text, /loopback-ha release SERVER/);
  });

  it("only says so in a dry run, once", () => {
    const it = watched({ dryRun: true });
    for (let i = 0; i < 5; i++) round(it, "+++", ["web2"]);
    assert.deepEqual([it.words, it.flips], [["would-adopt web2"], []]);
  });

  it("does nothing while no server answers the router", () => {
    const it = watched();
    for (let i = 0; i < 9; i++) round(it, "xxx", ["web2"]);
    assert.deepEqual(it.flips, []);
  });

  it("never leaves no active server, and adopts only what a guard holds, whatever it holds and whenever", () => {
    const names = fc.subarray(["web1", "web2", "web3", "web9"]);
    const happening = fc.record({
      held: names,
      picture: fc.constantFrom("+++", "+x+", "xxx"),
      done: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 30 }), (happenings) => {
        const it = watched();
        const states = ["active", "active", "active"];
        for (const { held, picture, done } of happenings) {
          const before = it.flips.length;
          round(it, picture, held);
          if (it.flips.length === before) continue;
          const flip = it.flips[before];
          const adopted = it.words.at(-1)!.startsWith("adopt");
          if (adopted)
            assert.deepEqual(
              flip.filter((name) => !held.includes(name)),
              [],
            );
          assert.ok(flip.every((name) => states[Number(name.slice(3)) - 1] === "active"));
          for (const name of done ? flip : []) states[Number(name.slice(3)) - 1] = "down";
          assert.ok(states.includes("active"), states.join());
          it.flipped(done ? Result.Done : Result.Failed, "said", ...states);
        }
      }),
    );
  });

  it("forgets a hold that is over, and flips a dead server that no guard holds", () => {
    const it = round(watched({ minActive: 1 }).rounds("+++"), "+++", []);
    it.rounds(...times(3, "+x+"));
    assert.deepEqual(it.words, ["dead web2", "flip web2"]);
  });

  it("does not act on what a router said before it fell silent", () => {
    const it = watched({}, ["r1", "r2"]).rounds("+++");
    it.at += 500;
    it.round("r1", "+++", "pid 7, apply", { held: holds("web2") });
    it.take({ kind: "lost", at: it.at, router: "r1", reason: "it is off" });
    it.round("r2", "+++");
    assert.deepEqual(it.flips, []);
  });
});

describe("a round's holds", () => {
  it("are read as the router prints them", () => {
    assert.deepEqual(parseHealth([["held", `web2 ${AT} answers neither connections nor ping`]]).held, [
      { server: "web2", at: AT, reason: "answers neither connections nor ping" },
    ]);
    assert.equal(parseHealth([["conntrack", "1", "2"]]).held, undefined);
    const [{ reason }] = parseHealth([["held", `web2 ${AT} ${"x".repeat(5000)}`]]).held!;
    assert.ok(reason.length <= 80);
  });
});
