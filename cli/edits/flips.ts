/** What changes who serves what. */
import { FarmModel, ServerState } from "../../components/config";
import { contains } from "../../components/network/addressPlan";
import type { Session } from "../pulumi/session";
import type { Edit } from "../pulumi/stackFile";
import { UsageError } from "../terminal/exit";
import { prefixNamed, serverNamed } from "./named";

/** What sets a server's state. */
export const stateOf = (server: string, state: ServerState): Edit => ({
  path: ["servers", server, "state"],
  value: state,
});

/** When a server stops carrying traffic, another active one must be left, and no override may hold a prefix to it. */
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
    const next = idle === undefined ? "add another server first" : `first run loopback-ha restore ${idle}`;
    throw new UsageError(
      `${name} is the last active server: no other server could take over its traffic; ${next}. Nothing was touched`,
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
      `${name} can't take traffic: its state is ${server.state}; first run loopback-ha restore ${name}. Nothing was touched`,
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
export async function overridesOf({ session }: { session: Session }): Promise<Record<string, string>> {
  const { all } = await session.config();
  return JSON.parse(all[`${session.project}:overrides`] ?? "{}") as Record<string, string>;
}
