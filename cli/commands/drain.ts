import { Command } from "commander";
import { FarmModel, ServerState } from "../../components/config";
import { BY_PREVIEW, DESPITE_SITES, Despite, ShownBy, duration, goOnDespite } from "./arguments";
import { serverNamed } from "../edits/named";
import { Outcome, flip } from "../edits/change";
import { Left, describeLeft } from "../drain/counts";
import { WaitEnd, pinningRouters, waitForFlows } from "../drain/wait";
import { CliError, Exit, UsageError } from "../terminal/exit";
import { onInterrupt } from "../terminal/interrupt";
import { Context, open } from "./command";
import { leavingEdits, overridesOf, stateOf } from "../edits/flips";

interface DrainOptions extends Despite, ShownBy {
  wait?: number;
  tcpIdle: number;
  udpIdle: number;
  moveRest?: boolean;
}

/** `drain`: maintenance, without a connection lost. */
export function drainCommand(): Command {
  return new Command("drain")
    .argument("<server>", "the server to put into maintenance")
    .description(
      "put a server into maintenance: new connections go to other servers, open ones stay until they end",
    )
    .option("--wait <time>", "wait until its connections have ended, but no longer than this", duration)
    .option(
      "--tcp-idle <time>",
      "don't wait for TCP connections that have been idle for longer than this, in seconds or with a unit",
      duration,
      300,
    )
    .option("--udp-idle <time>", "like --tcp-idle, for UDP", duration, 30)
    .option(
      "--move-rest",
      "at the deadline, set the server down: its remaining connections are reset and its traffic moves",
    )
    .option(...DESPITE_SITES)
    .option(...BY_PREVIEW)
    .action(async (name: string, options: DrainOptions, command: Command) => {
      if (options.moveRest && options.wait === undefined)
        throw new UsageError("--move-rest needs a deadline: --wait 10m");
      const context = await open(command);
      const farm = await context.session.farm();
      goOnDespite(farm, options);
      const edits = leavingEdits(farm, await overridesOf(context), name, ServerState.Maintenance);
      const already = serverNamed(farm, name).state === ServerState.Maintenance;
      const outcome = already ? undefined : await flip(context, `drain ${name}`, edits, options);
      if (already) context.terminal.say(`${name} is already in maintenance`);
      const left = options.wait === undefined ? undefined : await wait(context, farm, name, options);
      report(context, outcome, left);
    });
}

function report({ terminal }: Context, outcome: Outcome | undefined, left: Left | undefined): void {
  if (!terminal.json) return;
  const { moved = [], stayed = [], applied = null } = outcome ?? {};
  terminal.result({ moved, stayed, applied, ...(left ? { left } : {}) }, () => "");
}

async function wait(
  context: Context,
  farm: FarmModel,
  name: string,
  { wait: seconds = 0, tcpIdle, udpIdle, moveRest }: DrainOptions,
): Promise<Left | undefined> {
  const { session, terminal } = context;
  if (pinningRouters(farm).length === 0) {
    terminal.say(
      "no router keeps open connections on their server (pinFlows): those that were open broke when the prefixes moved",
    );
    return undefined;
  }
  const interruption = new AbortController();
  const settled = onInterrupt(() => interruption.abort());
  const shown = terminal.progress();
  const { end, left } = await waitForFlows(farm, {
    ...{ stack: session.id, server: name, seconds, tcpIdle, udpIdle, signal: interruption.signal },
    onCount: (now) =>
      shown.show(now ? `${name}: ${describeLeft(now)}` : "a router does not answer; retrying"),
  });
  settled();
  shown.end();
  if (end === WaitEnd.Ended) {
    terminal.say(`${name} has no more connections to wait for`);
    return left;
  }
  const rest = left ? describeLeft(left) : "an unknown number of connections, as a router did not answer";
  if (end === WaitEnd.Interrupted) {
    throw new CliError(
      `interrupted: ${name} stays in maintenance, with ${rest}. To keep waiting: loopback-ha drain ${name} --wait 10m; to undo: loopback-ha restore ${name}`,
      Exit.Interrupted,
    );
  }
  if (!moveRest) {
    throw new CliError(
      `the deadline has passed: ${name} is in maintenance, with ${rest}. To keep waiting: loopback-ha drain ${name} --wait 10m; to move the rest now: loopback-ha down ${name}`,
      Exit.Deadline,
    );
  }
  terminal.say(`the deadline has passed with ${rest}: moving them now`);
  await flip(context, `${name} is down`, [stateOf(name, ServerState.Down)]);
  return left;
}
