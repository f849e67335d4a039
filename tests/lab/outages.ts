/** When servers really were out of service, as a second observer sees it, and which of a guard's moves that justifies. */
import { startOnClient } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { GuardMove } from "./guarding";

/** A server, asked once. */
export interface Sample {
  server: string;
  /** When it was asked, as `now()`. */
  at: number;
  /** Whether its web port took the connection, refused it, or was silent. */
  port: "open" | "refused" | "silent";
  /** Whether the machine answered at all. */
  alive: boolean;
}

/** A time in which a server refused connections, or its whole machine was silent. */
export interface Outage {
  server: string;
  began: number;
  /** Undefined: it had not ended. */
  ended?: number;
}

/** Outages by the samples of each server, which may be in any order. A port that is silent on a living machine is none. */
export function outagesOf(samples: Sample[]): Outage[] {
  const open = new Map<string, Outage>();
  const all: Outage[] = [];
  for (const { server, at, port, alive } of [...samples].sort((a, b) => a.at - b.at)) {
    const isOut = port === "refused" || (port === "silent" && !alive);
    const current = open.get(server);
    if (isOut && !current) {
      const began: Outage = { server, began: at };
      open.set(server, began);
      all.push(began);
    } else if (!isOut && current) {
      current.ended = at;
      open.delete(server);
    }
  }
  return all;
}

/** How long after the end of an outage the guard, which answers of a former round still reach, may move. */
const ROUND_MS = 100;

/**
 * Moves that were wrong, in words: the server was not out of service then, or it was back within `graceMs`, the time that
 * a restart may take.
 */
export function wrongMoves(moves: GuardMove[], outages: Outage[], graceMs: number): string[] {
  const lasted = ({ began, ended = Infinity }: Outage): number => ended - began;
  return moves.flatMap(({ servers, at, text }) =>
    servers.flatMap((server) => {
      const current = outages.filter(
        (outage) =>
          outage.server === server && outage.began <= at && (outage.ended ?? Infinity) >= at - ROUND_MS,
      );
      if (current.some((outage) => lasted(outage) >= graceMs)) return [];
      const found = current.map((outage) => `was out for ${Math.round(lasted(outage))} ms`);
      return [`${server} ${found.join(", ") || "was not out of service"}: ${text}`];
    }),
  );
}

/** Watches these addresses, by name, from inside the servers' subnet. */
export async function observeServers(
  lab: Lab,
  servers: Record<string, string>,
): Promise<{ stop(): Promise<Outage[]> }> {
  const observer = await startOnClient<Sample[]>(
    lab,
    "tests/lab/serverObserver.ts",
    { servers, everyMs: 25, patienceMs: 250, maxSeconds: 600 },
    "operator",
  );
  return { stop: async () => outagesOf(await observer.stop()) };
}
