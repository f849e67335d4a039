/** Where units go when servers die before anyone has changed the config: for a guard on the router. */
import { compareAddresses } from "./addressPlan";
import { Home, PlacementOptions, PlacementServer, homesOf } from "./homes";
import { Placement, isActive, place, settle } from "./placement";
import { ServerState } from "./serverState";

/** The servers that take a unit over, in this order. */
export interface Fallbacks {
  /** The unit in CIDR form. */
  prefix: string;
  /** Names of active servers without the one that carries it; none: there is no other. */
  servers: string[];
}

/** For so many servers that are dead at once the units are spread as evenly as a list for each unit allows. */
const EVEN = 3;
/** No list is longer. */
const MOST = 8;

/**
 * For each unit the servers that take it over when the one that carries it is dead: the first of them that lives does.
 * For one dead server this is what `place` says with that server `down` (and without overrides to it), so setting it
 * `down` afterwards moves nothing that it carried. The other entries spread what two and three dead servers carried as
 * evenly as lists can: where all servers are active and have the same weight, each ends with less than three units (of
 * two) and seven units (of three) more than its share. A unit of more dead servers goes to one that lives, and no list
 * has more than eight entries. The order of the arguments never matters.
 * @param subnets the VIP subnets
 * @param servers all servers of the pool, whatever their state: only active ones are in lists
 * @returns an entry for each unit, ordered by address
 * @throws PlacementError as `place`
 */
export function fallbacks(
  subnets: string[],
  servers: PlacementServer[],
  options: PlacementOptions = {},
): Fallbacks[] {
  const now = place(subnets, servers, options);
  const ordered = [...servers].sort((a, b) => compareAddresses(a.address, b.address));
  const active = ordered.filter(isActive);
  const chains = now.map(({ server }) => [server]);
  if (active.length > 1) {
    addFirst(chains, subnets, ordered, options);
    for (let dead = 2; dead <= EVEN && dead < active.length; dead++) addNext(chains, active);
    for (const [i, chain] of chains.entries()) addRest(chain, active, i);
  }
  return now.map(({ prefix }, i) => ({ prefix, servers: chains[i].slice(1) }));
}

/** Each unit's server and then its fallbacks, as far as they are known. */
type Chain = string[];

function addFirst(
  chains: Chain[],
  subnets: string[],
  ordered: PlacementServer[],
  options: PlacementOptions,
): void {
  const { overrides = {} } = options;
  const active = new Set(ordered.filter(isActive).map(({ name }) => name));
  const isDisplaced = ({ prefix, subnet, home }: Home): boolean =>
    !active.has(home) && !Object.hasOwn(overrides, prefix) && !Object.hasOwn(overrides, subnet);
  const units = homesOf(subnets, ordered, options).map((home, i) => ({
    i,
    home,
    chain: chains[i],
    displaced: isDisplaced(home),
  }));
  // What is away from its home anyway is dealt out again with every server that goes down.
  const displaced = units.filter((unit) => unit.displaced);
  const carried = groupBy(
    units.filter((unit) => !unit.displaced),
    ({ chain }) => chain[0],
  );
  const load = new Map([...carried].map(([name, { length }]) => [name, length]));
  for (const dead of active) {
    const moving = [...displaced, ...(carried.get(dead) ?? [])].sort((a, b) => a.i - b.i);
    const others = ordered.map((one) => (one.name === dead ? { ...one, state: ServerState.Down } : one));
    // Setting a server down takes the overrides to it away.
    const kept = Object.entries(overrides).filter(([, server]) => server !== dead);
    settle(
      moving.map(({ home }) => home),
      others,
      Object.fromEntries(kept),
      load,
    ).forEach(({ server }, i) => {
      if (moving[i].chain[0] === dead) moving[i].chain.push(server);
    });
  }
}

/** One more entry for each: what has lost the same servers fills up those that are left, counting all that they have by then. */
function addNext(chains: Chain[], active: PlacementServer[]): void {
  const tree = new Tree();
  for (const chain of chains) tree.add(chain);
  for (const lost of groupBy(chains, (chain) => [...chain].sort().join(" ")).values()) {
    const dead = new Set(lost[0]);
    const load = new Map<string, number>();
    tree.addLoads(dead, load);
    const left = active
      .filter(({ name }) => !dead.has(name))
      .map(({ name, weight = 1 }) => ({ name, weight, has: load.get(name) ?? 0 }));
    for (const chain of lost) chain.push(fillUp(left));
  }
}

/** One unit more for the server that is below its share the most; of several the first. @returns its name */
function fillUp(servers: { name: string; weight: number; has: number }[]): string {
  let emptiest = servers[0];
  for (const one of servers)
    if ((2 * one.has + 1) * emptiest.weight < (2 * emptiest.has + 1) * one.weight) emptiest = one;
  emptiest.has++;
  return emptiest.name;
}

/** How many chains go by each server, below those before it. */
class Tree {
  private count = 0;
  private readonly next = new Map<string, Tree>();

  add([name, ...rest]: Chain): void {
    this.count++;
    if (name === undefined) return;
    const below = this.next.get(name) ?? new Tree();
    this.next.set(name, below);
    below.add(rest);
  }

  /** Adds to each server that lives the chains whose first living one it is. */
  addLoads(dead: ReadonlySet<string>, load: Map<string, number>): void {
    for (const [name, below] of this.next)
      if (dead.has(name)) below.addLoads(dead, load);
      else load.set(name, (load.get(name) ?? 0) + below.count);
  }
}

/** What is left, from another one on for each unit. */
function addRest(chain: Chain, active: PlacementServer[], turn: number): void {
  const others = active.map(({ name }) => name).filter((name) => !chain.includes(name));
  const first = others.length > 0 ? turn % others.length : 0;
  chain.push(...others.slice(first), ...others.slice(0, first));
  chain.length = Math.min(chain.length, MOST + 1);
}

function groupBy<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/**
 * Where units go while a router's guard holds servers as dead: one of a held server to the first of its fallbacks that is not
 * held, and nowhere else where there is none. The router does the same: see want/fallbacks.
 */
export function withoutHeld<P extends Pick<Placement, "prefix" | "server">>(
  placement: P[],
  lists: Fallbacks[],
  held: ReadonlySet<string>,
): P[] {
  if (held.size === 0) return placement;
  const known = new Map(lists.map(({ prefix, servers }) => [prefix, servers]));
  return placement.map((unit) => {
    if (!held.has(unit.server)) return unit;
    const server = known.get(unit.prefix)?.find((name) => !held.has(name));
    return server === undefined ? unit : { ...unit, server };
  });
}
