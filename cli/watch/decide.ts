/**
 * What `watch` decides: rounds of questions in, decisions and log lines out. Pure: `step` touches nothing and knows no
 * clock. Its rules are in docs/watch.md, and tests/unit/watch holds it to them.
 */
import { ServerState } from "../../components/config";
import { LIMITS, Verdict, isDown, verdictOf } from "../../components/routerRoute/verdict";
import {
  Blocked,
  Flip,
  WatchState,
  Policy,
  Result,
  active,
  flapsOf,
  newServer,
  sickFlipsOf,
  healthCountersOf,
} from "./state";
import { PageRound, badPagesSince, onPages, onPagesLost } from "./pages";
import { Round, HealthCounters, count, resetCounters, newRouterCounters, sees } from "./healthCounters";
import { tellNobody, tellRouter, tellServers } from "./transitions";
import * as events from "./events";
import type { Line } from "./events";

export interface Outcome {
  result: Result;
  /** What moved, or why not. */
  text: string;
  seconds: number;
}

/** What came of a move on the routers, while another run held the stack. */
export interface Moved {
  /** What moved; empty: nothing did. */
  text: string;
  /** What did not, and why; empty: nothing is left there. */
  failure: string;
}

/** What happens to the watcher. `at` is the same monotonic clock everywhere, in milliseconds. */
export type Event = { at: number } & (
  | ({ kind: "round" } & Round)
  /** A router's rounds have ended. */
  | { kind: "lost"; router: string; reason: string }
  /** Answers for sites' own pages. */
  | ({ kind: "pages" } & PageRound)
  /** No such answers come from a router. */
  | { kind: "pagesLost"; router: string; reason: string }
  | { kind: "tick" }
  /** The config was read. */
  | { kind: "farm"; servers: { name: string; state: ServerState }[]; routers: string[] }
  | { kind: "flipped"; outcome: Outcome }
  | { kind: "moved"; outcome: Moved }
);

/** What comes of an event. */
export interface Step {
  state: WatchState;
  lines: Line[];
  /** Servers to set down now; the answer is a `flipped` event. */
  flip?: string[];
  /** Servers whose prefixes must be moved on the routers now, without the stack; the answer is a `moved` event. */
  move?: string[];
}

/** After so many tries a flip that is stuck half-way is left to a person. */
const MOST_TRIES = 5;
/** An up that takes longer is worth a line. */
const SLOW_MS = 60_000;
/** After that, too, that a router is at work and its rounds don't count. */
const BUSY_MS = 30_000;
/** After this time without an attempt, a failure counts as a new one. */
const BLOCKED_MS = 60_000;
/** What would stop every flip. */
const ANY = "*";
const RESUME = "resume";

/** Takes one event in. */
export function step(before: WatchState, event: Event): Step {
  const state = structuredClone(before);
  switch (event.kind) {
    case "round":
      return onRound(state, event, event.at);
    case "lost":
      return { state, lines: goBlind(state, event.router, event.reason) };
    case "pages":
      return { state, lines: onPages(state, event, event.at) };
    case "pagesLost":
      return { state, lines: onPagesLost(state, event.router, event.reason) };
    case "tick":
      return { state, lines: onTick(state, event.at) };
    case "farm":
      updateRouters(state, event.routers, event.at);
      return { state, lines: onFarm(state, event.servers) };
    case "flipped":
      return onFlipped(state, event.outcome, event.at);
    case "moved":
      return onMoved(state, event.outcome, event.at);
  }
}

function onRound(state: WatchState, round: Round, at: number): Step {
  const counters = state.routers[round.router];
  if (counters === undefined) return { state, lines: [] };
  counters.heard = at;
  counters.held = round.held ?? [];
  const lines = tellRouter(round, counters);
  if (round.busy !== undefined) return { state, lines };
  if (counters.blind) {
    resetCounters(counters, at);
    counters.blind = false;
    lines.push(events.sees(round.router));
  }
  const { nobody } = counters;
  if (!count(counters, round, at, active(state), Object.keys(state.servers), state.policy))
    return { state, lines };
  lines.push(...tellNobody(state.policy, round.router, nobody, counters), ...tellServers(state, at));
  const decision = decide(state, at);
  // One that is tried again and again is said once.
  const known = decision.flip !== undefined && isBlocked(state, decision.flip.join(), at);
  return { ...decision, state, lines: known ? lines : [...lines, ...decision.lines] };
}

type Decision = Pick<Step, "lines" | "flip" | "move">;
const NOTHING: Decision = { lines: [] };

