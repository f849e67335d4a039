import { FarmModel, ServerState } from "../config/model";
import { ZONE } from "../dnsRoundRobin/role";
import { Look, lookOverSsh } from "../host/observe";
import type { HostArgs } from "../host/ssh";
import { VIPS } from "../loopbackVip/role";
import { routerKind } from "../routerRoute/kindRegistry";
import { ROUTES } from "../routerRoute/role";
import { VHOSTS } from "../webServerPool/role";

/** Machines that must not be connected to are left out here. */
export function machinesToLookAt(farm: FarmModel): HostArgs[] {
  const servers = farm.servers.filter(({ state }) => state !== ServerState.Down);
  // A router that is driven has no shell to look from, and says so itself.
  const routers = farm.routers.filter(({ kind }) => !routerKind(kind).driver);
  return [...routers, ...servers, ...farm.nameServers];
}

/** All that the components' manifests name. */
const READABLE = [ROUTES, VHOSTS, ZONE, VIPS].flatMap(({ readable }) => readable);

/** Reads on a machine what any role of it has to show. */
export const look: Look = (host) => lookOverSsh(host, READABLE);
