import { Command, Option } from "commander";
import { FarmModel } from "../../components/config";
import { show } from "../../components/config/error";
import { durationBetween, wholeNumber } from "./arguments";
import { UsageError } from "../terminal/exit";
import { onInterrupt } from "../terminal/interrupt";
import { LIMITS } from "../../components/routerRoute/verdict";
import { Session } from "../pulumi/session";
import { withShell } from "../status/gather";
import { becomeTheWatcher } from "../watch/instance";
import { openLog } from "../watch/log";
import type { Policy } from "../watch/state";
import { Watcher } from "../watch/watch";
import type { CommonOptions } from "./command";

interface WatchOptions {
  interval: number;
  fall: number;
  rise: number;
  minActive?: number;
  minActiveDead: number;
  sickAfter: number;
  sickWindow: number;
  flapLimit: number;
  flapWindow: number;
  moveAfter?: number;
  sickByPages?: boolean;
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
    .option(
      "--fall <rounds>",
      "so many rounds in a row in which it refuses, or its machine is silent, too: dead",
      wholeNumber(1, 100),
      LIMITS.fall,
    )
    .option("--rise <rounds>", "so many with an answer: back", wholeNumber(1, 100), LIMITS.rise)
    .option(
      "--min-active-dead <servers>",
      "so many must be left, and answer, before dead ones are set down",
      wholeNumber(1, 1000),
      LIMITS.minActiveDead,
    )
    .option(
      "--min-active <servers>",
      "so many must be left, and answer at once, before a sick one is (default: half of all, rounded up)",
      wholeNumber(1, 1000),
    )
    .option(
      "--sick-after <time>",
      "a sick server is waited for so long",
      durationBetween("1s", "24h"),
      LIMITS.sickAfter / 1000,
    )
    .option(
      "--sick-window <time>",
      "within that, one sick server is set down and no more",
      durationBetween("1m", "168h"),
      LIMITS.sickWindow / 1000,
    )
    .option(
      "--flap-limit <flips>",
      "so many flips of one server within the window: held down",
      wholeNumber(1, 100),
      3,
    )
    .option("--flap-window <time>", "that window", durationBetween("1m", "168h"), 3600)
    .option(
      "--move-after <time>",
      "when another run holds the stack for so long, what dead servers carry is moved on the routers (default: never)",
      durationBetween("1s", "24h"),
    )
    .option(
      "--sick-by-pages",
      "a server most of whose sites' own pages are worse than the others' is set down as a sick one is",
    )
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
        ...{ session, where: common, farm, policy: policyOf(options, farm), json: common.json === true },
        hooks: { command: hookCommand, url: hookUrl },
        log: openLog(),
      });
      const end = new AbortController();
      const settled = onInterrupt(() => end.abort());
      await watcher.run(end.signal);
      settled();
    });
}

function policyOf(
  {
    interval,
    flapWindow,
    sickAfter,
    sickWindow,
    moveAfter,
    sickByPages,
    dryRun = false,
    ...counts
  }: WatchOptions,
  { servers }: FarmModel,
): Policy {
  const { fall, rise, minActive = LIMITS.minActive(servers.length), minActiveDead, flapLimit } = counts;
  return {
    ...{ fall, rise, minActive, minActiveDead, flapLimit, sickByPages, dryRun },
    interval: interval * 1000,
    sickAfter: sickAfter * 1000,
    sickFlips: LIMITS.sickFlips,
    sickWindow: sickWindow * 1000,
    flapWindow: flapWindow * 1000,
    moveAfter: moveAfter === undefined ? undefined : moveAfter * 1000,
    silence: Math.max(3, 4 * interval) * 1000,
    settle: 10_000,
  };
}

/** @throws UsageError when there is nothing to watch, or nothing that could be done */
function checkFarm({ routers, servers }: FarmModel, { minActive = 1, minActiveDead }: WatchOptions): void {
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
  for (const [option, least, what] of [
    ["--min-active", minActive, " (it counts for sick servers)"],
    ["--min-active-dead", minActiveDead, ""],
  ] as const) {
    if (least < servers.length) continue;
    throw new UsageError(
      `${option} ${least} with ${servers.length} servers: none could ever be set down; use ${Math.max(1, servers.length - 1)}${servers.length === 1 ? " and a second server" : " or less"}${what}. Nothing was touched`,
    );
  }
}

/** @throws UsageError when it is no web address */
export function checkUrl(url: string | undefined): void {
  if (url === undefined) return;
  // What is in it may be a secret.
  const start = show(url.slice(0, 12));
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(
      `--hook-url: ${start}... is no web address; use one such as https://hooks.example/farm`,
    );
}
