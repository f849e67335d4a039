/** A picture in a few words. */
import { ServerState } from "../../../components/config";
import { Verdict } from "../../../components/routerRoute/verdict";
import type { Sample } from "../../../cli/observe/exposition";
import { Moves } from "../../../cli/observe/moves";
import type { Picture, WatchedServer } from "../../../cli/observe/picture";
import { status } from "../diagram/support";

export const NOW = Date.parse("2026-11-25T07:48:12.000Z");

export const watched = (n: number, rest: Partial<WatchedServer> = {}): WatchedServer => ({
  name: `web${n}`,
  state: ServerState.Active,
  health: Verdict.Well,
  answers: true,
  ms: 3,
  reason: "",
  ...rest,
});

export const picture = (rest: Partial<Picture> = {}): Picture => {
  const moves = new Moves();
  return {
    stack: "loopback-ha/prod",
    version: "0.1.0",
    now: NOW,
    started: NOW - 3_600_000,
    dryRun: false,
    servers: [watched(1), watched(2)],
    routers: [
      {
        name: "r1",
        reports: true,
        lastRound: NOW - 400,
        guarded: true,
        held: [],
        tracked: { count: 10, max: 100 },
      },
    ],
    unable: [],
    moves: moves.last,
    counts: moves.counts,
    failures: moves.failures,
    status: status(),
    ...rest,
  };
};

/** What a text in Prometheus' format says, read as its specification has it, line by line. */
export interface Parsed {
  help: Map<string, string>;
  types: Map<string, string>;
  samples: (Required<Sample> & { name: string })[];
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** @throws Error on a line that is no line of the format */
export function parse(text: string): Parsed {
  const parsed: Parsed = { help: new Map(), types: new Map(), samples: [] };
  if (text !== "" && !text.endsWith("\n")) throw new Error("no final line feed");
  for (const line of text.split("\n").slice(0, -1)) {
    const [, name, what] = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/s.exec(line) ?? [];
    if (name !== undefined) {
      if (parsed.help.has(name)) throw new Error(`twice: ${line}`);
      parsed.help.set(name, what);
      continue;
    }
    const [, typed, type] = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (gauge|counter)$/.exec(line) ?? [];
    if (typed !== undefined) {
      if (parsed.types.has(typed)) throw new Error(`twice: ${line}`);
      parsed.types.set(typed, type);
      continue;
    }
    const [, own, all = "", value] =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.]+(?:e[+-]?\d+)?|NaN|[+-]Inf)$/s.exec(line) ?? [];
    if (own === undefined) throw new Error(`no line of the format: ${JSON.stringify(line)}`);
    parsed.samples.push({
      name: own,
      labels: labelsIn(all),
      value: Number(value.replace("Inf", "Infinity")),
    });
  }
  return parsed;
}

function labelsIn(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    LABEL.lastIndex = at;
    const found = LABEL.exec(text);
    if (!found) throw new Error(`no labels: ${JSON.stringify(text)}`);
    labels[found[1]] = found[2].replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
  }
  return labels;
}
