/** What moves on a router, as tables in Markdown. Pure. */
import { firstFew, listed } from "../../components/base/firstFew";
import {
  Move,
  MovingFlows,
  RouterMoves,
  TableSource,
  describeFlows,
  describeLeaving,
  describeSource,
  shareTexts,
} from "../../components/network/moves";
import { shorten } from "../../components/host/foreignText.cjs";
import { code, inline } from "./escape";

/** More moves than this become one row for each pair of servers. */
const MOST_ROWS = 40;
const MOST_SITES = 6;
const MOST_FLOWS = 4;
const LONGEST_NAME = 80;
const LONGEST_SOURCE = 300;

/** Moves from one server to another. */
interface Row extends Pick<Move, "from" | "to" | "sites" | "flows"> {
  prefixes: string[];
}

/**
 * @param room about how many characters it may have
 * @returns paragraphs; none if there is nothing to say
 */
export function routerSection(seen: RouterMoves, room: number): string[] {
  const { router, moves, leaving, table } = seen;
  const some = moves.length + leaving.length > 0;
  const source = describeSource(seen, some).map((text) => inline(shorten(text, LONGEST_SOURCE)));
  if (!some) return source;
  const known = table !== TableSource.Config;
  return [
    `#### Router ${name(router)}`,
    ...source,
    ...(moves.length > 0 ? [movesTable(moves, known, 0.6 * room)] : []),
    ...(leaving.length > 0 ? [list(leaving.map(describeLeaving), 0.2 * room)] : []),
    ...(known ? [sharesTable(seen, 0.2 * room)] : []),
  ];
}

const name = (text: string): string => code(shorten(text, LONGEST_NAME));

function movesTable(moves: Move[], known: boolean, room: number): string {
  const head = ["prefix", known ? "from" : "home", known ? "to" : "goes to", "sites", "open connections"];
  const single = moves.map((move) => cellsOf({ ...move, prefixes: [move.prefix] }));
  const fits = moves.length <= MOST_ROWS && table(head, single, Infinity, "").length <= room;
  return table(head, fits ? single : together(moves).map(cellsOf), room, "more rows");
}

function together(moves: Move[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { prefix, from, to, sites, flows } of moves) {
    const key = JSON.stringify([from, to]);
    const row = rows.get(key) ?? { prefixes: [], from, to, sites: [], flows: [] };
    row.prefixes.push(prefix);
    row.sites.push(...sites);
    row.flows.push(...flows);
    rows.set(key, row);
  }
  return [...rows.values()].map((row) => ({ ...row, sites: [...new Set(row.sites)].sort() }));
}

function cellsOf({ prefixes, from, to, sites, flows }: Row): string[] {
  const last = prefixes[prefixes.length - 1];
  return [
    prefixes.length === 1 ? name(last) : `${prefixes.length} prefixes, ${name(prefixes[0])} to ${name(last)}`,
    from === null ? "not routed" : name(from),
    to === null ? "no longer routed" : name(to),
    listed(sites.map(name), MOST_SITES),
    flowsCell(flows),
  ];
}

function flowsCell(flows: MovingFlows[]): string {
  const sums = new Map<string, MovingFlows>();
  for (const flow of flows) {
    const key = JSON.stringify([flow.server, flow.fate]);
    const sum = sums.get(key);
    const count =
      sum === undefined
        ? flow.count
        : sum.count === null || flow.count === null
          ? null
          : sum.count + flow.count;
    sums.set(key, { ...flow, count });
  }
  const all = [...sums.values()];
  return firstFew(
    all.map((flow) => inline(describeFlows({ ...flow, server: shorten(flow.server, LONGEST_NAME) }))),
    MOST_FLOWS,
    (more) => `and connections with ${more} more servers`,
  ).join("<br>");
}

function sharesTable({ shares }: RouterMoves, room: number): string {
  const rows = shareTexts(shares).map(({ server, text }) => [name(server), inline(text)]);
  return table(["server", "share"], rows, room, "more servers");
}

function table(head: string[], rows: string[][], room: number, rest: string): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return cut([line(head), line(head.map(() => "---"))], rows.map(line), room, rest);
}

const list = (texts: string[], room: number): string =>
  cut(
    [],
    texts.map((text) => `- ${inline(text)}`),
    room,
    "more",
  );

/** As many lines as there is room for, and how many more there are. */
function cut(head: string[], lines: string[], room: number, rest: string): string {
  const shown: string[] = [];
  let left = room;
  for (const line of lines) {
    left -= line.length + 1;
    if (left < 0) break;
    shown.push(line);
  }
  const more = lines.length - shown.length;
  const text = [...head, ...shown].join("\n");
  return more > 0 ? `${text}\n\nand ${more} ${rest}: \`loopback-ha preview --json\` lists them all` : text;
}
