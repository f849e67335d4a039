/** What benchmarks measure of a program. */
import * as fs from "node:fs";
import * as path from "node:path";
import { Project } from "../../lab/project";
import { timed } from "../lab/wallTimes";

/** A preview that must succeed, in seconds. */
export const timePreview = (project: Project): Promise<number> =>
  timed(() => project.pulumi(["preview", "--stack", project.stack], { check: true }));

/** Peak memory of the program in a preview, in MiB. */
export async function peakMemory(project: Project): Promise<number> {
  const file = project.file("memory");
  const env = { NODE_OPTIONS: `-r ${path.join(__dirname, "memory.cjs")}`, LOOPBACK_HA_BENCH_MEMORY: file };
  await project.pulumi(["preview", "--stack", project.stack], { check: true, env });
  return Number(fs.readFileSync(file, "utf8")) / 1024;
}

/** Size of a stack's state, in MiB. */
export const stateSize = (project: Project): number =>
  fs.statSync(project.file(`state/.pulumi/stacks/loopback-ha/${project.stack}.json`)).size / 2 ** 20;
