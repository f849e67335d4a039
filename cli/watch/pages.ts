/**
 * What the watcher makes of sites' own pages: a server whose pages are worse than the others' is sick and not dead, as it serves.
 * That is logged; the server is set down for it only if the policy says so. Pure.
 */
import { ServerState } from "../../components/config";
import { PageAnswer, WorsePage, worsePages } from "../routers/pages";
import { WatchState, active } from "./state";
import type { PageCounters } from "./healthCounters";
import * as events from "./events";
import type { Line } from "./events";

/** A page may be slow once, and a site is not on all servers at the same moment. */
const ROUNDS = 2;

/** A round of a router's questions for pages. */
export interface PageRound {
  router: string;
  answers: PageAnswer[];
  /** Another run is at work there: its health checks may redirect this one's. */
  busy: boolean;
}

/** Counts it in; changes `state`. */
export function onPages(state: WatchState, { router, answers, busy }: PageRound, at: number): Line[] {
  const counters = state.routers[router];
  if (counters === undefined) return [];
  const lines = counters.toldNoPages ? [events.seesPages(router)] : [];
  counters.toldNoPages = false;
  // A run changes one server after the other.
  if (busy || state.acting) return lines;
  const carriers = active(state);
  const own = answers.filter(({ server }) => carriers.includes(server));
  const worse = worsePages(own);
  const before = counters.pages;
  counters.pages = {};
  for (const name of carriers) {
    const asked = own.filter(({ server }) => server === name).map(({ site }) => site);
    counters.pages[name] = counted(
      before[name] ?? { rounds: 0, most: 0, since: at, sites: {} },
      asked,
      worse.filter(({ server }) => server === name),
      at,
    );
  }
  return [...lines, ...tellPages(state)];
}

/** It won't be otherwise soon: its scripts know of no pages, or its sudoers file does not. */
export const mayNotAsk = (reason: string): boolean => /knows no --pages|^sudo: |: sudo: /.test(reason);

/** Nothing comes from it any more, or it can't ask. Its other rounds report that it can't be reached. */
export function onPagesLost(state: WatchState, router: string, reason: string): Line[] {
  const counters = state.routers[router];
  if (counters === undefined) return [];
  counters.pages = {};
  if (counters.toldNoPages || !mayNotAsk(reason)) return [];
  counters.toldNoPages = true;
  return [events.noPages(router, reason)];
}

function counted(before: PageCounters, asked: string[], worse: WorsePage[], at: number): PageCounters {
  if (asked.length === 0) return before;
  const most = worse.length * 2 > asked.length ? before.most + 1 : 0;
  // Other sites are asked in each round.
  const sites = Object.fromEntries(Object.entries(before.sites).filter(([site]) => !asked.includes(site)));
  for (const page of worse) sites[page.site] = { seen: (before.sites[page.site]?.seen ?? 0) + 1, page };
  return {
    rounds: worse.length > 0 ? before.rounds + 1 : 0,
    most,
    since: most > 1 ? before.since : at,
    sites,
  };
}

/** Once, and once when it is over. */
function tellPages(state: WatchState): Line[] {
  return Object.entries(state.servers).flatMap(([name, server]) => {
    if (server.state !== ServerState.Active) return [];
    const healthCounters = Object.values(state.routers).flatMap(({ pages }) => pages[name] ?? []);
    if (healthCounters.length === 0) return [];
    const sites = healthCounters.flatMap((counters) =>
      Object.values(counters.sites).filter(({ seen }) => seen >= ROUNDS || counters.rounds >= ROUNDS),
    );
    const ill = sites.length > 0;
    const before = server.worsePages === true;
    server.worsePages =
      ill || (before && healthCounters.some((counters) => Object.keys(counters.sites).length > 0));
    if (ill && !before) {
      const pages = sites.map(({ page }) => page);
      const names = [...new Set(pages.map(({ site }) => site))];
      return [events.sickPages(name, names, pages[0], state.policy.sickByPages === true)];
    }
    return before && !server.worsePages ? [events.wellPages(name)] : [];
  });
}

/** Since when most pages of a server have been worse, as all routers see it that ask; undefined: they are not. */
export function badPagesSince({ routers }: WatchState, name: string): number | undefined {
  const healthCounters = Object.values(routers).flatMap(({ pages }) => pages[name] ?? []);
  if (healthCounters.length === 0 || healthCounters.some(({ most }) => most < ROUNDS)) return undefined;
  return Math.max(...healthCounters.map(({ since }) => since));
}
