/** `npm run demo`: a farm from nothing to a failover and back, seen from a client. */
import Table from "cli-table3";
import { underLoad, whoServes } from "./client";
import { Lab } from "./lab";
import { VipStats } from "./load/record";
import { Project } from "./project";

interface Farm {
  sites: Record<string, string[]>;
  names: Record<string, string>;
  healthPath: string;
}

const SERVER_NAMES: Record<string, string> = {
  widgetco: "www.widgetco.example",
  gadgets: "www.gadgets.example",
};
/** No colours: the demo is also read in logs. */
const PLAIN = { head: [], border: [], compact: true };
const shown: string[][] = [];

async function step<T>(title: string, work: () => Promise<T>, tell: (result: T) => string): Promise<T> {
  const began = Date.now();
  console.log(`\n== ${title}`);
  const result = await work();
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  shown.push([title, tell(result), `${seconds} s`]);
  return result;
}

async function up(project: Project): Promise<void> {
  const { code, stdout, stderr } = await project.up();
  const report = stdout
    .split("\n")
    .filter((line) => / (created|updated|deleted) \(|served by|unchanged|error/.test(line));
  console.log(report.join("\n"));
  if (code !== 0) throw new Error(`pulumi up failed:\n${stdout}${stderr}`);
}

async function showServing(lab: Lab, farm: Farm): Promise<string[]> {
  const rows = await Promise.all(
    Object.entries(farm.sites).flatMap(([site, vips]) =>
      vips.map(async (vip) => [site, vip, await whoServes(lab, vip, farm.names[site], farm.healthPath)]),
    ),
  );
  const table = new Table({ head: ["site", "VIP", "answered by"], style: PLAIN });
  table.push(...rows);
  console.log(table.toString());
  return rows.map((row) => row[2]);
}

async function flip(
  lab: Lab,
  project: Project,
  farm: Farm,
  state: string,
): Promise<Record<string, VipStats>> {
  console.log(`pulumi config set --path servers.web2.state ${state} && pulumi up --continue-on-error`);
  const site = { serverName: farm.names.widgetco, healthPath: farm.healthPath, vips: farm.sites.widgetco };
  const stats = await underLoad(lab, site, async () => {
    await project.set("servers.web2.state", state);
    await up(project);
  });
  const table = new Table({
    head: ["VIP", "requests", "failures", "longest gap", "served by, in order"],
    style: PLAIN,
  });
  for (const [vip, { requests, failures, longestGapMs, servers }] of Object.entries(stats)) {
    table.push([vip, requests, failures, `${longestGapMs} ms`, Object.keys(servers).join(", then ")]);
  }
  console.log(table.toString());
  return stats;
}

function summary(stats: Record<string, VipStats>): string {
  const all = Object.values(stats);
  const sum = (pick: (vip: VipStats) => number): number => all.reduce((total, vip) => total + pick(vip), 0);
  const gap = Math.max(...all.map((vip) => vip.longestGapMs));
  return `${sum((vip) => vip.requests)} requests, ${sum((vip) => vip.failures)} failures, longest gap ${gap} ms`;
}

async function demo(): Promise<void> {
  const lab = new Lab(undefined, console.log);
  await step(
    "boot the lab: a router, four web servers, a name server",
    () => lab.down().then(() => lab.up()),
    () => "6 Debian machines, a client, an operator",
  );
  const project = new Project(lab);
  await project.init();
  await step(
    "pulumi up builds the farm",
    () => up(project),
    () => "VIPs, vhosts, routes, zones",
  );
  const farm: Farm = {
    sites: (await project.output("sites")) as Record<string, string[]>,
    names: SERVER_NAMES,
    healthPath: (await project.output("healthPath")) as string,
  };
  const all = (servers: string[]): string =>
    `${servers.length} VIPs answered, by ${[...new Set(servers)].sort().join(", ")}`;
  await step("every VIP of every site, asked by the client", () => showServing(lab, farm), all);
  await step("web2 into maintenance, under requests", () => flip(lab, project, farm, "maintenance"), summary);
  await step("web2 carries nothing", () => showServing(lab, farm), all);
  await step("web2 back, under requests", () => flip(lab, project, farm, "active"), summary);
  await step("home again", () => showServing(lab, farm), all);

  const table = new Table({ head: ["shown", "result", "time"], style: PLAIN });
  table.push(...shown);
  console.log(`\n${table.toString()}`);
  console.log(`
The lab stays up. Look around:
  npm run lab -- status
  npm run lab -- exec r1 ip route
  npm run lab -- exec web2 ip address show dev lo
  npm run lab -- exec client curl -s http://${farm.sites.widgetco[0]}/
The program and its state are in ${project.folder}. End the lab:
  npm run lab -- down`);
}

demo().catch((error) => {
  console.error(
    `\nThe demo stopped: ${(error as Error).message}\nSee what runs: npm run lab -- status; begin again: npm run demo`,
  );
  process.exitCode = 1;
});
