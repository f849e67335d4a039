/** `npm run bench -- flip`: what a flip costs over Pulumi itself, and what 300 sites cost over one. Side by side, one run. */
import * as fs from "node:fs";
import { Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { timeUp, wallTimes } from "../lab/wallTimes";
import { buildBaseline } from "./baselineProject";
import { farmConfig } from "./farm";
import { report } from "./report";
import { Times, inTurn, times } from "./times";

const ROUNDS = 5;
const MODES = { "--skip-preview": ["--skip-preview"], "with preview": [] };

/** Flips web2 away and back in turn; after each flip of the farm, the same of the baseline. */
async function flips(projects: [Project, string][], flags: string[]): Promise<Times[]> {
  const all = await inTurn(ROUNDS, projects, async ([project, key], round) => {
    await project.set(key, round % 2 === 0 ? "maintenance" : "active");
    return timeUp(project, flags);
  });
  // An odd number of rounds leaves web2 in maintenance.
  for (const [project, key] of projects) {
    await project.set(key, "active");
    await timeUp(project, ["--skip-preview"]);
  }
  return all;
}

async function build(lab: Lab, sites: number): Promise<[Project, number]> {
  const project = new Project(lab);
  fs.writeFileSync(project.file("Pulumi.lab.yaml"), farmConfig(sites));
  await project.init();
  return [project, await timeUp(project, ["--skip-preview"])];
}

/** Runs it and writes flip.md. */
export async function flip(): Promise<void> {
  const lab = new Lab();
  await lab.up();
  const rows: [string, Times, string][] = [];
  const show = (what: string, result: Times, against = ""): void => {
    rows.push([what, result, against]);
    console.log(`${what}: ${result.median.toFixed(2)} s ${against}`);
  };
  const flipMedians = new Map<string, number>();

  const [one, firstOne] = await build(lab, 1);
  show("first up, 1 site", times([firstOne]));
  const baseline = await buildBaseline(lab, one);
  for (const [mode, flags] of Object.entries(MODES)) {
    const [ours, theirs] = await flips(
      [
        [one, "servers.web2.state"],
        [baseline, "state"],
      ],
      flags,
    );
    flipMedians.set(mode, ours.median);
    show(`one command updated, baseline, ${mode}`, theirs);
    const over = ours.median - theirs.median;
    show(`flip, 1 site, ${mode}`, ours, `${over.toFixed(2)} s over the baseline (target: 0.50)`);
  }
  baseline.remove();
  for (const [what, seconds] of Object.entries(await wallTimes(lab, one, ROUNDS))) show(what, times(seconds));
  await one.destroy();

  const [many, firstMany] = await build(lab, 300);
  show("first up, 300 sites", times([firstMany]), "(target: under 30 s)");
  for (const [mode, flags] of Object.entries(MODES)) {
    const [ours] = await flips([[many, "servers.web2.state"]], flags);
    const ratio = ours.median / flipMedians.get(mode)!;
    show(`flip, 300 sites, ${mode}`, ours, `${ratio.toFixed(2)} x the flip with 1 site (target: 1.5)`);
  }
  await many.destroy();
  await write(rows);
}

async function write(rows: [string, Times, string][]): Promise<void> {
  const seconds = (value: number): string => `${value.toFixed(2)} s`;
  const cells = rows.map(([what, { median, min, max }, against]) => [
    what,
    ...[median, min, max].map(seconds),
    against,
  ]);
  await report("flip.md", {
    title: "Flip and first up",
    command: "npm run bench -- flip",
    text: `${ROUNDS} runs each, taking turns with the runs that they are compared with; wall time of \`pulumi up\`. The baseline is a program with the library's imports and the same number of commands, which do nothing.`,
    head: ["what", "median", "min", "max", "compared"],
    rows: cells,
  });
}
