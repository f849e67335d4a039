/** docs/benchmarks.md and its pictures, out of what was measured. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as prettier from "prettier";
import { checkout } from "../../../lab/state";
import { markdownTable } from "../report";
import { Times, spread, times } from "../times";
import { OPERATOR_MS, WATCHED_MS } from "./crash";
import { barChart } from "./pictures";
import { Builds, CrashRun, FlipRun, OURS, Results, Work } from "./results";
import { Unmeasured, ahead, boldLeast, seconds, timesOf, workTable } from "./tables";

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
const lost = ({ downloads }: FlipRun["summary"]): number => downloads.all - downloads.complete;
/** A whole number of runs, median and spread. */
const counts = ({ median, min, max }: Times): string =>
  min === max ? String(median) : `${median} (${min} to ${max})`;
const unmeasuredRows = (unmeasured: Unmeasured[], columns: number): string[][] =>
  unmeasured.map(({ tool, why }) => [tool, why, ...new Array<string>(columns - 2).fill("")]);

/** The table of flips under load, and who is ahead. */
export function flipsTable(runs: FlipRun[], unmeasured: Unmeasured[]): string {
  const head = [
    "tool",
    "operator's time",
    "failed requests",
    "resets",
    "downloads complete",
    "longest gap",
    "flips that clients saw",
  ];
  const rows = runs.map(({ tool, summary, wall, flips, moved }) => {
    const kinds = Object.entries(summary.failed).map(([kind, count]) => `${count} ${kind}`);
    return [
      tool,
      spread(wall),
      kinds.join(", ") || "0",
      String(summary.resets),
      `${summary.downloads.complete} of ${summary.downloads.all}`,
      `${Math.round(summary.longestGapMs)} ms`,
      `${moved} of ${flips}`,
    ];
  });
  const figures = runs.map(({ summary, wall }) => [
    undefined,
    wall.median,
    sum(summary.failed),
    summary.resets,
    lost(summary),
    summary.longestGapMs,
  ]);
  const whole = runs.filter(({ summary }) => sum(summary.failed) + summary.resets + lost(summary) === 0);
  const medians = Object.fromEntries(runs.map(({ tool, wall }) => [tool, wall.median]));
  const without =
    whole.length > 0
      ? `Without a failed request, a reset or a broken download: ${whole.map(({ tool }) => tool).join(", ")}.`
      : "None was without a failed request, a reset or a broken download.";
  const all = [...boldLeast(rows, figures), ...unmeasuredRows(unmeasured, head.length)];
  return `${markdownTable(head, all)}\n${ahead("In the operator's time", medians, OURS)} ${without}\n`;
}

/** From when a crash counts: where an operator acts, and where nobody does. */
const FROM = ["the operator's command", "the crash"] as const;

/** All crashes of one tool with one actor. */
interface CrashGroup {
  tool: string;
  /** With who acts. */
  name: string;
  from: (typeof FROM)[number];
  answered: Times;
  failed: Times;
  open: number;
  told: number[];
  wall?: Times;
}

export function crashGroups(runs: CrashRun[]): CrashGroup[] {
  const names = [...new Set(runs.map(({ tool, actor }) => `${tool}: ${actor}`))];
  return names.map((name) => {
    const same = runs.filter(({ tool, actor }) => `${tool}: ${actor}` === name);
    const own = same.map(({ outcome }) => outcome);
    const walls = own.flatMap(({ wallSeconds }) => (wallSeconds === undefined ? [] : [wallSeconds]));
    return {
      tool: same[0].tool,
      name,
      from: walls.length > 0 ? FROM[0] : FROM[1],
      answered: times(own.map(({ answeredAfterMs }) => answeredAfterMs / 1000)),
      failed: times(own.map(({ failed }) => failed)),
      open: own.reduce((all, { open }) => all + open, 0),
      told: own.flatMap(({ toldMs }) => toldMs),
      wall: walls.length > 0 ? times(walls) : undefined,
    };
  });
}

