/** Servers that routers' guards hold as dead: which of them a command is about, and what becomes of them. Pure. */
import { FarmModel, ServerState } from "../../components/config";
import { show, useNearest } from "../../components/base/problems";
import { describeHeld, heldUnits } from "../../components/network/holds";
import type { RouterMoves } from "../../components/network/moves";
import type { Edit } from "../pulumi/stackFile";
import type { GuardedRouter } from "../status/look";
import { UsageError } from "../terminal/exit";
import { leavingEdits } from "./flips";
import { serverNamed } from "./named";

const unique = (names: string[]): string[] => [...new Set(names)];

const heldIn = (guards: GuardedRouter[]): string[] =>
  unique(guards.flatMap(({ holds }) => holds.map(({ server }) => server))).sort();

/** @throws UsageError unless a guard holds the server */
export function assertHeld(farm: FarmModel, guards: GuardedRouter[], name: string, instead: string): void {
  serverNamed(farm, name);
  const held = heldIn(guards);
  if (held.includes(name)) return;
  const others = held.length > 0 ? `; ${useNearest(name, held, "server")}` : "";
  throw new UsageError(`no guard holds ${show(name)}${others}. ${instead}. Nothing was touched`);
}

/**
 * @param names none: all that are held
 * @throws UsageError when a named one is not held
 */
export function serversToAdopt(farm: FarmModel, guards: GuardedRouter[], names: string[]): string[] {
  for (const name of names) assertHeld(farm, guards, name, `If it is dead: loopback-ha down ${name}`);
  if (names.length > 0) return unique(names);
  // One that has left the config is held until the next run.
  return heldIn(guards).filter((name) => farm.servers.some((server) => server.name === name));
}

/** What sets held servers down. @throws UsageError when no active server would be left */
export function adoptEdits(farm: FarmModel, overrides: Record<string, string>, names: string[]): Edit[] {
  const left = farm.servers.filter(
    ({ name, state }) => state === ServerState.Active && !names.includes(name),
  );
  if (names.length > 1 && left.length === 0)
    throw new UsageError(
      `${names.join(", ")} are the last active servers: no other server could take over their traffic; adopt some of them, or first run loopback-ha release SERVER for one that works. Nothing was touched`,
    );
  return names.flatMap((name) => leavingEdits(farm, overrides, name, ServerState.Down));
}

/** @throws UsageError when the server is not held, or the config would give it nothing */
export function assertReleasable(farm: FarmModel, guards: GuardedRouter[], name: string): void {
  const restore = `loopback-ha restore ${name}`;
  if (serverNamed(farm, name).state === ServerState.Down)
    throw new UsageError(
      `${name} gets no traffic, as its state is down; to bring it back: ${restore}. Nothing was touched`,
    );
  assertHeld(farm, guards, name, `To give it its traffic: ${restore}`);
}

/** What guards did with these servers, as lines. */
export const describeHolds = (farm: FarmModel, guards: GuardedRouter[], servers: string[]): string[] =>
  guards.flatMap(({ router, holds }) =>
    heldUnits(holds, farm.placement, farm.fallbacks)
      .filter(({ server }) => servers.includes(server))
      .map((hold) => `${router}: ${describeHeld(hold)}`),
  );

/** Why an adoption moves something, as sentences; none: it moves nothing. */
export function describeFurther(
  routers: Pick<RouterMoves, "router" | "moves">[],
  guards: GuardedRouter[],
  servers: string[],
): string[] {
  const moving = routers.filter(({ moves }) => moves.length > 0).map(({ router }) => router);
  const hasMoved = (name: string): boolean => {
    const held = heldIn(guards.filter(({ router }) => router === name));
    return servers.every((server) => held.includes(server));
  };
  const [ahead, behind] = [moving.filter(hasMoved), moving.filter((name) => !hasMoved(name))];
  return [
    ...(ahead.length > 0
      ? [
          `${ahead.join(", ")}: more than one server is out of service, so their prefixes are spread evenly over the others; connections with servers that live stay where they are`,
        ]
      : []),
    ...(behind.length > 0
      ? [
          `${behind.join(", ")}: no guard moved all of this there, so it moves now, or what is left is spread evenly`,
        ]
      : []),
  ];
}
