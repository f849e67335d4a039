/**
 * What the watcher makes of sites' own pages: a server whose pages are worse than the others' is sick and not dead, as it serves.
 * That is told, and it is set down for it only where the policy says so. Pure.
 */
import { ServerState } from "../../components/config";
import { PageAnswer, WorsePage, worsePages } from "../routers/pages";
import { Memory, active } from "./memory";
import type { PageSight } from "./sights";
import * as words from "./words";
import type { Line } from "./words";

/** A page may be slow once, and a site is not on all servers at the same moment. */
const ROUNDS = 2;

/** A round of a router's questions for pages. */
export interface PageRound {
  router: string;
  answers: PageAnswer[];
  /** Another run is at work there: its proof may lead questions elsewhere. */
  busy: boolean;
}

/** Counts it in; changes `memory`. */
export function onPages(memory: Memory, { router, answers, busy }: PageRound, at: number): Line[] {
  const sight = memory.routers[router];
  if (sight === undefined) return [];
  const lines = sight.toldNoPages ? [words.seesPages(router)] : [];
  sight.toldNoPages = false;
  // A run changes one server after the other.
  if (busy || memory.acting) return lines;
  const carriers = active(memory);
  const own = answers.filter(({ server }) => carriers.includes(server));
  const worse = worsePages(own);
  const before = sight.pages;
  sight.pages = {};
  for (const name of carriers) {
    const asked = own.filter(({ server }) => server === name).map(({ site }) => site);
    sight.pages[name] = counted(
      before[name] ?? { rounds: 0, most: 0, since: at, sites: {} },
      asked,
      worse.filter(({ server }) => server === name),
      at,
    );
  }
  return [...lines, ...tellPages(memory)];
}

/** It won't be otherwise soon: its scripts know of no pages, or its sudoers file does not. */
export const mayNotAsk = (reason: string): boolean => /knows no --pages|^sudo: |: sudo: /.test(reason);

/** Nothing comes from it any more, or it can't ask. That it can't be reached is told by its other rounds. */
export function onPagesLost(memory: Memory, router: string, reason: string): Line[] {
  const sight = memory.routers[router];
  if (sight === undefined) return [];
  sight.pages = {};
  if (sight.toldNoPages || !mayNotAsk(reason)) return [];
  sight.toldNoPages = true;
  return [words.noPages(router, reason)];
}

function counted(before: PageSight, asked: string[], worse: WorsePage[], at: number): PageSight {
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
function tellPages(memory: Memory): Line[] {
  return Object.entries(memory.servers).flatMap(([name, server]) => {
    if (server.state !== ServerState.Active) return [];
    const sights = Object.values(memory.routers).flatMap(({ pages }) => pages[name] ?? []);
    if (sights.length === 0) return [];
    const sites = sights.flatMap((sight) =>
      Object.values(sight.sites).filter(({ seen }) => seen >= ROUNDS || sight.rounds >= ROUNDS),
    );
    const ill = sites.length > 0;
    const before = server.worsePages === true;
    server.worsePages = ill || (before && sights.some((sight) => Object.keys(sight.sites).length > 0));
    if (ill && !before) {
      const pages = sites.map(({ page }) => page);
      const names = [...new Set(pages.map(({ site }) => site))];
      return [words.sickPages(name, names, pages[0], memory.policy.sickByPages === true)];
    }
    return before && !server.worsePages ? [words.wellPages(name)] : [];
  });
}

/** Since when most pages of a server have been worse, as all routers see it that ask; undefined: they are not. */
export function badPagesSince({ routers }: Memory, name: string): number | undefined {
  const sights = Object.values(routers).flatMap(({ pages }) => pages[name] ?? []);
  if (sights.length === 0 || sights.some(({ most }) => most < ROUNDS)) return undefined;
  return Math.max(...sights.map(({ since }) => since));
}