function decide(state: WatchState, at: number): Decision {
  const { policy, unfinished } = state;
  if (state.acting || isTooEarly(state, ANY, at)) return NOTHING;
  const adopted = adopt(state, at);
  if (adopted) return adopted;
  const farm = new Seen(state, at);
  const standing = farm.those(({ falls }) => falls === 0);
  if (unfinished.length > 0 && standing.length > 0 && !policy.dryRun && !isTooEarly(state, RESUME, at)) {
    Object.assign(state, { acting: [], actingSince: at });
    return { lines: [events.resume(unfinished)], flip: [] };
  }
  const dead = farm.those((counters) => verdictOf(counters, policy.fall) === Verdict.Dead);
  if (dead.length > 0) return decideDead(state, farm, dead, standing);
  state.waitsSince = undefined;
  return decideSick(state, farm);
}

/**
 * What a router's guard holds has moved: the config is to say so. That moves nothing there, and on other routers what the dead
 * server still has.
 */
function adopt(state: WatchState, at: number): Decision | undefined {
  const { policy, routers } = state;
  const inService = active(state);
  const holds = Object.entries(routers)
    .filter(([, counters]) => sees(counters, at))
    .flatMap(([router, { held }]) => held.map((hold) => ({ router, ...hold })))
    .filter(({ server }) => inService.includes(server));
  const servers = [...new Set(holds.map(({ server }) => server))].sort();
  if (servers.length === 0 || isTooEarly(state, servers.join(), at)) return undefined;
  if (servers.length === inService.length) return refuse(state, events.heldAll(servers));
  if (policy.dryRun) return refuse(state, events.wouldAdopt(servers, holds));
  return act(state, events.adopt(servers, holds), at, servers);
}

/** The active servers, as those routers see them that see. */
class Seen {
  private readonly healthCounters: [string, HealthCounters[]][];

  constructor(
    state: WatchState,
    readonly at: number,
  ) {
    this.healthCounters = active(state)
      .map((name): [string, HealthCounters[]] => [name, healthCountersOf(state, name, at)])
      .filter(([, healthCounters]) => healthCounters.length > 0);
  }

  /** Of whom all say so. */
  those(is: (counters: HealthCounters) => boolean): string[] {
    return this.healthCounters.filter(([, healthCounters]) => healthCounters.every(is)).map(([name]) => name);
  }

  /** Whether any router says so of any server. */
  some(is: (counters: HealthCounters) => boolean): boolean {
    return this.healthCounters.some(([, healthCounters]) => healthCounters.some(is));
  }
}

function decideDead(state: WatchState, farm: Seen, dead: string[], standing: string[]): Decision {
  const { policy } = state;
  const { at } = farm;
  // Traffic must not go to one that is about to be dead, too. Who only stumbles delays this by no more than that.
  if (!farm.some(({ falls }) => falls > 0 && falls < policy.fall)) state.waitsSince = undefined;
  else if (at - (state.waitsSince ??= at) < policy.fall * policy.interval) return NOTHING;
  if (isTooEarly(state, dead.join(), at)) return NOTHING;
  if (standing.length < policy.minActiveDead)
    return refuse(state, events.minimum(dead, standing, policy.minActiveDead));
  if (policy.dryRun) return refuse(state, events.wouldFlip(dead, standing));
  if (isToMove(state, dead, at)) {
    Object.assign(state, { acting: dead, actingSince: at });
    return { lines: [], move: dead };
  }
  const heirs = sickHeirs(state, farm, dead);
  return act(state, events.flip([...dead, ...heirs], standing), at, dead, heirs);
}

/** The stack is held for long, the flip was just tried again, and the dead still have what could be moved. */
const isToMove = ({ blocked, policy: { moveAfter } }: WatchState, dead: string[], at: number): boolean =>
  moveAfter !== undefined &&
  isOf(blocked, at) &&
  blocked.what === dead.join() &&
  at - blocked.since >= moveAfter &&
  blocked.moved !== blocked.what &&
  !blocked.tried;

/** Nothing moves to a sick one: where that failed, one that is sick for long goes along. */
function sickHeirs(state: WatchState, farm: Seen, dead: string[]): string[] {
  const { policy, tried, servers } = state;
  if (tried.result !== Result.Failed || tried.what !== dead.join()) return [];
  if (promptIn(farm, policy).length < Math.max(1, policy.minActive)) return [];
  return farm
    .those((counters) => verdictOf(counters, policy.fall) === Verdict.Sick)
    .filter((name) => farm.at - (servers[name].failing ?? Infinity) >= policy.sickAfter)
    .slice(0, Math.max(0, policy.sickFlips - sickFlipsOf(state, farm.at)));
}

