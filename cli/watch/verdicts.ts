/** What has become of servers, told once: no decision is made here. Pure. */
import { ServerState } from "../../components/config";
import { Memory, Policy, ServerMemory, flapsOf, sightsOf } from "./memory";
import type { Sight } from "./sights";
import * as words from "./words";
import type { Line } from "./words";

/** Whether any server answers a router. */
export function tellNobody({ fall }: Policy, router: string, before: number, now: number): Line[] {
  if (now === fall) return [words.nobody(router)];
  return now === 0 && before >= fall ? [words.somebody(router)] : [];
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

function tellUp(policy: Policy, name: string, server: ServerMemory, sights: Sight[]): Line[] {
  return [...tellVerdict(policy, name, server, sights), ...tellAiling(policy, name, server, sights)];
}

const answers = (sights: Sight[]): boolean => sights.some(({ falls }) => falls === 0);

function tellVerdict({ fall }: Policy, name: string, server: ServerMemory, sights: Sight[]): Line[] {
  const lines: Line[] = [];
  const silent = sights.filter(({ falls }) => falls >= fall);
  const dead = silent.length === sights.length;
  const split = silent.length > 0 && !dead;
  if (dead && !server.dead) lines.push(words.dead(name, fall, sights[0].reason));
  if (answers(sights) && server.dead) lines.push(words.alive(name));
  if (split && !server.split) lines.push(words.split(name, silent[0].reason));
  Object.assign(server, { dead: dead || (server.dead && !answers(sights)), split });
  return lines;
}

function tellAiling({ fall }: Policy, name: string, server: ServerMemory, sights: Sight[]): Line[] {
  const vips = Object.values(Object.assign({}, ...sights.map(({ ailing }) => ailing)) as Sight["ailing"]);
  const bad = vips.filter(({ falls }) => falls >= fall);
  const before = server.sick;
  const well = vips.length === 0 && answers(sights);
  server.sick = (before && !well) || bad.length > 0;
  if (server.sick === before) return [];
  return [server.sick ? words.sick(name, bad.length, bad[0].reason) : words.well(name)];
}

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
