/** The crash of a server under load, whoever or whatever then acts. */
import { setTimeout as sleep } from "node:timers/promises";
import { Lab } from "../../../lab/lab";
import { LoadRecord, failures, now, toldAfter } from "../../../lab/load/record";
import { File, Target } from "../../../lab/load/spec";
import { startCrashLoad } from "../../lab/crash";

/** How long an operator takes until he acts. */
export const OPERATOR_MS = 5000;
/** How long clients are watched, from then on; half as long at least once it is done. */
export const WATCHED_MS = 12_000;

/** What clients saw, in milliseconds from the moment that counts: when the operator acts, or that of the crash where nobody does. */
export interface CrashOutcome {
  /** Until the first new request had an answer; Infinity: none had. */
  answeredAfterMs: number;
  /** Requests begun after that moment that failed. */
  failed: number;
  /** Connections that stood then. */
  open: number;
  /** When those knew of it that were told. */
  toldMs: number[];
  /** How long the operator's command took; undefined where nobody acted. */
  wallSeconds?: number;
}

export function outcome(
  record: LoadRecord,
  { vips, from, wallSeconds }: { vips: string[]; from: number; wallSeconds?: number },
  dead: string,
): CrashOutcome {
  const answers = record.requests.filter(
    ({ ended, server, vip }) =>
      ended >= from && vips.includes(vip) && server !== undefined && server !== dead,
  );
  const told = vips.flatMap((vip) => toldAfter(record, vip, from)).map(({ ms }) => ms);
  return {
    answeredAfterMs: answers.reduce((least, { ended }) => Math.min(least, ended - from), Infinity),
    failed: failures(record, { after: from }).length,
    open: told.length,
    toldMs: told.filter(Number.isFinite),
    wallSeconds,
  };
}

/** Who or what acts after a crash. Both for nobody that one could ask: then no more than time passes. */
export interface Reaction {
  /** What an operator does. */
  act?(): Promise<void>;
  /** Waits until what acts by itself says that it has done so. */
  acted?(): Promise<unknown>;
}

/** web2 crashes under load. */
export async function crash(
  lab: Lab,
  targets: Target[],
  file: File,
  { act, acted }: Reaction,
): Promise<CrashOutcome> {
  const load = await startCrashLoad(lab, targets, file);
  let from = now();
  await lab.crash("web2");
  let wallSeconds: number | undefined;
  let record: LoadRecord;
  try {
    if (act) {
      await sleep(OPERATOR_MS);
      from = now();
      await act();
      wallSeconds = (now() - from) / 1000;
    }
    await acted?.();
    await sleep(Math.max(WATCHED_MS / 2, from + WATCHED_MS - now()));
  } finally {
    record = await load.stop();
  }
  const vips = targets.map(({ vip }) => vip);
  return outcome(record, { vips, from, wallSeconds }, "web2");
}
