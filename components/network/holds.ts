/** What a router's guard did by itself: servers that it holds as dead, and where their units go meanwhile. Pure. */
import { Fallbacks, withoutHeld } from "./fallbacks";
import type { Placement } from "./placement";

/** A server that a router's guard holds as dead. */
export interface Hold {
  server: string;
  /** Since when, as 2026-11-30T16:00:00Z. */
  at: string;
  /** What was wrong with it, as a sentence's rest behind its name: `refuses connections`. */
  reason: string;
}

/** A hold, and what it does to the units that the config gives that server. */
export interface HeldUnits extends Hold {
  /** Where each unit goes; null: the guard has nowhere to send it. */
  units: { prefix: string; to: string | null }[];
}

/** Those in force after a run with this config: one of a server that the config has down, or has not, ends with it. */
export const lastingHolds = (holds: Hold[], servers: { name: string; down: boolean }[]): Hold[] =>
  holds.filter(({ server }) => servers.some(({ name, down }) => name === server && !down));

/** @param placement as the config has it */
export function heldUnits(
  holds: Hold[],
  placement: Pick<Placement, "prefix" | "server">[],
  fallbacks: Fallbacks[],
): HeldUnits[] {
  const servers = new Set(holds.map(({ server }) => server));
  const now = withoutHeld(placement, fallbacks, servers);
  return holds.map((hold) => ({
    ...hold,
    units: placement.flatMap(({ prefix, server }, i) =>
      server === hold.server ? [{ prefix, to: servers.has(now[i].server) ? null : now[i].server }] : [],
    ),
  }));
}

const MOST_PREFIXES = 6;

/** As sentences without a full stop: what the guard did, when and why. */
export function describeHeld({ server, at, reason, units }: HeldUnits): string {
  const when = `at ${at}, because ${server} ${reason}`;
  if (units.length === 0)
    return `the guard holds ${server} as dead since ${at}, because it ${reason}; it carries nothing`;
  const moved = new Map<string, string[]>();
  const stuck = units.filter(({ to }) => to === null).map(({ prefix }) => prefix);
  for (const { prefix, to } of units) if (to !== null) moved.set(to, [...(moved.get(to) ?? []), prefix]);
  const ways = [...moved].map(([to, prefixes]) => `${listed(prefixes)} from ${server} to ${to}`);
  const left =
    stuck.length > 0
      ? `${listed(stuck)} still ${stuck.length === 1 ? "goes" : "go"} there, as no other server is left`
      : "";
  if (ways.length === 0)
    return `the guard holds ${server} as dead since ${at}, because it ${reason}, but ${left}`;
  return [`the guard moved ${ways.join(" and ")} ${when}`, left].filter((text) => text !== "").join("; ");
}

function listed(prefixes: string[]): string {
  const more = prefixes.length - MOST_PREFIXES;
  return `${prefixes.slice(0, MOST_PREFIXES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** What an operator does then, either way. */
export const waysFromHold = ({ server }: Pick<Hold, "server">): string =>
  `To keep it so: loopback-ha adopt ${server}, which sets ${server} down in the config. To give ${server} its traffic back once it works: loopback-ha release ${server}`;
