import assert from "node:assert/strict";
import { listed } from "../../../cli/certs/listed";

describe("a list of names in one line", () => {
  const sites = (count: number): string[] => Array.from({ length: count }, (_, i) => `s${i + 1}`);
  for (const [count, text] of [
    [0, ""],
    [1, "s1"],
    [10, "s1, s2, s3, s4, s5, s6, s7, s8, s9, s10"],
    [11, "11 in total: s1, s2, s3, s4, s5 and 6 more"],
    [1000, "1000 in total: s1, s2, s3, s4, s5 and 995 more"],
  ] as const)
    it(`of ${count}`, () => assert.equal(listed(sites(count)), text));
});
