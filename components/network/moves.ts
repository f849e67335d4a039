/** What a change of placement will move: the difference between what each router does now and what is wanted. */
import { firstFew, listed } from "../base/firstFew";
import { cidrOf, hostPrefix, lengthOf, networkOf } from "./address.cjs";
import { contains } from "./addressPlan";
import { Fallbacks, withoutHeld } from "./fallbacks";
import { HeldUnits, Hold, heldUnits, lastingHolds } from "./holds";
import { parsed } from "./ipv4Only";
import type { Placement } from "./placement";

/** A route as a router has it. */
export interface LiveRoute {
  /** The prefix, in CIDR form. */
  prefix: string;
  /** The address packets to it go to. */
  nextHop: string;
}

/** Open connections to a prefix. */
export interface OpenFlows {
  /** The prefix, in CIDR form. */
  prefix: string;
  /** Address, or name, of the server they are with. */
  server: string;
  /** How many. */
  count: number;
}

/** A router before the change. */
export interface RouterView {
  /** Its name. */
  router: string;
  /** Whether connections stay where they began when a prefix moves. */
  pinsFlows: boolean;
  /** Why its table is not known. Absent when it is. */
  failure?: string;
  /** Its table. */
  live: LiveRoute[];
  /** Its table was not read, and `live` is what was last written to it. Default: false. */
  fromRecord?: boolean;
  /** Names of next hops by address, as they were last written: some may have left the configuration since. */
  names: Record<string, string>;
  /** Open connections. Undefined: not known. */
  flows?: OpenFlows[];
  /** Servers that its guard holds as dead. Default: none, or it has no guard. */
  holds?: Hold[];
}

/** A server that may carry a prefix. */
export interface MoveServer {
  /** Its name. */
  name: string;
  /** Its address in the servers' subnet. */
  address: string;
  /** It must not be connected to. */
  down: boolean;
}

/** What happens to connections that are open on a prefix when it moves. */
export enum FlowFate {
  /** They stay with their server until they end. */
  Stay = "stay",
  /** Their server is down: they move at once, and their clients are told to connect again. */
  Move = "move",
  /** They break. */
  Break = "break",
}

/** Connections of a moving prefix. */
export interface MovingFlows {
  /** The server they are with. */
  server: string;
  /** How many; null: not known. */
  count: number | null;
  /** What happens to them. */
  fate: FlowFate;
}

/** A prefix whose packets will go to another server. */
export interface Move {
  /** The prefix, in CIDR form. */
  prefix: string;
  /** Name of the server that has it now, or its address where no name is known; null: it is not routed. */
  from: string | null;
  /** Name of the server that gets it; null: it will not be routed. */
  to: string | null;
  /** Names of the sites with a VIP in it. */
  sites: string[];
  /** Its open connections that are not with the server that gets it. */
  flows: MovingFlows[];
}

/** Where the table that moves start from comes from. */
export enum TableSource {
  /** The router reported it. */
  Live = "live",
  /** It is what was last written to the router. */
  Written = "written",
  /** Nothing is known of the router: every prefix is taken to be at home, so moves are what the configuration sends away. */
  Config = "config",
}

/** What moves on one router. */
export interface RouterMoves {
  /** Its name. */
  router: string;
  /** Why it could not be looked at; null: it was. */
  failure: string | null;
  /** What the moves start from. */
  table: TableSource;
  /** What moves, ordered by address. */
  moves: Move[];
  /** Open connections that break though their prefix does not move: their server leaves the configuration. */
  leaving: OpenFlows[];
  /** What its guard moved by itself and this change leaves as it is. Absent: nothing. */
  held?: HeldUnits[];
  /** How many prefixes each server carries before and after, by its name. */
  shares: Record<string, { before: number; after: number }>;
}

/** What is wanted and what is there. */
export interface MovesArgs {
  /** The wanted placement, ordered by address. */
  placement: Placement[];
  /** All servers. */
  servers: MoveServer[];
  /** Sites and their VIPs. */
  sites: { name: string; vips: string[] }[];
  /** The routers. */
  routers: RouterView[];
  /** Who takes a prefix over while a guard holds the server that carries it. Default: no server. */
  fallbacks?: Fallbacks[];
}

