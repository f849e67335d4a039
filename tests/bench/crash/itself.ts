/** A crash where no operator acts: the guard at two intervals and keepalived, round by round in the same run. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Load } from "../../../lab/client";
import { Lab } from "../../../lab/lab";
import { now } from "../../../lab/load/record";
import { File, Target } from "../../../lab/load/spec";
import { startCrashLoad } from "../../lab/crash";
import { Guarding, guardOn, moveLimit } from "../../lab/guarding";
import { within } from "../../lab/support";
import { Contestant, LOADED, withFarm } from "../rivals";
import { Keepalived } from "../rivals/keepalived";
import { checkFarm, prepareLab, targetsOf } from "../rivals/lab";
import { Ours } from "../rivals/ours";
import { Rival, WantedFarm } from "../rivals/rival";
import { REACTED_HEAD, Reacted, limitsKept, reacted, reactedRow } from "./figures";
import { sectionWriter } from "./page";

/** How long clients are watched after a crash. */
const WATCHED_MS = 12_000;
const INTERVALS = [150, 50];

/** This package, with a guard. */
export class Guarded extends Ours {
  constructor(
    lab: Lab,
    readonly interval: number,
  ) {
    super(lab);
  }

  override async write(wanted: WantedFarm): Promise<void> {
    await super.write(wanted);
    await guardOn(this.project, "r1", { interval: this.interval });
  }
}

interface Reacting extends Contestant {
  /** Its limit by its log; undefined: it has none. */
  logLimitMs?: number;
  /** Waits until it watches the servers. */
  ready(lab: Lab): Promise<void>;
  /** When it moved, by its log, since the crash. */
  moved(lab: Lab, died: number): Promise<number | undefined>;
  /** web2 runs again, and is at home again. */
  restore(lab: Lab, rival: Rival): Promise<void>;
}

const guardAt = (interval: number): Reacting => ({
  name: `the guard, ${interval} ms`,
  logLimitMs: moveLimit(interval),
  make: (lab) => new Guarded(lab, interval),
  ready: (lab) => new Guarding(lab).ready(),
  moved: async (lab, died) => (await new Guarding(lab).movesSince(died))[0]?.at,
  restore: async (lab) => {
    await within(60, "web2 is released", async () => {
      const { code } = await lab.exec("r1", ["loopback-ha-guard", "release", "web2"]);
      return code === 0;
    });
  },
});

const keepalived: Reacting = {
  name: "keepalived, advert_int 0.1",
  make: (lab) => new Keepalived(lab, 0.1),
  ready: () => sleep(2000),
  moved: () => Promise.resolve(undefined),
  restore: async (_lab, rival) => {
    for (const web2 of ["maintenance", "active"] as const) {
      await rival.write({ ...LOADED, web2 });
      await rival.apply();
    }
  },
};

/** What clients do: a load, or one client that looks fifty times a second, with the same open connections. */
const LOADS: Record<string, (lab: Lab, targets: Target[], file: File) => Promise<Load>> = {
  "500 new connections a second": startCrashLoad,
  "no load: 50 new connections a second": (lab, targets, file) => startCrashLoad(lab, targets, file, 50),
};

async function crashOnce(
  lab: Lab,
  contestant: Reacting,
  load: (lab: Lab, targets: Target[], file: File) => Promise<Load>,
  file: File,
): Promise<Reacted> {
  const targets = targetsOf(LOADED);
  await contestant.ready(lab);
  const running = await load(lab, targets, file);
  const died = now();
  await lab.crash("web2");
  await sleep(died + WATCHED_MS - now());
  const record = await running.stop();
  const moved = await contestant.moved(lab, died);
  return reacted(record, { vips: targets.map(({ vip }) => vip), died, dead: "web2", moved });
}

/** Crashes of web2, each contestant in turn with each load, so many rounds; writes the section. */
export async function byThemselves(rounds: number): Promise<void> {
  const lab = new Lab();
  const file = await prepareLab(lab);
  const contestants = [...INTERVALS.map(guardAt), keepalived];
  const seen = new Map<string, Reacted[]>();
  const keyOf = (load: string, { name }: Contestant): string => `${name}; ${load}`;
  try {
    for (let round = 0; round < rounds; round++)
      for (const contestant of contestants)
        await withFarm(lab, contestant, LOADED, async (rival) => {
          for (const [name, load] of Object.entries(LOADS)) {
            const one = await crashOnce(lab, contestant, load, file);
            const key = keyOf(name, contestant);
            seen.set(key, [...(seen.get(key) ?? []), one]);
            console.log(JSON.stringify({ round: round + 1, what: key, ...one }));
            await lab.start("web2");
            await contestant.restore(lab, rival);
            await checkFarm(lab, contestant.name, LOADED);
          }
        });
  } finally {
    await lab.down();
  }
  const rows = Object.keys(LOADS).flatMap((load) =>
    contestants.map((contestant) => {
      const key = keyOf(load, contestant);
      return reactedRow(key, seen.get(key)!);
    }),
  );
  const [loaded] = Object.keys(LOADS);
  const limits = contestants.flatMap((contestant) =>
    contestant.logLimitMs === undefined
      ? []
      : [limitsKept(contestant.name, seen.get(keyOf(loaded, contestant))!, contestant.logLimitMs)],
  );
  await sectionWriter()("##", {
    title: "What acts by itself: the guard and keepalived",
    command: "BENCH_PARTS=itself npm run bench -- crash",
    text: `web2 loses its power, and no operator acts. Clients make new connections, and five each download, upload, idle after a request, or never send one. A request has 1.2 s. Traffic is whole again once every request that is begun is answered within half a second. A connection is told when its client gets a reset or an end; it hangs when the client still knows nothing ${WATCHED_MS / 1000} s later. All times are from the crash. The contestants take turns, round by round, each with a farm of its own. ${limits.join(" ")}`,
    head: REACTED_HEAD,
    rows,
  });
}
