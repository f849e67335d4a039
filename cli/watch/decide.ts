/**
 * What `watch` decides: rounds of questions in, decisions and log lines out. Pure: `step` touches nothing and knows no
 * clock. Its rules are in docs/watch.md, and tests/unit/watch holds it to them.
 */
import { ServerState } from "../../components/config";
import { LIMITS, Verdict, isDown, verdictOf } from "../../components/routerRoute/verdict";
import {
  Blocked,
  Flip,
  Memory,
  Policy,
  Result,
  active,
  flapsOf,
  newServer,
  sickFlipsOf,
  sightsOf,
} from "./memory";
import { PageRound, badPagesSince, onPages, onPagesLost } from "./pages";
import { Round, Sight, count, countAnew, newSight } from "./sights";
import { tellNobody, tellRouter, tellServers } from "./verdicts";
import * as words from "./words";
import type { Line } from "./words";

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
  memory: Memory;
  lines: Line[];
  /** Servers that are to be set down now; the answer is a `flipped` event. */
  flip?: string[];
  /** Servers whose prefixes are to be moved on the routers now, without the stack; the answer is a `moved` event. */
  move?: string[];
}

/** After so many tries a flip that is stuck half-way is left to a person. */
const MOST_TRIES = 5;
/** An up that takes longer is worth a line. */
const SLOW_MS = 60_000;
/** After that, too, that a router is at work and its rounds don't count. */
const BUSY_MS = 30_000;
/** One that was not tried for so long is another one. */
const BLOCKED_MS = 60_000;
/** What stands in the way of every flip. */
const ANY = "*";
const RESUME = "resume";

/** Takes one event in. */
export function step(before: Memory, event: Event): Step {
  const memory = structuredClone(before);
  switch (event.kind) {
    case "round":
      return onRound(memory, event, event.at);
    case "lost":
      return { memory, lines: goBlind(memory, event.router, event.reason) };
    case "pages":
      return { memory, lines: onPages(memory, event, event.at) };
    case "pagesLost":
      return { memory, lines: onPagesLost(memory, event.router, event.reason) };
    case "tick":
      return { memory, lines: onTick(memory, event.at) };
    case "farm":
      updateRouters(memory, event.routers, event.at);
      return { memory, lines: onFarm(memory, event.servers) };
    case "flipped":
      return onFlipped(memory, event.outcome, event.at);
    case "moved":
      return onMoved(memory, event.outcome, event.at);
  }
}

function onRound(memory: Memory, round: Round, at: number): Step {
  const sight = memory.routers[round.router];
  if (sight === undefined) return { memory, lines: [] };
  sight.heard = at;
  const lines = tellRouter(round, sight);
  if (round.busy !== undefined) return { memory, lines };
  if (sight.blind) {
    countAnew(sight, at);
    sight.blind = false;
    lines.push(words.sees(round.router));
  }
  const { nobody } = sight;
  if (!count(sight, round, at, active(memory), Object.keys(memory.servers), memory.policy))
    return { memory, lines };
  lines.push(...tellNobody(memory.policy, round.router, nobody, sight), ...tellServers(memory, at));
  const decision = decide(memory, at);
  // One that is tried again and again is said once.
  const known = decision.flip !== undefined && isBlocked(memory, decision.flip.join(), at);
  return { ...decision, memory, lines: known ? lines : [...lines, ...decision.lines] };
}

type Decision = Pick<Step, "lines" | "flip" | "move">;
const NOTHING: Decision = { lines: [] };

function decide(memory: Memory, at: number): Decision {
  const { policy, unfinished } = memory;
  if (memory.acting || isTooEarly(memory, ANY, at)) return NOTHING;
  const farm = new Seen(memory, at);
  const standing = farm.those(({ falls }) => falls === 0);
  if (unfinished.length > 0 && standing.length > 0 && !policy.dryRun && !isTooEarly(memory, RESUME, at)) {
    Object.assign(memory, { acting: [], actingSince: at });
    return { lines: [words.resume(unfinished)], flip: [] };
  }
  const dead = farm.those((sight) => verdictOf(sight, policy.fall) === Verdict.Dead);
  if (dead.length > 0) return decideDead(memory, farm, dead, standing);
  memory.waitsSince = undefined;
  return decideSick(memory, farm);
}

