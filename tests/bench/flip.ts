/** `npm run bench -- flip`: what a flip costs over Pulumi itself, and what 300 sites cost over one. Side by side, one run. */
import * as fs from "node:fs";
import { Lab } from "../../examples/lab/lab";
import { Project } from "../../examples/lab/project";
import { forgetConnections } from "../lab/support";
import { farmConfig } from "./farm";
import { report } from "./report";

const ROUNDS = 5;
const MODES = { "--skip-preview": ["--skip-preview"], "with preview": [] };

interface Times {
  median: number;
  min: number;
  max: number;
}

async function timeUp(project: Project, flags: string[]): Promise<number> {
  const began = process.hrtime.bigint();
  const { code, stdout, stderr } = await project.pulumi([
    ...["up", "--yes", "--continue-on-error", "--stack", project.stack],
    ...flags,
  ]);
  if (code !== 0) throw new Error(`pulumi up failed:\n${stdout}${stderr}`);
  return Number(process.hrtime.bigint() - began) / 1e9;
}

const times = (seconds: number[]): Times => {
  const sorted = [...seconds].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted[sorted.length - 1] };
};

/** Flips web2 away and back in turn; after each flip of the farm, the same of the baseline. */
async function flips(projects: [Project, string][], flags: string[]): Promise<Times[]> {
  const seconds: number[][] = projects.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [project, key]] of projects.entries()) {
      await project.set(key, round % 2 === 0 ? "maintenance" : "active");
      seconds[i].push(await timeUp(project, flags));
    }
  }
  // An odd number of rounds leaves web2 in maintenance.
  for (const [project, key] of projects) {
    await project.set(key, "active");
    await timeUp(project, ["--skip-preview"]);
  }
  return seconds.map(times);
}

async function build(lab: Lab, sites: number): Promise<[Project, number]> {
  const project = new Project(lab);
  fs.writeFileSync(project.file("Pulumi.lab.yaml"), farmConfig(sites));
  await project.init();
  return [project, await timeUp(project, ["--skip-preview"])];
}

async function buildBaseline(lab: Lab, farm: Project): Promise<Project> {
  const { stdout } = await farm.pulumi(["stack", "export", "--stack", "lab"], { check: true });
  const { resources } = JSON.parse(stdout).deployment as { resources: { type: string }[] };
  const commands = resources.filter(({ type }) => type === "command:local:Command").length;
  const project = new Project(lab, "bench", "tests/bench/baseline");
  await project.init();
  await project.set("baseline:commands", String(commands));
  await project.set("baseline:state", "active");
  await timeUp(project, ["--skip-preview"]);
  return project;
}

/** A flip of the farm with and without standing connections, an empty program and a bare ssh, in turn. */
async function floors(lab: Lab, farm: Project): Promise<[string, Times][]> {
  const empty = new Project(lab, "bench", "tests/bench/empty");
  await empty.init();
  const onRouter = ["ssh", "-o", "ControlMaster=auto", "-o", "ControlPath=~/.ssh/loopback-ha-%C"];
  const routing = async (): Promise<number> => {
    const began = process.hrtime.bigint();
    await lab.exec(
      "operator",
      [...onRouter, "root@192.0.2.1", "ip route replace 203.0.113.0/24 via 192.0.2.5"],
      {
        check: true,
      },
    );
    return Number(process.hrtime.bigint() - began) / 1e9;
  };
  const seconds: [string, number[]][] = [
    ["bare multiplexed ssh: ip route replace", []],
    ["pulumi up of an empty program, --skip-preview", []],
    ["flip, 1 site, standing connections, --skip-preview", []],
    ["flip, 1 site, no connection stands, --skip-preview", []],
  ];
  for (let round = 0; round < ROUNDS; round++) {
    await farm.set("servers.web2.state", "maintenance");
    seconds[2][1].push(await timeUp(farm, ["--skip-preview"]));
    seconds[0][1].push(await routing());
    seconds[1][1].push(await timeUp(empty, ["--skip-preview"]));
    await farm.set("servers.web2.state", "active");
    await forgetConnections(lab);
    seconds[3][1].push(await timeUp(farm, ["--skip-preview"]));
  }
  await lab.exec("r1", ["ip", "route", "del", "203.0.113.0/24"], { check: true });
  empty.remove();
  return seconds.map(([what, all]) => [what, times(all)]);
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
        [baseline, "baseline:state"],
      ],
      flags,
    );
    flipMedians.set(mode, ours.median);
    show(`one command updated, baseline, ${mode}`, theirs);
    const over = ours.median - theirs.median;
    show(`flip, 1 site, ${mode}`, ours, `${over.toFixed(2)} s over the baseline (target: 0.50)`);
  }
  baseline.remove();
  for (const [what, result] of await floors(lab, one)) show(what, result);
  await one.destroy();

  const [many, firstMany] = await build(lab, 300);
  show("first up, 300 sites", times([firstMany]), "(target: under 30 s)");
  for (const [mode, flags] of Object.entries(MODES)) {
    const [ours] = await flips([[many, "servers.web2.state"]], flags);
    const ratio = ours.median / flipMedians.get(mode)!;
    show(`flip, 300 sites, ${mode}`, ours, `${ratio.toFixed(2)} x the flip with 1 site (target: 1.5)`);
  }
  await many.destroy();
  write(rows);
}

function write(rows: [string, Times, string][]): void {
  const seconds = (value: number): string => `${value.toFixed(2)} s`;
  const cells = rows.map(([what, { median, min, max }, against]) => [
    what,
    ...[median, min, max].map(seconds),
    against,
  ]);
  report("flip.md", {
    title: "Flip and first up",
    command: "npm run bench -- flip",
    text: `${ROUNDS} runs each, in turn with what they are compared with; wall time of \`pulumi up\`. The baseline is a program with the library's imports and as many commands, which do nothing.`,
    head: ["what", "median", "min", "max", "compared"],
    rows: cells,
  });
}
