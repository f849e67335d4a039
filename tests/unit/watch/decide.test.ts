import assert from "node:assert/strict";
import { Policy, Result, savedOf } from "../../../cli/watch/state";
import { Host } from "../../../components/routerRoute/verdict";
import { INTERVAL, Watched, policy, servers, times } from "./support";

const moving = (rules: Partial<Policy> = {}): Watched => new Watched(policy({ moveAfter: 30_000, ...rules }));

const DEAD = times(3, "+-++");

describe("watch: decisions", () => {
  const rows: [string, () => Watched, string[], string[][]][] = [
    ["all answer", () => new Watched().rounds(...times(9, "++++")), [], []],
    [
      "one answers nothing for three rounds",
      () => new Watched().rounds("++++", ...DEAD),
      ["dead web2", "flip web2"],
      [["web2"]],
    ],
    ["two rounds are not three", () => new Watched().rounds("+-++", "+-++", "++++", "+-++", "+-++"), [], []],
    [
      "some of its VIPs: it is sick, and then well",
      () => new Watched().rounds(...times(5, "+/++"), ...times(2, "++++")),
      ["sick web2", "well web2"],
      [],
    ],
    [
      "sick, then dead",
      () => new Watched().rounds(...times(4, "+/++"), ...DEAD),
      ["sick web2", "dead web2", "flip web2"],
      [["web2"]],
    ],
    [
      "two at once: one flip",
      () => new Watched().rounds("++++", ...times(3, "+-+-")),
      ["dead web2", "dead web4", "flip web2,web4"],
      [["web2", "web4"]],
    ],
    [
      "one after the other: the first waits for the verdict on the second",
      () => new Watched().rounds("++++", "+-++", ...times(3, "+--+")),
      ["dead web2", "dead web3", "flip web2,web3"],
      [["web2", "web3"]],
    ],
    [
      "another one stumbles: the flip waits for one round",
      () => new Watched().rounds("+-++", "+-++", "+--+", "+-++"),
      ["dead web2", "flip web2"],
      [["web2"]],
    ],
    ["all at once: nothing", () => new Watched().rounds(...times(9, "----")), ["no-answers r1"], []],
    [
      "all at once, the last a round later: nothing",
      () => new Watched().rounds("++++", "+---", ...times(9, "----")),
      ["no-answers r1"],
      [],
    ],
    [
      "after that they come back one by one, and are waited for",
      () =>
        new Watched().rounds(
          ...times(9, "----"),
          ...times(8, "+---"),
          ...times(8, "++--"),
          ...times(9, "++++"),
        ),
      ["no-answers r1", "answers-again r1"],
      [],
    ],
    [
      "and one that does not come back is dead",
      () => new Watched().rounds(...times(9, "----"), ...times(21, "+-++")),
      ["no-answers r1", "answers-again r1", "dead web2", "flip web2"],
      [["web2"]],
    ],
    [
      "fewer than the minimum would be left: said once",
      () => new Watched(policy({ minActiveDead: 3 })).rounds(...times(9, "+-+-")),
      ["dead web2", "dead web4", "minimum web2,web4"],
      [],
    ],
    [
      "then one answers again, and the other goes",
      () => new Watched(policy({ minActiveDead: 3 })).rounds(...times(5, "+-+-"), "+++-"),
      ["dead web2", "dead web4", "minimum web2,web4", "alive web2", "flip web4"],
      [["web4"]],
    ],
    [
      "dry run: said once",
      () => new Watched(policy({ dryRun: true })).rounds(...times(9, "+-++"), "++++"),
      ["dead web2", "would-flip web2", "alive web2"],
      [],
    ],
    [
      "only active servers are flipped",
      () =>
        new Watched(policy(), servers("active", "maintenance", "active", "down")).rounds(...times(9, "+-+-")),
      [],
      [],
    ],
    [
      "the last active one is never flipped, whichever others answer",
      () =>
        new Watched(policy(), servers("active", "maintenance", "down", "down")).rounds(...times(9, "-+  ")),
      ["no-answers r1"],
      [],
    ],
    [
      "rounds of a busy router count for nothing",
      () => {
        const watched = new Watched().rounds("++++");
        for (let i = 0; i < 4; i++) {
          watched.at += INTERVAL;
          watched.round("r1", "+-++", "pid 7, apply.sh");
        }
        return watched.rounds("+-++", "+-++", "++++");
      },
      [],
      [],
    ],
    [
      "a router that is busy for long is logged once",
      () => {
        const watched = new Watched().rounds("++++");
        for (let i = 0; i < 90; i++) {
          watched.wait(INTERVAL).round("r1", "----", "pid 7, apply.sh");
        }
        return watched.rounds("++++");
      },
      ["blind r1", "sees r1"],
      [],
    ],
    [
      "silence: logged once; then counting starts again",
      () => new Watched().rounds("+-++", "+-++").wait(9000).rounds("+-++", "+-++", "++++"),
      ["blind r1", "sees r1"],
      [],
    ],
    [
      "rounds that arrive in a bunch count as one",
      () => {
        const watched = new Watched().rounds("++++").wait(2900);
        for (let i = 0; i < 9; i++) watched.round("r1", "+-++");
        return watched.rounds("+-++", "++++");
      },
      [],
      [],
    ],
    [
      "two routers: one gets answers, the other none",
      () => {
        const watched = new Watched(policy(), undefined, ["r1", "r2"]).rounds("++++");
        for (let i = 0; i < 5; i++) {
          watched.at += INTERVAL;
          watched.round("r1", "+-++").round("r2", "++++");
        }
        return watched;
      },
      ["split web2"],
      [],
    ],
    [
      "two routers, one of them silent: the other one's word goes",
      () => {
        const watched = new Watched(policy(), undefined, ["r1", "r2"]).rounds("++++");
        watched.take({ kind: "lost", at: watched.at, router: "r2", reason: "r2 does not answer over ssh" });
        for (const picture of DEAD) {
          watched.at += INTERVAL;
          watched.round("r1", picture);
        }
        return watched;
      },
      ["blind r2", "dead web2", "flip web2"],
      [["web2"]],
    ],
  ];
  for (const [name, life, words, flips] of rows) {
    it(name, () => {
      const watched = life();
      assert.deepEqual(watched.words, words);
      assert.deepEqual(watched.flips, flips);
    });
  }

  const after = (): Watched => new Watched().rounds("++++", ...DEAD);
  const DOWN = ["active", "down", "active", "active"];

  it("a flip that is done; the server comes back, and a person restores it", () => {
    const watched = after().flipped(Result.Done, "192.0.2.64/27 goes to web1", ...DOWN);
    watched.rounds(...times(5, "+-++"), ...times(5, "++++"));
    watched.farm("active", "maintenance", "active", "active").rounds(...times(5, "++++"));
    assert.deepEqual(watched.words.slice(2), ["flipped web2", "back web2", "changed web2"]);
    assert.match(watched.lines[3].text, /loopback-ha restore web2/);
    assert.equal(watched.flips.length, 1);
  });

  it("during a flip nothing else is decided, and a missing round means nothing", () => {
    const watched = after()
      .rounds(...times(3, "+--+"))
      .wait(9000);
    assert.equal(watched.flips.length, 1);
    watched.flipped(Result.Done, "moved", ...DOWN).rounds(...times(3, "+--+"));
    assert.deepEqual(watched.words.slice(2), ["dead web3", "flipped web2", "flip web3"]);
  });

  it("a flip that takes long is logged once", () => {
    const watched = after().wait(59_000);
    assert.equal(watched.words.at(-1), "flip web2");
    watched.wait(90_000).flipped(Result.Done, "moved", ...DOWN);
    assert.deepEqual(watched.words.slice(-2), ["slow web2", "flipped web2"]);
  });

  it("a locked stack: it waits longer each time, and asks the servers again before it acts", () => {
    const watched = after();
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const ended = watched.flipped(Result.Later, "another run holds the stack").at;
      while (watched.flips.length < i + 2) watched.rounds("+-++");
      waits.push(watched.at - ended);
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 10_000, 10_000]);
    watched.flipped(Result.Later, "another run holds the stack").rounds(...times(40, "++++"));
    assert.equal(watched.flips.length, 7);
    assert.equal(watched.words.at(-1), "alive web2");
    assert.deepEqual(savedOf(watched.state), { flips: [], unfinished: [] });
  });

  it("another run holds the stack: it waits the same way, and says once who that is and what to do (M14)", () => {
    const watched = after();
    const before = watched.lines.length;
    for (let i = 0; i < 10; i++) {
      watched.flipped(Result.Blocked, "process 7 of ann holds it");
      while (watched.flips.length < i + 2) watched.rounds("+-++");
    }
    assert.deepEqual(watched.words.slice(before), ["blocked web2"]);
    watched.flipped(Result.Blocked, "process 8 of bob holds it");
    assert.deepEqual(watched.words.slice(before), ["blocked web2", "blocked web2"]);
    // Another server is another flip, and so is the same one after it has answered for a while.
    while (watched.flips.at(-1)!.length < 2) watched.rounds("+--+");
    watched.flipped(Result.Blocked, "process 8 of bob holds it");
    assert.deepEqual(watched.words.slice(-2), ["flip web2,web3", "blocked web2,web3"]);
    watched.rounds(...times(130, "++++"));
    const { length } = watched.flips;
    while (watched.flips.length === length) watched.rounds("+--+");
    assert.equal(watched.words.at(-1), "flip web2,web3");
    watched.flipped(Result.Done, "moved", "active", "down", "down", "active");
    assert.equal(watched.words.at(-1), "flipped web2,web3");
  });

  /** Flips are refused for so long: what is done meanwhile, and said. */
  const held = (watched: Watched, ms: number, picture = "+-++", moved: [string, string?] = ["it moved"]) => {
    for (const end = watched.at + ms; watched.at < end;) {
      const { flips, moves } = watched;
      const [before, then] = [flips.length, moves.length];
      watched.rounds(picture);
      if (flips.length > before) watched.flipped(Result.Blocked, "process 7 of ann holds it");
      if (moves.length > then) watched.moved(...moved);
    }
    return watched;
  };

  for (const [what, act, words, moves] of [
    [
      "not asked for: never",
      () => held(new Watched(), 300_000),
      ["dead web2", "flip web2", "blocked web2"],
      [],
    ],
    [
      "asked for: on the routers, once, and said once",
      () => held(moving(), 300_000),
      ["dead web2", "flip web2", "blocked web2", "moved web2"],
      [["web2"]],
    ],
    [
      "the lock is free before: never",
      () =>
        held(moving(), 25_000)
          .rounds(...times(40, "+-++"))
          .flipped(Result.Done),
      ["dead web2", "flip web2", "blocked web2", "flipped web2"],
      [],
    ],
    [
      "it answers again before: never",
      () => held(held(moving(), 20_000), 60_000, "++++"),
      ["dead web2", "flip web2", "blocked web2", "alive web2"],
      [],
    ],
    [
      "one that may live: never",
      () => held(moving(), 300_000, "+~++"),
      ["sick web2", "flip web2", "blocked web2"],
      [],
    ],
    [
      "another one dies later: both, at once",
      () => held(held(moving(), 60_000), 20_000, "+-+-"),
      ["dead web2", "flip web2", "blocked web2", "moved web2", "dead web4", "flip web2,web4"].concat([
        "blocked web2,web4",
        "moved web2,web4",
      ]),
      [["web2"], ["web2", "web4"]],
    ],
    [
      "fewer than the minimum would be left: never",
      () => held(held(moving({ minActiveDead: 3 }), 20_000), 60_000, "+-+-"),
      ["dead web2", "flip web2", "blocked web2", "dead web4", "minimum web2,web4"],
      [],
    ],
    [
      "a router refuses: said once, and tried again with each flip",
      () => held(moving(), 65_000, "+-++", ["", "r1: web1 does not answer"]),
      ["dead web2", "flip web2", "blocked web2", "not-moved web2"],
      [["web2"], ["web2"], ["web2"]],
    ],
  ] as [string, () => Watched, string[], string[][]][]) {
    it(`a stack that is held for long, and --move-after 30s: ${what} (M14)`, () => {
      const watched = act();
      assert.deepEqual([watched.words, watched.moves], [words, moves]);
    });
  }

  it("flips that a wrong clock has recorded for the future do not count (L12)", () => {
    const flips = [1, 2, 3].map((hours) => ({ server: "web2", at: 1_000_000 + hours * 3_600_000 }));
    const past = { server: "web2", at: 999_000 };
    const watched = new Watched(policy(), servers(...DOWN), ["r1"], {
      flips: [...flips, past],
      unfinished: [],
    });
    assert.deepEqual(watched.state.flips, [past]);
  });

  it("a failed flip is tried again, but not at once; another server's death does not wait for that", () => {
    const watched = after().flipped(Result.Failed, "web1 does not answer");
    watched.rounds(...times(6, "+-++"));
    assert.equal(watched.flips.length, 1);
    watched.rounds(...times(3, "+--+"));
    assert.deepEqual(watched.flips.slice(1), [["web2", "web3"]]);
  });

  it("a half-done flip is continued, five times at most", () => {
    const watched = after().flipped(Result.Partial, "r2 has its former routes", ...DOWN);
    assert.deepEqual(savedOf(watched.state).unfinished, ["web2"]);
    for (let i = 1; i < 5; i++) {
      while (watched.flips.length < i + 1) watched.rounds("+-++");
      assert.deepEqual(watched.flips[i], []);
      watched.flipped(Result.Partial, "r2 has its former routes");
    }
    watched.rounds(...times(400, "+-++"));
    assert.deepEqual(watched.words.slice(-2), ["resume web2", "stuck web2"]);
    assert.deepEqual(savedOf(watched.state).unfinished, []);
    assert.deepEqual(watched.state.flips.length, 1);
  });

  it("a config that could not be restored counts as a started flip", () => {
    const watched = after().flipped(Result.Later, "another run holds the stack", ...DOWN);
    assert.deepEqual(savedOf(watched.state).unfinished, ["web2"]);
    watched.rounds(...times(3, "+-++"));
    assert.deepEqual(watched.words.slice(-2), ["later web2", "resume web2"]);
  });

  it("killed in the middle of a flip: what is in the file is enough to finish it", () => {
    const kept = savedOf(after().state);
    assert.deepEqual(kept, { flips: [], unfinished: ["web2"] });
    const born = new Watched(policy(), servers(...DOWN), ["r1"], kept).rounds("+-++");
    assert.deepEqual(born.words, ["resume web2"]);
    assert.deepEqual(born.flips, [[]]);
    born.flipped(Result.Done, "192.0.2.64/27 goes to web1");
    assert.deepEqual(savedOf(born.state).unfinished, []);
    assert.equal(born.state.flips.length, 1);
    const unwritten = new Watched(policy(), servers("active", "active"), ["r1"], kept);
    assert.deepEqual(savedOf(unwritten.state), { flips: [], unfinished: [] });
  });

  it("a server that flaps is held down: its return is logged once", () => {
    const watched = new Watched().rounds("++++");
    for (let i = 0; i < 3; i++) {
      watched.rounds(...DEAD).flipped(Result.Done, "moved", ...DOWN);
      watched.rounds(...times(3, "++++"));
      if (i < 2) watched.farm("active", "active", "active", "active").rounds("++++");
    }
    assert.equal(watched.words.filter((word) => word === "held web2").length, 1);
    watched.rounds(...times(9, "+-++"), ...times(9, "++++"), ...times(9, "+-++"), ...times(9, "++++"));
    assert.deepEqual(watched.words.slice(-3), ["flipped web2", "held web2", "back web2"]);
    assert.match(watched.lines.at(-1)!.text, /find out why/);
  });

  it("without flapping each return is logged", () => {
    const watched = new Watched(policy(), servers(...DOWN)).rounds(...times(3, "++++"));
    watched.rounds(...times(3, "+-++"), ...times(3, "++++"));
    assert.deepEqual(watched.words, ["back web2", "back web2"]);
  });

  it("a router that names unknown servers and VIPs has no effect (M5)", () => {
    const watched = new Watched().rounds("++++");
    const answer = { way: "marked", ok: false, site: "w", reason: "theirs" };
    const answers = ["__proto__", "constructor", "web9"]
      .map((server) => ({ ...answer, server, vip: "192.0.2.37" }))
      .concat([{ ...answer, server: "web1", vip: "__proto__" }])
      .concat([{ ...answer, server: "web1", vip: "192.0.2.37", ok: true }]);
    const hosts = new Map(["__proto__", "constructor", "web9", "web1"].map((name) => [name, Host.Lives]));
    for (let round = 0; round < 5; round++) {
      watched.at += INTERVAL;
      watched.take({ kind: "round", at: watched.at, router: "r1", answers, hosts });
    }
    for (const key of ["reason", "falls", "rises", "ailing"]) assert.ok(!(key in {}), key);
    assert.deepEqual(watched.words, []);
    const seen = watched.state.routers.r1.servers;
    assert.deepEqual(Object.keys(seen), ["web1"]);
    assert.deepEqual(watched.state.routers.r1.pinged, ["web1", "web2", "web3", "web4"]);
    assert.equal(Object.getPrototypeOf(seen.web1.ailing), Object.prototype);
  });

  it("servers come and go with the config", () => {
    const watched = new Watched(policy(), servers("active", "active"));
    watched
      .farm("active", "active", "active")
      .rounds(...times(2, "++-"))
      .farm("active", "active");
    watched.rounds(...times(9, "++-"));
    assert.deepEqual(watched.words, ["changed web3", "changed web3"]);
    assert.deepEqual(watched.flips, []);
  });
});
