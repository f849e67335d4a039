/** What clients and a guard's log say of a crash. Pure. */
import { LoadRecord, failures, toldAfter } from "../../../lab/load/record";
import { times } from "../times";

/** A request that takes longer than this was not answered at once. */
const AT_ONCE_MS = 500;

/** One crash that something reacted to by itself; milliseconds from the crash. */
export interface Reacted {
  /** When the last request was begun that failed or took longer than half a second; 0: none did. */
  wholeMs: number;
  /** When the first request was answered by another server. */
  answeredMs: number;
  /** When the prefixes had moved, by the log of what moved them; undefined: it has none. */
  loggedMs?: number;
  /** Requests that failed. */
  lost: number;
  /** Connections that were open. */
  open: number;
  /** When those knew of it that were told. */
  toldMs: number[];
}

/** @param moved when the log says that it moved, as in the record */
export function reacted(
  record: LoadRecord,
  { vips, died, dead, moved }: { vips: string[]; died: number; dead: string; moved?: number },
): Reacted {
  // One that was open at the moment of the crash counts as begun then.
  const since = record.requests.filter(({ ended }) => ended >= died);
  const felt = since.filter(
    ({ started, ended, failure }) => failure !== undefined || ended - started > AT_ONCE_MS,
  );
  const answers = since.filter(({ server }) => server !== undefined && server !== dead);
  const told = vips.flatMap((vip) => toldAfter(record, vip, died)).map(({ ms }) => ms);
  return {
    wholeMs: felt.reduce((most, { started }) => Math.max(most, started - died), 0),
    answeredMs: answers.reduce((least, { ended }) => Math.min(least, ended - died), Infinity),
    loggedMs: moved === undefined ? undefined : moved - died,
    lost: failures({ ...record, requests: since }).length,
    open: told.length,
    toldMs: told.filter(Number.isFinite),
  };
}

const seconds = (ms: number): string => (Number.isFinite(ms) ? `${(ms / 1000).toFixed(2)} s` : "never");
const medianAndWorst = (ms: number[]): string => {
  const { median, max } = times(ms);
  return `${seconds(median)}, ${seconds(max)}`;
};

export const REACTED_HEAD = [
  "what acts",
  "rounds",
  "whole after (median, worst)",
  "first answer after (median, worst)",
  "moved by its log after (median, worst)",
  "requests lost (median, worst)",
  "open connections that were told",
  "told after (median, worst)",
  "left hanging",
];

/** A row of the table: all crashes of one contestant. */
export function reactedRow(name: string, all: Reacted[]): string[] {
  const logged = all.flatMap(({ loggedMs }) => loggedMs ?? []);
  const lost = times(all.map((one) => one.lost));
  const told = all.flatMap(({ toldMs }) => toldMs);
  const open = all.reduce((sum, one) => sum + one.open, 0);
  return [
    name,
    String(all.length),
    medianAndWorst(all.map(({ wholeMs }) => wholeMs)),
    medianAndWorst(all.map(({ answeredMs }) => answeredMs)),
    logged.length === all.length ? medianAndWorst(logged) : "-",
    `${lost.median}, ${lost.max}`,
    `${told.length} of ${open}`,
    told.length > 0 ? medianAndWorst(told) : "-",
    String(open - told.length),
  ];
}

/** How many of the rounds kept their limits, in words. */
export function limitsKept(name: string, all: Reacted[], logLimitMs: number): string {
  const count = (kept: (one: Reacted) => boolean): string => `${all.filter(kept).length} of ${all.length}`;
  return `${name}: whole within 1 s in ${count(({ wholeMs }) => wholeMs <= 1000)}, moved within ${logLimitMs} ms by its log in ${count(({ loggedMs = Infinity }) => loggedMs <= logLimitMs)}.`;
}
