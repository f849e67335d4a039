import * as pulumi from "@pulumi/pulumi";
import { contains, hostNumberOf } from "../network/addressPlan";
import { ConfigError, FarmModel, boundAliases, boundVips } from "../config";
import { describeBlank, describeDrift, unknownDrift } from "../host/drift";
import { instancesInState } from "../host/inState";
import { Look, Observation, linesOf, observe, ownInstances } from "../host/observe";
import { look as lookAtMachine, machinesToLookAt } from "./look";
import { whenDead } from "../host/sshFailure.cjs";
import { setServerDown } from "../network/serverState";
import { describeTakeOver, findFormerStack, refuseFormerStack, underNewName } from "./identity";
import { UserError } from "../base/userError";
import { NameAddress } from "../network/nameAddress";
import { NameServerView, findEarlyRemovals, leavingPairs } from "./dnsRemovalGuard";
import { parseLeft, parseServed } from "../dnsRoundRobin/lineFormats";
import { parseRoute, parseServer } from "../routerRoute/lineFormats";
import { namesOf } from "../webServerPool/lineFormats.cjs";

export { driftOf } from "../host/drift";

/** What was found on each machine, by its name; empty with observation off. */
export type Findings = Map<string, Observation>;

/**
 * Looks at every machine that is not down before any resource is made, and refuses what only the machines can tell is wrong: a
 * server whose address changed under the same name, a name that leaves while resolvers still send clients there, a farm that
 * another stack has built.
 *
 * @throws ConfigError, UserError for such a configuration; a machine that can't be looked at is a warning
 */
export async function inspect(
  farm: FarmModel,
  stack: string,
  look: Look = lookAtMachine,
  ownedByState: () => Promise<Set<string>> = instancesInState,
): Promise<Findings> {
  if (!farm.detectDrift) {
    await pulumi.log.warn(
      "detectDrift is false: no machine was checked, so drift and premature removals go unnoticed",
    );
    return new Map();
  }
  const found = await observe(machinesToLookAt(farm), look);
  await followRename(farm, stack, found, ownedByState);
  markBlank([...found.values()], stack);
  for (const [machine, observation] of found) {
    const isServer = farm.servers.some(({ name }) => name === machine);
    await warnOf(machine, observation, stack, isServer);
  }
  const problems = [...findMovedServers(farm, stack, found), ...findRemovals(farm, stack, found)];
  if (problems.length > 0)
    throw new ConfigError(problems.map(([path, text]) => ({ path, text: `${path}: ${text}` })));
  return found;
}

/** After `pulumi stack rename` what was found is the stack's own, where its state has it: from here on by the new name. */
async function followRename(
  farm: FarmModel,
  stack: string,
  found: Findings,
  ownedByState: () => Promise<Set<string>>,
): Promise<void> {
  // More than one where a run after an earlier rename did not reach all machines.
  for (let former; (former = findFormerStack(farm, stack, found)) !== undefined;) {
    const owned = await ownedByState();
    if (!former.instances.every((instance) => owned.has(instance)))
      throw new UserError(`${refuseFormerStack(former, stack)}. Nothing was changed`);
    await pulumi.log.warn(describeTakeOver(former, stack));
    for (const [machine, seen] of found) found.set(machine, underNewName(seen, former.other, stack));
  }
}

/** Pulumi's own inputs don't tell a reinstalled machine from the one before. In a stack's first run all are empty. */
function markBlank(seen: Observation[], stack: string): void {
  const isEmpty = (observation: Observation): boolean => ownInstances(observation, stack).length === 0;
  if (seen.every(isEmpty)) return;
  for (const observation of seen)
    observation.blank = observation.failure === undefined && isEmpty(observation);
}

async function warnOf(
  machine: string,
  observation: Observation,
  stack: string,
  isServer: boolean,
): Promise<void> {
  const { failure } = observation;
  if (failure) {
    const next = whenDead(failure, isServer ? setServerDown(machine) : undefined);
    return pulumi.log.warn(`${machine}: not reachable, drift unknown (${failure})${next}`);
  }
  for (const reason of unknownDrift(observation, stack))
    await pulumi.log.warn(`${machine}: drift unknown (${reason})`);
  const blank = describeBlank(machine, observation);
  if (blank) await pulumi.log.info(blank);
  const drift = describeDrift(machine, observation, stack);
  if (drift) await pulumi.log.warn(drift);
}

