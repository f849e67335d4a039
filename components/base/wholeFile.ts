/** Files of the operator's that others need whole, whatever happens meanwhile: a kill, a full disk, a power cut. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

/**
 * Gives a file another text: all of it or nothing, also after a power cut. Owner, group, mode, access list and a link
 * that leads to it stay. Where nothing can be put in its place (the file alone is mounted, it has other names, its folder
 * can't be written, its owner can't be kept) it is written in place, with what it had in a copy until that is done:
 * FILE.before, beside it where that is possible, else in `elsewhere`.
 * @param elsewhere a folder for that copy. Default: none, and then a file that needs one is not written
 * @throws Error when it can't be written; then it has its former text, or the error names the copy that has it
 */
export function writeWhole(file: string, text: string, elsewhere?: string): void {
  const target = resolved(file);
  const before = fs.statSync(target, { throwIfNoEntry: false });
  try {
    replace(target, text, before);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (before === undefined || !IN_PLACE.has(code ?? "")) throw error;
    writeInPlace(target, text, elsewhere);
  }
}

/** A file could be neither written nor put back: what it had is in a copy. */
export class LeftInCopy extends Error {}

/**
 * What writeWhole would do with a text as long as the present one, as far as that can be tried without touching the file.
 * @throws Error what writeWhole would throw
 */
export function tryWriteWhole(file: string, elsewhere?: string): void {
  const target = fs.realpathSync(file);
  const before = fs.statSync(target);
  fs.accessSync(target, fs.constants.R_OK);
  const text = "#".repeat(Math.max(1, before.size));
  try {
    tryReplace(target, text, before);
  } catch (error) {
    if (!IN_PLACE.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    fs.closeSync(fs.openSync(target, "r+"));
    fs.rmSync(keepCopy(target, text, elsewhere));
  }
}

function tryReplace(target: string, text: string, before: fs.Stats): void {
  const folder = path.dirname(target);
  refuseOtherNames(target, before);
  const draft = draftOf(target);
  try {
    fs.rmSync(draft, { force: true });
    writeSynced(draft, text, "wx", formerOf(target, before));
  } finally {
    quietly(() => fs.rmSync(draft, { force: true }));
  }
  // What a rename would meet.
  if (isImmutable(target) || isKeptBySticky(folder, before)) throw refusal("EPERM", target);
  if (isMountPoint(target)) throw refusal("EBUSY", target);
}

/** By which others have the same file: a new one would not be theirs. */
function refuseOtherNames(target: string, { nlink }: fs.Stats): void {
  if (nlink > 1) throw refusal("EXDEV", target);
}

const refusal = (code: string, target: string): Error =>
  Object.assign(new Error(`${code}: it can't be replaced, rename '${target}'`), {
    code,
    path: target,
  });

function isImmutable(target: string): boolean {
  try {
    fs.closeSync(fs.openSync(target, "r+"));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isKeptBySticky(folder: string, { uid }: fs.Stats): boolean {
  const { mode, uid: owner } = fs.statSync(folder);
  const own = process.geteuid?.();
  return (mode & 0o1000) !== 0 && own !== 0 && own !== uid && own !== owner;
}

/** proc_pid_mountinfo(5): the fifth word is where, with blanks as \040. */
function isMountPoint(target: string): boolean {
  try {
    const mounts = fs.readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    const name = (word = ""): string =>
      word.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    return mounts.some((mount) => name(mount.split(" ")[4]) === target);
  } catch {
    return false;
  }
}

/** The folder is not ours, the file is a mount of its own or another file system's, its owner can't be given. */
const IN_PLACE = new Set(["EACCES", "EPERM", "EBUSY", "EXDEV", "EROFS"]);

/** Where a link leads, also to a file that is not there yet. */
function resolved(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const folder = fs.realpathSync(path.dirname(file));
    const here = path.join(folder, path.basename(file));
    const isThere = fs.lstatSync(here, { throwIfNoEntry: false }) !== undefined;
    return isThere ? resolved(path.resolve(folder, fs.readlinkSync(here))) : here;
  }
}

const draftOf = (target: string): string =>
  path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}`);

function replace(target: string, text: string, before: fs.Stats | undefined): void {
  if (before !== undefined) refuseOtherNames(target, before);
  const draft = draftOf(target);
  try {
    fs.rmSync(draft, { force: true });
    writeSynced(draft, text, "wx", before && formerOf(target, before));
    fs.renameSync(draft, target);
  } catch (error) {
    // Where the folder can't be written there is none, and nothing can be removed.
    quietly(() => fs.rmSync(draft, { force: true }));
    throw error;
  }
  syncFolder(path.dirname(target));
}

function writeInPlace(target: string, text: string, elsewhere: string | undefined): void {
  const former = fs.readFileSync(target, "utf8");
  // Before there is a copy, and before anything is cut off.
  fs.closeSync(fs.openSync(target, "r+"));
  const copy = keepCopy(target, former, elsewhere);
  try {
    writeSynced(target, text, "r+");
  } catch (error) {
    try {
      writeSynced(target, former, "r+");
    } catch {
      throw new LeftInCopy(
        `${(error as Error).message}; it is truncated now, and its former content is in ${copy}`,
      );
    }
    quietly(() => fs.rmSync(copy));
    throw error;
  }
  quietly(() => fs.rmSync(copy));
}

/** @returns where it is; as private as can be, for the file may have secrets in it */
function keepCopy(target: string, former: string, elsewhere: string | undefined): string {
  const name = `${path.basename(target)}.before`;
  let failure: unknown;
  for (const folder of [path.dirname(target), ...(elsewhere === undefined ? [] : [elsewhere])]) {
    const copy = path.join(folder, name);
    try {
      fs.mkdirSync(folder, { recursive: true });
      fs.rmSync(copy, { force: true });
      writeSynced(copy, former, "wx");
      syncFolder(folder);
      return copy;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

interface Former {
  target: string;
  uid: number;
  gid: number;
  mode: number;
}

const formerOf = (target: string, { uid, gid, mode }: fs.Stats): Former => ({ target, uid, gid, mode });

/** Access lists and labels, where there are some: Node knows none of them. GNU's cp leaves out what it can't keep. */
function copyAttributes(from: string, to: string): void {
  spawnSync("cp", ["--attributes-only", "--preserve=all", "--", from, to], { stdio: "ignore" });
}

/** A new file gets what the former one had before its text is in it. */
function writeSynced(file: string, text: string, flags: "wx" | "r+", like?: Former): void {
  const fd = fs.openSync(file, flags, like === undefined && flags === "wx" ? 0o666 : 0o600);
  try {
    if (like !== undefined) {
      const made = fs.fstatSync(fd);
      if (made.uid !== like.uid || made.gid !== like.gid) fs.fchownSync(fd, like.uid, like.gid);
      fs.fchmodSync(fd, like.mode & 0o7777);
      copyAttributes(like.target, file);
    }
    const bytes = Buffer.from(text);
    // In place: first what is there, so that a full disk is noticed before anything is lost.
    for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at, bytes.length - at, at);
    if (flags === "r+") fs.ftruncateSync(fd, bytes.length);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** A new name outlives a power cut when its folder was synced, too; some file systems know no such thing. */
function syncFolder(folder: string): void {
  quietly(() => {
    const fd = fs.openSync(folder, "r");
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // What it was for is done, or said already.
  }
}
