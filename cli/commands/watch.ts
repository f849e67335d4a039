import { Command, Option } from "commander";
import { FarmModel } from "../../components/config";
import { show } from "../../components/config/error";
import { durationBetween, wholeNumber } from "../arguments";
import { UsageError } from "../failure";
import { onInterrupt } from "../interrupt";
import { Session } from "../session";
import { withShell } from "../status/gather";
import { becomeTheWatcher } from "../watch/instance";
import { openLog } from "../watch/log";
import type { Policy } from "../watch/memory";
import { Watcher } from "../watch/watch";
import type { CommonOptions } from "./command";

interface WatchOptions {
  interval: number;
  fall: number;
  rise: number;
  minActive: number;
  flapLimit: number;
  flapWindow: number;
  dryRun?: boolean;
  hookCommand?: string;
  hookUrl?: string;
}

/** `watch`: failover without a person. */
export function watchCommand(): Command {
  return new Command("watch")
    .description(
      "asks every server all the time, and does what down does when one is dead; see docs/watch.md",
    )
    .option("--interval <time>", "how often each server is asked", durationBetween("200ms", "1m"), 0.5)
    .option("--fall <rounds>", "so many rounds in a row without an answer: dead", wholeNumber(1, 100), 3)
    .option("--rise <rounds>", "so many with one: back", wholeNumber(1, 100), 3)
    .option("--min-active <servers>", "so many must be left, and answer", wholeNumber(1, 1000), 1)
    .option(
      "--flap-limit <flips>",
      "so many flips of one server within the window: held down",
      wholeNumber(1, 100),
      3,
    )
    .option("--flap-window <time>", "that window", durationBetween("1m", "168h"), 3600)
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--hook-command <command>", "a shell command that is told each line of the log")
    .addOption(
      new Option("--hook-url <url>", "a web hook that is told each line of the log").env(
        "LOOPBACK_HA_HOOK_URL",
      ),
    )
    .action(async (options: WatchOptions, command: Command) => {
      const common = command.optsWithGlobals<CommonOptions>();
      const { hookCommand, hookUrl } = options;
      checkUrl(hookUrl);
      const session = await Session.open(common);
      const farm = await session.farm();
      checkFarm(farm, options);
      // Whoever only looks is in nobody's way.
      if (!options.dryRun) await becomeTheWatcher(await session.identity());
      const watcher = new Watcher({
        ...{ session, where: common, farm, policy: policyOf(options), json: common.json === true },
        hooks: { command: hookCommand, url: hookUrl },
        log: openLog(),
      });
      const end = new AbortController();
      const settled = onInterrupt(() => end.abort());
      await watcher.run(end.signal);
      settled();
    });
}

function policyOf({ interval, flapWindow, dryRun = false, ...counts }: WatchOptions): Policy {
  const { fall, rise, minActive, flapLimit } = counts;
  return {
    ...{ fall, rise, minActive, flapLimit, dryRun },
    interval: interval * 1000,
    flapWindow: flapWindow * 1000,
    silence: Math.max(3, 4 * interval) * 1000,
    settle: 10_000,
  };
}

/** @throws UsageError when there is nothing to watch, or nothing that could be done */
function checkFarm({ routers, servers }: FarmModel, { minActive }: WatchOptions): void {
  if (routers.length === 0)
    throw new UsageError(
      "there is no router from which servers could be asked; add one: routers.r1. Nothing was touched",
    );
  const deaf = routers.filter((router) => !withShell(router));
  if (deaf.length === routers.length) {
    const names = deaf.map(({ name, kind }) => `${name} (kind ${kind})`).join(", ");
    throw new UsageError(
      `${names}: nothing can be run there that asks the servers, so watch can't work with it. Use loopback-ha down by hand, or a router of kind linux or frr. Nothing was touched`,
    );
  }
  if (minActive >= servers.length) {
    throw new UsageError(
      `--min-active ${minActive} with ${servers.length} servers: none could ever be set down; use ${Math.max(1, servers.length - 1)}${servers.length === 1 ? " and a second server" : " or less"}. Nothing was touched`,
    );
  }
}

function checkUrl(url: string | undefined): void {
  if (url === undefined) return;
  // What is in it may be a secret.
  const start = show(url.slice(0, 12));
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(
      `--hook-url: ${start}... is no web address; use one such as https://hooks.example/farm`,
    );
}
