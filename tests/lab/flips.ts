/** Planned flips under load: what the test and the benchmark of them share. */
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { ConnectionKind, LoadRecord, namedAfter, now, spanned } from "../../lab/load/record";
import { File, Target } from "../../lab/load/spec";

const FLIPS = 10;
/** Of the load, in requests a second; the highest first. */
const RATES = [2200, 1100, 550];
/** Each download is long enough for two flips on a busy host; the last one ends before the last flip is over. */
export const DOWNLOADS = { count: 20, seconds: 30, everyMs: 700 };
export const FILE_BYTES = 30_000_000;
/** From one flip to the next, at least; after each, new requests are watched for a while. */
const [ROUND_MS, WATCH_MS] = [5000, 1500];

/** The subnet that moves, and between whom: web2 goes into maintenance and comes back. */
export const PREFIX = "192.0.2.64/27";
const [AWAY, HOME] = [
  { server: "web1", hop: "192.0.2.2", state: "maintenance" },
  { server: "web2", hop: "192.0.2.3", state: "active" },
];
export type Place = typeof HOME;

/** One way to flip. */
export interface Way {
  /** Before each flip, not timed. */
  announce?(to: Place): Promise<void>;
  flip(to: Place): Promise<void>;
}

/** Times as in the record. */
export interface Flip {
  to: Place;
  began: number;
  ended: number;
  /** When the first request was begun from which on the new server answers; Infinity: it never does. */
  moved: number;
  /** For how many milliseconds from then on requests were begun that another server answered, or none. */
  namedAfterMs: number;
}

/** A client's port that is used again soon may find its former server, as long as the router knows the former flow. */
function movedTo(server: string, { requests }: LoadRecord, after: number, before: number): number {
  const all = requests
    .filter(({ started }) => started >= after && started < before)
    .sort((a, b) => a.started - b.started);
  const [many, most] = [50, 45];
  const first = all.findIndex(
    (request, i) =>
      request.server === server &&
      all.slice(i, i + many).filter((next) => next.server === server).length >= most,
  );
  return all[first]?.started ?? Infinity;
}

export interface Flips {
  record: LoadRecord;
  flips: Flip[];
  /** How many flips each download outlived that ended with the right checksum. */
  spans: number[];
}

/**
 * The highest of the rates that this host bears, or the lowest. At one where requests wait for the host's processors, a
 * client sends again what a server has already answered.
 */
export async function bearableRate(lab: Lab, targets: Target[], rates = RATES): Promise<number> {
  for (const requestsPerSecond of rates) {
    const load = await startLoad(lab, { targets, requestsPerSecond });
    await sleep(5000);
    const { requests, skipped } = await load.stop();
    const times = requests.map(({ started, ended }) => ended - started).sort((a, b) => a - b);
    const slow = times[Math.floor(times.length * 0.99)];
    console.log(
      `      ${requestsPerSecond} requests/s: 99 % within ${Math.round(slow)} ms, ${skipped} left out`,
    );
    if (skipped === 0 && slow < 25) return requestsPerSecond;
  }
  return rates[rates.length - 1];
}

/** Flips, there and back, while clients load the targets, which lie in the subnet that moves; downloads too, where there is a file. */
export async function flipUnderLoad(
  lab: Lab,
  targets: Target[],
  file: File | undefined,
  way: Way,
  { count = FLIPS, requestsPerSecond = RATES[0] } = {},
): Promise<Flips> {
  const load = await startLoad(lab, {
    targets,
    requestsPerSecond,
    ...(file && { downloads: { ...DOWNLOADS, file } }),
  });
  const done: Pick<Flip, "to" | "began" | "ended">[] = [];
  let record: LoadRecord;
  try {
    for (let i = 0; i < count; i++) {
      const round = sleep(ROUND_MS);
      const to = i % 2 === 0 ? AWAY : HOME;
      await way.announce?.(to);
      const began = now();
      await way.flip(to);
      done.push({ to, began, ended: now() });
      await Promise.all([round, sleep(WATCH_MS)]);
    }
  } finally {
    record = await load.stop();
  }
  const flips = done.map((flip, i): Flip => {
    const before = done[i + 1]?.began ?? record.ended;
    const { server } = flip.to;
    const moved = movedTo(server, record, flip.began, before);
    return { ...flip, moved, namedAfterMs: namedAfter(record, server, { after: moved, before }) };
  });
  const times = flips.map(({ moved }) => moved);
  const spans = record.connections
    .filter(({ kind, end }) => kind === ConnectionKind.Download && end === "complete")
    .map((download) => spanned(download, times));
  return { record, flips, spans };
}
