/** What was ordered, in a small file beside the pairs: so that limits and failures count over runs. */
import * as fs from "node:fs";
import * as path from "node:path";
import { writeWhole } from "../../components/base/wholeFile";
import { CliError } from "../terminal/exit";

/** One order. */
export interface Order {
  at: Date;
  site: string;
  /** What was asked for, of whom. */
  key: string;
  /** `begun`: it was interrupted, or is on its way. */
  result: "begun" | "ordered" | "failed";
  /** Why it failed. */
  text?: string;
}

export interface Journal {
  /** `project/stack`: two stacks can't share a folder. */
  stack: string;
  /** The CA's directory, as it was used last. */
  server: string;
  /** The oldest first. */
  orders: Order[];
  /** The SHA-256 of the certificate that certs last brought to the servers, by site. */
  delivered: Record<string, string>;
}

/** What makes an order another one: the names in any order, and the CA. */
export const keyOf = (server: string, names: string[]): string => [server, ...[...names].sort()].join(" ");

/** How many orders have begun since then. */
export const countSince = ({ orders }: Journal, since: Date): number =>
  orders.filter(({ at }) => at > since).length;

/** How often this has failed without a success since. */
export function failuresOf(
  { orders }: Journal,
  key: string,
): { count: number; last: undefined } | { count: number; last: { at: Date; text: string } } {
  const own = orders.filter((order) => order.key === key && order.result !== "begun");
  const success = own.map(({ result }) => result).lastIndexOf("ordered");
  const failed = own.slice(success + 1);
  const last = failed.at(-1);
  return last === undefined
    ? { count: 0, last }
    : { count: failed.length, last: { at: last.at, text: last.text ?? "it gave no reason" } };
}

/** When this was last ordered; undefined: never, as far as it is known. */
export const successOf = ({ orders }: Journal, key: string): Date | undefined =>
  orders.filter((order) => order.key === key && order.result === "ordered").at(-1)?.at;

const KEPT_MS = 8 * 24 * 3_600_000;

/** The journal with one more order, or with an order's end; what is a week old goes. */
export function withOrder(journal: Journal, order: Order): Journal {
  const others = journal.orders.filter(
    ({ at, site }) =>
      order.at.getTime() - at.getTime() < KEPT_MS &&
      !(site === order.site && at.getTime() === order.at.getTime()),
  );
  return { ...journal, orders: [...others, order] };
}

export const journalFile = (folder: string): string => path.join(folder, "orders.json");

/**
 * @param fresh what there is before the first order
 * @throws CliError when it can't be read
 */
export function readJournal(folder: string, fresh: Pick<Journal, "stack" | "server">): Journal {
  const file = journalFile(folder);
  if (!fs.existsSync(file)) return { ...fresh, orders: [], delivered: {} };
  try {
    return parseJournal(fs.readFileSync(file, "utf8"));
  } catch (error) {
    throw new CliError(
      `${file} can't be read (${(error as Error).message}); nothing was ordered. It counts recent orders and failures: if there were only a few, remove it`,
    );
  }
}

/** @throws Error */
export function parseJournal(text: string): Journal {
  const { stack, server, orders, delivered } = JSON.parse(text) as Partial<Journal>;
  if (
    typeof stack !== "string" ||
    typeof server !== "string" ||
    !Array.isArray(orders) ||
    typeof delivered !== "object"
  )
    throw new Error("stack, server, orders or delivered is missing");
  return {
    stack,
    server,
    delivered,
    orders: orders.map((order) => ({ ...order, at: new Date(order.at) })),
  };
}

export function writeJournal(folder: string, journal: Journal): void {
  writeWhole(journalFile(folder), `${JSON.stringify(journal, undefined, 1)}\n`);
}
