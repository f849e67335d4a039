import assert from "node:assert/strict";
import { firstFew, listed, listedOrCounted } from "../../components/base/firstFew";

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `s${i + 1}`);

describe("the first few of many names", () => {
  const rows: [number, string[], string, string][] = [
    [0, [], "", ""],
    [1, ["s1"], "s1", "s1"],
    [3, ["s1", "s2", "s3"], "s1, s2, s3", "s1, s2, s3"],
    [4, ["s1", "s2", "s3", "and 1 more"], "s1, s2, s3 and 1 more", "4 sites"],
    [1000, ["s1", "s2", "s3", "and 997 more"], "s1, s2, s3 and 997 more", "1000 sites"],
  ];
  for (const [count, lines, line, counted] of rows)
    it(`${count}, at most 3`, () => {
      assert.deepEqual(firstFew(names(count), 3), lines);
      assert.equal(listed(names(count), 3), line);
      assert.equal(listedOrCounted(names(count), 3, "sites"), counted);
    });

  it("says what is left out in the caller's words", () => {
    const rest = (more: number): string => `and ${more} more sites`;
    assert.deepEqual(firstFew(names(4), 2, rest), ["s1", "s2", "and 2 more sites"]);
    assert.equal(listed(names(4), 2, rest), "s1, s2 and 2 more sites");
  });

  it("leaves what it was given as it was", () => {
    const given = names(5);
    firstFew(given, 2);
    assert.deepEqual(given, names(5));
  });
});
