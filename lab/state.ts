import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** An error for the person at the keyboard: what failed, and what to do next. */
export class LabError extends Error {
  constructor(
    message: string,
    /** The next step: a command to type or a file to read. */
    readonly next?: string,
  ) {
    super(next ? `${message}\n  next: ${next}` : message);
    this.name = "LabError";
  }
}

/** The checkout this lab belongs to. */
export const checkout = fs.realpathSync(path.join(__dirname, ".."));

/** How the user calls the lab's program, for messages. */
export const program = "npm run lab --";

/** Where the engine, the base and the labs live, outside of every checkout. */
export function cacheFolder(): string {
  const { LOOPBACK_HA_CACHE, XDG_CACHE_HOME } = process.env;
  return (
    LOOPBACK_HA_CACHE || path.join(XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "pulumi-loopback-ha")
  );
}

/** The checkout's lab; LOOPBACK_HA_LAB_ID names another one beside it (the tests of `down` do that). */
export function defaultLabId(): string {
  const id =
    process.env.LOOPBACK_HA_LAB_ID || createHash("sha256").update(checkout).digest("hex").slice(0, 8);
  if (!/^[a-z0-9-]{1,32}$/.test(id)) {
    throw new LabError(`LOOPBACK_HA_LAB_ID is '${id}'`, "use 1 to 32 of a-z, 0-9 and -");
  }
  return id;
}

/** A second one for tests that run at the same time. */
export function secondLabId(): string {
  return `${defaultLabId().slice(0, 30)}-2`;
}

/** All files of one lab. */
export class State {
  readonly folder: string;

  constructor(readonly id: string) {
    this.folder = path.join(cacheFolder(), "labs", id);
  }

  /** A path in the lab's folder. */
  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** The folder of a machine's disk, cables and console log. */
  machine(name: string, ...parts: string[]): string {
    return this.path("machines", name, ...parts);
  }

  /** What a machine, or the host for it, last said. */
  log(name: string): string {
    return this.path("logs", `${name}.log`);
  }

  /** The cgroup of the lab, or of one of its machines. */
  cgroup(name?: string): string {
    return ["loopback-ha-lab", this.id, ...(name ? [name] : [])].join("/");
  }

  /** Reads a small file of the lab; undefined if it is not there. */
  read(...parts: string[]): string | undefined {
    try {
      return fs.readFileSync(this.path(...parts), "utf8").trim();
    } catch {
      return undefined;
    }
  }

  /** Writes a small file of the lab, whole or not at all. */
  write(relative: string, content: string): void {
    const target = this.path(relative);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(`${target}.new`, content);
    fs.renameSync(`${target}.new`, target);
  }
}
