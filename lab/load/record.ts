/** What the load saw, and the questions asked of it. All times: `now()`, in milliseconds. */

/** The host's monotonic clock: one for every program and every machine of the lab. */
export const now = (): number => Math.round(Number(process.hrtime.bigint()) / 1e5) / 10;

/** One new connection with one request. It has either a server or a failure. */
export interface Request {
  started: number;
  ended: number;
  vip: string;
  /** The client's address. */
  source: string;
  /** Who answered. */
  server?: string;
  /** `refused`, `reset`, `timeout`, `unreachable`, `short` (the answer ended early), `status 503`, or an error's code. */
  failure?: string;
  /** By https, in a full handshake: the SHA-256 of the certificate that was shown. */
  certificate?: string;
  /** By https: the session of an earlier request was resumed. */
  resumed?: boolean;
}

/** Kinds of connections that last. */
export enum ConnectionKind {
  /** Reads a file slowly. */
  Download = "download",
  /** Sends a body that never ends. */
  Upload = "upload",
  /** One request, then nothing; opened again when the server closes it. */
  Idle = "idle",
  /** Connected, and never sent a byte; opened again when the server closes it. */
  Silent = "silent",
}

/** One connection that lasts. */
export interface LongConnection {
  kind: ConnectionKind;
  vip: string;
  source: string;
  /** When it was connected; unset when it never was. */
  connected?: number;
  /** Who is at the other end, once it said so; a silent one never asks. */
  server?: string;
  /** When the client knew that it is over; unset for one that was open when the load ended. */
  ended?: number;
  /** Received, or sent by an upload. */
  bytes: number;
  /**
   * How it ended: `complete` (a download with the right checksum), `wrong content`, `closed` by the server where an
   * answer would begin, or as a request fails. A reset that comes while bytes wait to be read is `short`: libuv reports
   * it as an end.
   */
  end?: string;
}

/** A moment that the test named. */
export interface Mark {
  name: string;
  at: number;
}

/** Everything a load saw. */
export interface LoadRecord {
  began: number;
  ended: number;
  /** In the order of their ends. */
  requests: Request[];
  /** Requests that were due when too many connections were open. */
  skipped: number;
  connections: LongConnection[];
  marks: Mark[];
}

/** Which requests: of one VIP, started in a time. Default: all. */
export interface Filter {
  vip?: string;
  after?: number;
  before?: number;
}

const chosen = ({ requests }: LoadRecord, { vip, after = 0, before = Infinity }: Filter = {}): Request[] =>
  requests.filter(
    (request) =>
      (vip === undefined || request.vip === vip) && request.started >= after && request.started < before,
  );

/** Requests without a right answer. */
export const failures = (record: LoadRecord, filter?: Filter): Request[] =>
  chosen(record, filter).filter(({ failure }) => failure !== undefined);

/** The one that a client noticed last. */
export function lastFailure(record: LoadRecord, filter?: Filter): Request | undefined {
  return failures(record, filter).reduce<Request | undefined>(
    (last, request) => (last && last.ended > request.ended ? last : request),
    undefined,
  );
}

/** The first request that a server answered. */
export function firstAnswerOf(record: LoadRecord, server: string, filter?: Filter): Request | undefined {
  return chosen(record, filter)
    .filter((request) => request.server === server)
    .reduce<Request | undefined>(
      (first, request) => (first && first.started < request.started ? first : request),
      undefined,
    );
}

/**
 * How long after `filter.after` a request was still begun that did not get its answer from this server, in
 * milliseconds; 0 when none was, and Infinity when the server answered none after that one on some VIP.
 */
export function namedAfter(record: LoadRecord, server: string, filter: Filter & { after: number }): number {
  const all = chosen(record, filter);
  const lasts = [...new Set(all.map(({ vip }) => vip))].map((vip) => {
    const ofVip = all.filter((request) => request.vip === vip);
    const starts = (named: boolean): number[] =>
      ofVip.filter((request) => (request.server === server) === named).map(({ started }) => started);
    const [lastOther, lastNamed] = [maximum(starts(false)), maximum(starts(true))];
    if (lastNamed === undefined || (lastOther !== undefined && lastNamed < lastOther)) return Infinity;
    return lastOther === undefined ? 0 : lastOther - filter.after;
  });
  return maximum(lasts) ?? Infinity;
}

