/** Minutes of load without a crash: what a guard at its shortest interval takes for one. */
import { setTimeout as sleep } from "node:timers/promises";
import { startLoad } from "../../../lab/client";
import { failures } from "../../../lab/load/record";
import { Guarding, guardOn } from "../../lab/guarding";
import { Farm } from "../../lab/support";
import { sectionWriter } from "./page";

const MINUTES = Number(process.env.BENCH_MINUTES ?? 10);
const INTERVAL = 50;
const RATE = 500;
/** A load lasts 180 s at most. */
const LOAD_SECONDS = 150;

/** Waits them out and writes the section. */
export async function quietMinutes(): Promise<void> {
  const farm = new Farm();
  await farm.build();
  let [requests, failed, left] = [0, 0, MINUTES * 60];
  const guard = new Guarding(farm.lab);
  try {
    await guardOn(farm, "r1", { interval: INTERVAL });
    await farm.up();
    await guard.ready();
    guard.forget();
    for (; left > 0; left -= LOAD_SECONDS) {
      const load = await startLoad(farm.lab, { targets: farm.targets(), requestsPerSecond: RATE });
      await sleep(Math.min(left, LOAD_SECONDS) * 1000);
      const record = await load.stop();
      requests += record.requests.length;
      failed += failures(record).length;
      console.log(`${requests} requests, ${failed} failed, ${(await guard.moves()).length} moves`);
    }
    const said = await guard.said();
    for (const { text } of said) console.log(text);
    await sectionWriter()("##", {
      title: "Load without a crash",
      command: "BENCH_PARTS=quiet npm run bench -- crash",
      text: `${RATE} new connections a second to all VIPs for ${MINUTES} minutes, with a guard that asks every ${INTERVAL} ms: each move would be wrong.`,
      head: ["requests", "failed", "moves"],
      rows: [[String(requests), String(failed), String((await guard.moves()).length)]],
    });
  } finally {
    await farm.destroy();
  }
}
