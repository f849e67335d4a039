/**
 * What `watch` decides: rounds of questions in, decisions and log lines out. Pure: `step` touches nothing and knows no
 * clock. Its rules are in docs/watch.md, and tests/unit/watch holds it to them.
 */
import { ServerState } from "../../components/config";
import { Flip, Memory, Result, active, flapsOf, newServer, sightsOf } from "./memory";
import { Round, Sight, count, countAnew, newSight } from "./sights";
import { tellNobody, tellServers } from "./verdicts";
import * as words from "./words";
import type { Line } from "./words";

export interface Outcome {
  result: Result;
  /** What moved, or why not. */
  text: string;
  seconds: number;
}

/** What happens to the watcher. `at` is the same monotonic clock everywhere, in milliseconds. */
export type Event = { at: number } & (
  | ({ kind: "round" } & Round)
  /** A router's rounds have ended. */
  | { kind: "lost"; router: string; reason: string }
  | { kind: "tick" }
  /** The config was read. */
  | { kind: "farm"; servers: { name: string; state: ServerState }[]; routers: string[] }
  | { kind: "flipped"; outcome: Outcome }
);

/** What comes of an event. */
export interface Step {
  memory: Memory;
  lines: Line[];
  /** Servers that are to be set down now; the answer is a `flipped` event. */
  flip?: string[];
}

/** After so many tries a flip that is stuck half-way is left to a person. */
const MOST_TRIES = 5;
/** An up that takes longer is worth a line. */
const SLOW_MS = 60_000;
/** After that, too, that a router is at work and its rounds don't count. */
const BUSY_MS = 30_000;
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
    case "tick":
      return { memory, lines: onTick(memory, event.at) };
    case "farm":
      updateRouters(memory, event.routers, event.at);
      return { memory, lines: onFarm(memory, event.servers) };
    case "flipped":
      return onFlipped(memory, event.outcome, event.at);
  }
}

function onRound(memory: Memory, round: Round, at: number): Step {
  const sight = memory.routers[round.router];
  if (sight === undefined) return { memory, lines: [] };
  sight.heard = at;
  if (round.busy !== undefined) return { memory, lines: [] };
  const lines: Line[] = [];
  if (sight.blind) {
    countAnew(sight, at);
    sight.blind = false;
    lines.push(words.sees(round.router));
  }
  const { nobody } = sight;
  if (!count(sight, round, at, active(memory), Object.keys(memory.servers), memory.policy))
    return { memory, lines };
  lines.push(...tellNobody(memory.policy, round.router, nobody, sight.nobody), ...tellServers(memory, at));
  const decision = decide(memory, at);
  return { memory, lines: [...lines, ...decision.lines], flip: decision.flip };
}

type Decision = Pick<Step, "lines" | "flip">;
const NOTHING: Decision = { lines: [] };

function decide(memory: Memory, at: number): Decision {
  const { policy, unfinished } = memory;
  if (memory.acting || isTooEarly(memory, ANY, at)) return NOTHING;
  const all = active(memory).map((name) => ({ name, sights: sightsOf(memory, name, at) }));
  const those = (is: (sights: Sight[]) => boolean): string[] =>
    all.filter(({ sights }) => sights.length > 0 && is(sights)).map(({ name }) => name);
  const standing = those((sights) => sights.every(({ falls }) => falls === 0));
  if (unfinished.length > 0 && standing.length > 0 && !policy.dryRun && !isTooEarly(memory, RESUME, at)) {
    Object.assign(memory, { acting: [], actingSince: at });
    return { lines: [words.resume(unfinished)], flip: [] };
  }
  const dead = those((sights) => sights.every(({ falls }) => falls >= policy.fall));
  if (dead.length === 0) {
    Object.assign(memory, { waitsSince: undefined, refused: "" });
    return NOTHING;
  }
  // Traffic must not go to one that is about to be dead, too. Who only stumbles delays this by no more than that.
  const doubtful = those((sights) => sights.some(({ falls }) => falls > 0 && falls < policy.fall));
  if (doubtful.length === 0) memory.waitsSince = undefined;
  else if (at - (memory.waitsSince ??= at) < policy.fall * policy.interval) return NOTHING;
  if (isTooEarly(memory, dead.join(), at)) return NOTHING;
  if (standing.length < policy.minActive)
    return refuse(memory, words.minimum(dead, standing, policy.minActive));
  if (policy.dryRun) return refuse(memory, words.wouldFlip(dead, standing));
  Object.assign(memory, { acting: dead, actingSince: at, waitsSince: undefined, refused: "" });
  return { lines: [words.flip(dead, standing)], flip: dead };
}

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
  const what = result === Result.Later ? ANY : servers.join() || RESUME;
  const times = memory.tried.result === result ? memory.tried.times + 1 : 1;
  const wait = waitAfter(result, times);
  Object.assign(memory, { acting: undefined, actingSince: undefined });
  memory.tried = { what: result === Result.Partial ? RESUME : what, result, times, until: at + wait };
  // What could not be taken back, because somebody else has changed the config too, is begun.
  const written = servers.filter((name) => memory.servers[name]?.state === ServerState.Down);
  const isFresh = ({ at: when }: Flip): boolean => at - when <= memory.policy.flapWindow;
  memory.flips = [...memory.flips.filter(isFresh), ...written.map((server) => ({ server, at }))];
  memory.unfinished = result === Result.Done ? [] : [...new Set([...memory.unfinished, ...written])];
  const stuck = memory.unfinished.length > 0 && result !== Result.Later && times >= MOST_TRIES;
  if (stuck) memory.unfinished = [];
  // Routes may have changed under the questions; all is counted anew.
  if (result !== Result.Later) for (const router of Object.values(memory.routers)) countAnew(router, at);
  const lines = {
    [Result.Done]: () => [words.flipped(all, seconds, text), ...tellHeld(memory, servers, at)],
    [Result.Partial]: () => [words.partial(all, text, wait)],
    [Result.Failed]: () => [words.failed(all, text, wait)],
    [Result.Later]: () => [words.later(all, text, wait)],
  }[result]();
  return { memory, lines: stuck ? [words.stuck(all, text)] : lines };
}

function waitAfter(result: Result, times: number): number {
  if (result === Result.Later) return Math.min(10_000, 500 * 2 ** times);
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
    for (const sight of Object.values(servers)) sight.ailing = {};
}

function forget({ routers }: Memory, name: string): void {
  for (const { servers } of Object.values(routers)) delete servers[name];
}

function onTick(memory: Memory, at: number): Line[] {
  // While a flip is made its own proof is in the way of the questions.
  if (memory.acting) return tellSlow(memory, at);
  return Object.entries(memory.routers).flatMap(([name, { heard, counted }]) => {
    if (at - heard > memory.policy.silence) return goBlind(memory, name, "it says nothing");
    return at - counted > BUSY_MS ? goBlind(memory, name, "another run is at work there") : [];
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
