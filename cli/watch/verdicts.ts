/** What has become of servers, told once: no decision is made here. Pure. */
import { ServerState } from "../../components/config";
import { Verdict, isDown, verdictOf } from "../../components/routerRoute/verdict";
import { Memory, Policy, ServerMemory, flapsOf, sightsOf } from "./memory";
import { Fill, Round, RouterSight, Sight } from "./sights";
import * as words from "./words";
import type { Line } from "./words";

/** Of the limit, in percent: from where it is told, when it is full, and below which that is over. */
const [HIGH, FULL, FINE] = [80, 99, 70];

/** What a router says of itself may be another thing each round: of that, so many lines at most within this time. */
const TELLINGS = { most: 10, withinMs: 60_000 };

/** What a round tells of the router itself. */
export function tellRouter({ router, hosts, tracked, troubles, answers }: Round, sight: RouterSight): Line[] {
  sight.tellings = sight.tellings.filter((at) => sight.heard - at < TELLINGS.withinMs);
  const lines = tellTroubles(router, troubles, sight);
  if (hosts !== undefined || answers.length === 0) sight.toldOlder = false;
  else if (!sight.toldOlder) {
    sight.toldOlder = true;
    lines.push(words.older(router));
  }
  if (tracked === undefined || tracked.max === 0) return lines;
  sight.tracked = tracked;
  const percent = (tracked.count / tracked.max) * 100;
  const before = sight.toldTracked;
  let fill = before;
  if (percent >= FULL) fill = Fill.Full;
  else if (percent < FINE) fill = Fill.Fine;
  else if (percent >= HIGH && before === Fill.Fine) fill = Fill.High;
  if (fill === before || !mayTell(sight, 1)) return lines;
  sight.toldTracked = fill;
  return [...lines, words.conntrack(router, fill, tracked)];
}

/** Where there is no room for that many lines now, what changed is told once there is. */
function mayTell(sight: RouterSight, lines: number): boolean {
  if (sight.tellings.length + lines > TELLINGS.most) return false;
  sight.tellings.push(...Array<number>(lines).fill(sight.heard));
  return true;
}

function tellTroubles(router: string, troubles: string[] | undefined, sight: RouterSight): Line[] {
  if (troubles === undefined) return [];
  const before = sight.toldTroubles;
  const lines =
    troubles.length === 0 && before.length > 0
      ? [words.forwards(router)]
      : troubles
          .filter((trouble) => !before.includes(trouble))
          .map((trouble) => words.keepsOut(router, trouble));
  if (!mayTell(sight, lines.length)) return [];
  sight.toldTroubles = troubles;
  return lines;
}

/** Whether any server answers a router. */
export function tellNobody({ fall }: Policy, router: string, before: number, sight: RouterSight): Line[] {
  if (sight.nobody === fall)
    return [
      words.nobody(router, sight.nobodyIs, sight.toldTracked === Fill.Full ? sight.tracked : undefined),
    ];
  return sight.nobody === 0 && before >= fall ? [words.somebody(router)] : [];
}

/** Verdicts that have changed. */
export function tellServers(memory: Memory, at: number): Line[] {
  return Object.entries(memory.servers).flatMap(([name, server]) => {
    const sights = sightsOf(memory, name, at);
    // By the present routes another one may answer for it already.
    if (sights.length === 0 || memory.acting?.includes(name)) return [];
    if (server.state === ServerState.Down) return tellDown(memory, name, server, sights, at);
    // One in maintenance may be off.
    return server.state === ServerState.Active ? tellUp(memory.policy, name, server, sights) : [];
  });
}

const answers = (sights: Sight[]): boolean => sights.some(({ falls }) => falls === 0);
/** After so many rounds in which it answers at once a server is no longer late. */
const CALM = 20;

function tellUp(policy: Policy, name: string, server: ServerMemory, sights: Sight[]): Line[] {
  const { fall } = policy;
  const before = { ...server };
  const silent = sights.filter((sight) => isDown(sight, fall));
  const dead = sights.every((sight) => verdictOf(sight, fall) === Verdict.Dead);
  const failing = silent.length === sights.length && !dead;
  const split = silent.length > 0 && silent.length < sights.length;
  const again = answers(sights);
  const [ailing, odd] = [of(sights, "ailing"), of(sights, "odd")];
  const lasting = (all: Sight["odd"][string][]): string[] =>
    all.filter(({ falls }) => falls >= fall).map(({ reason }) => reason);
  const [sick, strange] = [lasting(ailing), lasting(odd)];
  server.dead = dead || (before.dead && !again);
  if (failing && !server.dead) server.failing ??= Math.min(...sights.map(({ since }) => since));
  else if (server.dead || again) server.failing = undefined;
  server.sick = sick.length > 0 || (before.sick && !(again && ailing.length === 0));
  server.odd = strange.length > 0 || (before.odd && !(again && odd.length === 0));
  server.split = split;
  server.late = sights.every(({ late }) => late >= fall) || (before.late && !sights.every(isCalm));

  const lines: Line[] = [];
  if (server.dead && !before.dead) lines.push(words.dead(name, fall, sights[0].reason));
  if (before.dead && !server.dead) lines.push(words.alive(name));
  if (server.failing !== undefined && before.failing === undefined)
    lines.push(words.failing(name, fall, sights[0].reason, policy));
  if (server.sick && !before.sick) lines.push(words.sick(name, sick.length, sick[0]));
  if (server.odd && !before.odd) lines.push(words.odd(name, strange.length, strange[0]));
  if (server.late && !before.late) lines.push(words.late(name, Math.max(...sights.map(({ ms }) => ms))));
  if (isUnwell(before) && !isUnwell(server) && again) lines.push(words.well(name));
  if (split && !before.split) lines.push(words.split(name, silent[0].reason));
  return lines;
}

const isUnwell = ({ failing, sick, odd }: ServerMemory): boolean => failing !== undefined || sick || odd;
const isCalm = ({ prompt }: Sight): boolean => prompt >= CALM;
const of = (sights: Sight[], what: "ailing" | "odd") =>
  Object.values(Object.assign({}, ...sights.map((sight) => sight[what])) as Sight["odd"]);

function tellDown(
  { policy, flips }: Memory,
  name: string,
  server: ServerMemory,
  sights: Sight[],
  at: number,
): Line[] {
  const flapped = flapsOf(flips, name, policy, at);
  const held = flapped >= policy.flapLimit;
  // Of one that is held down nothing more is said.
  if (sights.some(({ falls }) => falls >= policy.fall)) server.away ||= !held;
  if (!server.away || !sights.every(({ rises }) => rises >= policy.rise)) return [];
  server.away = false;
  return [held ? words.backHeld(name, flapped) : words.back(name)];
}
