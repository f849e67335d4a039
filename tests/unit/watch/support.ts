/** A watcher's life in a few words. */
import { ServerState } from "../../../components/config";
import { Event, Outcome, step } from "../../../cli/watch/decide";
import { SavedState, WatchState, Policy, Result, begin } from "../../../cli/watch/state";
import type { HealthRound } from "../../../cli/routers/health";
import { Cause, Host } from "../../../components/routerRoute/verdict";
import type { Line } from "../../../cli/watch/events";

export const INTERVAL = 500;

export const policy = (rest: Partial<Policy> = {}): Policy => ({
  interval: INTERVAL,
  fall: 3,
  rise: 3,
  silence: 3000,
  settle: 10_000,
  minActiveDead: 1,
  minActive: 2,
  sickAfter: 10_000,
  sickFlips: 1,
  sickWindow: 600_000,
  flapLimit: 3,
  flapWindow: 3_600_000,
  dryRun: false,
  ...rest,
});

export const VIPS = ["192.0.2.37", "192.0.2.69"];
const REASON = "no answer within 0.5 s";

/**
 * `+`: a server answers; `-`: it does not, and its machine is gone; `/`: the same for all VIPs but the first; `x`: it
 * refuses; `s`: nobody takes the connection, and the machine lives; `~`: connected, and no answer; `3`: a redirect;
 * `l`: it answers late; `?`: the router could not ask; a blank: it is not asked.
 */
export type Picture = string;

const CAUSES: Record<string, Cause> = {
  ...{ "-": Cause.Silent, "/": Cause.Silent, x: Cause.Refused, s: Cause.Silent },
  ...{ "~": Cause.Late, "3": Cause.Status, "?": Cause.Unasked },
};
const HOSTS: Record<string, Host> = { "-": Host.Gone, "?": Host.Unknown };
export const hostsOf = (picture: Picture): Map<string, Host> =>
  new Map([...picture].map((sign, i) => [`web${i + 1}`, HOSTS[sign] ?? Host.Lives]));

/** web1, web2, ... as a picture has them. */
export const answersOf = (picture: Picture) =>
  [...picture].flatMap((sign, i) =>
    sign === " "
      ? []
      : VIPS.map((vip, n) => {
          const bad = sign in CAUSES && (sign !== "/" || n > 0);
          return {
            way: "marked",
            ok: !bad,
            server: `web${i + 1}`,
            site: "w",
            vip,
            reason: bad ? (sign === "x" ? "Connection refused" : REASON) : "",
            ...(bad ? { cause: CAUSES[sign] } : { ms: sign === "l" ? 310 : 10 }),
          };
        }),
  );

export const servers = (...states: string[]) =>
  states.map((state, i) => ({ name: `web${i + 1}`, state: state as ServerState }));

/** Runs a watcher through events, and keeps what it said and did. */
export class Watched {
  state: WatchState;
  at = 1_000_000;
  readonly lines: Line[] = [];
  readonly flips: string[][] = [];
  readonly moves: string[][] = [];

  constructor(
    rules: Policy = policy(),
    farm = servers("active", "active", "active", "active"),
    readonly routers = ["r1"],
    kept: SavedState = { flips: [], unfinished: [] },
  ) {
    this.state = begin(rules, routers, farm, kept, this.at);
  }

  take(event: Event): this {
    const { state, lines, flip, move } = step(this.state, event);
    this.state = state;
    this.lines.push(...lines);
    if (flip) this.flips.push(flip);
    if (move) this.moves.push(move);
    return this;
  }

  /** Rounds of all routers, one interval apart. */
  rounds(...pictures: Picture[]): this {
    for (const picture of pictures) {
      this.at += INTERVAL;
      for (const router of this.routers) this.round(router, picture);
    }
    return this;
  }

  round(router: string, picture: Picture, busy?: string, rest: Partial<HealthRound> = {}): this {
    const round = { answers: answersOf(picture), hosts: hostsOf(picture), busy, ...rest };
    return this.take({ kind: "round", at: this.at, router, ...round });
  }

  /** Time passes without a word of anybody. */
  wait(ms: number): this {
    for (const end = this.at + ms; this.at < end;) {
      this.at = Math.min(end, this.at + INTERVAL);
      this.take({ kind: "tick", at: this.at });
    }
    return this;
  }

  farm(...states: string[]): this {
    return this.take({ kind: "farm", at: this.at, servers: servers(...states), routers: this.routers });
  }

  flipped(result: Result, text = "moved", ...states: string[]): this {
    if (states.length > 0) this.farm(...states);
    const outcome: Outcome = { result, text, seconds: 2.5 };
    return this.take({ kind: "flipped", at: this.at, outcome });
  }

  moved(text: string, failure = ""): this {
    return this.take({ kind: "moved", at: this.at, outcome: { text, failure } });
  }

  /** What was said, without the texts. */
  get words(): string[] {
    return this.lines.map(({ event, fields }) =>
      [event, fields.server ?? fields.servers ?? fields.router].filter(Boolean).join(" "),
    );
  }
}

export const times = (count: number, picture: Picture): Picture[] => Array<Picture>(count).fill(picture);
