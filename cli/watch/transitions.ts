/** What has become of servers, logged once each; no decision is made here. Pure. */
import { ServerState } from "../../components/config";
import { Verdict, isDown, verdictOf } from "../../components/routerRoute/verdict";
import { WatchState, Policy, WatchedServer, flapsOf, healthCountersOf } from "./state";
import { Fill, Round, RouterCounters, HealthCounters } from "./healthCounters";
import * as events from "./events";
import type { Line } from "./events";

/** In percent of the limit: where it is first reported, when it counts as full, and below which it is over. */
const [HIGH, FULL, FINE] = [80, 99, 70];

/** What a router says of itself may be another thing each round: of that, so many lines at most within this time. */
const TELLINGS = { most: 10, withinMs: 60_000 };

/** What a round says about the router itself. */
export function tellRouter(
  { router, hosts, tracked, troubles, answers }: Round,
  counters: RouterCounters,
): Line[] {
  counters.tellings = counters.tellings.filter((at) => counters.heard - at < TELLINGS.withinMs);
  const lines = tellTroubles(router, troubles, counters);
  if (hosts !== undefined || answers.length === 0) counters.toldOlder = false;
  else if (!counters.toldOlder) {
    counters.toldOlder = true;
    lines.push(events.older(router));
  }
  if (tracked === undefined || tracked.max === 0) return lines;
  counters.tracked = tracked;
  const percent = (tracked.count / tracked.max) * 100;
  const before = counters.toldTracked;
  let fill = before;
  if (percent >= FULL) fill = Fill.Full;
  else if (percent < FINE) fill = Fill.Fine;
  else if (percent >= HIGH && before === Fill.Fine) fill = Fill.High;
  if (fill === before || !mayTell(counters, 1)) return lines;
  counters.toldTracked = fill;
  return [...lines, events.conntrack(router, fill, tracked)];
}

/** If there is no room for that many lines now, changes are logged once there is. */
function mayTell(counters: RouterCounters, lines: number): boolean {
  if (counters.tellings.length + lines > TELLINGS.most) return false;
  counters.tellings.push(...Array<number>(lines).fill(counters.heard));
  return true;
}

function tellTroubles(router: string, troubles: string[] | undefined, counters: RouterCounters): Line[] {
  if (troubles === undefined) return [];
  const before = counters.toldTroubles;
  const lines =
    troubles.length === 0 && before.length > 0
      ? [events.forwards(router)]
      : troubles
          .filter((trouble) => !before.includes(trouble))
          .map((trouble) => events.keepsOut(router, trouble));
  if (!mayTell(counters, lines.length)) return [];
  counters.toldTroubles = troubles;
  return lines;
}

/** Whether any server answers a router. */
export function tellNobody(
  { fall }: Policy,
  router: string,
  before: number,
  counters: RouterCounters,
): Line[] {
  if (counters.nobody === fall)
    return [
      events.nobody(
        router,
        counters.nobodyIs,
        counters.toldTracked === Fill.Full ? counters.tracked : undefined,
      ),
    ];
  return counters.nobody === 0 && before >= fall ? [events.somebody(router)] : [];
}

/** Verdicts that have changed. */
export function tellServers(state: WatchState, at: number): Line[] {
  return Object.entries(state.servers).flatMap(([name, server]) => {
    const healthCounters = healthCountersOf(state, name, at);
    // By the present routes another one may answer for it already.
    if (healthCounters.length === 0 || state.acting?.includes(name)) return [];
    if (server.state === ServerState.Down) return tellDown(state, name, server, healthCounters, at);
    // One in maintenance may be off.
    return server.state === ServerState.Active ? tellUp(state.policy, name, server, healthCounters) : [];
  });
}

const answers = (healthCounters: HealthCounters[]): boolean =>
  healthCounters.some(({ falls }) => falls === 0);
/** After so many rounds in which it answers at once a server is no longer late. */
const CALM = 20;

function tellUp(
  policy: Policy,
  name: string,
  server: WatchedServer,
  healthCounters: HealthCounters[],
): Line[] {
  const { fall } = policy;
  const before = { ...server };
  const silent = healthCounters.filter((counters) => isDown(counters, fall));
  const dead = healthCounters.every((counters) => verdictOf(counters, fall) === Verdict.Dead);
  const failing = silent.length === healthCounters.length && !dead;
  const split = silent.length > 0 && silent.length < healthCounters.length;
  const again = answers(healthCounters);
  const [ailing, odd] = [of(healthCounters, "ailing"), of(healthCounters, "odd")];
  const lasting = (all: HealthCounters["odd"][string][]): string[] =>
    all.filter(({ falls }) => falls >= fall).map(({ reason }) => reason);
  const [sick, strange] = [lasting(ailing), lasting(odd)];
  server.dead = dead || (before.dead && !again);
  if (failing && !server.dead) server.failing ??= Math.min(...healthCounters.map(({ since }) => since));
  else if (server.dead || again) server.failing = undefined;
  server.sick = sick.length > 0 || (before.sick && !(again && ailing.length === 0));
  server.odd = strange.length > 0 || (before.odd && !(again && odd.length === 0));
  server.split = split;
  server.late =
    healthCounters.every(({ late }) => late >= fall) || (before.late && !healthCounters.every(isCalm));

  const lines: Line[] = [];
  if (server.dead && !before.dead) lines.push(events.dead(name, fall, healthCounters[0].reason));
  if (before.dead && !server.dead) lines.push(events.alive(name));
  if (server.failing !== undefined && before.failing === undefined)
    lines.push(events.failing(name, fall, healthCounters[0].reason, policy));
  if (server.sick && !before.sick) lines.push(events.sick(name, sick.length, sick[0]));
  if (server.odd && !before.odd) lines.push(events.odd(name, strange.length, strange[0]));
  if (server.late && !before.late)
    lines.push(events.late(name, Math.max(...healthCounters.map(({ ms }) => ms))));
  if (isUnwell(before) && !isUnwell(server) && again) lines.push(events.well(name));
  if (split && !before.split) lines.push(events.split(name, silent[0].reason));
  return lines;
}

const isUnwell = ({ failing, sick, odd }: WatchedServer): boolean => failing !== undefined || sick || odd;
const isCalm = ({ prompt }: HealthCounters): boolean => prompt >= CALM;
const of = (healthCounters: HealthCounters[], what: "ailing" | "odd") =>
  Object.values(
    Object.assign({}, ...healthCounters.map((counters) => counters[what])) as HealthCounters["odd"],
  );

function tellDown(
  { policy, flips }: WatchState,
  name: string,
  server: WatchedServer,
  healthCounters: HealthCounters[],
  at: number,
): Line[] {
  const flapped = flapsOf(flips, name, policy, at);
  const held = flapped >= policy.flapLimit;
  // Of one that is held down nothing more is said.
  if (healthCounters.some(({ falls }) => falls >= policy.fall)) server.away ||= !held;
  if (!server.away || !healthCounters.every(({ rises }) => rises >= policy.rise)) return [];
  server.away = false;
  return [held ? events.backHeld(name, flapped) : events.back(name)];
}
