/** What the watcher knows from one event to the next: data only, so that it can be copied and compared. */
import { ServerState } from "../../components/config";
import { Counting, RouterCounters, HealthCounters, newRouterCounters, sees } from "./healthCounters";

/** How careful the watcher is. Times in milliseconds. */
export interface Policy extends Counting {
  /** Rounds in a row with an answer after which a server that was down is reported. */
  rise: number;
  /** So many active servers must be left, and answer, where dead ones are set down. */
  minActiveDead: number;
  /** So many must be left, and answer at once, where a sick one is. */
  minActive: number;
  /** How long to wait for a sick server. */
  sickAfter: number;
  /** So many sick servers are set down within the window. */
  sickFlips: number;
  sickWindow: number;
  /** So many flips of one server within the window are too many. */
  flapLimit: number;
  flapWindow: number;
  /** How long to wait for a stack that another run holds before dead servers' traffic is moved on the routers. Absent: forever. */
  moveAfter?: number;
  /** Sets a server down as sick if most of its pages are worse than the others'. Default: it is only reported. */
  sickByPages?: boolean;
  /** Decisions are logged but not carried out. */
  dryRun: boolean;
}

/** A server that was taken out of service, and when. */
export interface Flip {
  server: string;
  at: number;
  /** It lived. */
  sick?: boolean;
}

/** What must outlive the watcher. */
export interface SavedState {
  flips: Flip[];
  /** Servers whose flip was begun and is not known to be done. */
  unfinished: string[];
}

export interface WatchedServer {
  state: ServerState;
  /** It was said to be dead. */
  dead: boolean;
  /** Since when it answers nothing and may live, as was said. */
  failing?: number;
  /** It was said that it does not answer for some VIPs. */
  sick: boolean;
  /** It was said that it answers something else than it should. */
  odd: boolean;
  /** It was said that its answers take long. */
  late: boolean;
  /** It was said that some routers get answers, and others none. */
  split: boolean;
  /** It was said that sites' own pages are worse on it than on others. */
  worsePages?: boolean;
  /** It is down, and its return is news. */
  away: boolean;
}

export interface Blocked {
  /** Of whom. */
  what: string;
  /** What was said of it. */
  text: string;
  /** When it was tried. */
  at: number;
  /** Since when the stack is held. */
  since: number;
  /** Of whom nothing is left on the routers that could be moved there. */
  moved?: string;
  /** It was tried to move it there since the flip was tried; what was said of that. */
  tried?: boolean;
  said?: string;
}

/** All that the watcher knows. */
export interface WatchState extends SavedState {
  policy: Policy;
  servers: { [name: string]: WatchedServer };
  routers: { [name: string]: RouterCounters };
  /** A flip of these is being made; of none: what is unfinished is being finished. */
  acting?: string[];
  /** Those of them that are sick and not dead. */
  actingSick?: string[];
  /** Since when; undefined also when it was said that this takes long. */
  actingSince?: number;
  /** What came to nothing, how often in a row, and until when it is not tried again. */
  tried: { what: string; result?: Result; times: number; until: number };
  /** Which sick server is looked at once more before it is set down, and since when. */
  look?: { server: string; at: number };
  /** The flip that another run is in the way of. */
  blocked?: Blocked;
  /** When a dead server began to wait for the verdict on another. */
  waitsSince?: number;
  /** The last reason for doing nothing: it is given once. */
  refused: string;
}

/** What is saved in a file, for a watcher that is killed in the middle of a flip. */
export const savedOf = ({ flips, unfinished, acting = [] }: WatchState): SavedState => ({
  flips,
  unfinished: [...new Set([...unfinished, ...acting])],
});

/** How a flip ended. */
export enum Result {
  /** All of it moved. */
  Done = "done",
  /** The config has it, and something did not move. */
  Partial = "partial",
  /** Nothing moved, and the config is as it was. */
  Failed = "failed",
  /** It was not begun: the stack was locked until now, or the config was changed. */
  Later = "later",
  /** It was not begun: another run holds the stack. */
  Blocked = "blocked",
}

/** A clock that was put right by this much since makes nothing forgotten. */
const CLOCK_STEP_MS = 60_000;

/** The watcher's state before its first round. */
export function begin(
  policy: Policy,
  routers: string[],
  servers: { name: string; state: ServerState }[],
  kept: SavedState,
  at: number,
): WatchState {
  const isDown = (name: string): boolean =>
    servers.some((server) => server.name === name && server.state === ServerState.Down);
  // One that was killed before it had written the config has nothing to finish.
  const unfinished = kept.unfinished.filter(isDown);
  return {
    policy,
    // A boot whose clock was wrong may have kept some of the future.
    flips: [
      ...kept.flips.filter((flip) => flip.at <= at + CLOCK_STEP_MS),
      ...unfinished.map((server) => ({ server, at })),
    ],
    unfinished,
    servers: Object.fromEntries(servers.map(({ name, state }) => [name, newServer(state)])),
    routers: Object.fromEntries(routers.map((name) => [name, newRouterCounters(at)])),
    tried: { what: "", times: 0, until: at },
    refused: "",
  };
}

export const newServer = (state: ServerState): WatchedServer => ({
  state,
  dead: false,
  sick: false,
  odd: false,
  late: false,
  split: false,
  away: state === ServerState.Down,
});

export const active = ({ servers }: WatchState): string[] =>
  Object.keys(servers).filter((name) => servers[name].state === ServerState.Active);

/** What is seen of a server, by the routers that see. */
export function healthCountersOf({ routers }: WatchState, name: string, at: number): HealthCounters[] {
  return Object.values(routers)
    .filter((router) => sees(router, at))
    .flatMap((router) => router.servers[name] ?? []);
}

/** How many servers were set down of late because they were sick. */
export const sickFlipsOf = ({ flips, policy }: WatchState, at: number): number =>
  flips.filter((flip) => flip.sick && at - flip.at <= policy.sickWindow).length;

/** How often a server was flipped of late. */
export const flapsOf = (flips: Flip[], name: string, { flapWindow }: Policy, at: number): number =>
  flips.filter((flip) => flip.server === name && at - flip.at <= flapWindow).length;
