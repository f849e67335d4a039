import { hostPrefix, isHostPrefix } from "./address.cjs";
import { apportion } from "./apportion";
import { ConfigError, Path, Problems, useNearest } from "../base/problems";
import { Home, PlacementOptions, PlacementServer, homesOf } from "./homes";
import { orderByAddress } from "./ipv4Only";
import { ServerState } from "./serverState";

/** Which server carries a unit. */
export interface Placement {
  /** The unit in CIDR form: a VIP subnet, or one VIP. */
  prefix: string;
  /** Name of the server that carries it when all are active and nothing is overridden. */
  home: string;
  /** Name of the server that carries it now. */
  server: string;
}

/** There is no way to place the units. */
export class PlacementError extends ConfigError {}

/**
 * Decides which server carries which unit. A unit with an override goes to that server, any other to its home if that is active.
 * The rest, the displaced units, is spread over the active servers by weight, counting what they already carry: each server
 * ends up less than one unit away from its share. The order of the arguments never matters.
 * @param subnets the VIP subnets
 * @param servers all servers of the pool, whatever their state
 * @returns a placement for each unit, ordered by address
 * @throws PlacementError when no server is active, or a home or an override names an unknown unit or server, or an override one
 * that is not active
 */
export function place(
  subnets: string[],
  servers: PlacementServer[],
  options: PlacementOptions = {},
): Placement[] {
  const ordered = orderByAddress(servers, ({ address }) => address);
  check(subnets, ordered, options);
  return settle(homesOf(subnets, ordered, options), ordered, options.overrides);
}

/**
 * The same from the homes on, without checks.
 * @param servers ordered by address
 * @param has how many other units each server carries. Default: none
 */
export function settle(
  homes: Home[],
  servers: PlacementServer[],
  overridden: Record<string, string> = {},
  has: ReadonlyMap<string, number> = new Map(),
): Placement[] {
  const overrides = new Map(Object.entries(overridden));
  const active = servers.filter(isActive);
  const load = new Map(active.map(({ name }) => [name, has.get(name) ?? 0]));

  const placements = homes.map(({ prefix, subnet, home }): Placement => {
    const server = overrides.get(prefix) ?? overrides.get(subnet) ?? home;
    if (load.has(server)) load.set(server, load.get(server)! + 1);
    return { prefix, home, server };
  });
  const displaced = placements.filter(({ server }) => !load.has(server));
  const counts = apportion(
    displaced.length,
    active.map(({ name, weight = 1 }) => ({ weight, has: load.get(name)! })),
  );
  dealOut(active, counts).forEach((server, i) => (displaced[i].server = server));
  return placements;
}

/** Names of servers, each as often as its count says and evenly spread, so that neighbours go to different ones. */
function dealOut(servers: PlacementServer[], counts: number[]): string[] {
  return servers
    .flatMap(({ name }, i) =>
      Array.from({ length: counts[i] }, (_, turn) => ({ name, at: (turn + 0.5) / counts[i] })),
    )
    .sort((a, b) => a.at - b.at)
    .map(({ name }) => name);
}

/** Only such a server carries traffic. */
export const isActive = ({ state = ServerState.Active }: PlacementServer): boolean =>
  state === ServerState.Active;

function check(subnets: string[], servers: PlacementServer[], options: PlacementOptions): void {
  const problems = new Problems();
  const { homes = {}, overrides = {} } = options;
  const units = new Set(options.vips?.map(hostPrefix));
  const names = servers.map(({ name }) => name);
  const active = servers.filter(isActive).map(({ name }) => name);
  for (const { name, weight = 1 } of servers) {
    if (!Number.isInteger(weight) || weight < 1)
      problems.add(
        ["servers", name, "weight"],
        weight,
        "is not a positive whole number",
        "use one such as 1",
      );
  }

  const checkUnit = (path: Path, prefix: string): void => {
    if (subnets.includes(prefix) || units.has(prefix)) return;
    if (options.vips === undefined && isHostPrefix(prefix))
      problems.say(
        path,
        `is a single VIP, but whole VIP subnets move; ${useNearest(prefix, subnets, "VIP subnet")}, or set network.granularity to host`,
      );
    else {
      const what = options.vips ? "a VIP subnet or a VIP in use" : "a VIP subnet";
      problems.say(path, `is not ${what}; ${useNearest(prefix, [...subnets, ...units], "VIP subnet")}`);
    }
  };
  for (const [prefix, name] of Object.entries(homes)) {
    checkUnit(["homes", prefix], prefix);
    if (!names.includes(name))
      problems.add(["homes", prefix], name, "is not a server", useNearest(name, names, "server"));
  }
  for (const [prefix, name] of Object.entries(overrides)) {
    checkUnit(["overrides", prefix], prefix);
    const server = servers.find((candidate) => candidate.name === name);
    if (!server)
      problems.add(["overrides", prefix], name, "is not a server", useNearest(name, active, "server"));
    else if (!isActive(server))
      problems.add(
        ["overrides", prefix],
        name,
        `can't take traffic: servers.${name}.state is ${server.state}`,
        active.length > 0 ? `use an active server, such as ${active[0]}` : "remove the override",
      );
  }
  if (servers.length === 0)
    problems.say(["servers"], "no servers are configured; add one, such as servers.web1");
  else if (active.length === 0)
    problems.say(["servers"], `no server is active; set one to active, such as servers.${names[0]}.state`);
  problems.throwIfAny(PlacementError);
}

/**
 * How much of the units each server carries, as text: `25 %`. With round robin DNS that is its share of
 * the traffic. A server that carries nothing is in the result with `0 %`.
 */
export function shares(placements: Placement[], servers: string[]): Record<string, string> {
  const share = (name: string): number =>
    placements.filter(({ server }) => server === name).length / Math.max(placements.length, 1);
  return Object.fromEntries(servers.map((name) => [name, `${Math.round(100 * share(name))} %`]));
}
