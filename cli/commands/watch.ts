import { Command, Option } from "commander";
import { FarmModel } from "../../components/config";
import { show } from "../../components/base/problems";
import { durationBetween, wholeNumber } from "./arguments";
import { UsageError } from "../terminal/exit";
import { onInterrupt } from "../terminal/interrupt";
import { version } from "../terminal/version";
import { LIMITS } from "../../components/routerRoute/verdict";
import { Observer } from "../observe";
import { listenAddress } from "../observe/address";
import { Listener } from "../observe/listener";
import { Session } from "../pulumi/session";
import { withShell } from "../routers/shell";
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
  listen?: string;
  listenTokenFile?: string;
}

/** An option that is a time: in seconds, or with a unit, which its default has. */
function timeOption(
  name: string,
  description: string,
  parse: (text: string) => number,
  initial?: string,
): Option {
  const option = new Option(`${name} <time>`, description).argParser(parse);
  return initial === undefined ? option : option.default(parse(initial), initial);
}

/** `watch`: failover without a person. */
export function watchCommand(): Command {
  return new Command("watch")
    .description(
      "check all servers continuously and fail over when one dies, as down does; times are in seconds, or with a unit such as 500ms or 10m; see docs/watch.md",
    )
    .addOption(
      timeOption(
        "--interval",
        "how often each server is checked; it has four fifths of that time to answer, at most 1 s",
        durationBetween("200ms", "1m"),
        "500ms",
      ),
    )
    .option(
      "--fall <rounds>",
      "consecutive failed checks before a server is dead: it refuses every connection, or accepts none and does not answer pings either",
      wholeNumber(1, 100),
      LIMITS.fall,
    )
    .option(
      "--rise <rounds>",
      "consecutive successful checks before a server that is down is reported as back",
      wholeNumber(1, 100),
      LIMITS.rise,
    )
    .option(
      "--min-active-dead <servers>",
      "set dead servers down only if at least this many other active servers are left and answer",
      wholeNumber(1, 1000),
      LIMITS.minActiveDead,
    )
    .option(
      "--min-active <servers>",
      "set a sick server down only if at least this many other active servers answer at once (default: half of all, rounded up)",
      wholeNumber(1, 1000),
    )
    .addOption(
      timeOption(
        "--sick-after",
        "how long a server that is alive must answer nothing before it is set down as sick",
        durationBetween("1s", "24h"),
        `${LIMITS.sickAfter / 1000}s`,
      ),
    )
    .addOption(
      timeOption(
        "--sick-window",
        "set at most one sick server down within this time",
        durationBetween("1m", "168h"),
        `${LIMITS.sickWindow / 60_000}m`,
      ),
    )
    .option(
      "--flap-limit <flips>",
      "hold a server down after this many flips within the flap window",
      wholeNumber(1, 100),
      3,
    )
    .addOption(
      timeOption("--flap-window", "the window for --flap-limit", durationBetween("1m", "168h"), "1h"),
    )
    .addOption(
      timeOption(
        "--move-after",
        "if another run holds the stack for this long, move dead servers' traffic directly on the routers (default: never)",
        durationBetween("1s", "24h"),
      ),
    )
    .option(
      "--sick-by-pages",
      "treat a server as sick if most of its sites' own pages are worse than on the other servers (default: only report it)",
    )
    .option("--dry-run", "only log what would be done")
    .option("--hook-command <command>", "run this shell command for each log line")
    .addOption(
      new Option("--hook-url <url>", "post each log line to this webhook").env("LOOPBACK_HA_HOOK_URL"),
    )
    .option(
      "--listen <address:port>",
      "serve a page for people at / and metrics for Prometheus at /metrics, such as on 127.0.0.1:9762 (default: nowhere)",
    )
    .option(
      "--listen-token-file <file>",
      "only answer requests with the token in this file; without it, --listen takes loopback addresses only",
    )
    .action(async (options: WatchOptions, command: Command) => {
      const common = command.optsWithGlobals<CommonOptions>();
      const { hookCommand, hookUrl } = options;
      checkUrl(hookUrl);
      const where = listenAddress(options.listen, options.listenTokenFile);
      const session = await Session.open(common);
      const farm = await session.farm();
      checkFarm(farm, options);
      // A dry run changes nothing, so several may run.
      if (!options.dryRun) await becomeTheWatcher(await session.identity());
      const listener = where && (await Listener.open(where));
      const observer = listener && new Observer(listener, session, version);
      const watcher = new Watcher({
        ...{ session, where: common, farm, policy: policyOf(options, farm), json: common.json === true },
        hooks: { command: hookCommand, url: hookUrl },
        log: openLog(),
        onlooker: observer,
        listening: listener?.url,
      });
      observer?.start(watcher);
      const end = new AbortController();
      const settled = onInterrupt(() => end.abort());
      await watcher.run(end.signal);
      await observer?.stop();
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
      "watch checks servers from a router, and the config has none; add one, such as routers.r1. Nothing was touched",
    );
  const deaf = routers.filter((router) => !withShell(router));
  if (deaf.length === routers.length) {
    const names = deaf.map(({ name, kind }) => `${name} (kind ${kind})`).join(", ");
    throw new UsageError(
      `watch can't run health checks on ${names}. Use a router of kind linux or frr, or fail over by hand with loopback-ha down. Nothing was touched`,
    );
  }
  for (const [option, least, what] of [
    ["--min-active", minActive, " (this limit is for sick servers)"],
    ["--min-active-dead", minActiveDead, ""],
  ] as const) {
    if (least < servers.length) continue;
    throw new UsageError(
      `${option} ${least} with ${servers.length} servers would never let a server be set down; use ${Math.max(1, servers.length - 1)}${servers.length === 1 ? " and a second server" : " or less"}${what}. Nothing was touched`,
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
      `--hook-url: ${start}... is not a web address; use one such as https://hooks.example/farm`,
    );
}
