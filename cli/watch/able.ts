/** Whether the next flip could be made: what would stop it, found before a server dies. Pure; facts.ts asks. */
import { shownLine } from "../../components/host/foreignText.cjs";
import * as events from "./events";
import type { Line } from "./events";

/** A file or a folder that must take what a flip writes. */
export interface Place {
  path: string;
  /** Why it does not; absent: it does. */
  trouble?: { code: string; message: string };
  /** Whose it is, and who may do what: `1000:1000, mode 644`. */
  owner?: string;
}

/** What is known of the watcher's surroundings. */
export interface Facts {
  /** Where the watcher runs, and as whom. */
  machine: string;
  user: string;
  config: Place;
  /** Why no server could be set down in its text. */
  unchangeable?: string;
  kept: Place;
  temporary: Place;
  /** Where the state is in a folder. */
  state?: Place;
  /** Where it is elsewhere: its address, and why it can't be used. */
  backend?: { url: string; trouble?: string };
  /** Why no secret can be read. */
  secrets?: string;
  /** Why the stack's program can't start. */
  program?: string;
  /** Programs that are not on PATH, and PATH. */
  missing: string[];
  searched: string;
  /** Why the log can't be written. */
  log?: string;
  /** On which routers nothing could be moved while another run holds the stack, and why. */
  unmoving?: { router: string; reason: string }[];
}

/** Something that would stop a flip. */
export interface Hindrance {
  /** In one word. */
  what: string;
  /** The same one while this stays as it is. */
  kind: string;
  /** What fails, where, and what to do. */
  text: string;
}

const NO_FLIP = "no server can be set down until that is fixed";

/** All that would stop the next flip, or be lost by it. */
export function hindrances(facts: Facts): Hindrance[] {
  const {
    machine,
    user,
    config,
    unchangeable,
    kept,
    temporary,
    state,
    backend,
    secrets,
    program,
    missing,
    searched,
    log,
    unmoving = [],
  } = facts;
  const at = `on ${machine}`;
  const place = (what: string, { path, trouble, owner }: Place, name: string, effect: string): Hindrance[] =>
    trouble === undefined
      ? []
      : [
          {
            what,
            kind: trouble.code,
            text: `${name} ${path} ${at} can't be written by ${user} (${shownLine(trouble.message)}): ${effect}. ${remedy(trouble.code, path, user, owner)}`,
          },
        ];
  const one = (what: string, text: string): Hindrance => ({ what, kind: text, text });
  return [
    ...place("config", config, "the stack's config file", NO_FLIP),
    ...(unchangeable === undefined
      ? []
      : [one("edit", `no server can be set down in ${config.path} ${at} (${shownLine(unchangeable)})`)]),
    ...(state ? place("state", state, "the state's folder", NO_FLIP) : []),
    ...(backend?.trouble === undefined
      ? []
      : [
          {
            ...{ what: "state", kind: "unreachable" },
            text: `the state at ${backend.url} can't be reached from ${machine} (${shownLine(backend.trouble)}): ${NO_FLIP}. In the meantime loopback-ha-move works on the routers. Try: pulumi whoami --verbose`,
          },
        ]),
    ...place("temporary", temporary, "the folder for temporary files", NO_FLIP),
    ...(secrets === undefined ? [] : [one("secrets", `${secrets} ${at}: ${NO_FLIP}`)]),
    ...(program === undefined
      ? []
      : [
          one(
            "program",
            `the stack's program can't start ${at} (${shownLine(program)}): ${NO_FLIP}. Install the packages of package.json: npm ci`,
          ),
        ]),
    ...missing.map((name) =>
      one(
        name,
        `${name} is not on the watcher's PATH ${at} (${shownLine(searched)}): ${NO_FLIP}. Install it, or start the watcher with a PATH that includes it`,
      ),
    ),
    ...place(
      "kept",
      kept,
      "the watcher's state file",
      "flips still happen, but a restarted watcher will not know of them",
    ),
    ...(log === undefined
      ? []
      : [
          one(
            "log",
            `the log can't be written ${at} (${log}): flips still happen, but only hooks report them`,
          ),
        ]),
    ...unmoving.map(({ router, reason }) =>
      one(
        `move-${router}`,
        `traffic can't be moved on ${router} directly (${shownLine(reason)}): flips work only while no other run holds the stack`,
      ),
    ),
  ];
}

function remedy(code: string, path: string, user: string, owner = "of an unknown owner"): string {
  switch (code) {
    case "EACCES":
      return `It is ${owner}: give ${user} write access to it and its folder`;
    case "EPERM":
      return `It is ${owner}; check whether it is immutable (lsattr), or belongs to another user in a folder with the sticky bit`;
    case "EROFS":
      return `Its file system is mounted read-only: findmnt -T ${path} shows the file system, dmesg whether its disk has failed`;
    case "ENOSPC":
    case "EDQUOT":
      return `Free space or inodes there: df -h ${path}; df -i ${path}`;
    case "ENOENT":
      return "It is missing, or is a dangling link: ls -l shows which";
    case "EBUSY":
      return "It is a mount point, and a mounted file can't be replaced";
    case "ETIMEDOUT":
      return `Its file system does not respond: findmnt -T ${path} shows where it comes from`;
    default:
      return `Check it: ls -l ${path}; findmnt -T ${path}`;
  }
}

/** What has been said of hindrances; by `what`. */
export type Said = Map<string, Hindrance>;

/** @returns lines for what is new and what is gone; `said` is changed */
export function tell(said: Said, now: Hindrance[]): Line[] {
  const lines = now
    .filter(({ what, kind }) => said.get(what)?.kind !== kind)
    .map(({ what, text }) => events.unable(what, text));
  const gone = [...said.keys()].filter((what) => !now.some((hindrance) => hindrance.what === what));
  said.clear();
  for (const hindrance of now) said.set(hindrance.what, hindrance);
  return [...lines, ...gone.map((what) => events.able(what, now.length))];
}
