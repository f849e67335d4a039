/** `drain`, `restore`, `down`, `move`: who serves what. */
import { Command } from "commander";
import { FarmModel, ServerState } from "../../components/config";
import { contains } from "../../components/network/addressPlan";
import { DESPITE_SITES, Despite, goOnDespite, prefixNamed, serverNamed } from "./arguments";
import { Outcome, change } from "./change";
import { UsageError } from "../terminal/exit";
import type { Edit } from "../pulumi/stackFile";
import { Context, open } from "./command";

/** What sets a server's state. */
export const stateOf = (server: string, state: ServerState): Edit => ({
  path: ["servers", server, "state"],
  value: state,
});

/** A server that carries nothing afterwards must leave somebody who does, and no override may name it. */
export function leavingEdits(
  farm: FarmModel,
  overrides: Record<string, string>,
  name: string,
  state: ServerState,
): Edit[] {
  serverNamed(farm, name);
  const others = farm.servers.filter((server) => server.name !== name && server.state === ServerState.Active);
  if (others.length === 0) {
    const idle = farm.servers.find((server) => server.name !== name)?.name;
    const next = idle === undefined ? "add another server first" : `first: loopback-ha restore ${idle}`;
    throw new UsageError(
      `${name} is the last active server: nobody could take what it carries; ${next}. Nothing was touched`,
    );
  }
  const held = Object.keys(overrides).filter((prefix) => overrides[prefix] === name);
  return [stateOf(name, state), ...held.map((prefix) => ({ path: ["overrides", prefix] }))];
}

/** What `move` writes: an override, or none where the server is at home there. */
export function moveEdits(
  farm: FarmModel,
  overrides: Record<string, string>,
  prefix: string,
  name: string,
): Edit[] {
  const server = serverNamed(farm, name);
  const unit = prefixNamed(farm, prefix);
  if (server.state !== ServerState.Active) {
    throw new UsageError(
      `${name} carries nothing: its state is ${server.state}; first: loopback-ha restore ${name}. Nothing was touched`,
    );
  }
  const units = farm.placement.filter(
    (candidate) => candidate.prefix === unit || contains(unit, candidate.prefix),
  );
  // An override of the subnet above would win over home.
  const above = Object.keys(overrides).some((other) => other !== unit && contains(other, unit));
  const home = !above && units.every((candidate) => candidate.home === name);
  return [{ path: ["overrides", unit], value: home ? undefined : name }];
}

/** The overrides as they are in the config; FarmModel has their effect only. */
export async function overridesOf({ session }: Pick<Context, "session">): Promise<Record<string, string>> {
  const { all } = await session.config();
  return JSON.parse(all[`${session.project}:overrides`] ?? "{}") as Record<string, string>;
}

function report({ terminal }: Context, outcome: Outcome): void {
  const { moved, stayed, applied } = outcome;
  if (terminal.json) terminal.result({ moved, stayed, applied }, () => "");
}

export function downCommand(): Command {
  return new Command("down")
    .argument("<server>", "a server that is dead")
    .description(
      "a server is dead: its traffic moves at once, its clients are told, and nobody tries to reach it",
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
    .argument("<server>", "a server that carries nothing")
    .description("brings a server what it missed, proves that it serves, and gives it its traffic back")
    .option(...DESPITE_SITES)
    .action(async (name: string, options: Despite, command: Command) => {
      const context = await open(command);
      const { session, terminal } = context;
      const farm = await session.farm();
      const { state } = serverNamed(farm, name);
      goOnDespite(farm, options);
      if (state === ServerState.Down) {
        terminal.say(`first, ${name} gets what it missed:`);
        await change(session, terminal, `bring ${name} up to date`, [stateOf(name, ServerState.Maintenance)]);
        terminal.say(`then its traffic:`);
      }
      report(
        context,
        await change(session, terminal, `give ${name} its traffic`, [stateOf(name, ServerState.Active)]),
      );
    });
}

export function moveCommand(): Command {
  return new Command("move")
    .argument("<prefix>", "a VIP subnet, or a VIP where each is placed by itself")
    .argument("<server>", "who shall serve it")
    .description("one prefix to another server, wherever its home is")
    .option(...DESPITE_SITES)
    .action(async (prefix: string, name: string, options: Despite, command: Command) => {
      const context = await open(command);
      const farm = await context.session.farm();
      goOnDespite(farm, options);
      const edits = moveEdits(farm, await overridesOf(context), prefix, name);
      report(context, await change(context.session, context.terminal, `move ${prefix} to ${name}`, edits));
    });
}
