import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { duration } from "./arguments";
import { Exit } from "../terminal/exit";
import { gather } from "../status/gather";
import { renderStatus } from "../status/render";
import { fitTo } from "../terminal/output";
import { open } from "./command";

const CLEAR = "\x1b[H\x1b[2J\x1b[3J";

/** On a terminal no more than fits, so that the problems at the top stay in sight; the last row is the cursor's. */
function screen(text: string): string {
  const { isTTY, rows = 24, columns = 80 } = process.stdout;
  return `${CLEAR}${isTTY ? fitTo(text, rows - 1, columns) : text}`;
}

/** `status`: one screen. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show which server serves what, what answers, and what differs from the config")
    .option("-w, --watch", "refresh until Ctrl-C")
    .option("--interval <time>", "how often --watch refreshes, in seconds or with a unit", duration, 2)
    .action(async ({ watch, interval }: { watch?: boolean; interval: number }, command: Command) => {
      const { session, terminal } = await open(command);
      const farm = await session.farm();
      for (;;) {
        const status = await gather(farm, session.id, session.folder);
        terminal.result(status, () => (watch ? screen(renderStatus(status)) : renderStatus(status)));
        if (!watch) {
          process.exitCode = status.problems.length > 0 ? Exit.Degraded : Exit.Ok;
          return;
        }
        await sleep(interval * 1000);
      }
    });
}
