import { checkUnique, refuse } from "../base/argumentChecks";
import { nameComplaint } from "../base/names";
import { isAddress } from "../network/addressPlan";
import type { HostArgs } from "./ssh";

/** Machines: names and addresses, and no name twice. */
export function checkHosts(path: string, hosts: HostArgs[]): void {
  hosts.forEach(({ name, address }, i) => {
    refuse(`${path}[${i}].name`, name, nameComplaint(name));
    refuse(`${path}[${i}].address`, address, isAddress(address) ? undefined : "is not an IPv4 address");
  });
  checkUnique(
    path,
    hosts.map(({ name }) => name),
  );
}
