/** Files of the operator's that others need whole, whatever happens meanwhile: a kill, a full disk, a power cut. */
import * as fs from "node:fs";
import * as path from "node:path";

/**
 * Gives a file another text: all of it or nothing, also after a power cut. Owner, group, mode and a link that leads to
 * it stay. Where nothing can be put in its place (the file alone is mounted, its folder can't be written, its owner
 * can't be kept) it is written in place, with what it had in a copy until that is done: FILE.before, beside it where
 * that is possible, else in `elsewhere`.
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

/** The folder is not ours, the file is a mount of its own or another file system's, its owner can't be given. */
const IN_PLACE = new Set(["EACCES", "EPERM", "EBUSY", "EXDEV", "EROFS"]);

/** Where a link leads, also to a file that is not there yet. */
function resolved(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return path.join(fs.realpathSync(path.dirname(file)), path.basename(file));
  }
}

function replace(target: string, text: string, before: fs.Stats | undefined): void {
  const draft = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}`);
  try {
    fs.rmSync(draft, { force: true });
    writeSynced(draft, text, "wx", before);
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
      throw new Error(`${(error as Error).message}; what it had is in ${copy}`);
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

/** A new file gets what the former one had before its text is in it. */
function writeSynced(file: string, text: string, flags: "wx" | "r+", like?: fs.Stats): void {
  const fd = fs.openSync(file, flags, like === undefined && flags === "wx" ? 0o666 : 0o600);
  try {
    if (like !== undefined) {
      const made = fs.fstatSync(fd);
      if (made.uid !== like.uid || made.gid !== like.gid) fs.fchownSync(fd, like.uid, like.gid);
      fs.fchmodSync(fd, like.mode & 0o7777);
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
