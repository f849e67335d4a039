/** What able.ts judges, asked of the machine: real files are written where a flip would write, and go again. */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RouterModel, ServerState } from "../../components/config";
import { tryWriteWhole } from "../../components/base/wholeFile";
import { backendFolder, backendUrl } from "../pulumi/backend";
import { stateOf } from "../edits/flips";
import { UsageError } from "../terminal/exit";
import { presentTextOf, projectIn } from "../pulumi/project";
import { OWN_FOLDER, Session } from "../pulumi/session";
import type { Facts, Place } from "./able";
import { userName } from "./instance";
import type { StateFile } from "./stateFile";
import { triedMoving } from "./move";

/** A file system behind a network may hang. */
const PATIENCE_MS = 10_000;
const PROGRAMS = ["pulumi", "ssh"];

export interface Asked {
  session: Session;
  kept: StateFile;
  /** Why the log can't be written. */
  log?: string;
  /** Where something may have to be moved while another run holds the stack. Default: nowhere. */
  movers?: RouterModel[];
  /** Servers that may have to be set down. Default: none. */
  servers?: string[];
  /** What is known of a backend that is in no folder; absent: it is asked, which costs half a second of a processor. */
  backend?: Facts["backend"];
}

export async function gatherFacts({
  session,
  kept,
  log,
  movers = [],
  servers = [],
  backend,
}: Asked): Promise<Facts> {
  const url = backendUrl(session.folder);
  const folder = backendFolder(url, session.folder);
  const config = session.configFile;
  const searched = process.env.PATH ?? "";
  return {
    machine: os.hostname(),
    user: userName(),
    config: place(config, () => tryWriteWhole(config, path.join(path.dirname(config), OWN_FOLDER))),
    unchangeable: await unchangeable(session, servers),
    kept: place(kept.file, () => kept.tryWrite()),
    temporary: await placeInTime(os.tmpdir(), () => tryFolder(os.tmpdir())),
    state: folder === undefined ? undefined : await placeInTime(folder, () => tryState(folder, session)),
    backend: folder === undefined ? (backend ?? (await elsewhere(session))) : undefined,
    secrets: missingPassphrase(config),
    program: missingPackage(session.folder),
    missing: PROGRAMS.filter((name) => !isOnPath(name, searched)),
    searched,
    log,
    unmoving: (
      await Promise.all(
        movers.map(async (router) => ({ router: router.name, reason: await triedMoving(router) })),
      )
    ).flatMap(({ router, reason }) => (reason === undefined ? [] : [{ router, reason }])),
  };
}

/** Whether each server can be set down in the text as it is written: rights alone make no flip. */
async function unchangeable(session: Session, servers: string[]): Promise<string | undefined> {
  try {
    if (servers.length > 0) await session.tryEdits(servers.map((name) => stateOf(name, ServerState.Down)));
    return undefined;
  } catch (error) {
    // A config that can't be read is said where it is read.
    return error instanceof UsageError && !/can't be read/.test(error.message) ? error.message : undefined;
  }
}

type Trial = () => void | Promise<void>;

function place(where: string, trial: () => void): Place {
  try {
    trial();
    return { path: where };
  } catch (error) {
    return troubled(where, error);
  }
}

async function placeInTime(where: string, trial: Trial): Promise<Place> {
  const timeout = new AbortController();
  const late = sleep(PATIENCE_MS, undefined, { signal: timeout.signal, ref: false }).then(
    () => {
      throw Object.assign(new Error(`it does not respond within ${PATIENCE_MS / 1000} s`), {
        code: "ETIMEDOUT",
      });
    },
    () => undefined,
  );
  try {
    await Promise.race([Promise.resolve().then(trial), late]);
    return { path: where };
  } catch (error) {
    return troubled(where, error);
  } finally {
    timeout.abort();
  }
}

