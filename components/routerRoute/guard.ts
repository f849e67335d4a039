/** What a router's guard is told: it finds dead servers itself and moves their prefixes at once. Pure. */
import { assertValid, firstRepeated } from "../base/argumentChecks";
import type { IssueOf } from "../base/names";
import { compareAddresses } from "../network/addressPlan";
import { Fallbacks, fallbacks } from "../network/fallbacks";
import { isActive } from "../network/placement";
import type { ServerState } from "../network/serverState";
import { Route, fallbackLine } from "./lineFormats";

/**
 * A guard on the router: it asks every server several times a second and moves the prefixes of a dead one at once, to
 * the servers that the last run named for that. It never moves anything back.
 */
export interface GuardArgs {
  /** How often each server is asked, in milliseconds or seconds: `50ms` to `10s`. Default: `150ms`. */
  interval?: string;
  /**
   * For how many rounds in a row a server must refuse connections, or be silent with its whole machine, until it counts
   * as dead: 2 to 100. Default: 3.
   */
  fall?: number;
  /** A dead server's prefixes move only if so many others are left and answer. Default: 1. */
  minActive?: number;
  /** Whether the guard only logs what it would do. Default: false. */
  dryRun?: boolean;
  /** How many servers the guard takes out of service within an hour, at most: 1 to 1000. Default: 10. */
  maxMovesPerHour?: number;
}

/** A prefix and the servers that take it over. */
export interface FallbackArgs {
  /** The VIP prefix, in CIDR form. */
  prefix: string;
  /** Names of the servers that take it over when the one that carries it is dead, in this order. */
  servers: string[];
}

/** What a guard does where nothing is configured. */
export const GUARD: Required<GuardArgs> = {
  interval: "150ms",
  fall: 3,
  minActive: 1,
  dryRun: false,
  maxMovesPerHour: 10,
};

/** The range of each number. */
export const GUARD_RANGES = { fall: [2, 100], minActive: [1, 1000], maxMovesPerHour: [1, 1000] } as const;

const SHORTEST_MS = 50;
const LONGEST_MS = 10_000;

/** @returns milliseconds; undefined: it is no time */
function milliseconds(interval: string): number | undefined {
  const [, number, unit] = /^(\d{1,5}(?:\.\d{1,3})?)(ms|s)$/.exec(interval) ?? [];
  if (number === undefined) return undefined;
  const ms = unit === "s" ? Math.round(Number(number) * 1000) : Number(number);
  return Number.isInteger(ms) ? ms : undefined;
}

/** What is wrong with an interval, as the rest of a sentence; undefined: nothing. */
export const intervalIssue: IssueOf = (interval) => {
  const ms = milliseconds(interval);
  if (ms === undefined) return "is not a time with a unit";
  if (ms < SHORTEST_MS) return "is shorter than 50ms, which leaves a busy server no time to answer";
  return ms > LONGEST_MS ? "is longer than 10s, and loopback-ha watch is as fast" : undefined;
};

/** What may be written in place of a wrong one. */
export const intervalInstead = "use a time from 50ms to 10s, such as 150ms";

/** Why there can't be a guard that leaves so many servers; undefined: there can. @param servers how many there are */
export const minActiveIssue = (minActive: number, servers: number): string | undefined =>
  minActive < servers
    ? undefined
    : `of ${servers} ${servers === 1 ? "server" : "servers"} would never let the guard move anything`;

/**
 * Its settings as `name=value`.
 *
 * @throws UserError when one is out of its range, or flows are not pinned
 */
export function guardSettings(args: GuardArgs, pinFlows: boolean): string[] {
  const { interval, fall, minActive, dryRun, maxMovesPerHour } = { ...GUARD, ...defined(args) };
  assertValid(
    "guard",
    args,
    !pinFlows && "needs pinned flows, by which it asks each server; remove it, or set pinFlows",
  );
  const issue = intervalIssue(interval);
  assertValid("guard.interval", interval, issue && `${issue}; ${intervalInstead}`);
  for (const [name, value] of Object.entries({ fall, minActive, maxMovesPerHour })) {
    const [least, most] = GUARD_RANGES[name as keyof typeof GUARD_RANGES];
    const inRange = Number.isInteger(value) && value >= least && value <= most;
    assertValid(`guard.${name}`, value, !inRange && `is not a whole number from ${least} to ${most}`);
  }
  return [
    `guard_interval=${milliseconds(interval)}`,
    `guard_fall=${fall}`,
    `guard_min_active=${minActive}`,
    `guard_dry_run=${dryRun ? "yes" : "no"}`,
    `guard_moves_per_hour=${maxMovesPerHour}`,
  ];
}

/** Other languages write a value that is not given as undefined. */
const defined = <T extends object>(args: T): T =>
  Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)) as T;

/** What the fallbacks of a table go with. */
interface GuardedServer {
  name: string;
  address: string;
  state?: ServerState;
  weight?: number;
}

/** Where nothing says who takes what over: as `place` does it for prefixes that are all at home where they are. */
export function fallbacksOf(routes: Route[], servers: GuardedServer[]): Fallbacks[] {
  const homes = Object.fromEntries(routes.map(({ prefix, server }) => [prefix, server]));
  const prefixes = routes.map(({ prefix }) => prefix);
  return prefixes.length === 0 ? [] : fallbacks(prefixes, servers, { homes });
}

/**
 * One line for each route, ordered by address: `PREFIX SERVER SERVER ...`.
 *
 * @throws UserError when a prefix is not routed or is there twice, or a server is unknown, not active, the one that carries
 * the prefix, or there twice
 */
export function renderFallbacks(lists: FallbackArgs[], routes: Route[], servers: GuardedServer[]): string {
  const carriers = new Map(routes.map(({ prefix, server }) => [prefix, server]));
  const known = new Map(servers.map((server) => [server.name, server]));
  const twice = firstRepeated(lists.map(({ prefix }) => prefix));
  assertValid("fallbacks", twice, twice !== undefined && "is listed twice");
  for (const { prefix, servers: names } of lists) {
    assertValid("fallbacks", prefix, !carriers.has(prefix) && "is not one of the routes");
    for (const name of names) {
      const server = known.get(name);
      assertValid("fallbacks", name, !server && "is not one of the servers");
      assertValid("fallbacks", name, !isActive(server!) && "is not active, so it can't take traffic");
      assertValid("fallbacks", name, carriers.get(prefix) === name && `carries ${prefix} itself`);
    }
    const again = firstRepeated(names);
    assertValid("fallbacks", again, again !== undefined && `is listed twice for ${prefix}`);
  }
  const all = new Map(lists.map((list) => [list.prefix, list]));
  return [...routes]
    .sort((a, b) => compareAddresses(a.prefix, b.prefix))
    .map(({ prefix }) => `${fallbackLine(all.get(prefix) ?? { prefix, servers: [] })}\n`)
    .join("");
}