/** Compares what each router does with what is wanted. A route that changes while its server stays moves nothing. */
export function findMoves({ fallbacks = [], ...args }: MovesArgs): RouterMoves[] {
  return args.routers.map((view) => {
    const holds = lastingHolds(view.holds ?? [], args.servers);
    const held = new Set(holds.map(({ server }) => server));
    const wanted = new Prefixes(
      withoutHeld(args.placement, fallbacks, held).map(({ prefix, server }): [string, string] => [
        prefix,
        server,
      ]),
    );
    // Connections with a held server move as those of one that is down.
    const servers = args.servers.map(({ down, ...rest }) => ({ ...rest, down: down || held.has(rest.name) }));
    const nameOf = (address: string): string =>
      args.servers.find((server) => server.address === address)?.name ?? view.names[address] ?? address;
    const before = new Prefixes(
      sourceOf(view) === TableSource.Config
        ? args.placement.map(({ prefix, home }): [string, string] => [prefix, home])
        : view.live.map(({ prefix, nextHop }): [string, string] => [prefix, nameOf(nextHop)]),
    );
    const changes = differences(before, wanted);
    const sites = sitesIn(
      changes.map(({ prefix }) => prefix),
      args.sites,
    );
    return {
      router: view.router,
      failure: view.failure ?? null,
      table: sourceOf(view),
      moves: changes.map((change) => ({
        ...change,
        sites: sites.get(change.prefix) ?? [],
        flows: flowsOf(change, view, nameOf, servers),
      })),
      leaving: leavingFlows(view, nameOf, servers, changes),
      ...(holds.length > 0 ? { held: heldUnits(holds, args.placement, fallbacks) } : {}),
      shares: sharesOf(
        args.servers.map(({ name }) => name),
        before,
        wanted,
      ),
    };
  });
}

function sourceOf({ fromRecord, failure }: RouterView): TableSource {
  if (fromRecord) return TableSource.Written;
  return failure === undefined ? TableSource.Live : TableSource.Config;
}

type Change = Pick<Move, "prefix" | "from" | "to">;

function differences(before: Prefixes, wanted: Prefixes): Change[] {
  const refined = new Set([...before.keys()].map((prefix) => wanted.cover(prefix)));
  const split = new Set([...wanted.keys()].map((prefix) => before.cover(prefix)));
  const arriving = [...wanted.entries()].map(([prefix, to]): Change => {
    const cover = before.cover(prefix);
    // In place of longer ones: these tell where each part of it went.
    const from = cover === undefined ? (refined.has(prefix) ? to : null) : before.get(cover)!;
    return { prefix, from, to };
  });
  const leaving = [...before.entries()]
    .filter(([prefix]) => !wanted.has(prefix) && !split.has(prefix))
    .map(([prefix, from]): Change => {
      const cover = wanted.cover(prefix);
      return { prefix, from, to: cover === undefined ? null : wanted.get(cover)! };
    });
  return [...arriving, ...leaving].filter(({ from, to }) => from !== to);
}

function flowsOf(
  { prefix, from, to }: Change,
  view: RouterView,
  nameOf: (address: string) => string,
  servers: MoveServer[],
): MovingFlows[] {
  if (from === null || sourceOf(view) === TableSource.Config) return [];
  const fateAt = (name: string): FlowFate => {
    const server = servers.find((candidate) => candidate.name === name);
    // A server that leaves the configuration takes its mark with it.
    if (!view.pinsFlows || to === null || !server) return FlowFate.Break;
    return server.down ? FlowFate.Move : FlowFate.Stay;
  };
  if (!view.pinsFlows || view.flows === undefined) return [{ server: from, count: null, fate: fateAt(from) }];
  const counts = new Map<string, number | null>([[from, 0]]);
  for (const flow of view.flows) {
    const name = nameOf(flow.server);
    const before = counts.get(name) ?? 0;
    if (isWithin(prefix, flow.prefix)) counts.set(name, before + flow.count);
    // They were counted by a prefix of which this one is a part.
    else if (isWithin(flow.prefix, prefix)) counts.set(name, null);
  }
  return [...counts]
    .filter(([server]) => server !== to)
    .map(([server, count]) => ({ server, count, fate: fateAt(server) }));
}

/** Of a router that pins flows: those that no move mentions. */
function leavingFlows(
  view: RouterView,
  nameOf: (address: string) => string,
  servers: MoveServer[],
  changes: Change[],
): OpenFlows[] {
  if (!view.pinsFlows || view.failure !== undefined) return [];
  const moving = changes.filter(({ from }) => from !== null);
  return (view.flows ?? [])
    .map((flow) => ({ ...flow, server: nameOf(flow.server) }))
    .filter(({ server }) => servers.every(({ name }) => name !== server))
    .filter(
      ({ prefix }) => !moving.some((move) => isWithin(move.prefix, prefix) || isWithin(prefix, move.prefix)),
    );
}

function isWithin(outer: string, inner: string): boolean {
  return outer === inner || contains(outer, inner);
}

function sitesIn(prefixes: string[], sites: MovesArgs["sites"]): Map<string, string[]> {
  const moving = new Prefixes(prefixes.map((prefix): [string, string] => [prefix, ""]));
  const found = new Map<string, Set<string>>();
  for (const { name, vips } of sites) {
    for (const vip of vips) {
      const prefix = moving.cover(hostPrefix(vip));
      if (prefix !== undefined) found.set(prefix, (found.get(prefix) ?? new Set()).add(name));
    }
  }
  return new Map([...found].map(([prefix, names]) => [prefix, [...names]]));
}