function troubled(where: string, error: unknown): Place {
  const { code = "", message, path: at } = error as NodeJS.ErrnoException;
  return { path: where, trouble: { code, message }, owner: ownerOf(at ?? where) ?? ownerOf(where) };
}

function ownerOf(where: string): string | undefined {
  try {
    const { uid, gid, mode } = fs.statSync(where);
    return `of uid ${uid}, gid ${gid}, mode ${(mode & 0o7777).toString(8)}`;
  } catch {
    return undefined;
  }
}

/** A small file comes and goes. */
async function tryFolder(folder: string): Promise<void> {
  const file = path.join(folder, `.loopback-ha-${randomUUID()}`);
  try {
    await fs.promises.writeFile(file, "#".repeat(4096), { flag: "wx" });
  } finally {
    await fs.promises.rm(file, { force: true }).catch(() => undefined);
  }
}

/** Whatever is written among the locks would be one, so rights must do there. */
async function tryState(folder: string, { project, name }: Session): Promise<void> {
  await tryFolder(await nearest(path.join(folder, "stacks", project)));
  for (const below of [`locks/organization/${project}/${name}`, `history/${project}/${name}`])
    await fs.promises.access(
      await nearest(path.join(folder, below)),
      fs.constants.W_OK | fs.constants.X_OK | fs.constants.R_OK,
    );
}

/** Pulumi makes what is missing. */
async function nearest(folder: string): Promise<string> {
  for (let now = folder; ; now = path.dirname(now)) {
    const found = await fs.promises.stat(now).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" && path.basename(now) !== ".pulumi") return undefined;
      throw error;
    });
    if (found !== undefined) return now;
  }
}

async function elsewhere(session: Session): Promise<Facts["backend"]> {
  const url = shownUrl(backendUrl(session.folder));
  try {
    await session.engine.whoAmI();
    return { url };
  } catch (error) {
    return { url, trouble: (error as Error).message.trim().split("\n").pop() ?? "" };
  }
}

/** Without what may be a secret in it. */
export function shownUrl(url = "Pulumi's service"): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function missingPassphrase(config: string): string | undefined {
  const { PULUMI_CONFIG_PASSPHRASE: phrase, PULUMI_CONFIG_PASSPHRASE_FILE: file } = process.env;
  if (phrase !== undefined) return undefined;
  try {
    if (!/^encryptionsalt:/m.test(presentTextOf(config))) return undefined;
  } catch {
    return undefined;
  }
  if (!file) return "neither PULUMI_CONFIG_PASSPHRASE nor PULUMI_CONFIG_PASSPHRASE_FILE is set";
  try {
    // A pipe gives it once, and pulumi needs it each time.
    presentTextOf(file);
    return undefined;
  } catch (error) {
    return `PULUMI_CONFIG_PASSPHRASE_FILE can't be read (${(error as Error).message})`;
  }
}

/** For example during npm ci, or when that has failed. @returns undefined also where the program is none of Node's */
function missingPackage(folder: string): string | undefined {
  let main: string;
  try {
    const project = projectIn({ cwd: folder });
    if (project.runtime !== "nodejs") return undefined;
    main = project.main;
  } catch {
    // It is said where the config is read.
    return undefined;
  }
  // Not by require.resolve, which remembers what was there.
  for (let at = path.resolve(folder, main); ; at = path.dirname(at)) {
    const found = ["node_modules/@pulumi/pulumi/package.json", ".pnp.cjs"];
    if (found.some((file) => fs.existsSync(path.join(at, file)))) return undefined;
    if (path.dirname(at) === at) return `there is no node_modules/@pulumi/pulumi in ${folder} or above it`;
  }
}

function isOnPath(name: string, searched: string): boolean {
  return searched.split(path.delimiter).some((folder) => {
    try {
      const file = path.join(folder || ".", name);
      fs.accessSync(file, fs.constants.X_OK);
      return fs.statSync(file).isFile();
    } catch {
      return false;
    }
  });
}
