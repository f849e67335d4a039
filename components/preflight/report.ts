/** What an operator reads before anything changes: what will move, and homes that shift or are missing. */
import { firstFew } from "../base/firstFew";
import { FarmModel, ServerState } from "../config";
import { pathText } from "../base/problems";
import { proposeHomes, shiftedHomes } from "../network/homes";
import { Observation, linesOf } from "../host/observe";
import type { Findings } from "./inspection";
import { describeHeld, waysFromHold } from "../network/holds";
import { RouterMoves, RouterView, describeMoves, findMoves } from "../network/moves";
import { UserError } from "../base/userError";
import { parseFlows, parseHeld, parseLive, parseRoute, parseServer } from "../routerRoute/lineFormats";
import { routerKind } from "../routerRoute/kindRegistry";
import { HiddenVhost, describeHidden, hiddenVhosts } from "./hiddenVhosts";
import { writeWhole } from "../base/wholeFile";

/** Names the file that gets what will move, as JSON. */
export const MOVES_FILE = "LOOPBACK_HA_MOVES_FILE";
/** The same for the command line's own runs, which go on where the file can't be written. */
export const MOVES_NOTE = "LOOPBACK_HA_MOVES_NOTE";

/** What is in that file. */
export interface MovesReport {
  routers: RouterMoves[];
  proposedHomes: Record<string, string>;
  /** Virtual hosts not managed by this stack that its own ones hide. */
  hidden: HiddenVhost[];
}

/** Where it goes: Pulumi's log. The command line has this file's texts too, and most of it needs no SDK. */
export interface Log {
  info(text: string): Promise<void>;
  warn(text: string): Promise<void>;
}

/**
 * Says what will move, in preview and in up, and writes it to the file that the environment names.
 *
 * @throws UserError when that file can't be written
 */
export async function printPreflightReport(
  farm: FarmModel,
  stack: string,
  found: Findings,
  log: Log,
): Promise<void> {
  const moves = movesOf(farm, stack, found);
  const hidden = hiddenVhosts(farm, stack, found);
  const { [MOVES_FILE]: file, [MOVES_NOTE]: note } = process.env;
  const report = (): MovesReport => ({ routers: moves, proposedHomes: proposedHomes(farm), hidden });
  if (file) writeMoves(file, report());
  if (note) noteMoves(note, report());
  const shifts = describeShifts(farm, stack, found);
  if (shifts !== undefined) await log.warn(shifts);
  for (const limit of describeLimits(farm, stack, found)) await log.warn(limit);
  for (const line of describeGuards(moves)) await log.warn(line);
  for (const line of describeHidden(hidden)) await log.warn(line);
  const kinds = new Map(farm.routers.map(({ name, kind }) => [name, kind]));
  // Routers of a kind that is never looked at get a line only for what is away from home.
  const worth = moves.filter(
    ({ router, moves: away }) => away.length > 0 || !routerKind(kinds.get(router)).driver,
  );
  const lines = [...describeMoves(worth), ...describeProposal(farm)];
  if (lines.length > 0) await log.info(lines.join("\n"));
}

/**
 * What will move on each router, from what was found there.
 * @param written lines of the routes that Pulumi wrote last, for a router that could not be looked at; none: by the config alone
 * @param released a server that no guard holds any more by then. Default: all holds last
 */
export function movesOf(
  farm: FarmModel,
  stack: string,
  found: Findings,
  written: Map<string, string[]> = new Map(),
  released?: string,
): RouterMoves[] {
  return findMoves({
    placement: farm.placement,
    servers: farm.servers.map(({ name, address, state }) => ({
      name,
      address,
      down: state === ServerState.Down,
    })),
    sites: farm.sites.map(({ name, vips, retiringVips }) => ({ name, vips: [...vips, ...retiringVips] })),
    fallbacks: farm.fallbacks,
    routers: routerViews(farm, stack, found)
      .map((view) =>
        view.failure === undefined ? view : { ...view, ...recordOf(written.get(view.router) ?? []) },
      )
      .map((view) => ({ ...view, holds: view.holds?.filter(({ server }) => server !== released) })),
  });
}

/** What is known of each router. */
export function routerViews(farm: FarmModel, stack: string, found: Findings): RouterView[] {
  return farm.routers.map(({ name, kind, pinFlows, guard }): RouterView => {
    const pinsFlows = pinFlows ?? routerKind(kind).pinsFlows;
    const seen = found.get(name);
    const { driver } = routerKind(kind);
    const notSeen = driver ? `routers of kind ${kind} can't be inspected` : "detectDrift is false";
    const failure = seen === undefined ? notSeen : seen.failure;
    if (seen === undefined || failure !== undefined)
      return { router: name, pinsFlows, failure, live: [], names: {} };
    const record = recordOf(linesOf(seen, stack, "routes"));
    const live = parseLive(linesOf(seen, stack, "live"));
    return {
      router: name,
      pinsFlows,
      ...record,
      // One that does not tell its table has what was last written.
      ...(live ? { live, fromRecord: false } : {}),
      flows: parseFlows(linesOf(seen, stack, "flows")),
      ...(guard ? { holds: linesOf(seen, stack, "held").map(parseHeld) } : {}),
    };
  });
}

