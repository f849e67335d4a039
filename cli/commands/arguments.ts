/** What a command is given, checked against the farm before anything is touched. */
import { FarmModel } from "../../components/config";
import { show, useNearest } from "../../components/base/problems";
import { UsageError } from "../terminal/exit";

/** Sites whose own pages may be worse on the server that gets them, for the runs of this process. */
export interface Despite {
  despiteSites?: string;
}
/** The option of commands that have it. */
export const DESPITE_SITES = [
  "--despite-sites <sites>",
  "move even if these sites' own pages are worse on the new server; comma-separated: shop,blog",
] as const;

/**
 * Runs of pulumi get it as who runs them by hand gives it to them.
 * @throws UsageError with the nearest name
 */
export function goOnDespite({ sites }: FarmModel, { despiteSites }: Despite): void {
  if (despiteSites === undefined) return;
  const names = sites.map(({ name }) => name);
  for (const name of despiteSites.split(","))
    if (!names.includes(name))
      throw new UsageError(
        `--despite-sites: there is no site ${show(name)}; ${useNearest(name, names, "site")}. Nothing was touched`,
      );
  process.env.LOOPBACK_HA_DESPITE_SITES = despiteSites;
}

/** How a flip is shown before it is made. */
export interface ShownBy {
  preview?: boolean;
}
/** The option of commands that have it. */
export const BY_PREVIEW = [
  "--preview",
  "run Pulumi's preview first, which takes longer: it also shows what changes on each machine",
] as const;

const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** @returns what reads a whole number in a range */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new UsageError(
      `${show(text)} is not a whole number from ${least} to ${most}; use a number such as ${Math.max(least, Math.min(3, most))}`,
    );
  };
}

/** @returns what reads a time in a range; seconds */
export function durationBetween(least: string, most: string): (text: string) => number {
  return (text) => {
    const seconds = duration(text);
    if (seconds >= duration(least) && seconds <= duration(most)) return seconds;
    throw new UsageError(
      `${show(text)} is not between ${least} and ${most}; use a duration such as ${least}`,
    );
  };
}

/** @returns seconds */
export function duration(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (found) return Number(found[1]) * UNITS[found[2]];
  throw new UsageError(
    `${show(text)} is not a duration; use a number with a unit (ms, s, m or h), such as 10m`,
  );
}
