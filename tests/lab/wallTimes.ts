/** How long a flip takes, and what it can't be faster than: what the test and the benchmark of it share. */
import { Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { forgetConnections } from "./support";

/** How long something took, in seconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

/** An up that must succeed. */
export function timeUp(project: Project, flags = ["--skip-preview"]): Promise<number> {
  const up = ["up", "--yes", "--continue-on-error", "--stack", project.stack];
  return timed(() => project.pulumi([...up, ...flags], { check: true }));
}

const SSH = ["ssh", "-o", "ControlMaster=auto", "-o", "ControlPath=~/.ssh/loopback-ha-%C", "root@192.0.2.1"];
const [SOME_ROUTE, SOME_HOP] = ["203.0.113.0/24", "192.0.2.5"];

export enum Wall {
  Ssh = "bare multiplexed ssh: ip route replace",
  Empty = "pulumi up of an empty program, --skip-preview",
  Warm = "flip, standing connections, --skip-preview",
  Cold = "flip, no connection stands, --skip-preview",
}

/** How long an empty program's `up` takes on the machine on which the limits for failovers were set, in seconds. */
const REFERENCE_SECONDS = 1.25;

/** An empty program, to be run beside what has a limit. */
export class EmptyProgram {
  private constructor(private readonly project: Project) {}

  static async make(lab: Lab): Promise<EmptyProgram> {
    const project = new Project(lab, "bench", "tests/bench/empty");
    await project.init();
    return new EmptyProgram(project);
  }

  /** How long its `up` takes now, in seconds: the median of three. */
  async seconds(): Promise<number> {
    const times = [];
    for (let run = 0; run < 3; run++) times.push(await timeUp(this.project));
    return times.sort((a, b) => a - b)[1];
  }

  remove(): void {
    this.project.remove();
  }
}

/** How much slower than that machine one is on which an empty program takes so long, 1 at least: what a limit is to be multiplied with. */
export const slowness = (emptySeconds: number): number => Math.max(1, emptySeconds / REFERENCE_SECONDS);

/** Each in turn, so many rounds: web2 goes into maintenance and comes back. */
export async function wallTimes(lab: Lab, farm: Project, rounds: number): Promise<Record<Wall, number[]>> {
  const empty = new Project(lab, "bench", "tests/bench/empty");
  await empty.init();
  const times: Record<Wall, number[]> = {
    [Wall.Ssh]: [],
    [Wall.Empty]: [],
    [Wall.Warm]: [],
    [Wall.Cold]: [],
  };
  const route = `ip route replace ${SOME_ROUTE} via ${SOME_HOP}`;
  for (let round = 0; round < rounds; round++) {
    await farm.set("servers.web2.state", "maintenance");
    times[Wall.Warm].push(await timeUp(farm));
    times[Wall.Ssh].push(await timed(() => lab.exec("operator", [...SSH, route], { check: true })));
    times[Wall.Empty].push(await timeUp(empty));
    await farm.set("servers.web2.state", "active");
    await forgetConnections(lab);
    times[Wall.Cold].push(await timeUp(farm));
  }
  await lab.exec("r1", ["ip", "route", "del", SOME_ROUTE], { check: true });
  empty.remove();
  return times;
}
