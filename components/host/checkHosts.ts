import { checkUnique, refuse } from "../base/argumentChecks";
import { nameComplaint } from "../base/names";
import { isAddress } from "../network/addressPlan";
import { ServerState, stateComplaint } from "../network/serverState";
import type { ServerArgs } from "./ssh";

/** Machines: names, addresses and states, and no name twice. */
export function checkHosts(path: string, hosts: ServerArgs[]): void {
  hosts.forEach(({ name, address, state = ServerState.Active }, i) => {
    refuse(`${path}[${i}].name`, name, nameComplaint(name));
    refuse(`${path}[${i}].address`, address, isAddress(address) ? undefined : "is not an IPv4 address");
    refuse(`${path}[${i}].state`, state, stateComplaint(state));
  });
  checkUnique(
    path,
    hosts.map(({ name }) => name),
  );
}
