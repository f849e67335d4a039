/**
 * The lines of files that are written to routers or read there, each format in one place. routes.sh lists the files; the scripts and
 * awk programs beside it use the same lines. A line from a machine may lack words: then they are empty.
 */
import type { Hold } from "../network/holds";

/** A route that is complete: a line of `routes`. */
export interface Route {
  prefix: string;
  /** Name of the server. */
  server: string;
  nextHop: string;
}

/** A line of `servers`. */
export interface ServerLine {
  name: string;
  address: string;
  down: boolean;
  /** Of packets of its connections, such as `0x2000000`. */
  mark: string;
  /** Its routing table. */
  table: number;
}

/** A route that is in the router's table: a line of `live`. */
export interface LiveLine {
  prefix: string;
  nextHop: string;
}

/** Open connections to a prefix: a line of `flows`. */
export interface FlowsLine {
  prefix: string;
  /** Address of the server that they are with. */
  server: string;
  count: number;
}

/** The servers that take a prefix over when the one that carries it is dead: a line of `fallbacks`. */
export interface FallbackLine {
  prefix: string;
  servers: string[];
}

const words = (line: string, count: number): string[] => {
  const found = line.split(" ");
  return Array.from({ length: count }, (_, i) => found[i] ?? "");
};

export const routeLine = ({ prefix, server, nextHop }: Route): string => [prefix, server, nextHop].join(" ");

export function parseRoute(line: string): Route {
  const [prefix, server, nextHop] = words(line, 3);
  return { prefix, server, nextHop };
}

export const serverLine = ({ name, address, down, mark, table }: ServerLine): string =>
  [name, address, down ? "down" : "up", mark, table].join(" ");

export function parseServer(line: string): ServerLine {
  const [name, address, state, mark, table] = words(line, 5);
  return { name, address, down: state === "down", mark, table: Number(table) };
}

export const fallbackLine = ({ prefix, servers }: FallbackLine): string => [prefix, ...servers].join(" ");

export function parseFallback(line: string): FallbackLine {
  const [prefix, ...servers] = line.split(" ");
  return { prefix, servers };
}

/** A line of `held`. */
export const heldLine = ({ server, at, reason }: Hold): string => [server, at, reason].join(" ");

export function parseHeld(line: string): Hold {
  const [server, at, ...reason] = line.split(" ");
  return { server, at: at ?? "", reason: reason.join(" ") };
}

/** In place of a table or of flows: there are none. Without any line, it is not known. */
const NONE = "-";
const some = (lines: string[]): string[] => lines.filter((line) => line !== NONE);

/** @returns undefined: not known */
export function parseLive(lines: string[]): LiveLine[] | undefined {
  if (lines.length === 0) return undefined;
  return some(lines).map((line) => {
    const [prefix, nextHop] = words(line, 2);
    return { prefix, nextHop };
  });
}

/** @returns undefined: not known */
export function parseFlows(lines: string[]): FlowsLine[] | undefined {
  if (lines.length === 0) return undefined;
  return some(lines).map((line) => {
    const [prefix, server, count] = words(line, 3);
    return { prefix, server, count: Number(count) };
  });
}
