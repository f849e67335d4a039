/** What the watcher shows: one picture of its own state and of the last look at the machines. Pure. */
import { FarmModel, ServerState } from "../../components/config";
import type { Hold } from "../../components/network/holds";
import { Verdict, verdictOf } from "../../components/routerRoute/verdict";
import type { FarmStatus } from "../status/model";
import type { HealthCounters } from "../watch/healthCounters";
import { WatchState, healthCountersOf } from "../watch/state";
import type { Move, Moves } from "./moves";

/** A verdict, or that no router has asked of late. */
export type Health = Verdict | "unknown";

export interface WatchedServer {
  name: string;
  /** As the config has it. */
  state: ServerState;
  health: Health;
  /** Whether its last rounds were answered; null: not known. */
  answers: boolean | null;
  /** How long its slowest answer of the last round took, in milliseconds; null: there was none. */
  ms: number | null;
  /** Why it did not answer; empty: it does. */
  reason: string;
}

export interface WatchedRouter {
  name: string;
  /** Whether its rounds arrive. */
  reports: boolean;
  /** When its last round counted; null: none has yet. */
  lastRound: number | null;
  /** Whether it has a guard. */
  guarded: boolean;
  /** What that holds as dead. */
  held: Hold[];
  tracked: { count: number; max: number } | null;
}

/** All times are in milliseconds since 1970. */
export interface Picture {
  stack: string;
  version: string;
  now: number;
  started: number;
  dryRun: boolean;
  servers: WatchedServer[];
  routers: WatchedRouter[];
  /** What would stop the next flip, one sentence each. */
  unable: string[];
  moves: readonly Move[];
  counts: Moves["counts"];
  failures: number;
  /** What the last look at all machines found; absent: there was none yet. */
  status?: FarmStatus;
  /** Why the last look failed; absent: it did not. */
  lookFailure?: string;
}

/** What the watcher knows at a moment. */
export interface WatcherView {
  state: WatchState;
  farm: Pick<FarmModel, "servers" | "routers">;
  unable: string[];
  /** The watcher's own clock, which is set back by no one. */
  at: number;
}

/** What is known besides. */
export type Surroundings = Pick<
  Picture,
  "stack" | "version" | "now" | "started" | "moves" | "counts" | "failures" | "status" | "lookFailure"
>;

export function pictureOf({ state, farm, unable, at }: WatcherView, rest: Surroundings): Picture {
  const timeOf = (moment: number): number => rest.now - (at - moment);
  return {
    ...rest,
    dryRun: state.policy.dryRun,
    servers: Object.entries(state.servers).map(([name, server]) => ({
      name,
      state: server.state,
      ...healthOf(healthCountersOf(state, name, at), state.policy.fall),
    })),
    routers: Object.entries(state.routers).map(([name, { blind, round, held, tracked }]) => ({
      name,
      reports: !blind && round > 0,
      lastRound: round > 0 ? timeOf(round) : null,
      guarded: farm.routers.some((router) => router.name === name && router.guard !== undefined),
      held: held.filter(({ server }) => Object.hasOwn(state.servers, server)),
      tracked: tracked && tracked.max > 0 ? tracked : null,
    })),
    unable,
  };
}

/** Several routers must agree that it is dead, as where that is decided. */
function healthOf(
  counters: HealthCounters[],
  fall: number,
): Pick<WatchedServer, "health" | "answers" | "ms" | "reason"> {
  if (counters.length === 0) return { health: "unknown", answers: null, ms: null, reason: "" };
  const verdicts = counters.map((own) => verdictOf(own, fall));
  const best = ORDER.find((verdict) => verdicts.includes(verdict))!;
  const answered = counters.filter(({ falls }) => falls === 0);
  return {
    health: best,
    answers: answered.length > 0,
    ms: answered.length > 0 ? Math.max(...answered.map(({ ms }) => ms)) : null,
    reason:
      best === Verdict.Well ? "" : (counters.map(({ reason }) => reason).find((text) => text !== "") ?? ""),
  };
}

/** From the best to the worst. */
const ORDER = [Verdict.Well, Verdict.Stumbles, Verdict.Sick, Verdict.Dead];

/** When the last round of any router counted; null: none has yet. */
export const lastRoundOf = ({ routers }: Picture): number | null =>
  routers.reduce<number | null>(
    (latest, { lastRound }) => (lastRound === null ? latest : Math.max(latest ?? 0, lastRound)),
    null,
  );

/** What a person must look at, one sentence each; none: all is well. */
export function troublesOf(picture: Picture): string[] {
  const { servers, routers, unable, status, lookFailure } = picture;
  const active = servers.filter(({ state }) => state === ServerState.Active);
  return [
    ...routers
      .filter(({ reports }) => !reports)
      .map(({ name }) => `${name} does not report: the watcher sees nothing through it`),
    ...active
      .filter(({ health }) => health === Verdict.Dead)
      .map(({ name, reason }) => `${name} is dead: ${reason}`),
    ...active
      .filter(({ health }) => health === Verdict.Sick)
      .map(({ name, reason }) => `${name} is sick: ${reason}`),
    ...unable,
    ...(lookFailure === undefined ? [] : [`the machines could not be looked at: ${lookFailure}`]),
    ...(status?.problems ?? []),
  ];
}