/** Whether every request that was begun `ms` after a moment or later got its answer from this server, on every VIP. */
export function newRequestsNameServerWithin(
  record: LoadRecord,
  server: string,
  filter: Filter & { after: number },
  ms: number,
): boolean {
  return namedAfter(record, server, filter) <= ms;
}

/** The longest time without the end of a right answer, in milliseconds, from the begin of the load to its end. */
export function longestGap(record: LoadRecord, vip: string): number {
  const answers = chosen(record, { vip })
    .filter(({ failure }) => failure === undefined)
    .map(({ ended }) => ended)
    .sort((a, b) => a - b);
  const times = [record.began, ...answers, Math.max(record.ended, answers[answers.length - 1] ?? 0)];
  return maximum(times.slice(1).map((time, i) => time - times[i])) ?? 0;
}

/** New connections in each full second. */
export function ratePerSecond({ began, ended, requests }: LoadRecord): number[] {
  const rates = new Array<number>(Math.floor((ended - began) / 1000)).fill(0);
  for (const { started } of requests) {
    const second = Math.floor((started - began) / 1000);
    if (second < rates.length) rates[second]++;
  }
  return rates;
}

/** Connections of a VIP that stood at a moment: how long after it each client knew its connection was over. */
export function toldAfter(
  { connections }: LoadRecord,
  vip: string,
  at: number,
): { kind: ConnectionKind; ms: number }[] {
  return connections
    .filter(
      ({ vip: its, connected, ended = Infinity }) =>
        its === vip && connected !== undefined && connected < at && ended >= at,
    )
    .map(({ kind, ended = Infinity }) => ({ kind, ms: ended - at }));
}

/** How many of these moments a connection outlived. */
export const spanned = (
  { connected = Infinity, ended = Infinity }: LongConnection,
  times: number[],
): number => times.filter((time) => connected < time && time < ended).length;

/** What a client saw of one VIP. */
export interface VipStats {
  requests: number;
  failures: number;
  /** The longest time between two answers, in whole milliseconds. */
  longestGapMs: number;
  /** Answers by server, in the order in which servers first answered. */
  servers: Record<string, number>;
}

/** The requests, by VIP. */
export function statsByVip(record: LoadRecord): Record<string, VipStats> {
  const stats: Record<string, VipStats> = {};
  for (const { vip, server } of record.requests) {
    const stat = (stats[vip] ??= {
      requests: 0,
      failures: 0,
      longestGapMs: Math.round(longestGap(record, vip)),
      servers: {},
    });
    stat.requests++;
    if (server === undefined) stat.failures++;
    else stat.servers[server] = (stat.servers[server] ?? 0) + 1;
  }
  return stats;
}

/** The load in a few figures. */
export interface Summary {
  requests: number;
  /** New connections a second: the median second and the slowest. */
  rate: { median: number; min: number };
  /** Requests that failed, by kind. */
  failed: Record<string, number>;
  /** Requests that were reset, and long connections that were reset or ended early. */
  resets: number;
  downloads: { all: number; complete: number };
  /** Of all VIPs, in milliseconds. */
  longestGapMs: number;
}

/** The load in a few figures, for a table. */
export function summary(record: LoadRecord): Summary {
  const rates = ratePerSecond(record).sort((a, b) => a - b);
  const failed: Record<string, number> = {};
  for (const { failure } of failures(record)) failed[failure!] = (failed[failure!] ?? 0) + 1;
  const downloads = record.connections.filter(({ kind }) => kind === ConnectionKind.Download);
  return {
    requests: record.requests.length,
    rate: { median: rates[Math.floor(rates.length / 2)] ?? 0, min: rates[0] ?? 0 },
    failed,
    resets:
      (failed.reset ?? 0) + record.connections.filter(({ end }) => end === "reset" || end === "short").length,
    downloads: {
      all: downloads.length,
      complete: downloads.filter(({ end }) => end === "complete").length,
    },
    longestGapMs: maximum(Object.values(statsByVip(record)).map((stat) => stat.longestGapMs)) ?? 0,
  };
}

// Math.max takes its arguments on the stack: too few for a long load.
function maximum(values: number[]): number | undefined {
  return values.reduce<number | undefined>(
    (most, value) => (most === undefined || value > most ? value : most),
    undefined,
  );
}
