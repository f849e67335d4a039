/** Which moves the watcher has seen, with who made them and why: its own, the guards' and operators'. */
import type { Line } from "../watch/events";
import type { Flip, WatchState } from "../watch/state";

/** Who moved traffic, or changed a server's state. */
export enum Mover {
  Watch = "watch",
  Guard = "guard",
  Operator = "operator",
}

/** One move, or an attempt. */
export interface Move {
  /** In milliseconds since 1970. */
  at: number;
  by: Mover;
  /** Names, separated by commas; empty: no particular server. */
  servers: string;
  /** What moved and why, as a sentence. */
  text: string;
  /** It came to nothing, or a part of it did. */
  failed?: true;
}

/** The page shows so many. */
const MOST_KEPT = 20;
/** Many more than there are servers. */
const MOST_HOLDS = 500;
/** Lines that say why a move begins. */
const REASONS = ["flip", "adopt"];
/** What the watcher does next, which the line behind it reports. */
const NEXT_STEP = /: setting the state to down .*$/s;
const DONE = ["flipped", "moved"];
const FAILED = ["failed", "partial", "not-moved", "stuck"];

/** Counts since the watcher started, and the last moves. */
export class Moves {
  readonly counts: Record<Mover, number> = { [Mover.Watch]: 0, [Mover.Guard]: 0, [Mover.Operator]: 0 };
  failures = 0;
  private readonly moves: Move[] = [];
  private why = "";
  /** Holds that were counted, the oldest first. */
  private readonly holds = new Set<string>();

  /** Takes what the watcher's file has of flips before this one was started. */
  remember(flips: Flip[]): void {
    for (const { server, at, sick } of flips)
      this.moves.unshift({
        ...{ at, by: Mover.Watch, servers: server },
        text: `${server} was ${sick ? "sick" : "dead"} and set down, before this watcher was started`,
      });
    this.moves.splice(MOST_KEPT);
  }

  /** The last ones, newest first. */
  get last(): readonly Move[] {
    return this.moves;
  }

  /** Takes a line of the watcher's log. */
  onLine({ event, fields, text }: Line, at: number): void {
    const servers = String(fields.servers ?? fields.server ?? "");
    if (REASONS.includes(event)) this.why = text.replace(NEXT_STEP, "");
    else if (event === "changed") this.add({ at, by: Mover.Operator, servers, text });
    else if (DONE.includes(event)) this.add({ at, by: Mover.Watch, servers, text: this.because(text) });
    else if (FAILED.includes(event)) {
      this.failures++;
      this.add({ at, by: Mover.Watch, servers, text: this.because(text), failed: true }, event === "partial");
    }
  }

  /**
   * Takes what the routers' guards hold now. A router may be compromised: servers that are not known are ignored.
   * @returns whether a hold is new
   */
  onState({ routers, servers }: Pick<WatchState, "routers" | "servers">, at: number): boolean {
    const before = this.counts[Mover.Guard];
    for (const [router, { held }] of Object.entries(routers))
      for (const { server, at: since, reason } of held) {
        const key = JSON.stringify([router, server, since]);
        if (this.holds.has(key) || !Object.hasOwn(servers, server)) continue;
        this.holds.add(key);
        if (this.holds.size > MOST_HOLDS) this.holds.delete(this.holds.values().next().value!);
        this.add({
          ...{ at: timeOf(since, at), by: Mover.Guard, servers: server },
          text: `the guard on ${router} took ${server} out of service, because it ${reason}`,
        });
      }
    return this.counts[Mover.Guard] > before;
  }

  private because(text: string): string {
    const why = this.why;
    this.why = "";
    return why === "" ? text : `${why}: ${text}`;
  }

  /** @param counts whether it moved anything */
  private add(move: Move, counts = !move.failed): void {
    if (counts) this.counts[move.by]++;
    this.moves.unshift({ ...move, text: move.text.trim().replace(/\s*\n\s*/g, "; ") });
    this.moves.splice(MOST_KEPT);
  }
}

function timeOf(text: string, otherwise: number): number {
  const time = Date.parse(text);
  return Number.isNaN(time) ? otherwise : time;
}
