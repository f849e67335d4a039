/** `drain`, `restore`, `down`, `move`: who serves what. */
import { Command } from "commander";
import { FarmModel, ServerState } from "../../components/config";
import { leavingEdits, moveEdits, overridesOf, stateOf } from "../edits/flips";
import { DESPITE_SITES, Despite, goOnDespite } from "./arguments";
import { serverNamed } from "../edits/named";
import { describeHolds } from "../edits/holds";
import { guardsOf, lookAtRouters } from "../status/look";
import { UsageError } from "../terminal/exit";
import { Outcome, change } from "../edits/change";
import { Context, open } from "./command";

function report({ terminal }: Context, outcome: Outcome): void {
  const { moved, stayed, applied } = outcome;
  if (terminal.json) terminal.result({ moved, stayed, applied }, () => "");
}

export function downCommand(): Command {
  return new Command("down")
    .argument("<server>", "the dead server")
    .description(
      "fail over from a dead server: its traffic moves at once, its connections are reset, and it is left alone",
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = await open(command);
      const farm = await context.session.farm();
      const edits = leavingEdits(farm, await overridesOf(context), name, ServerState.Down);
      report(context, await change(context.session, context.terminal, `${name} is down`, edits));
    });
}

export function restoreCommand(): Command {
  return new Command("restore")
    .argument("<server>", "the server to bring back")
    .description("bring a server up to date, check that it serves every site, and give it its traffic back")
    .option(...DESPITE_SITES)
    .action(async (name: string, options: Despite, command: Command) => {
      const context = await open(command);
      const { session, terminal } = context;
      const farm = await session.farm();
      const { state } = serverNamed(farm, name);
      if (state !== ServerState.Down) await refuseHeld(context, farm, name);
      goOnDespite(farm, options);
      if (state === ServerState.Down) {
        terminal.say(`step 1: bring ${name} up to date:`);
        await change(session, terminal, `bring ${name} up to date`, [stateOf(name, ServerState.Maintenance)]);
        terminal.say(`step 2: give it its traffic:`);
      }
      report(
        context,
        await change(session, terminal, `give ${name} its traffic`, [stateOf(name, ServerState.Active)]),
      );
    });
}

/** What a guard holds gets nothing, whatever the config says. */
async function refuseHeld({ session }: Context, farm: FarmModel, name: string): Promise<void> {
  if (!farm.routers.some(({ guard }) => guard)) return;
  const guards = guardsOf(farm, session.id, await lookAtRouters(farm));
  const [line] = describeHolds(farm, guards, [name]);
  if (line !== undefined)
    throw new UsageError(
      `${line}. It gets no traffic until it is released: loopback-ha release ${name}. Nothing was touched`,
    );
}

export function moveCommand(): Command {
  return new Command("move")
    .argument("<prefix>", "a VIP subnet, or a single VIP if VIPs are placed individually")
    .argument("<server>", "the server that will serve it")
    .description("move one prefix to another server, whatever its home is")
    .option(...DESPITE_SITES)
    .action(async (prefix: string, name: string, options: Despite, command: Command) => {
      const context = await open(command);
      const farm = await context.session.farm();
      goOnDespite(farm, options);
      const edits = moveEdits(farm, await overridesOf(context), prefix, name);
      report(context, await change(context.session, context.terminal, `move ${prefix} to ${name}`, edits));
    });
}
