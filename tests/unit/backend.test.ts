import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { backendFolder, backendUrl } from "../../cli/pulumi/backend";
import { describeLock, isDead, locksOf, take } from "../../cli/pulumi/locks";
import { KnownRun, bootedAt, couldLive, isOurs, recordRun, runsOf } from "../../cli/pulumi/runs";

const HERE = os.hostname();
const GONE = 4_194_304; // one more than any kernel's highest

describe("a lock of Pulumi", () => {
  let folder: string;
  const place = (): string => path.join(folder, "locks", "organization", "farm", "prod");
  const all = (): ReturnType<typeof locksOf> => locksOf(folder, "farm", "prod");
  const textOf = (pid: number, at = Date.now(), hostname = HERE): string =>
    JSON.stringify({ pid, username: "root", hostname, timestamp: new Date(at).toISOString() });
  const put = (name: string, text: string): void => {
    fs.mkdirSync(place(), { recursive: true });
    fs.writeFileSync(path.join(place(), name), text);
  };
  const judged = (text: string, runs: KnownRun[] = []): boolean => {
    put("judged.json", text);
    return isDead(
      all().find(({ file }) => file.endsWith("judged.json"))!,
      runs,
    );
  };

  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-locks-"))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  it("belongs to a dead process when that is gone, or when a later process has its number", async () => {
    const made = Date.now();
    const child = spawn("sleep", ["60"]);
    const pid = child.pid!;
    await sleep(2500);
    assert.equal(judged(textOf(pid, made)), false);
    assert.equal(judged(textOf(pid, made - 10_000)), true);
    const ended = once(child, "exit");
    child.kill();
    await ended;
    assert.equal(judged(textOf(pid, made)), true);
    assert.equal(judged(textOf(pid, made, "elsewhere")), false);
  });

  it("of another container or machine with this machine's name is not dead just because its process is not here (M15)", () => {
    const end = recordRun(folder, "farm", "prod");
    const [own] = runsOf(folder, "farm", "prod");
    end();
    assert.deepEqual(runsOf(folder, "farm", "prod"), []);
    assert.ok(isOurs(own) && own.hostname === HERE);
    const made = own.at + 500;
    const whole = "pid:[4026531836]";
    const silent = own.alive - 200_000;
    for (const [what, dead, run] of [
      ["ours", true, {}],
      ["another container on this machine", false, { processes: "pid:[1]" }],
      ["another machine", false, { boot: "another", machine: "another" }],
      ["a container that says nothing any more", true, { processes: "pid:[1]", at: silent, alive: silent }],
      [
        "a run that had ended before",
        true,
        { processes: "pid:[1]", at: made - 90_000, alive: made - 60_000 },
      ],
      ["a run that began later", true, { processes: "pid:[1]", at: made + 60_000 }],
      ["another name", true, { boot: "another", hostname: "elsewhere" }],
    ] as [string, boolean, Partial<KnownRun>][]) {
      const at = what.includes("any more") ? silent + 500 : made;
      assert.equal(judged(textOf(GONE, at), [{ ...own, ...run }]), dead, what);
    }
    // One who is surely alive is enough.
    const others = [own, { ...own, processes: "pid:[1]" }];
    assert.equal(judged(textOf(GONE, made), others), false);
    // The machine itself, started again after a power cut: nothing of the boot before lives.
    const before = { ...own, machine: "m", processes: whole };
    assert.equal(couldLive(before, { ...before, boot: "next" }), false);
    assert.equal(couldLive(before, { ...before, boot: "next", machine: "" }), true);
    assert.equal(couldLive({ ...before, processes: "pid:[1]" }, { ...before, boot: "next" }), true);
  });

  it("that is empty or cut off counts, is named, and is removed only if it is older than the last boot", () => {
    for (const text of ["", textOf(1).slice(0, 30), "null", "[]", "\0\0\0", textOf(1).replace("1", '"x"')]) {
      assert.equal(judged(text), false, text);
      assert.match(describeLock(all()[0]), /judged\.json, which is empty or cut off/);
      const old = bootedAt() / 1000 - 10;
      fs.utimesSync(path.join(place(), "judged.json"), old, old);
      assert.equal(isDead(all()[0]), true, text);
    }
    const name = "\x1b]0;owned\x07";
    put(name, "");
    assert.match(
      describeLock(all().find(({ file }) => file.endsWith(name))!),
      /\\u\{1b\}\]0;owned\\u\{7\}, which/,
    );
    fs.rmSync(path.join(place(), name));
    put("fileblob1234", "");
    put("judged.json.attrs", "{}");
    assert.equal(all().length, 2);
  });

  it("is removed only if it did not change meanwhile; of two that unlock a stack, one succeeds (M15)", () => {
    // What each of two does in turn, in any order, and a run that begins as soon as the stack is free.
    fc.assert(
      fc.property(fc.array(fc.constantFrom("first", "second"), { minLength: 6, maxLength: 10 }), (turns) => {
        fs.rmSync(place(), { recursive: true, force: true });
        put("dead.json", textOf(GONE));
        put("dead.json.attrs", "{}");
        const states = { first: freeing(), second: freeing() };
        let live = false;
        for (const who of turns) {
          states[who].next();
          live ||= all().length === 0;
          if (live) put("live.json", textOf(process.pid));
          assert.equal(
            all().filter(({ lock }) => lock?.pid === process.pid).length,
            live ? 1 : 0,
            turns.join(),
          );
        }
      }),
      { numRuns: 30 },
    );
    // Of two who have judged the same, the second learns that it is at work already.
    put("dead.json", textOf(GONE));
    const both = all();
    const first = take(both);
    assert.ok(first);
    assert.equal(take(both), undefined);
    first.remove();
    // The name is the same and the lock another one: it stays.
    put("dead.json", textOf(GONE));
    const stale = all();
    put("dead.json", textOf(process.pid));
    assert.equal(take(stale), undefined);
    assert.ok(all().some(({ file, lock }) => file.endsWith("dead.json") && lock?.pid === process.pid));
  });

  function* freeing(): Generator {
    const judgedNow = all().filter((lock) => isDead(lock));
    if (judgedNow.length !== all().length) return;
    yield;
    const taken = take(judgedNow);
    if (taken === undefined || judgedNow.length === 0) return;
    assert.equal(all().length, judgedNow.length, "the stack is locked until it is free");
    yield;
    taken.remove();
  }

  it("is in the backend of PULUMI_BACKEND_URL, of the project, or of the login", () => {
    const env = { PULUMI_HOME: folder };
    assert.equal(backendUrl(folder, env), undefined);
    fs.writeFileSync(path.join(folder, "credentials.json"), JSON.stringify({ current: "file://~/x" }));
    assert.equal(backendUrl(folder, env), "file://~/x");
    fs.writeFileSync(path.join(folder, "Pulumi.yaml"), "name: farm\nbackend:\n  url: file://./state\n");
    assert.equal(backendUrl(folder, env), "file://./state");
    assert.equal(backendUrl(folder, { ...env, PULUMI_BACKEND_URL: "s3://x" }), "s3://x");
    assert.equal(backendFolder("s3://x", folder), undefined);
    assert.equal(backendFolder("file://./state?no_tmp_dir=true", folder), path.join(folder, "state/.pulumi"));
    assert.equal(backendFolder("file://~/x"), path.join(os.homedir(), "x/.pulumi"));
  });
});