/** The active servers, as those routers see them that see. */
class Seen {
  private readonly sights: [string, Sight[]][];

  constructor(
    memory: Memory,
    readonly at: number,
  ) {
    this.sights = active(memory)
      .map((name): [string, Sight[]] => [name, sightsOf(memory, name, at)])
      .filter(([, sights]) => sights.length > 0);
  }

  /** Of whom all say so. */
  those(is: (sight: Sight) => boolean): string[] {
    return this.sights.filter(([, sights]) => sights.every(is)).map(([name]) => name);
  }

  /** Whether anybody says so of any. */
  some(is: (sight: Sight) => boolean): boolean {
    return this.sights.some(([, sights]) => sights.some(is));
  }
}

function decideDead(memory: Memory, farm: Seen, dead: string[], standing: string[]): Decision {
  const { policy } = memory;
  const { at } = farm;
  // Traffic must not go to one that is about to be dead, too. Who only stumbles delays this by no more than that.
  if (!farm.some(({ falls }) => falls > 0 && falls < policy.fall)) memory.waitsSince = undefined;
  else if (at - (memory.waitsSince ??= at) < policy.fall * policy.interval) return NOTHING;
  if (isTooEarly(memory, dead.join(), at)) return NOTHING;
  if (standing.length < policy.minActiveDead)
    return refuse(memory, words.minimum(dead, standing, policy.minActiveDead));
  if (policy.dryRun) return refuse(memory, words.wouldFlip(dead, standing));
  if (isToMove(memory, dead, at)) {
    Object.assign(memory, { acting: dead, actingSince: at });
    return { lines: [], move: dead };
  }
  const heirs = sickHeirs(memory, farm, dead);
  return act(memory, words.flip([...dead, ...heirs], standing), at, dead, heirs);
}

/** The stack is held for long, the flip was just tried again, and the dead still have what could be moved. */
const isToMove = ({ blocked, policy: { moveAfter } }: Memory, dead: string[], at: number): boolean =>
  moveAfter !== undefined &&
  isOf(blocked, at) &&
  blocked.what === dead.join() &&
  at - blocked.since >= moveAfter &&
  blocked.moved !== blocked.what &&
  !blocked.tried;

/** Nothing moves to a sick one: where that failed, one that is sick for long goes along. */
function sickHeirs(memory: Memory, farm: Seen, dead: string[]): string[] {
  const { policy, tried, servers } = memory;
  if (tried.result !== Result.Failed || tried.what !== dead.join()) return [];
  if (promptIn(farm, policy).length < Math.max(1, policy.minActive)) return [];
  return farm
    .those((sight) => verdictOf(sight, policy.fall) === Verdict.Sick)
    .filter((name) => farm.at - (servers[name].failing ?? Infinity) >= policy.sickAfter)
    .slice(0, Math.max(0, policy.sickFlips - sickFlipsOf(memory, farm.at)));
}

/** Who answers at once. */
const promptIn = (farm: Seen, { fall }: Policy): string[] =>
  farm.those(({ falls, prompt }) => falls === 0 && prompt >= fall);

/** One that lives is left alone where its load could topple the others: it is given time, and one goes at a time. */
function decideSick(memory: Memory, farm: Seen): Decision {
  const { policy } = memory;
  const { at } = farm;
  const [silent] = farm.those((sight) => isDown(sight, policy.fall) && at - sight.since >= policy.sickAfter);
  const byPages = policy.sickByPages ? active(memory).filter((one) => badFor(memory, one, at)) : [];
  const name = silent ?? byPages[0];
  if (name === undefined) {
    Object.assign(memory, { look: undefined, refused: "" });
    return NOTHING;
  }
  if (isTooEarly(memory, name, at)) return NOTHING;
  // Who gives nothing but errors is quick.
  const prompt = promptIn(farm, policy).filter((one) => one !== name && !byPages.includes(one));
  const least = Math.max(1, policy.minActive);
  if (prompt.length < least) return refuse(memory, words.overloaded(name, prompt, least, LIMITS.atOnce));
  if (sickFlipsOf(memory, at) >= policy.sickFlips)
    return refuse(memory, words.limit(name, policy.sickFlips, policy.sickWindow));
  const why =
    silent === undefined ? words.hasWorsePages(name, prompt) : words.isSick(name, prompt, policy.sickAfter);
  if (policy.dryRun) return refuse(memory, words.wouldFlipSick(name, why));
  if (memory.look?.server !== name) memory.look = { server: name, at };
  // A whole round of each router that was asked after this.
  if (at - memory.look.at < policy.interval) return NOTHING;
  return act(memory, words.flipSick(name, why), at, [], [name]);
}

