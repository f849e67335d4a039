import { checkUnique, assertValid } from "../base/argumentChecks";
import { nameIssue } from "../base/names";
import { isAddress } from "../network/addressPlan";
import { ServerState, stateIssue } from "../network/serverState";
import type { ServerArgs } from "./ssh";

/** Machines: names, addresses and states, and no name twice. */
export function checkHosts(path: string, hosts: ServerArgs[]): void {
  hosts.forEach(({ name, address, state = ServerState.Active }, i) => {
    assertValid(`${path}[${i}].name`, name, nameIssue(name));
    assertValid(`${path}[${i}].address`, address, isAddress(address) ? undefined : "is not an IPv4 address");
    assertValid(`${path}[${i}].state`, state, stateIssue(state));
  });
  checkUnique(
    path,
    hosts.map(({ name }) => name),
  );
}
