import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isDead } from "../../cli/backend";

describe("a lock of Pulumi's", () => {
  const lock = (pid: number, at: number, hostname = os.hostname()): Parameters<typeof isDead>[0] => ({
    pid,
    username: "root",
    hostname,
    timestamp: new Date(at).toISOString(),
  });

  it("is a dead process's when that is gone, or when its number went to one that began later", async () => {
    const made = Date.now();
    const child = spawn("sleep", ["60"]);
    const pid = child.pid!;
    await sleep(2500);
    assert.equal(isDead(lock(pid, made)), false);
    assert.equal(isDead(lock(pid, made - 10_000)), true);
    const ended = once(child, "exit");
    child.kill();
    await ended;
    assert.equal(isDead(lock(pid, made)), true);
    assert.equal(isDead(lock(pid, made, "elsewhere")), false);
  });
});