/** What guards did by themselves, a sentence each: `up` leaves it as it is. */
export function describeGuards(moves: RouterMoves[]): string[] {
  return moves.flatMap(({ router, held = [] }) =>
    held.map(
      (hold) => `${router}: ${describeHeld(hold)}. pulumi up does not change that. ${waysFromHold(hold)}`,
    ),
  );
}

/** A router's table out of the file of its wanted routes. */
function recordOf(routes: string[]): Pick<RouterView, "live" | "names" | "fromRecord"> {
  const written = routes.map(parseRoute);
  return {
    fromRecord: written.length > 0,
    live: written.map(({ prefix, nextHop }) => ({ prefix, nextHop })),
    names: Object.fromEntries(written.map(({ server, nextHop }) => [nextHop, server])),
  };
}

/** A warning about homes that the default order moves for no need; undefined: there is none. */
export function describeShifts(farm: FarmModel, stack: string, found: Findings): string | undefined {
  const shifts = shiftedHomes(
    farm.network.vipSubnets,
    serversBefore(farm, stack, found),
    farm.servers,
    farm.homes,
  );
  if (shifts.length === 0) return undefined;
  const list = shifts.map(({ subnet, from, to }) => `${subnet} (${from} => ${to})`).join(", ");
  const homes = shifts.map(({ subnet, from }): [string, string] => [subnet, from]);
  return [
    `the set of servers changed, so the default order gives some VIP subnets a new home: ${list}. To keep their homes:`,
    ...homeCommands(homes),
  ].join("\n");
}

/** What hurts visitors at routers, and what keeps those from pinning connections: one sentence each. */
export function describeLimits(farm: FarmModel, stack: string, found: Findings): string[] {
  return farm.routers.flatMap(({ name, kind, address, pinFlows }) => {
    const pinsFlows = pinFlows ?? routerKind(kind).pinsFlows;
    const seen = found.get(name);
    const limits = seen
      ? ["trouble", ...(pinsFlows ? ["limits"] : [])]
          .flatMap((file) => linesOf(seen, stack, file))
          .map((limit) => `${name}: ${limit}`)
      : [];
    const elsewhere = farm.servers.filter((server) => {
      const gateway = found.get(server.name)?.gateway;
      return gateway !== undefined && gateway !== address;
    });
    if (elsewhere.length === 0 || !pinsFlows) return limits;
    const names = elsewhere.map((server) => server.name).join(", ");
    return [
      ...limits,
      `${name}: answers from ${names} reach clients by another path than ${address}, so ${name} sees only one direction and can't pin their connections: a flip breaks those that came through ${name}. Give these servers a default route through it, or set routers.${name}.pinFlows to false`,
    ];
  });
}

/** Every router knows the servers of its last run. */
function serversBefore(farm: FarmModel, stack: string, found: Findings): { name: string; address: string }[] {
  const known = farm.routers
    .map(({ name }) => found.get(name))
    .filter((seen): seen is Observation => seen !== undefined && seen.failure === undefined)
    .map((seen) => linesOf(seen, stack, "servers"));
  return (known.find((lines) => lines.length > 0) ?? []).map(parseServer);
}

const MAX_COMMANDS = 8;

/** The fewest homes to give to active servers that have none though they could carry something. */
export function proposedHomes(farm: FarmModel): Record<string, string> {
  const proposed = proposeHomes(farm.placement, farm.servers);
  return idleServers(farm, proposed).length > 0 ? proposed : {};
}

/** One that is not active yet gets homes when it is: before, they would move to others. */
function idleServers(farm: FarmModel, proposed: Record<string, string>): string[] {
  const homes = new Set(farm.placement.map(({ home }) => home));
  return farm.servers
    .filter(({ name, state }) => state === ServerState.Active && !homes.has(name))
    .map(({ name }) => name)
    .filter((name) => Object.values(proposed).includes(name));
}

/** The same as lines, with the commands. */
export function describeProposal(farm: FarmModel): string[] {
  const proposed = proposedHomes(farm);
  const homes = Object.entries(proposed);
  if (homes.length === 0) return [];
  return [
    `${idleServers(farm, proposed).join(", ")}: no subnet has its home there. To balance by weight:`,
    ...firstFew(
      homeCommands(homes),
      MAX_COMMANDS,
      (more) => `… and ${more} more: set ${MOVES_FILE} to a file to get them all`,
    ),
  ];
}

/** What gives VIP subnets or VIPs these homes. */
export function homeCommands(homes: [string, string][]): string[] {
  return homes.map(
    ([prefix, server]) => `  pulumi config set --path '${pathText(["homes", prefix])}' ${server}`,
  );
}

function noteMoves(file: string, report: MovesReport): void {
  try {
    writeWhole(file, JSON.stringify(report));
  } catch {
    // Then the command line knows only what it has shown.
  }
}

/** A program that reads the file while it is written gets the old one. */
function writeMoves(file: string, report: MovesReport): void {
  try {
    writeWhole(file, `${JSON.stringify(report, undefined, 2)}\n`);
  } catch (error) {
    throw new UserError(
      `${MOVES_FILE}: ${JSON.stringify(file)} can't be written (${(error as Error).message}); nothing was changed. ` +
        "Use a file in an existing folder, such as ./moves.json, or unset the variable",
    );
  }
}