/** The table of crashes, and who is ahead: among those with an operator, and among those without. */
export function crashesTable(runs: CrashRun[], unmeasured: Unmeasured[]): string {
  const groups = crashGroups(runs);
  const head = [
    "tool, and who acts",
    "counted from",
    "new requests are answered after",
    "requests that failed from then on",
    "open connections that were told",
    "the last of them after",
    "left hanging",
    "operator's time",
  ];
  const rowOf = ({ name, from, answered, failed, open, told, wall }: CrashGroup): string[] => [
    name,
    from,
    Number.isFinite(answered.max) ? spread(answered) : "never",
    counts(failed),
    `${told.length} of ${open}`,
    told.length > 0 ? seconds(Math.max(...told) / 1000) : "-",
    String(open - told.length),
    wall ? spread(wall) : "none",
  ];
  const timersOf = ({ answered, failed, open, told, wall }: CrashGroup): (number | undefined)[] => [
    undefined,
    undefined,
    answered.median,
    failed.median,
    undefined,
    undefined,
    open - told.length,
    wall?.median,
  ];
  // What is counted from different moments can't be compared.
  const rows = FROM.flatMap((from) => {
    const own = groups.filter((group) => group.from === from);
    return boldLeast(own.map(rowOf), own.map(timersOf));
  });
  const best = (from: string, where: string): string[] => {
    const own = groups.filter((group) => group.from === from && Number.isFinite(group.answered.median));
    const medians = Object.fromEntries(own.map(({ tool, answered }) => [tool, answered.median]));
    return own.length > 0 ? [ahead(where, medians, OURS)] : [];
  };
  const sentences = [
    ...best(FROM[0], "After an operator's command"),
    ...best(FROM[1], "Without an operator"),
  ];
  const all = [...rows, ...unmeasuredRows(unmeasured, head.length)];
  return `${markdownTable(head, all)}\n${sentences.join(" ")}\n`;
}

const WORKS: Record<Work, string> = {
  [Work.Build]:
    "The machines have Apache and BIND and nothing of the farm; no ssh connection is open. Afterwards the first and the last site answered on their VIPs, each from the right server, and their names had their addresses: the same check for all tools, not timed.",
  [Work.NoChange]: "The same command again.",
  [Work.NewSite]: "One more site with VIPs of its own, on all servers and in DNS.",
  [Work.Flip]: "web2 goes into maintenance, by each tool's command for exactly that.",
};

function buildSections({ tools, columns, samples }: Builds, unmeasured: Unmeasured[]): string[] {
  return Object.values(Work).map(
    (work) =>
      `## ${work}\n\n${WORKS[work]}\n\n${workTable(samples, work, { tools, columns, unmeasured }, OURS)}`,
  );
}

function picturesOf({ builds, flips, crashes }: Results): Record<string, string> {
  const one = (value: number): Times => ({ median: value, min: value, max: value });
  const pictures: Record<string, string> = {};
  if (builds) {
    const { columns, tools, samples } = builds;
    pictures["bench-builds.svg"] = barChart({
      title: Work.Build,
      axis: "seconds: median, and the least to the most",
      groups: columns.map((count) => `${count.toLocaleString("en")} site${count === 1 ? "" : "s"}`),
      series: tools.map((tool) => ({
        name: tool,
        figures: columns.map((column) => timesOf(samples, { work: Work.Build, tool, column })),
      })),
    });
  }
  if (flips)
    pictures["bench-flips.svg"] = barChart({
      title: "What clients lost in ten planned flips",
      axis: "requests, connections",
      groups: flips.map(({ tool }) => tool),
      series: [
        { name: "failed requests", figures: flips.map(({ summary }) => one(sum(summary.failed))) },
        { name: "broken downloads", figures: flips.map(({ summary }) => one(lost(summary))) },
      ],
    });
  if (crashes) {
    const groups = crashGroups(crashes).filter(({ answered }) => Number.isFinite(answered.max));
    pictures["bench-crash.svg"] = barChart({
      title: "A crash: until new requests are answered",
      axis: "seconds from the operator's command; from the crash where nobody acts",
      groups: groups.map(({ name }) => name),
      series: [{ name: "answered", figures: groups.map(({ answered }) => answered) }],
    });
  }
  return pictures;
}

const picture = (name: string, alt: string): string => `![${alt}](images/${name})\n`;

