import assert from "node:assert/strict";
import fc from "fast-check";
import { Policy, Result } from "../../../cli/watch/state";
import { INTERVAL, Watched, policy, servers, times } from "./support";

const SERVERS = 4;
/** Mostly well, so that flips do happen. */
const sign = fc.constantFrom(..."++++++++", ..."--xx", ..."~~ss", ..."/ 3l?");
const state = fc.constantFrom("active", "active", "active", "maintenance", "down");
const gap = fc.constantFrom(INTERVAL, INTERVAL, INTERVAL, INTERVAL, 3, 900, 4000);

/** What befalls a farm. A picture stands for a while, as in life. */
const happening = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("rounds" as const),
      picture: fc.string({ unit: sign, minLength: SERVERS, maxLength: SERVERS }),
      gaps: fc.array(gap, { minLength: 1, maxLength: 6 }),
      busy: fc.constantFrom(undefined, undefined, undefined, "pid 7, apply.sh"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("farm" as const),
      states: fc.array(state, { minLength: SERVERS, maxLength: SERVERS }),
    }),
  },
  // Of which nothing may come, as long as nobody says so.
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("pages" as const),
      statuses: fc.array(fc.constantFrom(200, 200, 403, undefined), {
        minLength: SERVERS,
        maxLength: SERVERS,
      }),
      times: fc.integer({ min: 1, max: 3 }),
      busy: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(9000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("flipped" as const),
      result: fc.constantFrom(...Object.values(Result)),
    }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

const rules = fc.record({
  fall: fc.integer({ min: 1, max: 4 }),
  minActiveDead: fc.integer({ min: 1, max: 3 }),
  minActive: fc.integer({ min: 1, max: 3 }),
  sickAfter: fc.constantFrom(1500, 2500),
  flapLimit: fc.integer({ min: 1, max: 3 }),
});
type Rules = typeof rules extends fc.Arbitrary<infer T> ? T : never;

interface Seen {
  at: number;
  picture: string;
  /** The servers' states then. */
  states: string[];
}

/** A flip that was decided, and what had been seen until then. */
interface Decision {
  servers: string[];
  /** Rounds that count, the last one is that of the decision. */
  seen: Seen[];
  states: string[];
  acting: boolean;
}

interface Life {
  watched: Watched;
  decisions: Decision[];
}

/** Lives it, and notes down for each decision what an onlooker knows. */
function live(own: Partial<Policy>, happenings: Happening[]): Life {
  const watched = new Watched(policy(own), servers(...times(SERVERS, "active")));
  const decisions: Decision[] = [];
  let states = times(SERVERS, "active");
  let seen: Seen[] = [];
  let acting: string[] | undefined;
  for (const happening of happenings) {
    if (happening.kind === "wait") watched.wait(happening.ms);
    else if (happening.kind === "pages") {
      const { statuses, busy } = happening;
      const answers = statuses.map((status, i) => ({
        ...{ server: `web${i + 1}`, site: "w", vip: "192.0.2.37" },
        ...(status === undefined ? {} : { status }),
      }));
      for (let i = 0; i < happening.times; i++)
        watched.take({ kind: "pages", at: watched.at, router: "r1", answers, busy });
    } else if (happening.kind === "farm") {
      if (acting) continue; // the config is not read meanwhile
      states = happening.states;
      watched.farm(...states);
    } else if (happening.kind === "flipped") {
      if (!acting) continue;
      const { result } = happening;
      if (result === Result.Done || result === Result.Partial)
        states = states.map((before, i) => (acting!.includes(`web${i + 1}`) ? "down" : before));
      watched.flipped(result, "said", ...states);
      acting = undefined;
    } else {
      for (const ms of happening.gaps) {
        watched.at += ms;
        if (happening.busy === undefined)
          seen = [...seen, { at: watched.at, picture: happening.picture, states }];
        const before = watched.flips.length;
        watched.round("r1", happening.picture, happening.busy);
        if (watched.flips.length === before) continue;
        const flip = watched.flips[before];
        decisions.push({ servers: flip, seen, states, acting: acting !== undefined });
        acting = flip;
      }
    }
  }
  return { watched, decisions };
}

const index = (server: string): number => Number(server.slice(3)) - 1;

const ANSWERS = "+/3l";

/** For how many rounds in a row before a decision, and since when, somebody active answered and of this server these signs were seen, in due time. */
function roundsOf({ seen }: Decision, server: string, signs: string): { rounds: number; since: number } {
  let rounds = 0;
  let since = 0;
  let before = -Infinity;
  for (const { at, picture, states } of seen) {
    const own = picture[index(server)];
    // What arrives in a bunch counts only where it is good.
    if (at - before < INTERVAL / 2) {
      if (ANSWERS.includes(own)) rounds = 0;
      continue;
    }
    const answered = [...picture].some((one, i) => states[i] === "active" && ANSWERS.includes(one));
    if (at - before > 3000) rounds = 0;
    if (rounds === 0) since = at;
    rounds = signs.includes(own) && answered ? rounds + 1 : 0;
    before = at;
  }
  return { rounds, since };
}

