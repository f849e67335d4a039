/** `adopt`, `release`: what becomes of what a router's guard did by itself. */
import { Command } from "commander";
import type { FarmModel } from "../../components/config";
import type { Observation } from "../../components/host/observe";
import { RouterMoves } from "../../components/network/moves";
import { movesOf } from "../../components/preflight/report";
import { change } from "../edits/change";
import { overridesOf } from "../edits/flips";
import { adoptEdits, assertReleasable, describeFurther, describeHolds, serversToAdopt } from "../edits/holds";
import type { Move } from "../routers/byHand";
import { releaseOn } from "../routers/guard";
import { GuardedRouter, guardsOf, lookAtRouters } from "../status/look";
import { CliError, Exit, UsageError } from "../terminal/exit";
import { Context, open } from "./command";

/** What guards hold, and what was seen of their routers. */
interface Seen {
  farm: FarmModel;
  found: Map<string, Observation>;
  guards: GuardedRouter[];
}

/** @throws UsageError where no router has a guard; CliError where none of those can be looked at */
async function lookAtGuards({ session, terminal }: Context, instead: string): Promise<Seen> {
  const farm = await session.farm();
  if (!farm.routers.some(({ guard }) => guard))
    throw new UsageError(
      `no router has a guard (routers.NAME.guard), so none holds a server. ${instead}. Nothing was touched`,
    );
  const found = await lookAtRouters(farm);
  const guards = guardsOf(farm, session.id, found);
  const unseen = guards.flatMap(({ router, failure }) =>
    failure === undefined ? [] : [`${router}: ${failure}`],
  );
  if (unseen.length === guards.length)
    throw new CliError(
      `it is not known what the guard holds (${unseen.join("; ")}). ${instead}. Nothing was touched`,
    );
  for (const text of unseen) terminal.warn(`warning: it is not known what the guard holds there: ${text}`);
  return { farm, found, guards };
}

/** `adopt`: the config says what the guard did. */
export function adoptCommand(): Command {
  return new Command("adopt")
    .argument("[servers...]", "servers that a router's guard holds as dead (default: all of them)")
    .description(
      "keep what a router's guard moved: set the dead servers down in the config, which moves nothing; see docs/guard.md",
    )
    .action(async (names: string[], _options: unknown, command: Command) => {
      const context = await open(command);
      const { session, terminal } = context;
      const { farm, guards } = await lookAtGuards(context, "To fail over by hand: loopback-ha down SERVER");
      const servers = serversToAdopt(farm, guards, names);
      if (servers.length === 0) {
        terminal.say("no guard holds a server: there is nothing to adopt");
        if (terminal.json) terminal.result({ adopted: [], moved: [], stayed: [], applied: null }, () => "");
        return;
      }
      for (const line of describeHolds(farm, guards, servers)) terminal.say(line);
      const edits = adoptEdits(farm, await overridesOf(context), servers);
      const what = `adopt: ${servers.join(", ")} ${servers.length === 1 ? "is" : "are"} down`;
      const { moved, stayed, applied } = await change(session, terminal, what, edits, {
        check: ({ routers }) =>
          describeFurther(routers, guards, servers).forEach((line) => terminal.say(line)),
      });
      if (terminal.json) terminal.result({ adopted: servers, moved, stayed, applied }, () => "");
    });
}

/** `release`: the guard lets go of a server. */
export function releaseCommand(): Command {
  return new Command("release")
    .argument("<server>", "a server that a router's guard holds as dead")
    .option("--force", "even if it does not answer for all VIPs")
    .description(
      "give a server back what a router's guard moved away from it, after a health check; the config stays as it is",
    )
    .action(async (name: string, { force = false }: { force?: boolean }, command: Command) => {
      const context = await open(command);
      const { session, terminal } = context;
      const { farm, found, guards } = await lookAtGuards(
        context,
        `To give a server its traffic: loopback-ha restore ${name}`,
      );
      assertReleasable(farm, guards, name);
      const holding = guards.filter(({ holds }) => holds.some(({ server }) => server === name));
      for (const line of describeHolds(farm, holding, [name])) terminal.say(line);
      const expected = movesIn(movesOf(farm, session.id, found, undefined, name), holding);
      for (const move of expected) terminal.say(describeMove(move));
      if (expected.length === 0) terminal.say("nothing moves");
      if (!(await terminal.agree(`release ${name}?`))) throw new CliError("nothing was touched", Exit.Failed);
      const failures = await release(context, farm, holding, name, force);
      const after = movesOf(farm, session.id, await lookAtRouters(farm), undefined, name);
      const stayed = expected.filter((move) => isLeft(move, after, failures));
      const moved = expected.filter((move) => !stayed.includes(move));
      for (const move of moved) terminal.say(`moved  ${describeMove(move)}`);
      if (terminal.json) terminal.result({ released: name, moved, stayed, failures }, () => "");
      const reasons = Object.entries(failures).map(([router, reason]) => `${router}: ${reason}`);
      if (reasons.length > 0) throw new CliError(reasons.join("\n"));
    });
}

const movesIn = (views: RouterMoves[], holding: GuardedRouter[]): Move[] =>
  views
    .filter(({ router }) => holding.some((guard) => guard.router === router))
    .flatMap(({ router, moves }) => moves.map(({ prefix, from, to }) => ({ router, prefix, from, to })));

const describeMove = ({ router, prefix, from, to }: Move): string =>
  `${router}: ${prefix} ${from ?? "nowhere"} => ${to ?? "nowhere"}`;

/** Of a router that can't be looked at, its own word must do. */
function isLeft({ router, prefix }: Move, after: RouterMoves[], failures: Record<string, string>): boolean {
  const view = after.find((one) => one.router === router);
  return view?.failure === null ? view.moves.some((move) => move.prefix === prefix) : router in failures;
}

/** @returns why not, by router */
async function release(
  { terminal }: Context,
  farm: FarmModel,
  holding: GuardedRouter[],
  name: string,
  force: boolean,
): Promise<Record<string, string>> {
  const failures: Record<string, string> = {};
  const routers = farm.routers.filter((router) => holding.some((guard) => guard.router === router.name));
  await Promise.all(
    routers.map(async (router) => {
      try {
        await releaseOn(router, name, force);
        terminal.say(`${router.name}: ${name} is released`);
      } catch (error) {
        failures[router.name] = (error as Error).message;
      }
    }),
  );
  return failures;
}
