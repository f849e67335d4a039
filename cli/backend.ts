/** A state backend in a folder (`file://`): its locks and its checkpoints, which Pulumi has no command to look at. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { fileURLToPath } from "node:url";

/** Who holds a stack, as Pulumi wrote it down. */
export interface Lock {
  pid: number;
  username: string;
  hostname: string;
  /** ISO 8601. */
  timestamp: string;
}

/** The folder of a backend; undefined: it is not one in a folder. */
export function backendFolder(url: string): string | undefined {
  if (!url.startsWith("file://")) return undefined;
  const place = url.slice("file://".length);
  const folder = place.startsWith("~") ? path.join(os.homedir(), place.slice(1)) : place.split("?")[0];
  return path.join(path.isAbsolute(folder) ? folder : fileURLToPath(url), ".pulumi");
}

/** All locks of a stack. */
export function locksOf(folder: string, project: string, stack: string): Lock[] {
  const locks = path.join(folder, "locks", "organization", project, stack);
  if (!fs.existsSync(locks)) return [];
  return fs
    .readdirSync(locks)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(fs.readFileSync(path.join(locks, file), "utf8")) as Lock);
}

/** Whether the process that made a lock is gone; false also where nobody here can know. */
export function isDead({ pid, hostname, timestamp }: Lock): boolean {
  if (hostname !== os.hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  // Its number may be another process's by now, one that began after the lock was made.
  try {
    const made = Date.parse(timestamp) + 2000;
    // Both: the folder has the time when somebody first looked into it, and the kernel's own moves when a clock is set.
    return fs.statSync(`/proc/${pid}`).ctimeMs > made && startOf(pid) > made;
  } catch {
    return false;
  }
}

/** When a process began, in milliseconds since 1970: proc(5). */
function startOf(pid: number): number {
  // The name in the second field may hold spaces and brackets; the start is field 22, in ticks of 1/100 s since the boot.
  const ticks = fs.readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, "").split(" ")[20];
  const boot = /^btime (\d+)$/m.exec(fs.readFileSync("/proc/stat", "utf8"))?.[1];
  return (Number(boot) + Number(ticks) / 100) * 1000;
}

/** @returns one line: who and since when */
export const describeLock = ({ pid, username, hostname, timestamp }: Lock): string =>
  `process ${pid} of ${username} on ${hostname}, since ${timestamp}`;

/**
 * A checkpoint that a kill during a write left empty becomes the one before, which lies beside it.
 * @returns whether it was empty
 */
export function repairCheckpoint(folder: string, project: string, stack: string): boolean {
  const checkpoint = path.join(folder, "stacks", project, `${stack}.json`);
  const [now, before] = [checkpoint, `${checkpoint}.bak`];
  if (!fs.existsSync(before) || (fs.existsSync(now) && fs.statSync(now).size > 0)) return false;
  fs.copyFileSync(before, now);
  return true;
}
