/**
 * What our runs say of themselves beside a stack's locks in a folder. Pulumi writes down a lock's process and its
 * machine's name only, and two containers, or two machines, may have one name.
 */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { z } from "zod";

const schema = z.object({
  hostname: z.string(),
  /** One boot of one kernel. */
  boot: z.string(),
  /** Where process numbers are the same processes'. */
  processes: z.string(),
  /** The installation, over all its boots; empty: it has no such number. */
  machine: z.string(),
  /** When the run began, in milliseconds since 1970. */
  at: z.number(),
});

/** A run of loopback-ha that has not ended, or was killed. */
export type KnownRun = z.infer<typeof schema> & {
  /** When it was last known to live, in milliseconds since 1970. */
  alive: number;
};

const BEAT_MS = 5000;
/** What it began on machines has ended by then, too: each has less than this there. */
const SILENCE_MS = 180_000;
/** Of all processes of a machine, containers' too; other numbers are containers'. */
const WHOLE_MACHINE = "pid:[4026531836]";

const placeOf = (folder: string, project: string, stack: string): string =>
  path.join(folder, "loopback-ha", "runs", project, stack);

let here: Omit<KnownRun, "at" | "alive"> | undefined;
const whereWeAre = (): Omit<KnownRun, "at" | "alive"> =>
  (here ??= {
    hostname: os.hostname(),
    boot: quietly(() => fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    processes: quietly(() => fs.readlinkSync("/proc/self/ns/pid")),
    machine: quietly(() => fs.readFileSync("/etc/machine-id", "utf8").trim()),
  });

/**
 * Records that a run is in progress, until it is said to have ended. It is advice only: where it can't be written, locks are
 * judged by their machine's name.
 * @param folder of the state; absent: it is in none
 * @returns what ends it
 */
export function recordRun(folder: string | undefined, project: string, stack: string): () => void {
  if (folder === undefined) return () => undefined;
  const file = path.join(placeOf(folder, project, stack), `${randomUUID()}.json`);
  const failed = quietly(() => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    for (const { name, alive } of readAll(folder, project, stack))
      if (Date.now() - alive > 10 * SILENCE_MS) fs.rmSync(name, { force: true });
    fs.writeFileSync(file, JSON.stringify({ ...whereWeAre(), at: Date.now() }));
    return "";
  }, "failed");
  if (failed !== "") return () => undefined;
  const beat = setInterval(() => {
    const now = new Date();
    fs.utimes(file, now, now, () => undefined);
  }, BEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    quietly(() => (fs.rmSync(file, { force: true }), ""));
  };
}

/** All that is known of loopback-ha's runs on a stack. */
export const runsOf = (folder: string, project: string, stack: string): KnownRun[] =>
  readAll(folder, project, stack);

function readAll(folder: string, project: string, stack: string): (KnownRun & { name: string })[] {
  const place = placeOf(folder, project, stack);
  if (!fs.existsSync(place)) return [];
  return fs.readdirSync(place).flatMap((entry) => {
    try {
      const name = path.join(place, entry);
      const alive = fs.statSync(name).mtimeMs;
      return [{ ...schema.parse(JSON.parse(fs.readFileSync(name, "utf8"))), alive, name }];
    } catch {
      // It has just ended, or is cut off: it says nothing then.
      return [];
    }
  });
}

/** Whether a lock may be this run's. */
export const madeIn = ({ hostname, at, alive }: KnownRun, lockedBy: string, made: number): boolean =>
  hostname === lockedBy && made >= at - 2000 && made <= alive + 3 * BEAT_MS;

/** Whether its process numbers mean the same processes here. */
export const isOurs = (run: KnownRun, own = whereWeAre()): boolean =>
  run.boot === own.boot && run.processes === own.processes;

/** Whether one whose processes can't be seen from here may go on. */
export function couldLive(run: KnownRun, own = whereWeAre(), now = Date.now()): boolean {
  const rebooted =
    run.machine !== "" &&
    run.machine === own.machine &&
    [run.processes, own.processes].every((space) => space === WHOLE_MACHINE) &&
    run.boot !== own.boot;
  return !rebooted && now - run.alive < SILENCE_MS;
}

/** When this machine was booted, in milliseconds since 1970; not a number: unknown. */
export const bootedAt = (): number =>
  Number(/^btime (\d+)$/m.exec(quietly(() => fs.readFileSync("/proc/stat", "utf8")))?.[1]) * 1000;

function quietly(work: () => string, otherwise = ""): string {
  try {
    return work();
  } catch {
    return otherwise;
  }
}
