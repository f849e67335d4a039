import assert from "node:assert/strict";
import { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation";
import { changeOf, warningsIn } from "../../../cli/pulumi/preview";

it("the warnings of a run are the engine's and the machines', each once", () => {
  const told = (severity: string, message: string): EngineEvent =>
    ({ diagnosticEvent: { severity, message } }) as unknown as EngineEvent;
  assert.deepEqual(
    warningsIn([
      told("warning", "<{%fg 3%}>of the engine<{%reset%}>\n"),
      told("info", "<{%reset%}>warning: r1: of a machine\n<{%reset%}>"),
      told("info", "web1 is served\nwarning: web1: of another\nno warning: this"),
      told("info#err", "warning: r1: of a machine\n"),
      told("error", "warning: r1: an error\n"),
    ]),
    ["of the engine", "r1: of a machine", "web1: of another"],
  );
});

describe("a change that a preview shows", () => {
  /** What the state has, or shall have, of a command. */
  const state = (drift: string, routes: string): unknown => ({
    inputs: {
      interpreter: ["env", `DRIFT=${drift}`, "sh", "-c"],
      stdin: JSON.stringify({ want: { routes } }),
    },
  });
  const step = (op: string, old: unknown, wanted: unknown): StepEventMetadata =>
    ({
      op,
      urn: "urn:pulumi:lab::p::command:local:Command::r1-routes",
      old,
      new: wanted,
    }) as StepEventMetadata;

  for (const [what, op, old, wanted, drift] of [
    [
      "repairs what was seen",
      "update",
      state("none", "a"),
      state("- x, seen after run 1", "a"),
      "- x, seen after run 1",
    ],
    [
      "repairs the same once more",
      "update",
      state("- x, seen after run 1", "a"),
      state("- x, seen after run 2", "a"),
      "- x, seen after run 2",
    ],
    [
      "is of the config: an earlier run repaired what it saw",
      "update",
      state("- x, seen after run 1", "a"),
      state("- x, seen after run 1", "b"),
      undefined,
    ],
    ["is of the config: nothing was ever seen", "update", state("none", "a"), state("none", "b"), undefined],
    ["creates it again", "create", undefined, state("none", "a"), undefined],
    [
      "takes it out: what was seen and repaired is past",
      "delete",
      state("- x, seen after run 1", "a"),
      undefined,
      undefined,
    ],
  ] as [string, string, unknown, unknown, string | undefined][])
    it(what, () => assert.equal(changeOf(step(op, old, wanted)).drift, drift));
});
