import type { Line } from "./words";

/** A line as it is logged: for people `TIME EVENT KEY=VALUE ... - TEXT`, for programs a JSON object. Pure. */
export function render({ event, fields, text }: Line, at: Date, json: boolean): string {
  if (json) return JSON.stringify(asObject({ event, fields, text }, at));
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${word(value)}`);
  // A line stays one line.
  return `${[at.toISOString(), event, ...pairs].join(" ")} - ${text.replace(/\s*\n\s*/g, "; ")}`;
}

/** The same as an object, for programs and hooks. */
export const asObject = ({ event, fields, text }: Line, at: Date) => ({
  time: at.toISOString(),
  event,
  ...fields,
  text,
});

const word = (value: string | number): string =>
  /^[^\s"=]+$/.test(String(value)) ? String(value) : JSON.stringify(value);