const isDead = (decision: Decision, server: string, fall: number): boolean =>
  roundsOf(decision, server, "-x").rounds >= fall;

/** Runs a check on each life's new flips, and sees to it that there are some at all. */
function holds(check: (decision: Decision, own: Rules) => void): void {
  let flips = 0;
  fc.assert(
    fc.property(rules, fc.array(happening, { maxLength: 40 }), (own, happenings) => {
      for (const decision of live(own, happenings).decisions) {
        if (decision.servers.length === 0) continue;
        flips++;
        check(decision, own);
      }
    }),
    { numRuns: 600 },
  );
  assert.ok(flips > 50, `${flips} flips only`);
}

describe("watch: rules that no sequence of events breaks", () => {
  it("a flipped server was active, and dead for that many rounds in a row while others answered, or sick for long", () => {
    const flips = { dead: 0, sick: 0 };
    holds((decision, { fall, sickAfter, minActive }) => {
      for (const server of decision.servers) {
        assert.equal(decision.states[index(server)], "active");
        const dead = isDead(decision, server, fall);
        flips[dead ? "dead" : "sick"]++;
        if (dead) continue;
        const others = decision.servers.filter((one) => one !== server);
        assert.ok(
          others.every((one) => isDead(decision, one, fall)),
          "of the sick one at a time",
        );
        // It goes along with dead ones whose traffic can go nowhere else.
        if (others.length > 0) continue;
        const { rounds, since } = roundsOf(decision, server, "-xs~");
        const { at, picture, states } = decision.seen.at(-1)!;
        assert.ok(rounds > fall && at - since >= sickAfter + INTERVAL, `${rounds} rounds, ${at - since} ms`);
        const left = states.filter((one, i) => one === "active" && "+3".includes(picture[i]));
        assert.ok(left.length >= minActive, `${states} ${picture} ${minActive}`);
      }
    });
    assert.ok(flips.dead > 30 && flips.sick > 3, JSON.stringify(flips));
  });

  it("within the window one sick server is set down, and no other", () => {
    fc.assert(
      fc.property(rules, fc.array(happening, { maxLength: 60 }), (own, happenings) => {
        const { watched } = live(own, happenings);
        const sick = watched.state.flips.filter((flip) => flip.sick).map(({ at }) => at);
        for (const [i, at] of sick.slice(1).entries()) assert.ok(at - sick[i] > 600_000, sick.join());
      }),
    );
  });

  it("after each flip the minimum of active servers is left, and has just answered", () => {
    holds((decision, { fall, minActiveDead, minActive }) => {
      const { servers: flipped, seen, states } = decision;
      const least = isDead(decision, flipped[0], fall) ? minActiveDead : minActive;
      const last = seen.at(-1)!.picture;
      const left = states.filter(
        (one, i) => one === "active" && !flipped.includes(`web${i + 1}`) && ANSWERS.includes(last[i]),
      );
      assert.ok(left.length >= least, `${states} ${last} ${flipped}`);
      assert.match(last, /[+/3l]/);
    });
  });

  it("one flip at a time", () => {
    holds(({ acting }) => assert.ok(!acting));
  });

  it("when no server answers it does nothing, whatever was before", () => {
    fc.assert(
      fc.property(rules, fc.array(happening, { maxLength: 20 }), fc.nat(40), (own, before, rounds) => {
        const { watched } = live(own, before);
        const flips = watched.flips.length;
        for (const picture of ["----", "xxxx", "s~x-"]) watched.rounds(...times(rounds, picture));
        assert.equal(watched.flips.length, flips);
      }),
    );
  });

  it("rounds of a busy router change nothing", () => {
    fc.assert(
      fc.property(
        rules,
        fc.array(happening, { maxLength: 20 }),
        fc.string({ unit: sign }),
        (own, before, picture) => {
          const { watched } = live(own, before);
          const state = structuredClone(watched.state);
          watched.round("r1", picture, "pid 7, apply.sh");
          state.routers.r1.heard = watched.at;
          assert.deepEqual(watched.state, state);
        },
      ),
    );
  });

  it("a dry run flips nothing", () => {
    fc.assert(
      fc.property(rules, fc.array(happening, { maxLength: 40 }), (own, happenings) => {
        assert.deepEqual(live({ ...own, dryRun: true }, happenings).watched.flips, []);
      }),
    );
  });

  it("a lasting situation gives a few lines and then none", () => {
    const still = fc.string({
      unit: fc.constantFrom(..."+-/ xs~3l?"),
      minLength: SERVERS,
      maxLength: SERVERS,
    });
    fc.assert(
      fc.property(rules, fc.array(happening, { maxLength: 20 }), still, (own, before, picture) => {
        const { watched } = live({ ...own, dryRun: true }, before);
        watched.rounds(...times(40, picture));
        const said = watched.lines.length;
        watched.rounds(...times(200, picture));
        assert.deepEqual(watched.words.slice(said), []);
      }),
    );
  });
});
