/**
 * `npm run bench -- rivals`: the same work by this package and by others, side by side in one lab. It begins with new
 * machines and leaves none, since the rivals need packages there that nobody else shall find.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab } from "../../lab/lab";
import { summary } from "../../lab/load/record";
import { File } from "../../lab/load/spec";
import { flipUnderLoad } from "../lab/flips";
import { forgetConnections } from "../lab/support";
import { timed } from "../lab/wallTimes";
import { Watching } from "../lab/watching";
import { lastingFolder } from "../twoAtATime";
import { only } from "./only";
import { Ansible } from "./rivals/ansible";
import { crash } from "./rivals/crash";
import { Keepalived } from "./rivals/keepalived";
import { checkFarm, checkGone, prepareLab, targetsOf } from "./rivals/lab";
import { Ours } from "./rivals/ours";
import { writePage } from "./rivals/page";
import { Builds, CrashRun, FlipRun, OURS, Work } from "./rivals/results";
import { Rival, WantedFarm } from "./rivals/rival";
import { PlainSsh } from "./rivals/ssh";
import { Terraform } from "./rivals/terraform";
import { terraformIsThere, versionsOf } from "./rivals/versions";
import { times } from "./times";

/** What a trial may make smaller; its page goes elsewhere. */
const isTrial = ["ROUNDS", "SITES", "ONLY", "PARTS"].some((name) => process.env[`BENCH_${name}`]);
const {
  BENCH_ROUNDS = "3",
  BENCH_SITES = "1,30,300,1000",
  BENCH_PARTS = "builds,flips,crashes",
} = process.env;
const ROUNDS = Number(BENCH_ROUNDS);
const SITES = BENCH_SITES.split(",").map(Number);
const PARTS = BENCH_PARTS.split(",");
/** Under load. */
export const LOADED: WantedFarm = { sites: 8, web2: "active" };

/** A tool that takes part. */
export interface Contestant {
  name: string;
  make(lab: Lab): Rival;
}
const BUILDERS: Contestant[] = [
  { name: OURS, make: (lab) => new Ours(lab) },
  { name: "Ansible", make: (lab) => new Ansible(lab) },
  { name: "Terraform", make: (lab) => new Terraform(lab) },
  { name: "plain ssh", make: (lab) => new PlainSsh(lab) },
];
const KEEPALIVED: Contestant[] = [1, 0.1].map((seconds) => ({
  name: `keepalived, advert_int ${seconds}`,
  make: (lab) => new Keepalived(lab, seconds),
}));

const tell = (run: unknown): void => console.log(JSON.stringify(run));

/** A farm of one of them, as it was checked to be; gone when the work is done. */
export async function withFarm(
  lab: Lab,
  { name, make }: Contestant,
  wanted: WantedFarm,
  work: (rival: Rival, buildSeconds: number) => Promise<void>,
): Promise<void> {
  await forgetConnections(lab);
  const rival = make(lab);
  await rival.write(wanted);
  const seconds = await timed(() => rival.apply());
  await checkFarm(lab, name, wanted);
  await work(rival, seconds);
  await rival.remove();
  await checkGone(lab, name);
}

async function builds(lab: Lab, contestants: Contestant[]): Promise<Builds> {
  const builders = contestants.filter((contestant) => BUILDERS.includes(contestant));
  const samples: Builds["samples"] = [];
  for (let round = 0; round < ROUNDS; round++)
    for (const sites of SITES)
      for (const contestant of builders) {
        const note = (work: Work, seconds: number): void => {
          samples.push({ work, tool: contestant.name, column: sites, seconds });
          tell(samples[samples.length - 1]);
        };
        const more: WantedFarm = { sites: sites + 1, web2: "active" };
        const away: WantedFarm = { ...more, web2: "maintenance" };
        await withFarm(lab, contestant, { sites, web2: "active" }, async (rival, seconds) => {
          note(Work.Build, seconds);
          note(Work.NoChange, await timed(() => rival.apply()));
          await rival.write(more);
          note(Work.NewSite, await timed(() => rival.apply()));
          await checkFarm(lab, contestant.name, more);
          await rival.write(away);
          note(Work.Flip, await timed(() => rival.flip()));
          await checkFarm(lab, contestant.name, away);
        });
      }
  return { columns: SITES, tools: builders.map(({ name }) => name), samples };
}