/** Who answers at once. */
const promptIn = (farm: Seen, { fall }: Policy): string[] =>
  farm.those(({ falls, prompt }) => falls === 0 && prompt >= fall);

/** One that lives is left alone where its load could topple the others: it is given time, and one goes at a time. */
function decideSick(state: WatchState, farm: Seen): Decision {
  const { policy } = state;
  const { at } = farm;
  const [silent] = farm.those(
    (counters) => isDown(counters, policy.fall) && at - counters.since >= policy.sickAfter,
  );
  const byPages = policy.sickByPages ? active(state).filter((one) => badFor(state, one, at)) : [];
  const name = silent ?? byPages[0];
  if (name === undefined) {
    Object.assign(state, { look: undefined, refused: "" });
    return NOTHING;
  }
  if (isTooEarly(state, name, at)) return NOTHING;
  // Who gives nothing but errors is quick.
  const prompt = promptIn(farm, policy).filter((one) => one !== name && !byPages.includes(one));
  const least = Math.max(1, policy.minActive);
  if (prompt.length < least) return refuse(state, events.overloaded(name, prompt, least, LIMITS.atOnce));
  if (sickFlipsOf(state, at) >= policy.sickFlips)
    return refuse(state, events.limit(name, policy.sickFlips, policy.sickWindow));
  const why =
    silent === undefined ? events.hasWorsePages(name, prompt) : events.isSick(name, prompt, policy.sickAfter);
  if (policy.dryRun) return refuse(state, events.wouldFlipSick(name, why));
  if (state.look?.server !== name) state.look = { server: name, at };
  // A whole round of each router that was asked after this.
  if (at - state.look.at < policy.interval) return NOTHING;
  return act(state, events.flipSick(name, why), at, [], [name]);
}

function badFor(state: WatchState, name: string, at: number): boolean {
  const since = badPagesSince(state, name);
  return since !== undefined && at - since >= state.policy.sickAfter;
}

function act(state: WatchState, line: Line, at: number, dead: string[], sick: string[] = []): Decision {
  const flip = [...dead, ...sick];
  Object.assign(state, { acting: flip, actingSick: sick, actingSince: at });
  Object.assign(state, { waitsSince: undefined, look: undefined, refused: "" });
  return { lines: [line], flip };
}

const isOf = (blocked: Blocked | undefined, at: number): blocked is Blocked =>
  blocked !== undefined && at - blocked.at < BLOCKED_MS;

const isBlocked = ({ blocked }: WatchState, what: string, at: number): boolean =>
  isOf(blocked, at) && blocked.what === what;

const isTooEarly = ({ tried }: WatchState, what: string, at: number): boolean =>
  tried.what === what && at < tried.until;

/** Says why nothing is done, once. */
function refuse(state: WatchState, line: Line): Decision {
  const reason = `${line.event} ${line.fields.servers}`;
  const said = state.refused === reason;
  state.refused = reason;
  return { lines: said ? [] : [line] };
}

function onFlipped(state: WatchState, { result, text, seconds }: Outcome, at: number): Step {
  const servers = state.acting ?? [];
  const all = [...new Set([...state.unfinished, ...servers])];
  const waits = result === Result.Later || result === Result.Blocked;
  const what = waits ? ANY : servers.join() || RESUME;
  const times = state.tried.result === result ? state.tried.times + 1 : 1;
  const wait = waitAfter(result, times);
  const sick = state.actingSick ?? [];
  Object.assign(state, { acting: undefined, actingSick: undefined, actingSince: undefined });
  state.tried = { what: result === Result.Partial ? RESUME : what, result, times, until: at + wait };
  // A change that could not be taken back, because the config was also changed by someone else, counts as begun.
  const written = servers.filter((name) => state.servers[name]?.state === ServerState.Down);
  const window = Math.max(state.policy.flapWindow, state.policy.sickWindow);
  const isFresh = ({ at: when }: Flip): boolean => at - when <= window;
  const flips = written.map((server) => ({ server, at, ...(sick.includes(server) ? { sick: true } : {}) }));
  state.flips = [...state.flips.filter(isFresh), ...flips];
  state.unfinished = result === Result.Done ? [] : [...new Set([...state.unfinished, ...written])];
  const stuck = state.unfinished.length > 0 && !waits && times >= MOST_TRIES;
  if (stuck) state.unfinished = [];
  // Routes may have changed during the checks: reset the counters.
  if (!waits) for (const router of Object.values(state.routers)) resetCounters(router, at);
  const lines = {
    [Result.Done]: () => [events.flipped(all, seconds, text), ...tellHeld(state, servers, at)],
    [Result.Partial]: () => [events.partial(all, text, wait)],
    [Result.Failed]: () => [events.failed(all, text, wait)],
    [Result.Later]: () => [events.later(all, text, wait)],
    [Result.Blocked]: () => tellBlocked(state, servers, all, text, at),
  }[result]();
  if (result !== Result.Blocked) state.blocked = undefined;
  return { state, lines: stuck ? [events.stuck(all, text)] : lines };
}

