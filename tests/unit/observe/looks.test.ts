import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Looks } from "../../../cli/observe/looks";
import { status } from "../diagram/support";

async function within(seconds: number, what: string, check: () => boolean): Promise<void> {
  for (const end = Date.now() + seconds * 1000; !check(); await sleep(20)) assert.ok(Date.now() < end, what);
}

describe("looks at the machines", () => {
  let looks: Looks | undefined;
  afterEach(() => looks?.stop());

  it("wait for calm, come again at their time or when there is news, and keep the last one that did not fail", async () => {
    let [calm, asked, fails] = [false, 0, false];
    looks = new Looks({
      look: async () => {
        asked++;
        if (fails) throw new Error("first\nsecond");
        return status({ at: `${asked}` });
      },
      isCalm: () => calm,
      everyMs: 60_000,
    });
    looks.start();
    await sleep(1200);
    assert.equal(asked, 0);
    calm = true;
    const own = looks;
    await within(5, "a look", () => own.status?.at === "1");
    await sleep(1200);
    assert.equal(asked, 1);
    fails = true;
    looks.again();
    await within(5, "a failure", () => own.failure !== undefined);
    assert.equal(looks.status?.at, "1");
    assert.match(looks.failure!, /^first/);
    assert.doesNotMatch(looks.failure!, /\n/);
    fails = false;
    looks.again();
    await within(5, "another look", () => own.status?.at === "3");
    assert.equal(looks.failure, undefined);
  }).timeout(20_000);

  it("news during a look makes another one due", async () => {
    const ends: (() => void)[] = [];
    looks = new Looks({
      look: () => new Promise((resolve) => ends.push(() => resolve(status()))),
      isCalm: () => true,
    });
    looks.start();
    assert.equal(ends.length, 1);
    looks.again();
    await sleep(1200);
    assert.equal(ends.length, 1, "two at a time");
    ends[0]();
    await within(5, "the next", () => ends.length === 2);
    ends[1]();
  }).timeout(20_000);
});
