import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "../../../lab/client";
import { ConnectionKind, failures, lastFailure, now, toldAfter } from "../../../lab/load/record";
import { VIP, crash } from "../crash";
import { AWAY, Farm, SERVERS } from "../support";
import { EmptyProgram, slowness } from "../wallTimes";
import { Watching } from "../watching";

const [FALL, INTERVAL_SECONDS, FLIP_SECONDS] = [3, 0.5, 4];

describe("a crash under load, timed", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const watchers: Watching[] = [];

  before("a farm in the lab", () => farm.take());
  after("the next has the farm", () => farm.handOn());
  afterEach("everything runs, and is at home", async () => {
    for (const one of watchers.splice(0)) await one.stop();
    await farm.lab.start("web2");
    for (const state of ["maintenance", "active"]) {
      await farm.setState("web2", state);
      await farm.up();
    }
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  for (const [ssh, seconds] of [
    ["warm", 3],
    ["cold", 4],
  ] as const) {
    it(`after a server is set down 15 s later, the last request fails within ${seconds} s of the start of up (longer where an empty program takes longer), with ${ssh} ssh; idle, downloading and uploading clients know within 1 s`, async () => {
      const { record, began, flipped, emptySeconds } = await crash(farm, ssh);
      const limit = seconds * 1000 * slowness(emptySeconds);
      assert.ok(failures(record, { before: began }).length > 0, "the crash was felt");
      const last = lastFailure(record);
      assert.ok(
        last && last.ended - began <= limit,
        `last failure after ${last!.ended - began} ms, flip after ${flipped - began} ms, limit ${limit} ms`,
      );
      assert.deepEqual(failures(record, { after: flipped + 1000 }), []);
      const told = toldAfter(record, VIP, flipped);
      for (const kind of Object.values(ConnectionKind)) {
        const times = told.filter((one) => one.kind === kind).map(({ ms }) => ms);
        assert.ok(times.length > 0, `no ${kind} connection was open`);
        assert.ok(Math.max(...times) <= 1000, `${kind}: ${times.join()} ms`);
      }
    });
  }

  it("loopback-ha watch makes traffic whole again within fall x interval + 4 s (longer where an empty program takes longer) (story)", async () => {
    const empty = await EmptyProgram.make(farm.lab);
    const watching = await Watching.start(farm);
    watchers.push(watching);
    const reporting = await Watching.start(farm, "--dry-run");
    watchers.push(reporting);
    const load = await startLoad(farm.lab, {
      targets: farm.targets([VIP]),
      requestsPerSecond: 300,
      patienceMs: 1200,
    });
    const emptySeconds = await empty.seconds();
    empty.remove();
    const limit = (FALL * INTERVAL_SECONDS + FLIP_SECONDS) * 1000 * slowness(emptySeconds);
    const crashed = now();
    await farm.lab.crash("web2");
    await watching.hears("dead");
    assert.equal((await watching.hears("flip")).servers, "web2");
    assert.match((await watching.hears("flipped")).text, /192\.0\.2\.64\/27 goes to web1/);
    await sleep(limit - (now() - crashed) + 2000);
    const record = await load.stop();
    assert.ok(failures(record).length > 0, "the crash was felt");
    const last = lastFailure(record)!;
    assert.ok(
      last.ended - crashed <= limit,
      `last failure after ${last.ended - crashed} ms, limit ${limit} ms`,
    );
    assert.deepEqual(await farm.serving(), AWAY);

    assert.deepEqual(reporting.words.slice(1, 3), ["dead web2", "would-flip web2"]);
    await farm.lab.start("web2");
    assert.match(
      (await watching.hears("back")).text,
      /web2 answers again; to give it its traffic back: loopback-ha restore web2/,
    );
    watching.saidNothingElse();
  });
});