async function flips(lab: Lab, file: File, contestants: Contestant[]): Promise<FlipRun[]> {
  const all: FlipRun[] = [];
  for (const contestant of contestants)
    await withFarm(lab, contestant, LOADED, async (rival) => {
      const done = await flipUnderLoad(lab, targetsOf(LOADED), file, {
        announce: ({ state }) => rival.write({ ...LOADED, web2: state as WantedFarm["web2"] }),
        flip: () => rival.flip(),
      });
      await checkFarm(lab, contestant.name, LOADED);
      all.push({
        tool: contestant.name,
        summary: summary(done.record),
        wall: times(done.flips.map(({ began, ended }) => (ended - began) / 1000)),
        moved: done.flips.filter(({ moved }) => Number.isFinite(moved)).length,
        flips: done.flips.length,
      });
      tell(all[all.length - 1]);
    });
  return all;
}

/** Who acts after a crash. */
enum Actor {
  Operator = "an operator",
  Watcher = "loopback-ha watch",
  Itself = "itself",
}

async function crashes(lab: Lab, file: File, contestants: Contestant[]): Promise<CrashRun[]> {
  const all: CrashRun[] = [];
  const targets = targetsOf(LOADED);
  const run = async (contestant: Contestant, rival: Rival, actor: Actor): Promise<void> => {
    await forgetConnections(lab);
    const watching =
      actor === Actor.Watcher ? await Watching.start({ lab, project: (rival as Ours).project }) : undefined;
    if (actor === Actor.Operator) await rival.write({ ...LOADED, web2: "down" });
    const outcome = await crash(lab, targets, file, {
      act: actor === Actor.Operator ? () => rival.flip() : undefined,
      acted: watching && (() => watching.hears("flipped", { besides: ["dead", "flip", "later"] })),
    });
    await watching?.stop();
    all.push({ tool: contestant.name, actor, outcome });
    tell(all[all.length - 1]);
    await lab.start("web2");
    for (const web2 of ["maintenance", "active"] as const) {
      await rival.write({ ...LOADED, web2 });
      await rival.apply();
    }
    await checkFarm(lab, contestant.name, LOADED);
    await sleep(1000);
  };
  for (let round = 0; round < ROUNDS; round++)
    for (const contestant of contestants)
      await withFarm(lab, contestant, LOADED, async (rival) => {
        if (KEEPALIVED.includes(contestant)) return run(contestant, rival, Actor.Itself);
        await run(contestant, rival, Actor.Operator);
        if (rival instanceof Ours) await run(contestant, rival, Actor.Watcher);
      });
  return all;
}

/** Runs it and writes docs/benchmarks.md with its pictures. */
export async function rivals(): Promise<void> {
  const contestants = only([...BUILDERS, ...KEEPALIVED]).filter(
    ({ name }) => name !== "Terraform" || terraformIsThere(),
  );
  const lab = new Lab();
  const versions = await versionsOf();
  const file = await prepareLab(lab);
  try {
    const results = {
      rounds: ROUNDS,
      versions: [...versions.operators, ...(await versions.machines(lab))],
      unmeasured: terraformIsThere()
        ? []
        : [{ tool: "Terraform", why: "not measured: terraform is not on PATH" }],
      builds: PARTS.includes("builds") ? await builds(lab, contestants) : undefined,
      flips: PARTS.includes("flips") ? await flips(lab, file, contestants) : undefined,
      crashes: PARTS.includes("crashes") ? await crashes(lab, file, contestants) : undefined,
    };
    await writePage(
      results,
      isTrial ? fs.mkdtempSync(path.join(lastingFolder, "loopback-ha-trial-")) : undefined,
    );
  } finally {
    await lab.down();
  }
}