/** Another bench's page, as a section; its sections become sections of that. */
const benchPage = (name: string): string =>
  fs.readFileSync(path.join(checkout, "tests/bench", name), "utf8").replace(/^#(?=#? )/gm, "##");

/** The page, as long as its numbers are those of these results. */
export function pageOf({ rounds, versions, unmeasured, builds, flips, crashes }: Results): string {
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const runs = rounds === 1 ? "one run" : `${rounds} runs`;
  return [
    `# Benchmarks: the same work by other tools

Made by \`npm run bench -- rivals\` (\`npm run bench\` without a name measures the tables of crash, scale, https and preview again first) on ${new Date().toISOString().slice(0, 10)}: ${os.cpus().length} cores, ${memory} GiB; the operator's tools, the clients and all machines of the lab share them. Times without load: ${runs} of each tool, taking turns, median (minimum to maximum). The best of a column is bold.

All build the same farm: four servers that bind four VIP subnets, Apache with a virtual host for each site, a router with a next hop for each subnet, a zone in BIND with four addresses for each site. All of it persists over a reboot. Each tool does that in its own best way; read its configuration, and improve it if you can:

- ${OURS}: \`pulumi up --skip-preview\`
- [Ansible](../tests/bench/rivals/ansible/site.yml): one template per file, all machines at once and each at its own pace, pipelining, persistent connections
- [Terraform](../tests/bench/rivals/terraform/main.tf): one script per machine, run where its text changed, over one connection
- [plain ssh](../tests/bench/rivals/ssh/farm.sh): a script that renders files, sends them to all machines at once and installs what differs; the lower limit
- [keepalived](../tests/bench/rivals/keepalived/index.ts): VRRP moves the VIPs themselves; measured only for flips and crashes, its purpose

Not counted for the other tools: Python and keepalived were installed on the machines beforehand. Addresses and the zone's serial, which pulumi-loopback-ha works out, were written into their configuration. \`terraform init\` was not timed.

${versions.join("; ")}.
`,
    ...(builds ? [...buildSections(builds, unmeasured), picture("bench-builds.svg", Work.Build)] : []),
    ...(flips
      ? [
          `## Ten planned flips under load

All load is on the VIPs that web2 and web1 serve in turn: 2,200 new connections a second and 20 downloads at a reader's pace. keepalived is stopped and started on web2; the others change the router's route. The operator's time is that of one command: median of the ten. A gap is a time without an answer on one VIP.

${flipsTable(flips, unmeasured)}`,
          picture("bench-flips.svg", "Failed requests and broken downloads by tool"),
        ]
      : []),
    ...(crashes
      ? [
          `## A crash under load

web2 loses its power under 500 new connections a second, five downloads, five uploads, five connections that idle after a request and five that never send one. ${OPERATOR_MS / 1000} s later an operator acts, with the same command as for a planned flip, and no ssh connection is open. keepalived and \`loopback-ha watch\` act by themselves. A connection is told when its client gets a reset or an end; it hangs when the client still knows nothing ${WATCHED_MS / 1000} s later, and ${WATCHED_MS / 2000} s after the command. ${runs[0].toUpperCase()}${runs.slice(1)}, with the connections of all runs added up.

${crashesTable(crashes, unmeasured)}`,
          picture("bench-crash.svg", "Seconds until new requests are answered, by tool"),
        ]
      : []),
    ...["crash.md", "scale.md", "https.md", "preview.md"].map(benchPage),
    fs.readFileSync(path.join(__dirname, "why.md"), "utf8"),
  ].join("\n");
}

/** Writes the page and its pictures into a folder. Default: docs. */
export async function writePage(results: Results, folder = path.join(checkout, "docs")): Promise<void> {
  fs.mkdirSync(path.join(folder, "images"), { recursive: true });
  for (const [name, svg] of Object.entries(picturesOf(results)))
    fs.writeFileSync(path.join(folder, "images", name), svg);
  const file = path.join(folder, "benchmarks.md");
  fs.writeFileSync(file, await prettier.format(pageOf(results), { parser: "markdown" }));
  console.log(`written: ${file}`);
}