function sharesOf(servers: string[], before: Prefixes, after: Prefixes): RouterMoves["shares"] {
  const names = new Set([...servers, ...before.values(), ...after.values()]);
  const count = (prefixes: Prefixes, name: string): number =>
    [...prefixes.values()].filter((server) => server === name).length;
  return Object.fromEntries(
    [...names].map((name) => [name, { before: count(before, name), after: count(after, name) }]),
  );
}

/** Prefixes and their servers. */
class Prefixes extends Map<string, string> {
  private lengths: number[] | undefined;

  /** The longest of these prefixes that contains a prefix. */
  cover(prefix: string): string | undefined {
    if (this.has(prefix)) return prefix;
    this.lengths ??= [...new Set([...this.keys()].map((key) => lengthOf(key)))].sort((a, b) => b - a);
    const { family, value, length: most } = parsed(prefix);
    for (const length of this.lengths.filter((candidate) => candidate < most)) {
      const candidate = cidrOf(networkOf({ family, value, length }));
      if (this.has(candidate)) return candidate;
    }
    return undefined;
  }
}

/** More lines than this hide what matters. */
const MAX_LINES = 40;
const MAX_SITES = 6;

/** The moves as lines for an operator; none for a router on which nothing moves. */
export function describeMoves(routers: RouterMoves[]): string[] {
  return routers.flatMap((seen) => {
    const alone = seen.table === TableSource.Config;
    const lines = seen.moves.map((move) => `${seen.router}: ${describeMove(move, !alone)}`);
    lines.push(...seen.leaving.map((flows) => `${seen.router}: ${describeLeaving(flows)}`));
    const shown = firstFew(
      lines,
      MAX_LINES,
      (more) => `${seen.router}: and ${more} more; set LOOPBACK_HA_MOVES_FILE to a file to get them all`,
    );
    const source = describeSource(seen, lines.length > 0);
    if (alone) return [...source, ...shown];
    if (lines.length === 0) return source;
    return [...source, ...shown, `${seen.router}: ${describeShares(seen.shares)}`];
  });
}

/** Where the moves come from, unless the router reported it; for a router that was looked at, only if something moves. */
export function describeSource({ router, failure, table }: RouterMoves, some: boolean): string[] {
  if (failure !== null) {
    const notSeen = `${router}: not looked at (${failure})`;
    if (table === TableSource.Config)
      return [
        `${notSeen}, so what moves is unknown; according to the config, ${some ? "these are away from home:" : "everything is at home"}`,
      ];
    return [
      some
        ? `${notSeen}; based on the last configuration written to it:`
        : `${notSeen}; based on the last configuration written to it, nothing moves`,
    ];
  }
  if (table === TableSource.Live || !some) return [];
  return [`${router}: its routing table could not be read; based on the last configuration written to it:`];
}

function describeMove({ prefix, from, to, sites, flows }: Move, known: boolean): string {
  const concerned =
    sites.length > 0 ? ` (${sites.length > 1 ? "sites" : "site"} ${listed(sites, MAX_SITES)})` : "";
  const now = from === null ? "new" : known ? `via ${from}` : `home ${from}`;
  const what = `${now} => ${to === null ? "no longer routed" : `via ${to}`}`;
  return [`${prefix}: ${what}${concerned}`, ...flows.map(describeFlows)].join("; ");
}

/** Connections that break with their server. */
export function describeLeaving({ prefix, server, count }: OpenFlows): string {
  return `${prefix}: ${describeFlows({ server, count, fate: FlowFate.Break })}, as ${server} leaves`;
}

/** Connections and what happens to them, as a part of a sentence. */
export function describeFlows({ server, count, fate }: MovingFlows): string {
  if (count === 0) return `no open connection with ${server}`;
  const open =
    count === null ? "open connections" : count === 1 ? "1 open connection" : `${count} open connections`;
  const [stays, moves, breaks] = count === 1 ? ["stays", "moves", "breaks"] : ["stay", "move", "break"];
  if (fate === FlowFate.Stay) return `${open} ${stays} with ${server} until the end`;
  if (fate === FlowFate.Move)
    return `${open} ${moves} at once, because ${server} is down: their clients get a reset and reconnect`;
  return `${open} with ${server} ${breaks}`;
}

function describeShares(shares: RouterMoves["shares"]): string {
  return shareTexts(shares)
    .map(({ server, text }) => `${server} ${text}`)
    .join(", ");
}

/** Each server's share before and after: `1 of 2 (50 %) => 2 of 2 (100 %)`. */
export function shareTexts(shares: RouterMoves["shares"]): { server: string; text: string }[] {
  const sum = (when: "before" | "after"): number =>
    Object.values(shares).reduce((all, share) => all + share[when], 0);
  const [before, after] = [sum("before"), sum("after")];
  const part = (count: number, all: number): string =>
    `${count} of ${all}${all > 0 ? ` (${Math.round((100 * count) / all)} %)` : ""}`;
  return Object.entries(shares).map(([server, share]) => ({
    server,
    text: `${part(share.before, before)} => ${part(share.after, after)}`,
  }));
}
