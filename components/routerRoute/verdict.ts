/**
 * When a server is dead, and when it is sick: the one place that says so, with all its limits. Pure.
 *
 * Dead is what takes nothing any more: every connection is refused, or no connection is answered and the machine itself
 * is gone. Sick is all else that gives no answer: a web server that is stopped, or has no free worker, is as silent as
 * one that is gone, and the load of one that is overloaded topples the others. Any answer is an answer.
 */

/** How a question was not answered as it should be. The words are those of components/host/machine/probe.pl. */
export enum Cause {
  /** The connection was refused. */
  Refused = "refused",
  /** A router or the kernel reports that the address can't be reached. */
  Unreachable = "unreachable",
  /** No answer: no SYN-ACK, no datagram. */
  Silent = "silent",
  /** Connected, and no whole answer in time. */
  Late = "late",
  /** An HTTP answer with another status: the server lives. */
  Status = "status",
  /** An answer with other words: the server lives. */
  Other = "other",
  /** The router could not ask, which says nothing about the server. */
  Unasked = "unasked",
}

/** Whether a server's machine lives, whatever its services do. */
export enum Host {
  /** It answers a ping. */
  Lives = "lives",
  /** It answers none, which means something only for one that did before. */
  Silent = "silent",
  /** It does not even answer ARP. */
  Gone = "gone",
  /** It could not be asked. */
  Unknown = "unknown",
}

/** What a server showed in one round. */
export enum Sign {
  /** It answered something. */
  Answers = "answers",
  /** No answer, and yet it may live. */
  Fails = "fails",
  /** No answer, and no machine that could give one. */
  Dead = "dead",
}

/** What becomes of a server by its rounds. */
export enum Verdict {
  Well = "well",
  /** Too few rounds for a verdict. */
  Stumbles = "stumbles",
  Sick = "sick",
  Dead = "dead",
}

/** Limits, with their defaults. Times in milliseconds. */
export const LIMITS = {
  /** Rounds in a row without an answer, after which a server is dead or sick. */
  fall: 3,
  /** Rounds in a row with one, after which one that was down is back. */
  rise: 3,
  /** How long to wait for a sick server. */
  sickAfter: 10_000,
  /** So many sick servers are set down within the window, */
  sickFlips: 1,
  /** which is this long. */
  sickWindow: 600_000,
  /** Who takes longer for an answer does not answer at once. */
  atOnce: 200,
  /** So many others must answer before dead servers are set down. */
  minActiveDead: 1,
  /** So many others must answer at once before a sick one is. */
  minActive: (servers: number): number => Math.ceil(servers / 2),
};

/** What is asked of a server in one round. */
export interface Asked {
  ok: boolean;
  cause?: Cause;
}

/** Whether there was an answer, right or wrong. */
export const isAnswer = ({ ok, cause }: Asked): boolean =>
  ok || cause === Cause.Status || cause === Cause.Other;

/** Whether it was asked at all. */
export const wasAsked = ({ cause }: Asked): boolean => cause !== Cause.Unasked;

/**
 * A round's sign of a server.
 * @param pinged its machine has answered a ping before: the silence of one that never does means nothing
 * @returns undefined: it was not asked
 */
export function signOf(all: Asked[], host: Host, pinged: boolean): Sign | undefined {
  const asked = all.filter(wasAsked);
  if (asked.length === 0) return undefined;
  if (asked.some(isAnswer)) return Sign.Answers;
  const isGone = host === Host.Gone || (host === Host.Silent && pinged);
  const isUnreachable = ({ cause }: Asked): boolean =>
    cause === Cause.Refused || (isGone && (cause === Cause.Silent || cause === Cause.Unreachable));
  return asked.every(isUnreachable) ? Sign.Dead : Sign.Fails;
}

/** Rounds in a row, as one router counts them. */
export interface Counts {
  /** Without an answer. */
  falls: number;
  /** Of those the last ones, that showed it dead. */
  sure: number;
}

/** Sick by the rounds that left it open: one that was cut off in the middle of a round looks alive in that one only. */
export function verdictOf({ falls, sure }: Counts, fall: number): Verdict {
  if (sure >= fall) return Verdict.Dead;
  if (falls - sure >= fall) return Verdict.Sick;
  return falls > 0 ? Verdict.Stumbles : Verdict.Well;
}

/** Dead or sick. */
export const isDown = (counts: Counts, fall: number): boolean =>
  [Verdict.Dead, Verdict.Sick].includes(verdictOf(counts, fall));