/** Once for each run that is in the way. */
function tellBlocked(state: WatchState, servers: string[], all: string[], text: string, at: number): Line[] {
  const what = servers.join();
  const before = isOf(state.blocked, at) ? state.blocked : undefined;
  const said = before?.what === what && before.text === text;
  state.blocked = { ...before, what, text, at, since: before?.since ?? at, tried: false };
  return said ? [] : [events.blocked(all, text)];
}

function onMoved(state: WatchState, { text, failure }: Moved, at: number): Step {
  const servers = state.acting ?? [];
  const { blocked } = state;
  Object.assign(state, { acting: undefined, actingSince: undefined });
  const lines: Line[] = [];
  if (text !== "") {
    lines.push(events.moved(servers, text));
    // Routes have changed under the questions.
    for (const router of Object.values(state.routers)) resetCounters(router, at);
  }
  if (failure !== "" && failure !== blocked?.said) lines.push(events.notMoved(servers, failure));
  if (blocked) {
    const moved = failure === "" ? servers.join() : undefined;
    state.blocked = { ...blocked, at, moved, tried: true, said: failure };
  }
  return { state, lines };
}

function waitAfter(result: Result, times: number): number {
  if (result === Result.Later || result === Result.Blocked) return Math.min(10_000, 500 * 2 ** times);
  return result === Result.Done ? 0 : Math.min(60_000, 2500 * 2 ** times);
}

function tellHeld({ flips, policy }: WatchState, servers: string[], at: number): Line[] {
  return servers.flatMap((name) => {
    const times = flapsOf(flips, name, policy, at);
    return times >= policy.flapLimit ? [events.held(name, times, policy.flapWindow)] : [];
  });
}

/** Somebody has changed the config, perhaps the watcher itself. */
function onFarm(state: WatchState, servers: { name: string; state: ServerState }[]): Line[] {
  const lines: Line[] = [];
  const known = state.servers;
  for (const { name, state: now } of servers) {
    const before = known[name]?.state;
    if (before === now) continue;
    const ours = now === ServerState.Down && state.acting?.includes(name);
    if (!ours) lines.push(events.changed(name, before, now));
    forget(state, name);
    known[name] = newServer(now);
  }
  for (const name of Object.keys(known)) {
    if (servers.some((server) => server.name === name)) continue;
    lines.push(events.changed(name, known[name].state, undefined));
    forget(state, name);
    delete known[name];
  }
  state.unfinished = state.unfinished.filter((name) => known[name]?.state === ServerState.Down);
  return lines;
}

function updateRouters(state: WatchState, names: string[], at: number): void {
  const known = state.routers;
  state.routers = Object.fromEntries(names.map((name) => [name, known[name] ?? newRouterCounters(at)]));
  // VIPs may be gone.
  for (const { servers } of Object.values(state.routers))
    for (const counters of Object.values(servers)) Object.assign(counters, { ailing: {}, odd: {} });
}

function forget({ routers }: WatchState, name: string): void {
  for (const { servers, pages } of Object.values(routers)) {
    delete servers[name];
    delete pages[name];
  }
}

function onTick(state: WatchState, at: number): Line[] {
  // During a flip, its own health checks interfere with the watcher's.
  if (state.acting) return tellSlow(state, at);
  return Object.entries(state.routers).flatMap(([name, { heard, counted }]) => {
    if (at - heard > state.policy.silence) return goBlind(state, name, "it is silent");
    return at - counted > BUSY_MS ? goBlind(state, name, "another run is working there") : [];
  });
}

function tellSlow(state: WatchState, at: number): Line[] {
  if (state.actingSince === undefined || at - state.actingSince < SLOW_MS) return [];
  state.actingSince = undefined;
  return [events.slow([...state.unfinished, ...(state.acting ?? [])], SLOW_MS)];
}

/** What is not known any more counts for nothing. */
function goBlind(state: WatchState, name: string, reason: string): Line[] {
  const router = state.routers[name];
  if (router === undefined || router.blind) return [];
  Object.assign(router, { blind: true, nobody: 0, servers: {} });
  return [events.blind(name, reason)];
}