function badFor(memory: Memory, name: string, at: number): boolean {
  const since = badPagesSince(memory, name);
  return since !== undefined && at - since >= memory.policy.sickAfter;
}

function act(memory: Memory, line: Line, at: number, dead: string[], sick: string[] = []): Decision {
  const flip = [...dead, ...sick];
  Object.assign(memory, { acting: flip, actingSick: sick, actingSince: at });
  Object.assign(memory, { waitsSince: undefined, look: undefined, refused: "" });
  return { lines: [line], flip };
}

const isOf = (blocked: Blocked | undefined, at: number): blocked is Blocked =>
  blocked !== undefined && at - blocked.at < BLOCKED_MS;

const isBlocked = ({ blocked }: Memory, what: string, at: number): boolean =>
  isOf(blocked, at) && blocked.what === what;

const isTooEarly = ({ tried }: Memory, what: string, at: number): boolean =>
  tried.what === what && at < tried.until;

/** Says why nothing is done, once. */
function refuse(memory: Memory, line: Line): Decision {
  const reason = `${line.event} ${line.fields.servers}`;
  const said = memory.refused === reason;
  memory.refused = reason;
  return { lines: said ? [] : [line] };
}

function onFlipped(memory: Memory, { result, text, seconds }: Outcome, at: number): Step {
  const servers = memory.acting ?? [];
  const all = [...new Set([...memory.unfinished, ...servers])];
  const waits = result === Result.Later || result === Result.Blocked;
  const what = waits ? ANY : servers.join() || RESUME;
  const times = memory.tried.result === result ? memory.tried.times + 1 : 1;
  const wait = waitAfter(result, times);
  const sick = memory.actingSick ?? [];
  Object.assign(memory, { acting: undefined, actingSick: undefined, actingSince: undefined });
  memory.tried = { what: result === Result.Partial ? RESUME : what, result, times, until: at + wait };
  // What could not be taken back, because somebody else has changed the config too, is begun.
  const written = servers.filter((name) => memory.servers[name]?.state === ServerState.Down);
  const window = Math.max(memory.policy.flapWindow, memory.policy.sickWindow);
  const isFresh = ({ at: when }: Flip): boolean => at - when <= window;
  const flips = written.map((server) => ({ server, at, ...(sick.includes(server) ? { sick: true } : {}) }));
  memory.flips = [...memory.flips.filter(isFresh), ...flips];
  memory.unfinished = result === Result.Done ? [] : [...new Set([...memory.unfinished, ...written])];
  const stuck = memory.unfinished.length > 0 && !waits && times >= MOST_TRIES;
  if (stuck) memory.unfinished = [];
  // Routes may have changed under the questions; all is counted anew.
  if (!waits) for (const router of Object.values(memory.routers)) countAnew(router, at);
  const lines = {
    [Result.Done]: () => [words.flipped(all, seconds, text), ...tellHeld(memory, servers, at)],
    [Result.Partial]: () => [words.partial(all, text, wait)],
    [Result.Failed]: () => [words.failed(all, text, wait)],
    [Result.Later]: () => [words.later(all, text, wait)],
    [Result.Blocked]: () => tellBlocked(memory, servers, all, text, at),
  }[result]();
  if (result !== Result.Blocked) memory.blocked = undefined;
  return { memory, lines: stuck ? [words.stuck(all, text)] : lines };
}

