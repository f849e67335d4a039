import assert from "node:assert/strict";
import { withShortTraces } from "../../../components/startup/shortTraces";

describe("stack traces", () => {
  it("are short while a program declares its resources, and as before afterwards", async () => {
    const before = Error.stackTraceLimit;
    assert.ok(before > 1);
    assert.equal(await withShortTraces(async () => Error.stackTraceLimit), 1);
    assert.equal(Error.stackTraceLimit, before);
    await assert.rejects(
      withShortTraces(() => Promise.reject(new Error("refused"))),
      /refused/,
    );
    assert.equal(Error.stackTraceLimit, before);
  });
});
