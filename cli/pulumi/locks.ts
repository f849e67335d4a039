/** The locks of a stack in a folder (`file://`): whose they are, whether those live, and how a dead one's goes. */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { z } from "zod";
import { shownLine } from "../../components/host/foreignText.cjs";
import { inProc } from "../../components/host/processOf.cjs";
import { KnownRun, bootedAt, couldLive, isOurs, madeIn } from "./runs";

const schema = z.object({
  pid: z.number().int().positive(),
  username: z.string(),
  hostname: z.string(),
  /** ISO 8601. */
  timestamp: z.string().refine((text) => !Number.isNaN(Date.parse(text))),
});

/** Who holds a stack, as Pulumi wrote it down. */
export type Lock = z.infer<typeof schema>;

/** A file among a stack's locks. Pulumi counts each as a lock, regardless of its name and content. */
export interface LockFile {
  file: string;
  text: string;
  /** When it was written, in milliseconds since 1970. */
  written: number;
  /** Absent: its owner is unknown, as after a power cut or on a full disk. */
  lock?: Lock;
}

/** The cloud storage library's own, beside a file; they go with it. */
const ATTRIBUTES = ".attrs";

/** All locks of a stack. */
export function locksOf(folder: string, project: string, stack: string): LockFile[] {
  const locks = path.join(folder, "locks", "organization", project, stack);
  if (!fs.existsSync(locks)) return [];
  return fs
    .readdirSync(locks)
    .filter((name) => !name.endsWith(ATTRIBUTES))
    .flatMap((name) => read(path.join(locks, name)) ?? []);
}

/** @returns undefined: it is no file, or gone by now */
function read(file: string): LockFile | undefined {
  try {
    const stats = fs.statSync(file);
    if (!stats.isFile()) return undefined;
    const text = fs.readFileSync(file, "utf8");
    return { file, text, written: stats.mtimeMs, lock: parse(text) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parse(text: string): Lock | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * Whether a lock has certainly no holder any more; false if that can't be known here.
 * @param runs what loopback-ha's own runs have recorded about themselves
 */
export function isDead({ lock, written }: Omit<LockFile, "file" | "text">, runs: KnownRun[] = []): boolean {
  // Pulumi writes a lock whole: one that is cut off is what a power cut has left, and its process went with it.
  if (lock === undefined) return written < bootedAt();
  if (lock.hostname !== os.hostname()) return false;
  const made = Date.parse(lock.timestamp);
  // Another container, or another machine, may have this one's name.
  const others = runs.filter((run) => madeIn(run, lock.hostname, made) && !isOurs(run));
  const own = runs.filter((run) => madeIn(run, lock.hostname, made) && isOurs(run));
  if (others.some((run) => couldLive(run))) return false;
  return (others.length > 0 && own.length === 0) || isGone(lock.pid, made);
}

function isGone(pid: number, lockMade: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  // Its number may be another process's by now, one that began after the lock was made.
  try {
    const made = lockMade + 2000;
    // Both: the folder has the time when it was first read, and the kernel's own moves when a clock is set.
    return fs.statSync(`/proc/${pid}`).ctimeMs > made && startOf(pid) > made;
  } catch {
    return false;
  }
}

/** When a process began, in milliseconds since 1970: the kernel has it in ticks of 1/100 s since the boot. */
const startOf = (pid: number): number => bootedAt() + Number(inProc(pid).start) * 10;

/** @returns one line: who and since when */
export function describeLock({ file, lock }: Pick<LockFile, "file" | "lock">): string {
  if (lock === undefined) return `${shownLine(file)}, which is empty or cut off`;
  const { pid, username, hostname, timestamp } = lock;
  return `process ${pid} of ${shownLine(username)} on ${shownLine(hostname)}, since ${shownLine(timestamp)}`;
}

/** Locks that only this program can remove. Until then they lock the stack as before. */
export interface Taken {
  remove(): void;
  putBack(): void;
}

/**
 * Takes exactly these locks, as they were when they were judged: of two who free a stack one has each.
 * @returns undefined: one of them is another one by now, or another process has it; then none is taken
 */
export function take(locks: LockFile[]): Taken | undefined {
  const taken: { file: string; aside: string }[] = [];
  const putBack = (): void => {
    for (const { file, aside } of taken.splice(0)) ifThere(() => fs.renameSync(aside, file));
  };
  for (const { file, text } of locks) {
    const aside = `${file}.${randomUUID()}`;
    if (!ifThere(() => fs.renameSync(file, aside))) return void putBack();
    taken.push({ file, aside });
    if (fs.readFileSync(aside, "utf8") !== text) return void putBack();
  }
  const remove = (): void => {
    for (const { file, aside } of taken.splice(0)) {
      ifThere(() => fs.unlinkSync(aside));
      ifThere(() => fs.unlinkSync(`${file}${ATTRIBUTES}`));
    }
  };
  return { putBack, remove };
}

/** @returns whether it was there */
function ifThere(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
