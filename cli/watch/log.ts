import * as fs from "node:fs";
import { printable, printableLines } from "../../components/host/foreignText.cjs";
import type { Line } from "./events";

/** A line as it is logged: for people `TIME EVENT KEY=VALUE ... - TEXT`, for programs a JSON object. Pure. */
export function render(line: Line, at: Date, json: boolean): string {
  if (json) return JSON.stringify(asObject(line, at));
  const { event, fields, text } = shown(line);
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${word(value)}`);
  // A line stays one line.
  return `${[at.toISOString(), event, ...pairs].join(" ")} - ${text.replace(/\s*\n\s*/g, "; ")}`;
}

/** The same as an object, for programs and hooks. */
export function asObject(line: Line, at: Date) {
  const { event, fields, text } = shown(line);
  return { time: at.toISOString(), event, ...fields, text };
}

/** Machines have a say in reasons and texts. */
const shown = ({ event, fields, text }: Line): Line => ({
  event,
  fields: Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, typeof value === "string" ? printable(value) : value]),
  ),
  text: printableLines(text),
});

const word = (value: string | number): string =>
  /^[^\s"=]+$/.test(String(value)) ? String(value) : JSON.stringify(value);

/** Where lines go. */
export interface Log {
  write(line: string): void;
  /** Why the last line could not be written; undefined: it was. */
  failure(): string | undefined;
}

/**
 * Where the watcher's lines go. A log that can't be written (its reader has gone, its disk is full) ends no
 * failover: that is said on stderr, once, and each later line is tried all the same.
 */
export function openLog(): Log {
  let failure: string | undefined;
  let said = false;
  const onError = (error: Error): void => {
    failure = error.message;
    if (said) return;
    said = true;
    process.stderr.write(`the log can't be written (${error.message}); the watcher keeps running\n`);
  };
  process.stderr.on("error", () => undefined);
  process.stdout.removeAllListeners("error").on("error", onError);
  const write = (line: string): void => {
    if (process.stdout.writable) return void process.stdout.write(`${line}\n`);
    // A stream stays broken after one failure; what is behind it may not.
    try {
      fs.writeSync(1, `${line}\n`);
      failure = undefined;
    } catch (error) {
      onError(error as Error);
    }
  };
  return { write, failure: () => failure };
}
