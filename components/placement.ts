import { compareAddresses } from "./addressPlan";
import { ConfigError, Problems, useNearest } from "./config/error";

/** A server as placement sees it. */
export interface PlacementServer {
  /** Its name. */
  name: string;
  /** Its Ethernet address: servers are ordered by it. */
  address: string;
  /** Only a server that is `active` carries traffic. */
  state: string;
}

/** Which server carries a VIP subnet. */
export interface Placement {
  /** The VIP subnet in CIDR form. */
  prefix: string;
  /** Name of the server that carries it when all are active. */
  home: string;
  /** Name of the server that carries it now. */
  server: string;
}

/** There is no way to place the VIP subnets. */
export class PlacementError extends ConfigError {}

/**
 * Decides which server carries which VIP subnet. The i-th subnet is at home on the i-th server (modulo their
 * number), both ordered by address as numbers, unless `homes` names its home. A subnet whose home is active
 * is there. The others, in order, go one by one to the active server that carries the fewest, the one with
 * the lower address where two carry as many. The order of the arguments never matters.
 * @param prefixes the VIP subnets
 * @param servers all servers of the pool, whatever their state
 * @param homes server name by VIP subnet, for those that don't follow the rule
 * @returns a placement for each prefix, ordered by address
 * @throws PlacementError when no server is active, or `homes` names an unknown subnet or server
 */
export function place(
  prefixes: string[],
  servers: PlacementServer[],
  homes: Record<string, string> = {},
): Placement[] {
  const chosen = new Map(Object.entries(homes));
  checkHomes(chosen, prefixes, servers);
  const ordered = [...servers].sort((a, b) => compareAddresses(a.address, b.address));
  const active = ordered.filter((server) => server.state === "active").map((server) => server.name);

  const placements = [...prefixes].sort(compareAddresses).map((prefix, i): Placement => {
    const home = chosen.get(prefix) ?? ordered[i % ordered.length].name;
    return { prefix, home, server: home };
  });
  const load = new Map(active.map((name) => [name, 0]));
  const carry = (name: string): void => void load.set(name, load.get(name)! + 1);
  placements.filter(({ home }) => load.has(home)).forEach(({ home }) => carry(home));
  for (const placement of placements.filter(({ home }) => !load.has(home))) {
    // Strictly fewer: of two that carry as many, the first by address stays the choice.
    placement.server = active.reduce((best, name) => (load.get(name)! < load.get(best)! ? name : best));
    carry(placement.server);
  }
  return placements;
}

function checkHomes(homes: Map<string, string>, prefixes: string[], servers: PlacementServer[]): void {
  const problems = new Problems();
  const names = servers.map((server) => server.name);
  for (const [prefix, name] of homes) {
    const path = ["placement", prefix];
    if (!prefixes.includes(prefix))
      problems.say(path, `is no VIP subnet; ${useNearest(prefix, prefixes, "VIP subnet")}`);
    if (!names.includes(name)) problems.add(path, name, "is no server", useNearest(name, names, "server"));
  }
  if (servers.length === 0) problems.say(["servers"], "there is none; add one, such as servers.web1");
  else if (!servers.some((server) => server.state === "active"))
    problems.say(["servers"], `none is active; set one to active, such as servers.${names[0]}.state`);
  try {
    problems.throwIfAny();
  } catch (error) {
    throw new PlacementError((error as ConfigError).problems);
  }
}

/**
 * How much of the VIP subnets each server carries, as text: `25 %`. With round robin DNS that is its share of
 * the traffic. A server that carries nothing is in the result with `0 %`.
 */
export function shares(placements: Placement[], servers: string[]): Record<string, string> {
  const share = (name: string): number =>
    placements.filter(({ server }) => server === name).length / Math.max(placements.length, 1);
  return Object.fromEntries(servers.map((name) => [name, `${Math.round(100 * share(name))} %`]));
}
