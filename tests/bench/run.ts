/** `npm run bench`: what a flip costs over Pulumi itself, and what 300 sites cost over one. Side by side, one run. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import Table from "cli-table3";
import { Lab } from "../../examples/lab/lab";
import { Project } from "../../examples/lab/project";

const ROUNDS = 5;
const MODES = { "--skip-preview": ["--skip-preview"], "with preview": [] };
const RESULTS = path.join(__dirname, "results.md");

interface Times {
  median: number;
  min: number;
  max: number;
}

/** Sites on the article's 30 host numbers: beyond that, they share VIPs by name. */
function farmConfig(count: number): string {
  const hosts = 30;
  const sites = Array.from({ length: count }, (_, i) => {
    const vips = i < hosts ? `hostNumber: ${i + 1}` : `shareVipsWith: s${i % hosts}`;
    return `    s${i}: { serverName: s${i}.widgetco.example, documentRoot: /srv/www/bench, ${vips} }\n`;
  });
  return `config:
  loopback-ha:network: { block: 192.0.2.0/24, subnetPrefix: 27, vipSubnets: 4 }
  loopback-ha:servers:
    web1: { address: 192.0.2.2 }
    web2: { address: 192.0.2.3 }
    web3: { address: 192.0.2.4 }
    web4: { address: 192.0.2.5 }
  loopback-ha:routers: { r1: { address: 192.0.2.1 } }
  loopback-ha:nameServers: { ns1: { address: 192.0.2.10 } }
  loopback-ha:zones:
    widgetco.example: { contact: hostmaster@widgetco.example, ttl: 60 }
  loopback-ha:sites:
${sites.join("")}`;
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

async function main(): Promise<void> {
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
  const head = ["what", "median", "min", "max", "compared"];
  const seconds = (value: number): string => `${value.toFixed(2)} s`;
  const cells = rows.map(([what, { median, min, max }, against]) => [
    what,
    ...[median, min, max].map(seconds),
    against,
  ]);
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(...cells);
  console.log(table.toString());
  const memory = Math.round(os.totalmem() / 2 ** 30);
  fs.writeFileSync(
    RESULTS,
    `# Flip and first up

Made by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${os.cpus().length} cores, ${memory} GiB; the lab's machines share them. ${ROUNDS} runs each, in turn with what they are compared with; wall time of \`pulumi up\`. The baseline is a program with the library's imports and as many commands, which do nothing.

| ${head.join(" | ")} |
| ${head.map(() => "---").join(" | ")} |
${cells.map((row) => `| ${row.join(" | ")} |\n`).join("")}`,
  );
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
