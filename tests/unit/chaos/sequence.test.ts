import assert from "node:assert/strict";
import fc from "fast-check";
import { stackFile } from "../../chaos/actions";
import { BASE, after, makesSense, wellAt } from "../../chaos/model";
import { Step, maySucceed, planned, sequenceOf, words } from "../../chaos/sequence";

const SEED = 20261126;
const sequences = Array.from({ length: 120 }, (_, i) => sequenceOf(SEED, i + 1));
const steps = sequences.flatMap((it) => it.steps);

describe("chaos: sequences", () => {
  it("the same seed and number make the same sequence, others another one", () => {
    assert.deepEqual(sequenceOf(SEED, 7), sequences[6]);
    assert.notDeepEqual(sequenceOf(SEED + 1, 7), sequences[6]);
    assert.equal(new Set(sequences.map((it) => JSON.stringify(it))).size, sequences.length);
  });

  it("have three to six steps, each of which makes sense after the ones before", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { steps: drawn } = sequenceOf(seed, 1);
        assert.ok(drawn.length >= 3 && drawn.length <= 6, String(drawn.length));
        assert.deepEqual(planned(drawn), drawn);
        drawn.reduce((world, step) => {
          assert.ok(makesSense(world, step), words(step));
          return after(world, step, { succeeded: step.kind !== "up" || !step.disturbance });
        }, wellAt(BASE));
      }),
      { numRuns: 100, seed: SEED },
    );
  });

  it("all kinds of steps, changes and disturbances occur", () => {
    const kinds = new Set(steps.map(({ kind }) => kind));
    const changes = new Set(steps.flatMap((it) => (it.kind === "up" ? [it.change.what] : [])));
    const disturbances = new Set(
      steps.flatMap((it) => (it.kind === "up" && it.disturbance ? [it.disturbance.name] : [])),
    );
    const all: Step["kind"][] = [
      "up",
      "fault",
      "mend",
      "reboot",
      "tamper",
      "move",
      "second stack",
      "destroy",
    ];
    assert.deepEqual([...kinds].sort(), [...all].sort());
    assert.deepEqual([...changes].sort(), ["nothing", "override", "site", "state", "ttl", "undo"]);
    assert.equal(disturbances.size, 8);
    assert.ok(sequences.some(({ destroyed }) => destroyed));
  });

  it("every step has its own words", () => {
    for (const step of steps) assert.match(words(step), /^\S.*\S$/);
    const different = new Set(steps.map((step) => JSON.stringify(step))).size;
    assert.equal(new Set(steps.map(words)).size, different);
  });
});

describe("chaos: sequences with a guard", () => {
  const guarded = Array.from({ length: 120 }, (_, i) => sequenceOf(SEED, i + 1, true));

  it("have steps that make sense one after the other", () => {
    for (const { steps: drawn } of guarded) {
      assert.deepEqual(planned(drawn, true), drawn);
      drawn.reduce(
        (world, step) => {
          assert.ok(makesSense(world, step), words(step));
          return after(world, step, { succeeded: maySucceed(world, step) });
        },
        wellAt(BASE, true),
      );
    }
  });

  it("adopt and release are among them, also while several servers are held", () => {
    const all = guarded.flatMap((it) => it.steps);
    assert.ok(all.filter(({ kind }) => kind === "adopt").length > 10);
    assert.ok(all.filter(({ kind }) => kind === "release").length > 10);
    const most = guarded.map(({ steps: drawn }) => {
      let [world, held] = [wellAt(BASE, true), 0];
      for (const step of drawn) {
        world = after(world, step, { succeeded: maySucceed(world, step) });
        held = Math.max(held, world.held.length);
      }
      return held;
    });
    assert.ok(most.some((held) => held >= 2));
  });

  it("without a guard there is neither", () => {
    assert.ok(!steps.some(({ kind }) => kind === "adopt" || kind === "release"));
  });
});

describe("chaos: the stack's file", () => {
  const base = `config:
  # kept
  loopback-ha:servers:
    web1: { address: 192.0.2.2 }
    web2: { address: 192.0.2.3 }
    web3: { address: 192.0.2.4 }
    web4: { address: 192.0.2.5 }
  loopback-ha:routers:
    r1: { address: 192.0.2.1 }
  loopback-ha:zones:
    widgetco.example: {}
`;

  it("says what the model's config says", () => {
    const text = stackFile(base, {
      ...BASE,
      states: { ...BASE.states, web2: "down" },
      overrides: { "192.0.2.32/27": "web4" },
      sites: { cogs: "retiring" },
      ttl: 61,
    });
    assert.match(text, /# kept/);
    assert.match(text, /web2: .*state: down/);
    assert.match(text, /192\.0\.2\.32\/27"?: web4/);
    assert.match(text, /serverName: cogs\.widgetco\.example/);
    assert.match(text, /retiring: true/);
    assert.match(text, /ttl: 61/);
  });
});
