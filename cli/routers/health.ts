/** What components/routerRoute/health.sh prints: questions to servers and what came of them. */
import type { Round } from "../../components/host/installed";
import { shorten } from "../../components/host/foreignText.cjs";
import type { Hold } from "../../components/network/holds";
import { parseHeld } from "../../components/routerRoute/lineFormats";
import { Cause, Host } from "../../components/routerRoute/verdict";

/** One question and what came of it. */
export interface Answer {
  /** `live`: by the route that the VIP has now; `marked`: to the server, independently of the routes. */
  way: string;
  ok: boolean;
  server: string;
  site: string;
  vip: string;
  /** Why not; empty: it is ok. */
  reason: string;
  /** How it was not; undefined: it is ok. */
  cause?: Cause;
  /** After how many milliseconds that was known; undefined: unknown. */
  ms?: number;
}

/** How full a router's table of connections is. */
export interface Tracked {
  count: number;
  /** 0: no limit. */
  max: number;
}

/** The questions of a round, all asked at about the same time. */
export interface HealthRound {
  answers: Answer[];
  /** Whether each server's machine is alive, independently of its services; undefined: an older script does not ask. */
  hosts?: Map<string, Host>;
  tracked?: Tracked;
  /** What keeps visitors out of the router, one sentence each; undefined: not looked at. */
  troubles?: string[];
  /** Servers that the router's guard holds as dead; undefined: none. */
  held?: Hold[];
  /** Who was at work on the router meanwhile: another run's health checks may have redirected this one's. */
  busy?: string;
}

const CAUSES = new Set<string>(Object.values(Cause));
const WHOLE = /^\d{1,15}$/;

/** @param lines as a machine sent them; a line with another word is ignored */
export function parseHealth(lines: Round): HealthRound {
  const round: HealthRound = { answers: [] };
  for (const [state, ...cells] of lines) {
    if (state === "busy") round.busy = cells[0];
    else if (state === "conntrack") round.tracked = trackedOf(cells);
    else if (state === "trouble") takeTrouble(round, cells[0]);
    else if (state === "held") (round.held ??= []).push(heldIn(cells[0]));
    else takeAnswer(round, state === "ok", cells);
  }
  return round;
}

const LONGEST_REASON = 80;
function heldIn(line = ""): Hold {
  const hold = parseHeld(line);
  return { ...hold, at: shorten(hold.at, LONGEST_REASON), reason: shorten(hold.reason, LONGEST_REASON) };
}

const MOST_TROUBLES = 5;
function takeTrouble(round: HealthRound, sentence = ""): void {
  round.troubles ??= [];
  if (sentence !== "" && round.troubles.length < MOST_TROUBLES) round.troubles.push(sentence);
}

function takeAnswer(round: HealthRound, ok: boolean, cells: string[]): void {
  const [vip, label = "", reason = "", cause = "", ms = ""] = cells;
  const [way, server, site] = label.split(" ");
  if (way === "host") {
    round.hosts ??= new Map();
    round.hosts.set(server, ok ? Host.Lives : hostOf(cause));
    return;
  }
  round.answers.push({
    ...{ way, ok, server, site, vip, reason },
    ...(ok ? {} : { cause: causeOf(cause, reason) }),
    ...(WHOLE.test(ms) ? { ms: Number(ms) } : {}),
  });
}

function causeOf(cause: string, reason: string): Cause {
  // The reason has the number, too.
  const word = cause.replace(/^status \d{3}$/, Cause.Status);
  if (CAUSES.has(word)) return word as Cause;
  // A script of before there were causes.
  if (reason === "Connection refused") return Cause.Refused;
  return /^(HTTP status|answered) /.test(reason) ? Cause.Status : Cause.Late;
}

const hostOf = (cause: string): Host =>
  cause === "noarp" ? Host.Gone : cause === "silent" ? Host.Silent : Host.Unknown;

function trackedOf([count = "", max = ""]: string[]): Tracked | undefined {
  return WHOLE.test(count) && WHOLE.test(max) ? { count: Number(count), max: Number(max) } : undefined;
}
