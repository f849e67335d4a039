/** What the rounds of one router say of each server: they are counted here, and judged in decide.ts. Pure. */
import { isAddress } from "../../components/network/addressPlan";
import {
  Cause,
  Counts,
  Host,
  LIMITS,
  Sign,
  isAnswer,
  signOf,
  wasAsked,
} from "../../components/routerRoute/verdict";
import type { Hold } from "../../components/network/holds";
import type { Answer, HealthRound, Tracked } from "../routers/health";
import type { WorsePage } from "../routers/pages";

/** A round, and whose. */
export interface Round extends HealthRound {
  router: string;
}

/** What is wrong with single VIPs, and in how many of their rounds in a row. */
type Ailments = Record<string, { falls: number; reason: string }>;

/** What one router's rounds say of one server. */
export interface HealthCounters extends Counts {
  /** When the first of those without an answer came. */
  since: number;
  /** Rounds in a row in which it answered something: one that was down may lack what came since. */
  rises: number;
  /** Why it did not answer the last time. */
  reason: string;
  /** Why it does not answer for single VIPs while it does for others. */
  ailing: Ailments;
  /** For which VIPs it answers something else than it should. */
  odd: Ailments;
  /** How long its slowest answer of the last round took, in milliseconds. */
  ms: number;
  /** Rounds in a row in which it answered at once. */
  prompt: number;
  /** Rounds in a row in which it answered, and one answer took longer. */
  late: number;
}

/** Why no active server answers: what all of them showed. */
export enum Nobody {
  /** Nobody takes a connection, and no machine answers a ping. */
  Link = "link",
  /** Every connection is refused. */
  Refused = "refused",
  /** The machines live. */
  Services = "services",
}

/** How full a router's table of connections is. */
export enum Fill {
  Fine = "fine",
  /** A good deal is left, but not for long, perhaps. */
  High = "high",
  /** The kernel drops new connections. */
  Full = "full",
}

/** What one router's questions for pages say of one server. */
export interface PageCounters {
  /** Rounds in a row in which a page of it was worse. */
  rounds: number;
  /** Rounds in a row in which more than half of its pages were, */
  most: number;
  /** and since when. */
  since: number;
  /** Sites whose page is worse, and how often in a row that was seen. */
  sites: Record<string, { seen: number; page: WorsePage }>;
}

/** What one router sees. */
export interface RouterCounters {
  /** When it last sent anything. */
  heard: number;
  /** When its last round was counted, or the counters were reset. */
  counted: number;
  /** When its last round was counted; 0: none was since. */
  round: number;
  /** The log says already that nothing comes from this router. */
  blind: boolean;
  /** Rounds in a row in which no active server answered: they tell of the router's link and not of the servers. */
  nobody: number;
  /** What the last of them looked like. */
  nobodyIs: Nobody;
  /** Servers whose machine has answered a ping. */
  pinged: string[];
  /** How full its table of connections is, and what was said of that. */
  tracked?: Tracked;
  toldTracked: Fill;
  /** What was said to keep visitors out of it. */
  toldTroubles: string[];
  /** When each line about the router itself was last logged. */
  tellings: number[];
  /** It was said that its scripts are of an older version. */
  toldOlder: boolean;
  /** Until then no server is taken for dead: after such an outage they come back one by one. */
  settling: number;
  servers: Record<string, HealthCounters>;
  /** Servers that its guard holds as dead, as its last round has it. */
  held: Hold[];
  /** What its questions for sites' own pages say, by server. */
  pages: Record<string, PageCounters>;
  /** It was said that it does not ask for them. */
  toldNoPages: boolean;
}

/** How rounds are counted. Times in milliseconds. */
export interface Counting {
  /** From one round to the next. */
  interval: number;
  /** Rounds in a row without an answer that make a server dead. */
  fall: number;
  /** The counters are reset after this time without a round that counts. */
  silence: number;
  /** How long servers may take to come back one by one after an outage in which none answered. */
  settle: number;
}

export const newRouterCounters = (at: number): RouterCounters => ({
  heard: at,
  counted: at,
  round: 0,
  blind: false,
  nobody: 0,
  nobodyIs: Nobody.Link,
  pinged: [],
  toldTracked: Fill.Fine,
  toldTroubles: [],
  tellings: [],
  toldOlder: false,
  settling: 0,
  servers: {},
  held: [],
  pages: {},
  toldNoPages: false,
});

/** Resets the counters: earlier rounds no longer count. */
export const resetCounters = (counters: RouterCounters, at: number): void =>
  void Object.assign(counters, {
    ...{ heard: at, counted: at, nobody: 0, servers: {} },
  });

