/** The same moves by hand, on the routers: for when the state is locked or can't be reached. Pure. */
import { FarmModel, ServerState } from "../../components/config";
import { withShell } from "./shell";

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

/** @param from only prefixes that go to one of these servers by then; none: any server */
export const moveWords = (
  moves: { prefix: string; to: string }[],
  down: boolean,
  from: string[] = [],
): string[] => [
  MOVE_COMMAND,
  ...(down ? ["--down"] : []),
  ...(from.length === 0 ? [] : ["--from", from.join(",")]),
  ...moves.flatMap(({ prefix, to }) => [prefix, to]),
];

/**
 * @param farm as it should become
 * @returns what is typed on each router, as lines; none: nothing moves, or no router has the command
 */
export function byHand(farm: FarmModel, moves: Move[]): string[] {
  const isDown = (name: string): boolean =>
    farm.servers.some((server) => server.name === name && server.state === ServerState.Down);
  return farm.routers.filter(withShell).flatMap(({ name: router }) => {
    const all = moves.flatMap(({ router: name, prefix, from, to }) =>
      name === router && from !== null && to !== null ? [{ prefix, to, down: isDown(from) }] : [],
    );
    if (all.length === 0) return [];
    const named = all.slice(0, MOST_NAMED);
    const commands = [true, false].flatMap((down) => {
      const those = named.filter((move) => move.down === down);
      return those.length === 0 ? [] : [moveWords(those, down).join(" ")];
    });
    const more = all.length > MOST_NAMED ? ` and so on, ${all.length} prefixes in total` : "";
    return [`as root on ${router}: ${commands.join(" && ")}${more}`];
  });
}

/** The same as a sentence. */
export function byHandText(farm: FarmModel, moves: Move[]): string {
  const lines = byHand(farm, moves);
  if (lines.length === 0) return "";
  return `To do it on the routers in the meantime (previews show it as drift until the next up): ${lines.join("; ")}`;
}
