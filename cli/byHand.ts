/** The same moves by hand, on the routers: for when the state is locked or can't be reached. Pure. */
import { FarmModel, ServerState } from "../components/config";
import { withShell } from "./status/gather";

/** A prefix that goes from one server to another. */
export interface Move {
  router: string;
  prefix: string;
  from: string | null;
  to: string | null;
}

const MOST_NAMED = 8;

/** What moves a prefix on a router. */
export const MOVE_COMMAND = "loopback-ha-move";

/** @param from only if the prefix goes to this server by then */
export const moveWords = (prefix: string, to: string, down: boolean, from?: string): string[] => [
  MOVE_COMMAND,
  ...(down ? ["--down"] : []),
  ...(from === undefined ? [] : ["--from", from]),
  prefix,
  to,
];

/**
 * @param farm as it should become
 * @returns what is typed on each router, as lines; none: nothing moves, or no router has the command
 */
export function byHand(farm: FarmModel, moves: Move[]): string[] {
  const isDown = (name: string): boolean =>
    farm.servers.some((server) => server.name === name && server.state === ServerState.Down);
  return farm.routers.filter(withShell).flatMap(({ name: router }) => {
    const all = moves
      .filter((move) => move.router === router && move.from !== null && move.to !== null)
      .map(({ prefix, from, to }) => moveWords(prefix, to!, isDown(from!)).join(" "));
    if (all.length === 0) return [];
    const more = all.length > MOST_NAMED ? ` and so on, ${all.length} in all` : "";
    return [`as root on ${router}: ${all.slice(0, MOST_NAMED).join(" && ")}${more}`];
  });
}

/** The same as a sentence. */
export function byHandText(farm: FarmModel, moves: Move[]): string {
  const lines = byHand(farm, moves);
  if (lines.length === 0) return "";
  return `Meanwhile it can be done on the routers, which shows as drift until the next up: ${lines.join("; ")}`;
}
