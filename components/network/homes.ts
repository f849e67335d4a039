import type { ServerState } from "./serverState";
import { hostPrefix } from "./address.cjs";
import { subnetOf } from "./addressPlan";
import { apportion } from "./apportion";
import { orderByAddress } from "./ipv4Only";

/** A server as placement sees it. */
export interface PlacementServer {
  /** Its name. */
  name: string;
  /** Its address in the servers' subnet; servers are ordered by it. */
  address: string;
  /** Only a server that is `active` carries traffic. Default: active. */
  state?: ServerState;
  /** How much of what others can't carry it takes, as a positive whole number. Default: 1. */
  weight?: number;
}

/** Settings for single units. */
export interface PlacementOptions {
  /** The VIPs in use: then each is a unit of its own (`192.0.2.69/32`). Default: a unit is a whole VIP subnet. */
  vips?: string[];
  /** Home server by VIP subnet or, with `vips`, by unit; a unit's own wins. Default: the default order. */
  homes?: Record<string, string>;
  /** Server by VIP subnet or unit, as `homes`: it carries the unit regardless of its home. Default: none. */
  overrides?: Record<string, string>;
}

/** Where a unit belongs. */
export interface Home {
  /** The unit in CIDR form: a VIP subnet, or one VIP. */
  prefix: string;
  /** The VIP subnet that it is or is in. */
  subnet: string;
  /** Name of its home server. */
  home: string;
}

/** What identifies a server; homes do not depend on its state. */
export type HomeServer = Pick<PlacementServer, "name" | "address" | "weight">;

/**
 * The home of each unit, ordered by address: the one that `homes` names for the unit, else for its subnet, else the
 * default order's: the i-th subnet is at home on the i-th server (modulo their number), both ordered by address.
 */
export function homesOf(
  subnets: string[],
  servers: HomeServer[],
  { vips, homes = {} }: Pick<PlacementOptions, "vips" | "homes"> = {},
): Home[] {
  const named = new Map(Object.entries(homes));
  const byDefault = defaultHomes(subnets, servers);
  const ordered = [...byDefault.keys()];
  const units = vips
    ? [...new Set(vips)].map((vip) => ({ prefix: hostPrefix(vip), subnet: subnetOf(vip, ordered) }))
    : ordered.map((subnet) => ({ prefix: subnet, subnet }));
  return orderByAddress(units, ({ prefix }) => prefix).map(({ prefix, subnet }) => ({
    prefix,
    subnet,
    home: named.get(prefix) ?? named.get(subnet) ?? byDefault.get(subnet)!,
  }));
}

function defaultHomes(subnets: string[], servers: HomeServer[]): Map<string, string> {
  const ordered = orderByAddress(servers, ({ address }) => address);
  const names = orderByAddress(subnets, (subnet) => subnet);
  return new Map(names.map((subnet, i) => [subnet, ordered[i % ordered.length].name]));
}

/**
 * The fewest new homes after which all homes are balanced by weight: each server then has its share, rounded down or
 * up. For a farm that a server has joined or left.
 * @param present the homes as they are: a unit whose home is none of the servers needs a new one
 * @param servers all servers, whatever their state
 * @returns new homes by unit, ordered by address; empty when all is balanced
 */
export function proposeHomes(
  present: Pick<Home, "prefix" | "home">[],
  servers: HomeServer[],
): Record<string, string> {
  const takers = orderByAddress(servers, ({ address }) => address);
  const units = orderByAddress(present, ({ prefix }) => prefix);
  const at = (name: string): string[] =>
    units.filter(({ home }) => home === name).map(({ prefix }) => prefix);
  const wanted = apportion(
    units.length,
    takers.map(({ name, weight = 1 }) => ({ weight, keeps: at(name).length })),
  );
  const names = new Set(takers.map(({ name }) => name));
  const leaving = new Set([
    ...units.filter(({ home }) => !names.has(home)).map(({ prefix }) => prefix),
    ...takers.flatMap(({ name }, i) => at(name).slice(wanted[i])),
  ]);
  const room = takers.flatMap(({ name }, i) =>
    Array<string>(Math.max(wanted[i] - at(name).length, 0)).fill(name),
  );
  const moving = units.filter(({ prefix }) => leaving.has(prefix));
  return Object.fromEntries(moving.map(({ prefix }, i) => [prefix, room[i]]));
}

/** A VIP subnet that the default order gives another home. */
export interface ShiftedHome {
  /** The VIP subnet in CIDR form. */
  subnet: string;
  /** Its former home, which is still a server. */
  from: string;
  /** Its new one. */
  to: string;
}

/**
 * VIP subnets without a named home that the default order gives another one because servers joined or left, although the
 * former one is still there. Any rule by order has this effect: it cannot tell a server that joined from one that left.
 * @param before the servers of the last run; none: nothing shifted
 */
export function shiftedHomes(
  subnets: string[],
  before: HomeServer[],
  now: HomeServer[],
  homes: Record<string, string> = {},
): ShiftedHome[] {
  if (before.length === 0 || now.length === 0) return [];
  const former = defaultHomes(subnets, before);
  const named = new Set(Object.keys(homes));
  return [...defaultHomes(subnets, now)]
    .map(([subnet, to]) => ({ subnet, from: former.get(subnet)!, to }))
    .filter(({ subnet, from, to }) => from !== to && !named.has(subnet))
    .filter(({ from }) => now.some(({ name }) => name === from));
}
