import assert from "node:assert/strict";
import fc from "fast-check";
import { shareOf } from "../share";

describe("CI's share of the tests", () => {
  it("has each file once in as many consecutive commits as there are parts", () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(names, fc.nat(), fc.integer({ min: 1, max: 5 }), (files, turn, parts) => {
        const turns = Array.from({ length: parts }, (_, i) => shareOf(files, turn + i, [], parts));
        assert.deepEqual(turns.flat().sort(), [...files].sort());
      }),
    );
  });

  it("has changed files in every part", () => {
    for (const turn of [0, 1, 2]) assert.ok(shareOf(["a", "b", "c"], turn, ["b"], 3).includes("b"));
  });
});
