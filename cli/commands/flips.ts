/** `drain`, `restore`, `down`, `move`: who serves what. */
import { Command } from "commander";
import { FarmModel, ServerState } from "../../components/config";
import { leavingEdits, moveEdits, overridesOf, stateOf } from "../edits/flips";
import { BY_PREVIEW, DESPITE_SITES, Despite, ShownBy, goOnDespite } from "./arguments";
import { serverNamed } from "../edits/named";
import { describeHolds } from "../edits/holds";
import { guardsOf, lookAtRouters } from "../status/look";
import { UsageError } from "../terminal/exit";
import { Outcome, flip } from "../edits/change";
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
    .option(...BY_PREVIEW)
    .action(async (name: string, options: ShownBy, command: Command) => {
      const context = await open(command);
      const farm = await context.session.farm();
      const edits = leavingEdits(farm, await overridesOf(context), name, ServerState.Down);
      report(context, await flip(context, `${name} is down`, edits, options));
    });
}

export function restoreCommand(): Command {
  return new Command("restore")
    .argument("<server>", "the server to bring back")
    .description("bring a server up to date, check that it serves every site, and give it its traffic back")
    .option(...DESPITE_SITES)
    .option(...BY_PREVIEW)
    .action(async (name: string, options: Despite & ShownBy, command: Command) => {
      const context = await open(command);
      const { session, terminal } = context;
      const farm = await session.farm();
      const { state } = serverNamed(farm, name);
      if (state !== ServerState.Down) await refuseHeld(context, farm, name);
      goOnDespite(farm, options);
      if (state === ServerState.Down) {
        terminal.say(`step 1: bring ${name} up to date:`);
        const edits = [stateOf(name, ServerState.Maintenance)];
        await flip(context, `bring ${name} up to date`, edits, options);
        terminal.say(`step 2: give it its traffic:`);
      }
      const edits = [stateOf(name, ServerState.Active)];
      report(context, await flip(context, `give ${name} its traffic`, edits, options));
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
    .description("move one prefix to another server, regardless of its home")
    .option(...DESPITE_SITES)
    .option(...BY_PREVIEW)
    .action(async (prefix: string, name: string, options: Despite & ShownBy, command: Command) => {
      const context = await open(command);
      const farm = await context.session.farm();
      goOnDespite(farm, options);
      const edits = moveEdits(farm, await overridesOf(context), prefix, name);
      report(context, await flip(context, `move ${prefix} to ${name}`, edits, options));
    });
}
