/** `npm run bench -- scale`: what 1,000 sites cost over one, and over a program that does nothing. */
import * as fs from "node:fs";
import { Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { timeUp } from "../lab/wallTimes";
import { wideFarmConfig } from "./farm";
import { buildBaseline } from "./baselineProject";
import { peakMemory, stateSize, timePreview } from "./programs";
import { report } from "./report";
import { Times, inTurn, spread } from "./times";

const ROUNDS = 5;
const SITES = [1, 30, 300, 1000];

/** What was measured with one number of sites. */
interface Measures {
  sites: number;
  firstUp: number;
  noChangeUp: Times;
  noChangePreview: Times;
  flip: Times;
  newSite: number;
  /** Of the baseline, in the same rounds. */
  baseline: { noChangeUp: Times; noChangePreview: Times; flip: Times };
  /** MiB. */
  memory: number;
  /** MiB. */
  state: number;
  /** Bytes that the operator's machine sent in the run with one more site, and in one without a change. */
  sent: { newSite: number; nothing: number };
}

async function sentBytes(lab: Lab, work: () => Promise<unknown>): Promise<number> {
  const total = async (): Promise<number> => {
    const { stdout } = await lab.exec("operator", ["ip", "-json", "-statistics", "link"], { check: true });
    const links = JSON.parse(stdout) as { ifname: string; stats64: { tx: { bytes: number } } }[];
    return links
      .filter(({ ifname }) => ifname !== "lo")
      .reduce((sum, { stats64 }) => sum + stats64.tx.bytes, 0);
  };
  const before = await total();
  await work();
  return (await total()) - before;
}

async function measure(lab: Lab, sites: number): Promise<Measures> {
  const project = new Project(lab);
  const configure = (count: number): void =>
    fs.writeFileSync(project.file("Pulumi.lab.yaml"), wideFarmConfig(count));
  configure(sites);
  await project.init();
  const firstUp = await timeUp(project);
  const baseline = await buildBaseline(lab, project);
  const projects = [project, baseline];
  const noChangeUp = await inTurn(ROUNDS, projects, (which) => timeUp(which));
  const noChangePreview = await inTurn(ROUNDS, projects, timePreview);
  const flip = await inTurn(ROUNDS, projects, async (which, round) => {
    const key = which === project ? "servers.web2.state" : "state";
    await which.set(key, round % 2 === 0 ? "maintenance" : "active");
    return timeUp(which);
  });
  configure(sites);
  await timeUp(project);
  const nothing = await sentBytes(lab, () => timeUp(project));
  configure(sites + 1);
  let newSite = 0;
  const sent = await sentBytes(lab, async () => (newSite = await timeUp(project)));
  const result = {
    sites,
    firstUp,
    noChangeUp: noChangeUp[0],
    noChangePreview: noChangePreview[0],
    flip: flip[0],
    newSite,
    baseline: { noChangeUp: noChangeUp[1], noChangePreview: noChangePreview[1], flip: flip[1] },
    memory: await peakMemory(project),
    state: stateSize(project),
    sent: { newSite: sent, nothing },
  };
  baseline.remove();
  await project.destroy();
  project.remove();
  return result;
}

/** Runs it and writes scale.md. */
export async function scale(): Promise<void> {
  const lab = new Lab();
  await lab.up();
  const all: Measures[] = [];
  for (const sites of SITES) {
    all.push(await measure(lab, sites));
    console.log(JSON.stringify(all[all.length - 1]));
  }
  await write(all);
}

const ratio = (a: Times, b: Times): string => `${(a.median / b.median).toFixed(2)} x`;

async function write(all: Measures[]): Promise<void> {
  const [one] = all;
  const row = (what: string, target: string, cell: (measures: Measures) => string): string[] => [
    what,
    ...all.map(cell),
    target,
  ];
  const timesOf = (
    what: string,
    key: "noChangeUp" | "noChangePreview" | "flip",
    most: string,
  ): string[][] => [
    row(what, "", (it) => spread(it[key])),
    row("… over one site", most, (it) => ratio(it[key], one[key])),
    row("… over the baseline", key === "flip" ? "" : "one site: at most 1.30 x", (it) =>
      ratio(it[key], it.baseline[key]),
    ),
  ];
  await report("scale.md", {
    title: "Scale",
    command: "npm run bench -- scale",
    text: `Each site has four VIPs of its own, on four servers. ${ROUNDS} runs each, taking turns with the baseline (a program with the library's imports and the same number of commands, which do nothing): median (minimum to maximum); a first up and a new site once. Wall time of \`pulumi\`; flips and ups with \`--skip-preview\`.`,
    head: ["what", ...SITES.map((count) => `${count} site${count === 1 ? "" : "s"}`), "target"],
    rows: [
      row("first up", "1,000 sites: under 30 s", (it) => `${it.firstUp.toFixed(1)} s`),
      ...timesOf("up without a change", "noChangeUp", "at most 1.50 x"),
      ...timesOf("preview without a change", "noChangePreview", "at most 1.50 x"),
      ...timesOf("planned flip", "flip", "at most 1.20 x"),
      row("one new site", "", (it) => `${it.newSite.toFixed(1)} s`),
      row("sent for it, to 6 machines", "", (it) => `${Math.round(it.sent.newSite / 1024)} KiB`),
      row("sent in an up without a change", "", (it) => `${Math.round(it.sent.nothing / 1024)} KiB`),
      row("peak memory of the program", "under 400 MiB", (it) => `${Math.round(it.memory)} MiB`),
      row("state file", "linear", (it) => `${it.state.toFixed(2)} MiB`),
    ],
  });
}
