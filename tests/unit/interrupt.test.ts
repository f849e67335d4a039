import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";

describe("a command that is interrupted (slow)", () => {
  // As Ctrl-C, as systemd, as the end of the login that started it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    it(`exits in order on ${signal}`, async () => {
      const script = `
        const { listenForInterrupts, onInterrupt } = require(${JSON.stringify(path.resolve("cli/terminal/interrupt"))});
        listenForInterrupts();
        onInterrupt(() => (console.log("in order"), process.exit(7)));
        setTimeout(() => undefined, 60_000);
        console.log("ready");`;
      const child = spawn(process.execPath, ["-r", "ts-node/register/transpile-only", "-e", script]);
      let said = "";
      child.stdout.on("data", (text) => {
        said += String(text);
        if (said === "ready\n") child.kill(signal);
      });
      const [code] = await once(child, "close");
      assert.deepEqual([code, said], [7, "ready\nin order\n"]);
    });
});
