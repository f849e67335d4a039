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

/** A server that carries nothing afterwards must leave somebody who does, and no pin may hold to it. */
export function leavingEdits(
  farm: FarmModel,
  pins: Record<string, string>,
  name: string,
  state: ServerState,
): Edit[] {
  serverNamed(farm, name);
  const others = farm.servers.filter((server) => server.name !== name && server.state === ServerState.Active);
  if (others.length === 0) {
    const idle = farm.servers.find((server) => server.name !== name)?.name;
    const next = idle === undefined ? "add another server first" : `first run loopback-ha restore ${idle}`;
    throw new UsageError(
      `${name} is the last active server: no other server could take over its traffic; ${next}. Nothing was touched`,
    );
  }
  const held = Object.keys(pins).filter((prefix) => pins[prefix] === name);
  return [stateOf(name, state), ...held.map((prefix) => ({ path: ["pins", prefix] }))];
}

/** What `move` writes: a pin, or none where the server is at home there. */
export function moveEdits(
  farm: FarmModel,
  pins: Record<string, string>,
  prefix: string,
  name: string,
): Edit[] {
  const server = serverNamed(farm, name);
  const unit = prefixNamed(farm, prefix);
  if (server.state !== ServerState.Active) {
    throw new UsageError(
      `${name} can't take traffic: its state is ${server.state}; first run loopback-ha restore ${name}. Nothing was touched`,
    );
  }
  const units = farm.placement.filter(
    (candidate) => candidate.prefix === unit || contains(unit, candidate.prefix),
  );
  // A pin of the subnet above would win over home.
  const above = Object.keys(pins).some((other) => other !== unit && contains(other, unit));
  const home = !above && units.every((candidate) => candidate.home === name);
  return [{ path: ["pins", unit], value: home ? undefined : name }];
}

/** The pins as they are in the config; FarmModel has their effect only. */
export async function pinsOf({ session }: Pick<Context, "session">): Promise<Record<string, string>> {
  const { all } = await session.config();
  return JSON.parse(all[`${session.project}:pins`] ?? "{}") as Record<string, string>;
}

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
      const edits = leavingEdits(farm, await pinsOf(context), name, ServerState.Down);
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
      const edits = moveEdits(farm, await pinsOf(context), prefix, name);
      report(context, await change(context.session, context.terminal, `move ${prefix} to ${name}`, edits));
    });
}
