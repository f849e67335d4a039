import { FarmModel, ServerState } from "../config/model";
import type { HostArgs } from "../host/ssh";
import { routerKind } from "../routerRoute/kinds";

/** Machines that nobody may try to reach are left out here. */
export function machinesToLookAt(farm: FarmModel): HostArgs[] {
  const servers = farm.servers.filter(({ state }) => state !== ServerState.Down);
  // A router that is driven has no shell to look from, and says so itself.
  const routers = farm.routers.filter(({ kind }) => !routerKind(kind).driver);
  return [...routers, ...servers, ...farm.nameServers];
}
