import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { feedWatchdog } from "../../../cli/watch/watchdog";

describe("watch under systemd's watchdog", () => {
  let folder: string;
  beforeEach("a systemd-notify that notes down what it is told", () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-watchdog-"));
    const script = `#!/bin/sh\necho "$* $NOTIFY_SOCKET" >>${folder}/told\n`;
    fs.writeFileSync(path.join(folder, "systemd-notify"), script, { mode: 0o755 });
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, maxRetries: 3 }));

  const told = async (env: NodeJS.ProcessEnv): Promise<string[]> => {
    const end = feedWatchdog({ PATH: `${folder}:${process.env.PATH}`, ...env });
    await sleep(700);
    end();
    const file = path.join(folder, "told");
    return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split("\n") : [];
  };
  const asked = { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "600000" };

  it("reports three times within the limit that it works", async () => {
    const lines = await told({ ...asked, WATCHDOG_PID: `${process.pid}` });
    assert.ok(lines.length >= 2 && lines.length <= 4, `${lines.length}`);
    assert.deepEqual([...new Set(lines)], ["WATCHDOG=1 /run/notify"]);
  });

  for (const [what, env] of [
    ["no unit asks for it", { NOTIFY_SOCKET: "/run/notify" }],
    ["it is for another process", { ...asked, WATCHDOG_PID: "1" }],
    ["there is no systemd", { WATCHDOG_USEC: "600000" }],
  ] as const)
    it(`says nothing where ${what}`, async () => assert.deepEqual(await told(env), []));

  it("keeps running without systemd-notify", async () => {
    const end = feedWatchdog({ ...asked, PATH: "/nowhere" });
    await sleep(300);
    end();
  });
});
