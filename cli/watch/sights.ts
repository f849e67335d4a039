/** What the rounds of one router say of each server: they are counted here, and judged in decide.ts. Pure. */
import { isIPv4 } from "node:net";
import type { Answer, HealthRound } from "../health";

/** A round, and whose. */
export interface Round extends HealthRound {
  router: string;
}

/** What one router's rounds say of one server. */
export interface Sight {
  /** Rounds in a row in which it answered nothing. */
  falls: number;
  /** Rounds in a row in which it answered something: one that was down may lack what came since. */
  rises: number;
  /** Why it did not answer the last time. */
  reason: string;
  /** Why it does not answer for single VIPs while it does for others, and in how many of their rounds in a row. */
  ailing: Record<string, { falls: number; reason: string }>;
}

/** What one router sees. */
export interface RouterSight {
  /** When it told anything the last time. */
  heard: number;
  /** When its last round was counted, or counting began anew. */
  counted: number;
  /** When its last round was counted; 0: none was since. */
  round: number;
  /** It was told that nothing comes from this router. */
  blind: boolean;
  /** Rounds in a row in which no active server answered: they tell of the router's link and not of the servers. */
  nobody: number;
  /** Until then no server is taken for dead: after such an outage they come back one by one. */
  settling: number;
  servers: Record<string, Sight>;
}

/** How rounds are counted. Times in milliseconds. */
export interface Counting {
  /** From one round to the next. */
  interval: number;
  /** Rounds in a row without an answer that make a server dead. */
  fall: number;
  /** Counting begins anew after this time without a round that counts. */
  silence: number;
  /** How long servers may take to come back one by one after an outage in which none answered. */
  settle: number;
}

export const newSight = (at: number): RouterSight => ({
  heard: at,
  counted: at,
  round: 0,
  blind: false,
  nobody: 0,
  settling: 0,
  servers: {},
});

/** Counts anew: what was seen does not count any more. */
export const countAnew = (sight: RouterSight, at: number): void =>
  void Object.assign(sight, {
    ...newSight(at),
    round: sight.round,
    settling: sight.settling,
    blind: sight.blind,
  });

/**
 * Counts a round in; changes `sight`.
 * @param active the servers that carry traffic
 * @param known all of the farm's servers: what a router says of any other name is nobody's
 * @returns whether it counted: what arrives in a bunch after a cut is old news, and bad only once
 */
export function count(
  sight: RouterSight,
  round: Round,
  at: number,
  active: string[],
  known: string[],
  { interval, fall, silence, settle }: Counting,
): boolean {
  const answers = round.answers.filter(({ server, vip }) => known.includes(server) && isIPv4(vip));
  if (at - sight.counted > silence) countAnew(sight, at);
  if (at - sight.round < interval / 2) {
    forgive(sight, answers);
    return false;
  }
  Object.assign(sight, { counted: at, round: at });
  const asked = active.filter((name) => answers.some(({ server }) => server === name));
  if (asked.length > 0 && !asked.some((name) => anyOk(answers, name))) {
    sight.nobody++;
    sight.servers = {};
    return true;
  }
  if (sight.nobody >= fall) sight.settling = at + settle;
  sight.nobody = 0;
  // Of whoever is not asked any more nothing is known.
  const before = sight.servers;
  sight.servers = {};
  for (const name of new Set(answers.map(({ server }) => server))) {
    sight.servers[name] = before[name] ?? { falls: 0, rises: 0, reason: "", ailing: {} };
    countServer(sight.servers[name], name, answers);
  }
  return true;
}

const anyOk = (answers: Answer[], name: string): boolean =>
  answers.some(({ server, ok }) => server === name && ok);

function countServer(sight: Sight, name: string, answers: Answer[]): void {
  const own = answers.filter(({ server }) => server === name);
  const bad = own.filter(({ ok }) => !ok);
  sight.reason = bad[0]?.reason ?? sight.reason;
  if (bad.length === own.length) {
    Object.assign(sight, { falls: sight.falls + 1, rises: 0, ailing: {} });
    return;
  }
  Object.assign(sight, { falls: 0, rises: sight.rises + 1 });
  for (const { vip, ok, reason } of own) {
    if (ok) delete sight.ailing[vip];
    else sight.ailing[vip] = { falls: (sight.ailing[vip]?.falls ?? 0) + 1, reason };
  }
}

/** Good news is never too early. */
function forgive(sight: RouterSight, answers: Answer[]): void {
  for (const [name, own] of Object.entries(sight.servers)) if (anyOk(answers, name)) own.falls = 0;
}

/** Whether what this router sees may be acted on. */
export const sees = ({ blind, nobody, settling }: RouterSight, at: number): boolean =>
  !blind && nobody === 0 && at >= settling;
