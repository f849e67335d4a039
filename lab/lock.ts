import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { LabError, State } from "./state";

/** Waits for the lock; gives a function that returns it. */
export async function takeLock(
  file: string,
  mode: "exclusive" | "shared" = "exclusive",
): Promise<() => Promise<void>> {
  // flock(1) holds the lock as long as our end of its stdin is open: the kernel gives it back
  // however this program ends.
  const child = spawn("flock", [`--${mode}`, file, "sh", "-c", "echo held; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const [first] = await Promise.race([once(child.stdout, "data"), exit]);
  if (String(first).startsWith("held")) {
    return async () => {
      child.stdin.end();
      await exit;
    };
  }
  throw new LabError(`cannot lock ${file}`, "see flock's message above");
}

/** Runs `work` while no other process changes the lab; waits for one that does, and names it. */
export async function withLock<T>(state: State, verb: string, work: () => Promise<T>): Promise<T> {
  fs.mkdirSync(state.folder, { recursive: true });
  const file = state.path("lock");
  const impatience = setTimeout(() => {
    process.stderr.write(`lab: waiting for ${state.read("lock.holder") ?? "another lab command"}\n`);
  }, 500);
  const release = await takeLock(file).finally(() => clearTimeout(impatience));
  state.write(
    "lock.holder",
    `\`lab ${verb}\` of process ${process.pid}, since ${new Date().toISOString()}\n`,
  );
  try {
    return await work();
  } finally {
    fs.rmSync(state.path("lock.holder"), { force: true });
    await release();
  }
}
