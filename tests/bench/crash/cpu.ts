/** What a guard takes of its router's processor, with 4 and with 20 servers: by its cgroup, while nothing happens. */
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab } from "../../../lab/lab";
import { now } from "../../../lab/load/record";
import { mostServers } from "../../../lab/machines";
import { Project } from "../../../lab/project";
import { Guarding, guardOn } from "../../lab/guarding";
import { timeUp } from "../../lab/wallTimes";
import { manyServersConfig } from "../farm";
import { sectionWriter } from "./page";

const SECONDS = Number(process.env.BENCH_SECONDS ?? 60);
const INTERVALS = [150, 50];
/** By number of servers, of a core, at the default interval. */
const TARGETS: Record<number, string> = { 4: "under 3 %", [mostServers]: "under 10 %" };

/** Measures it and writes the section. */
export async function usedByGuards(): Promise<void> {
  const lab = new Lab();
  const rows: string[][] = [];
  try {
    for (const servers of [4, mostServers]) {
      await lab.down();
      await lab.up({ servers });
      const project = new Project(lab);
      fs.writeFileSync(project.file("Pulumi.lab.yaml"), manyServersConfig(servers));
      await project.init();
      const guard = new Guarding(lab);
      const usage = `awk '$1 == "usage_usec" { print $2 }' /sys/fs/cgroup/system.slice/${guard.unit}/cpu.stat`;
      for (const interval of INTERVALS) {
        await guardOn(project, "r1", { interval });
        await timeUp(project);
        await guard.ready();
        await sleep(3000);
        const [began, before] = [now(), Number(await guard.sh(usage))];
        await sleep(SECONDS * 1000);
        const share = (Number(await guard.sh(usage)) - before) / ((now() - began) * 1000);
        const target = interval === 150 ? TARGETS[servers] : "";
        rows.push([String(servers), `${interval} ms`, `${(share * 100).toFixed(1)} %`, target]);
        console.log(rows[rows.length - 1].join(" | "));
      }
      project.remove();
    }
  } finally {
    await lab.down();
    await lab.removeFurther();
  }
  await sectionWriter()("##", {
    title: "A guard's share of its router's processor",
    command: "BENCH_PARTS=cpu npm run bench -- crash",
    text: `By the cgroup of the guard's unit, over ${SECONDS} s, with all servers well.`,
    head: ["servers", "interval", "of a core", "target"],
    rows,
  });
}
