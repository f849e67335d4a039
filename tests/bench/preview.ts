/** `npm run bench -- preview [SERVERSxSITES…]`: what a first preview costs with many servers and sites; no lab, no machine. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { copyRootProgram } from "../../lab/project";
import { run } from "../run";
import { largeFarm } from "./farm";
import { report } from "./report";
import { Times, spread, times } from "./times";

const ROUNDS = 3;
const SIZES = ["4x100", "40x10000", "200x10000"];

interface Measures {
  size: string;
  wall: Times;
  /** Seconds of the processors, of all programs together. */
  cpu: Times;
  /** Peak memory in MiB. */
  program: number;
  engine: number;
  provider: number;
  /** Bytes of the payloads that the engine holds, which come twice into the state. */
  inputs: number;
}

/** Peak memory so far of a running program, in KiB. */
function peakOf(pid: string): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Whether it is the command provider of a run in this folder; what has just ended is none. */
function isProviderIn(pid: string, folder: string): boolean {
  try {
    const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return command.includes("pulumi-resource-command") && fs.readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch {
    return false;
  }
}

/** A copy of the root program with so many servers and sites. */
function projectOf(size: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-preview-"));
  copyRootProgram(folder);
  fs.mkdirSync(path.join(folder, "state"));
  const [servers, sites] = size.split("x").map(Number);
  const { config, sitesFile } = largeFarm(servers, sites);
  fs.writeFileSync(path.join(folder, "Pulumi.bench.yaml"), config);
  fs.writeFileSync(path.join(folder, "sites.json"), sitesFile);
  return folder;
}

async function measure(size: string): Promise<Measures> {
  const folder = projectOf(size);
  const memoryFile = path.join(folder, "memory");
  const env = {
    PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "bench",
    NODE_OPTIONS: `-r ${path.join(__dirname, "memory.cjs")}`,
    LOOPBACK_HA_BENCH_MEMORY: memoryFile,
  };
  const options = { cwd: folder, env };
  const common = ["--stack", "bench", "--non-interactive", "--color=never"];
  try {
    await run("pulumi", ["stack", "init", ...common], options);
    // The first run of all fills the system's caches.
    await run("pulumi", ["preview", ...common], options);
    const walls: number[] = [];
    const cpus: number[] = [];
    const peaks = { program: 0, engine: 0, provider: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const begun = process.hrtime.bigint();
      const children = childTimes();
      const preview = spawn("pulumi", ["preview", ...common], {
        cwd: folder,
        env: { ...process.env, ...env },
        stdio: ["ignore", "ignore", "inherit"],
      });
      const seen = setInterval(() => {
        peaks.engine = Math.max(peaks.engine, peakOf(String(preview.pid)));
        const providers = fs
          .readdirSync("/proc")
          .filter((pid) => /^\d+$/.test(pid) && isProviderIn(pid, folder));
        peaks.provider = Math.max(peaks.provider, ...providers.map(peakOf));
      }, 100);
      const [code] = await once(preview, "close").finally(() => clearInterval(seen));
      assert.equal(code, 0, "pulumi preview failed");
      walls.push(Number(process.hrtime.bigint() - begun) / 1e9);
      cpus.push(childTimes() - children);
      peaks.program = Math.max(peaks.program, Number(fs.readFileSync(memoryFile, "utf8")));
    }
    const { stdout } = await run("pulumi", ["preview", "--json", ...common], options);
    const { steps } = JSON.parse(stdout) as { steps: { newState?: { inputs?: unknown } }[] };
    const inputs = steps.reduce(
      (sum, { newState }) => sum + JSON.stringify(newState?.inputs ?? {}).length,
      0,
    );
    const mebibytes = (kibibytes: number): number => Math.round(kibibytes / 1024);
    return {
      size,
      wall: times(walls),
      cpu: times(cpus),
      program: mebibytes(peaks.program),
      engine: mebibytes(peaks.engine),
      provider: mebibytes(peaks.provider),
      inputs,
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds of the processors that this program's ended children and theirs took. */
function childTimes(): number {
  const stat = fs.readFileSync("/proc/self/stat", "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(13, 15)
    .map(Number);
  // In hundredths of a second on every Linux (sysconf _SC_CLK_TCK).
  return (user + system) / 100;
}

/** Runs it; with the usual sizes it writes preview.md. */
export async function preview(sizes: string[] = []): Promise<void> {
  const all: Measures[] = [];
  for (const size of sizes.length > 0 ? sizes : SIZES) {
    all.push(await measure(size));
    console.log(JSON.stringify(all[all.length - 1]));
  }
  if (sizes.length > 0) return;
  const row = (what: string, target: string, cell: (measures: Measures) => string): string[] => [
    what,
    ...all.map(cell),
    target,
  ];
  await report("preview.md", {
    title: "A first preview",
    command: "npm run bench -- preview",
    text: `A stack without state, so everything is new; \`detectDrift: false\`, so no machine is asked, and there is none. Each site has four VIPs of its own, \`network.binding: subnet\`, sites in \`sitesFile\`. ${ROUNDS} runs of \`pulumi preview\`: median, and the least to the most; the most memory of any.`,
    head: [
      "what",
      ...all.map(({ size }) => `${size.replace("x", " servers, ")} sites`),
      "target, 40 x 10,000",
    ],
    rows: [
      row("wall time", "at most 5.5 s", ({ wall }) => spread(wall, 1)),
      row("processors, all programs", "", ({ cpu }) => spread(cpu, 1)),
      row("peak memory of the program", "at most 448 MiB", ({ program }) => `${program} MiB`),
      row("… of the engine", "", ({ engine }) => `${engine} MiB`),
      row("… of the command provider", "", ({ provider }) => `${provider} MiB`),
      row("inputs of all resources", "", ({ inputs }) => `${(inputs / 2 ** 20).toFixed(1)} MiB`),
    ],
  });
}