/** Once for each run that is in the way. */
function tellBlocked(memory: Memory, servers: string[], all: string[], text: string, at: number): Line[] {
  const what = servers.join();
  const before = isOf(memory.blocked, at) ? memory.blocked : undefined;
  const said = before?.what === what && before.text === text;
  memory.blocked = { ...before, what, text, at, since: before?.since ?? at, tried: false };
  return said ? [] : [words.blocked(all, text)];
}

function onMoved(memory: Memory, { text, failure }: Moved, at: number): Step {
  const servers = memory.acting ?? [];
  const { blocked } = memory;
  Object.assign(memory, { acting: undefined, actingSince: undefined });
  const lines: Line[] = [];
  if (text !== "") {
    lines.push(words.moved(servers, text));
    // Routes have changed under the questions.
    for (const router of Object.values(memory.routers)) countAnew(router, at);
  }
  if (failure !== "" && failure !== blocked?.said) lines.push(words.notMoved(servers, failure));
  if (blocked) {
    const moved = failure === "" ? servers.join() : undefined;
    memory.blocked = { ...blocked, at, moved, tried: true, said: failure };
  }
  return { memory, lines };
}

function waitAfter(result: Result, times: number): number {
  if (result === Result.Later || result === Result.Blocked) return Math.min(10_000, 500 * 2 ** times);
  return result === Result.Done ? 0 : Math.min(60_000, 2500 * 2 ** times);
}

function tellHeld({ flips, policy }: Memory, servers: string[], at: number): Line[] {
  return servers.flatMap((name) => {
    const times = flapsOf(flips, name, policy, at);
    return times >= policy.flapLimit ? [words.held(name, times, policy.flapWindow)] : [];
  });
}

/** Somebody has changed the config, perhaps the watcher itself. */
function onFarm(memory: Memory, servers: { name: string; state: ServerState }[]): Line[] {
  const lines: Line[] = [];
  const known = memory.servers;
  for (const { name, state } of servers) {
    const before = known[name]?.state;
    if (before === state) continue;
    const ours = state === ServerState.Down && memory.acting?.includes(name);
    if (!ours) lines.push(words.changed(name, before, state));
    forget(memory, name);
    known[name] = newServer(state);
  }
  for (const name of Object.keys(known)) {
    if (servers.some((server) => server.name === name)) continue;
    lines.push(words.changed(name, known[name].state, undefined));
    forget(memory, name);
    delete known[name];
  }
  memory.unfinished = memory.unfinished.filter((name) => known[name]?.state === ServerState.Down);
  return lines;
}

function updateRouters(memory: Memory, names: string[], at: number): void {
  const known = memory.routers;
  memory.routers = Object.fromEntries(names.map((name) => [name, known[name] ?? newSight(at)]));
  // VIPs may be gone.
  for (const { servers } of Object.values(memory.routers))
    for (const sight of Object.values(servers)) Object.assign(sight, { ailing: {}, odd: {} });
}

function forget({ routers }: Memory, name: string): void {
  for (const { servers, pages } of Object.values(routers)) {
    delete servers[name];
    delete pages[name];
  }
}

function onTick(memory: Memory, at: number): Line[] {
  // While a flip is made its own proof is in the way of the questions.
  if (memory.acting) return tellSlow(memory, at);
  return Object.entries(memory.routers).flatMap(([name, { heard, counted }]) => {
    if (at - heard > memory.policy.silence) return goBlind(memory, name, "it is silent");
    return at - counted > BUSY_MS ? goBlind(memory, name, "another run is working there") : [];
  });
}

function tellSlow(memory: Memory, at: number): Line[] {
  if (memory.actingSince === undefined || at - memory.actingSince < SLOW_MS) return [];
  memory.actingSince = undefined;
  return [words.slow([...memory.unfinished, ...(memory.acting ?? [])], SLOW_MS)];
}

/** What is not known any more counts for nothing. */
function goBlind(memory: Memory, name: string, reason: string): Line[] {
  const router = memory.routers[name];
  if (router === undefined || router.blind) return [];
  Object.assign(router, { blind: true, nobody: 0, servers: {} });
  return [words.blind(name, reason)];
}
