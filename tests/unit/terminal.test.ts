import assert from "node:assert/strict";
import { fitTo } from "../../cli/terminal/output";

describe("a screen", () => {
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, i) => `line ${i + 1}`).join("\n");

  it("shows a text that fits as it is", () => {
    for (const count of [1, 19, 20]) assert.equal(fitTo(lines(count), 20, 60), lines(count));
  });

  it("shows the top of a text that does not fit, and says that there is more", () => {
    assert.equal(fitTo(lines(21), 20, 60), `${lines(19)}\nmore below: enlarge the terminal`);
  });

  it("counts the rows of a long line, without its colours", () => {
    const long = `\x1b[31m${"x".repeat(60)}\x1b[39m`;
    assert.equal(fitTo(`${long}\nb`, 2, 60), `${long}\nb`);
    assert.equal(fitTo(`${long}x\nb\nc`, 3, 60), `${long}x\nmore below: enlarge the terminal`);
  });
});
