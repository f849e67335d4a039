import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { LabError, State } from "./state";

/** Takes the lock; gives a function that returns it, or undefined when `wait` is false and it is taken. */
async function take(file: string, wait: boolean): Promise<(() => Promise<void>) | undefined> {
  // flock(1) holds the lock as long as our end of its stdin is open: the kernel gives it back
  // however this program ends.
  const args = [...(wait ? [] : ["--nonblock", "--conflict-exit-code", "75"]), file, "sh", "-c"];
  const child = spawn("flock", [...args, "echo held; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const first = await Promise.race([once(child.stdout, "data"), exit]);
  if (child.exitCode === null && String(first[0]).startsWith("held")) {
    return async () => {
      child.stdin.end();
      await exit;
    };
  }
  if (child.exitCode === 75) return undefined;
  throw new LabError(`cannot lock ${file}`, "see flock's message above");
}

/** Runs `work` while nobody else changes the lab; waits for whoever does, and says who it is. */
export async function withLock<T>(state: State, verb: string, work: () => Promise<T>): Promise<T> {
  fs.mkdirSync(state.folder, { recursive: true });
  const file = state.path("lock");
  let release = await take(file, false);
  if (!release) {
    process.stderr.write(`lab: waiting for ${state.read("lock.holder") ?? "another lab command"}\n`);
    release = await take(file, true);
  }
  state.write(
    "lock.holder",
    `\`lab ${verb}\` of process ${process.pid}, since ${new Date().toISOString()}\n`,
  );
  try {
    return await work();
  } finally {
    fs.rmSync(state.path("lock.holder"), { force: true });
    await release?.();
  }
}