type Issue = [path: string, text: string];

// The routers know which server had which address when they were last written.
function findMovedServers(farm: FarmModel, stack: string, found: Findings): Issue[] {
  const moved = new Map<string, Issue>();
  for (const router of farm.routers) {
    const view = seen(found, router.name);
    const known = [
      ...linesOf(view, stack, "servers").map(parseServer),
      ...linesOf(view, stack, "routes")
        .map(parseRoute)
        .map(({ server, nextHop }) => ({ name: server, address: nextHop })),
    ];
    for (const { name, address } of known) {
      const server = farm.servers.find((candidate) => candidate.name === name);
      if (!server || server.address === address) continue;
      moved.set(name, [
        `servers.${name}.address`,
        `"${server.address}" is a new address, it was ${address} (as recorded on ${router.name}); a server must keep its address: change it back to ${address}, or add the machine under another name, such as ${name}b`,
      ]);
    }
  }
  return [...moved.values()];
}

function findRemovals(farm: FarmModel, stack: string, found: Findings): Issue[] {
  if (process.env.LOOPBACK_HA_FORCE_REMOVAL) {
    void pulumi.log.warn(
      "LOOPBACK_HA_FORCE_REMOVAL is set: names may be removed while resolvers still return them",
    );
    return [];
  }
  // The same lines on every server, as a rule.
  const lines = new Set(farm.servers.flatMap(({ name }) => linesOf(seen(found, name), stack, "sites")));
  const installed = [...lines].flatMap(namesOf);
  const wanted = farm.sites.flatMap((site) =>
    [site.serverName, ...boundAliases(site)].flatMap((name) =>
      boundVips(site).map((address) => ({ name, address })),
    ),
  );
  const leaving = leavingPairs(installed, wanted);
  if (leaving.length === 0) return [];
  const reached = farm.nameServers.filter(({ name }) => !seen(found, name).failure);
  if (farm.nameServers.length > 0 && reached.length === 0) {
    const gone = [...new Set(leaving.map(({ name }) => name))];
    const text = `${gone.join(", ")} would be removed from the servers, but no name server could be asked whether resolvers still send clients there`;
    // A preview may run where name servers can't be reached; it changes nothing.
    if (!pulumi.runtime.isDryRun()) {
      return [
        ["sites", `${text}; run pulumi up again once one answers, or with LOOPBACK_HA_FORCE_REMOVAL=1`],
      ];
    }
    void pulumi.log.warn(`${text}; pulumi up will refuse to do that`);
  }
  const views = reached.map(({ name }): NameServerView => {
    const view = seen(found, name);
    return {
      nameServer: name,
      now: view.now,
      served: linesOf(view, stack, "served").map(parseServed),
      left: linesOf(view, stack, "left").map(parseLeft),
    };
  });
  return findEarlyRemovals(leaving, views, (pair) => remediation(farm, pair)).map((text): Issue => [
    "sites",
    text,
  ]);
}

/** How a name leaves an address without a visitor lost: the first of two runs. */
function remediation({ network, sites }: FarmModel, { name, address }: NameAddress): string {
  const site = sites.find((candidate) => [candidate.serverName, ...boundAliases(candidate)].includes(name));
  if (!site) {
    return "restore the site as it was, with retiring: true (for a single name of a site that stays, add it to retiringAliases)";
  }
  const prefix = network.vipSubnets.find((candidate) => contains(candidate, address));
  return prefix
    ? `set sites.${site.name}.retiringHostNumber to ${hostNumberOf(prefix, address)}`
    : "restore the VIP subnet, with network.retiringVipSubnets";
}

function seen(found: Findings, machine: string): Observation {
  return found.get(machine) ?? { now: 0, instances: {} };
}
