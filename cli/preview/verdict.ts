/** What a preview comes to, in one line. Pure. */
import { listedOrCounted } from "../../components/base/firstFew";
import { FlowFate, MovingFlows, TableSource } from "../../components/network/moves";
import type { Preview } from "../pulumi/preview";

/** @returns what moves, what becomes of open connections, which machines change: one sentence without a full stop */
export function verdict(preview: Preview): string {
  const moving = movingParts(preview);
  const others = [...connectionParts(preview), ...changeParts(preview)];
  if (moving.length === 0 && others.length === 0) return "nothing moves, nothing changes";
  return [...(moving.length > 0 ? moving : ["nothing moves"]), ...others].join("; ");
}

function movingParts({ routers }: Preview): string[] {
  const unknown = routers.filter(({ table }) => table === TableSource.Config).map(({ router }) => router);
  const moves = routers.filter(({ table }) => table !== TableSource.Config).flatMap((seen) => seen.moves);
  const prefixes = new Set(moves.map(({ prefix }) => prefix)).size;
  const ways = [...new Set(moves.map(({ from, to }) => `${from ?? "nowhere"} => ${to ?? "nowhere"}`))];
  const way = ways.length === 1 ? ` (${ways[0]})` : "";
  const told = prefixes === 1 ? `1 prefix moves${way}` : `${prefixes} prefixes move${way}`;
  return [
    ...(prefixes > 0 ? [told] : []),
    ...(unknown.length > 0 ? [`what moves on ${unknown.join(", ")} is not known`] : []),
  ];
}

/** Worst first. */
const FATES: [FlowFate, string, string][] = [
  [FlowFate.Break, "breaks", "break"],
  [FlowFate.Move, "moves at once", "move at once"],
  [FlowFate.Stay, "stays where it is until it ends", "stay where they are until they end"],
];

function connectionParts({ routers }: Preview): string[] {
  const flows = routers.flatMap(({ moves, leaving }) => [
    ...moves.flatMap((move) => move.flows),
    ...leaving.map((flow): MovingFlows => ({ ...flow, fate: FlowFate.Break })),
  ]);
  return FATES.flatMap(([fate, one, many]) => {
    const counts = flows.filter((flow) => flow.fate === fate).map(({ count }) => count);
    if (counts.includes(null)) return [`open connections ${many}`];
    const sum = counts.reduce<number>((all, count) => all + count!, 0);
    if (sum === 0) return [];
    return [sum === 1 ? `1 open connection ${one}` : `${sum} open connections ${many}`];
  });
}

const MOST_NAMES = 6;

function changeParts({ changes }: Preview): string[] {
  const machines = [...new Set(changes.map(({ machine }) => machine))].sort();
  const drifted = [...new Set(changes.filter(({ drift }) => drift).map(({ machine }) => machine))].sort();
  const parts: string[] = [];
  if (machines.length > 0) {
    const names = listedOrCounted(machines, MOST_NAMES, "machines");
    const first = changes.every(({ op }) => op === "create");
    const [one, many] = first ? ["is set up", "are set up"] : ["changes", "change"];
    parts.push(`${names} ${machines.length === 1 ? one : many}`);
  }
  if (drifted.length > 0) parts.push(`drift on ${drifted.join(", ")} is repaired`);
  return parts;
}