/**
 * Counts a round in; changes `counters`.
 * @param active the servers that carry traffic
 * @param known all of the farm's servers: what a router says of any other name is ignored
 * @returns whether it counted: what arrives in a bunch after a cut is old news, and bad only once
 */
export function count(
  counters: RouterCounters,
  round: Round,
  at: number,
  active: string[],
  known: string[],
  { interval, fall, silence, settle }: Counting,
): boolean {
  const answers = round.answers.filter(({ server, vip }) => known.includes(server) && isAddress(vip));
  if (at - counters.counted > silence) resetCounters(counters, at);
  if (at - counters.round < interval / 2) {
    forgive(counters, answers);
    return false;
  }
  Object.assign(counters, { counted: at, round: at });
  const hostOf = (name: string): Host => round.hosts?.get(name) ?? Host.Unknown;
  const alive = known.filter((name) => hostOf(name) === Host.Lives);
  counters.pinged = [...new Set([...counters.pinged, ...alive])];
  const of = (name: string): Answer[] =>
    answers.filter((answer) => answer.server === name && wasAsked(answer));
  const asked = active.filter((name) => of(name).length > 0);
  if (asked.length > 0 && !asked.some((name) => of(name).some(isAnswer))) {
    counters.nobody++;
    counters.nobodyIs = nobodyOf(
      asked.flatMap(of),
      asked.some((name) => alive.includes(name)),
    );
    counters.servers = {};
    return true;
  }
  if (counters.nobody >= fall) counters.settling = at + settle;
  counters.nobody = 0;
  // Nothing is known of servers that are no longer asked.
  const before = counters.servers;
  counters.servers = {};
  for (const name of known.filter((one) => of(one).length > 0)) {
    counters.servers[name] = before[name] ?? newHealthCounters(at);
    const sign = signOf(of(name), hostOf(name), counters.pinged.includes(name));
    countServer(counters.servers[name], of(name), sign!, at);
  }
  return true;
}

function nobodyOf(answers: Answer[], anyAlive: boolean): Nobody {
  if (answers.every(({ cause }) => cause === Cause.Refused)) return Nobody.Refused;
  const connected = answers.some(({ cause }) => cause === Cause.Refused || cause === Cause.Late);
  return anyAlive || connected ? Nobody.Services : Nobody.Link;
}

const newHealthCounters = (at: number): HealthCounters => ({
  ...{ falls: 0, sure: 0, since: at, rises: 0, reason: "" },
  ...{ ailing: {}, odd: {}, ms: 0, prompt: 0, late: 0 },
});

function countServer(counters: HealthCounters, own: Answer[], sign: Sign, at: number): void {
  counters.reason = own.find((answer) => !isAnswer(answer))?.reason ?? counters.reason;
  if (sign !== Sign.Answers) {
    if (counters.falls === 0) counters.since = at;
    const sure = sign === Sign.Dead ? counters.sure + 1 : 0;
    Object.assign(counters, {
      falls: counters.falls + 1,
      sure,
      rises: 0,
      prompt: 0,
      late: 0,
      ailing: {},
      odd: {},
    });
    return;
  }
  const ms = Math.max(0, ...own.filter(isAnswer).map((answer) => answer.ms ?? 0));
  const atOnce = own.every(isAnswer) && ms <= LIMITS.atOnce;
  Object.assign(counters, { falls: 0, sure: 0, rises: counters.rises + 1, ms });
  Object.assign(counters, {
    prompt: atOnce ? counters.prompt + 1 : 0,
    late: ms > LIMITS.atOnce ? counters.late + 1 : 0,
  });
  for (const answer of own) {
    note(counters.ailing, answer, !isAnswer(answer));
    note(counters.odd, answer, !answer.ok && isAnswer(answer));
  }
}

function note(ailments: Ailments, { vip, reason }: Answer, ails: boolean): void {
  if (ails) ailments[vip] = { falls: (ailments[vip]?.falls ?? 0) + 1, reason };
  else delete ailments[vip];
}

/** Good news is never too early. */
function forgive(counters: RouterCounters, answers: Answer[]): void {
  for (const [name, own] of Object.entries(counters.servers))
    if (answers.some((answer) => answer.server === name && isAnswer(answer)))
      Object.assign(own, { falls: 0, sure: 0 });
}

/** Whether what this router sees may be acted on. */
export const sees = ({ blind, nobody, settling }: RouterCounters, at: number): boolean =>
  !blind && nobody === 0 && at >= settling;
