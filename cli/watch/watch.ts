/** The watcher: rounds of questions from the routers go to decide.ts, and what it decides is done. */
import { setTimeout as sleep } from "node:timers/promises";
import { FarmModel } from "../../components/config";
import { keepFollowing } from "../routers/follow";
import type { Round } from "../../components/host/installed";
import { HealthRound, parseHealth } from "../routers/health";
import { parsePages } from "../routers/pages";
import { Session, Where } from "../pulumi/session";
import { onRouter, withShell } from "../routers/shell";
import { Facts, Said, hindrances, tell } from "./able";
import { Event, step } from "./decide";
import { gatherFacts } from "./facts";
import { flip } from "./flip";
import { Hooks } from "./hooks";
import { StateFile } from "./stateFile";
import { Log, render } from "./log";
import { WatchState, Policy, active, begin, savedOf } from "./state";
import { moveOnRouters } from "./move";
import { keepWarm } from "./warm";
import { feedWatchdog } from "./watchdog";
import { mayNotAsk } from "./pages";
import * as events from "./events";
import type { Line } from "./events";

export interface WatchOptions {
  session: Session;
  /** How the session was opened. */
  where: Where;
  farm: FarmModel;
  policy: Policy;
  hooks: { command?: string; url?: string };
  log: Log;
  /** How often it is tried whether a flip could be made, in milliseconds. Default: a minute. */
  ableMs?: number;
  json: boolean;
  /** Sees what happens, for those who look at the watcher. Must not throw, and must be quick. */
  onlooker?: Onlooker;
  /** Where its page is; absent: nowhere. */
  listening?: string;
}

/** Sees what happens in a watcher. */
export interface Onlooker {
  /** A line of the log; `at` is the time of day in milliseconds since 1970. */
  onLine(line: Line, at: number): void;
  /** The state after an event. */
  onState(state: WatchState, at: number): void;
}

/** Monotonic, and yet the time of day within reason: flips are kept in a file. In milliseconds. */
const now = (): number => performance.timeOrigin + performance.now();

/** So many questions at once are easy for any router. */
const MOST_QUESTIONS = 256;
const MOST_VIPS = 8;
/** Sites' own pages cost their applications something, and a handshake each. */
const PAGES = { everySeconds: 30, most: 16, timeout: 3 };
/** How long hooks may take when the watcher ends. */
const LAST_WORDS_MS = 3000;
/** How often it is tried whether a flip could be made. */
const ABLE_MS = 60_000;
/** The same of a state that is in no folder. */
const BACKEND_MS = 300_000;

export class Watcher {
  private readonly hooks: Hooks;
  private readonly kept: StateFile;
  private state: WatchState;
  private farm: FarmModel;
  /** What the config's files had in them when they were read. */
  private texts: string;
  /** What they had in the tick before. */
  private seen = "";
  private reading = false;
  private unreadable = false;
  private flipping?: Promise<void>;
  private followed = "";
  private ended = false;
  private stops: (() => void)[] = [];
  /** What would stop a flip, as last logged. */
  private readonly said: Said = new Map();
  private checking = false;
  private checkAgain = false;
  private checked = -Infinity;
  private backend: { asked: number; known: Facts["backend"] } = { asked: -Infinity, known: undefined };

  constructor(private readonly options: WatchOptions) {
    const { session, farm, policy, hooks } = options;
    this.kept = new StateFile(session.folder, session.name);
    this.farm = farm;
    this.texts = this.textsNow();
    const routers = farm.routers.filter(withShell).map(({ name }) => name);
    this.hooks = new Hooks({
      ...hooks,
      stack: session.id,
      onFailure: (hook, reason) => this.log(events.hookFailed(hook, reason)),
    });
    const kept = this.kept.read((reason) => this.say(events.keptLost(reason)));
    this.state = begin(policy, routers, farm.servers, kept, now());
  }

  /** What it knows at this moment. */
  view(): { state: WatchState; farm: FarmModel; unable: string[]; at: number } {
    const unable = [...this.said.values()].map(({ text }) => text);
    return { state: this.state, farm: this.farm, unable, at: now() };
  }

  /** Watches until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { session, policy } = this.options;
    this.say(
      events.watching({
        stack: session.id,
        pid: process.pid,
        servers: this.farm.servers.map(({ name }) => name).join(","),
        routers: Object.keys(this.state.routers).join(","),
        interval: `${policy.interval / 1000}s`,
        fall: policy.fall,
        min: policy.minActiveDead,
        sick: `${policy.sickAfter / 1000}s`,
        sickMin: policy.minActive,
        mode: policy.dryRun ? "dry-run" : "flip",
      }),
    );
    const { listening } = this.options;
    if (listening !== undefined) this.say(events.listening(listening));
    const asked = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    const stopWarming = keepWarm(() => this.farm);
    const stopFeeding = feedWatchdog();
    const ticks = setInterval(() => this.tick(), policy.interval);
    this.follow();
    void this.checkAble();
    await asked;
    this.ended = true;
    clearInterval(ticks);
    stopWarming();
    this.unfollow();
    // A flip is being interrupted by the same signal; its outcome must be saved.
    await this.flipping;
    this.say(events.ended("the watcher was told to stop"));
    await Promise.race([this.hooks.end(), sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    stopFeeding();
  }

  private take(event: Event): void {
    const before = JSON.stringify(savedOf(this.state));
    const { state, lines, flip: servers, move } = step(this.state, event);
    this.state = state;
    this.options.onlooker?.onState(state, Date.now());
    if (JSON.stringify(savedOf(state)) !== before) this.saveState();
    for (const line of lines) this.say(line);
    if (servers) this.flipping = this.flip(servers);
    if (move) this.flipping = this.move(move);
  }

  private async move(servers: string[]): Promise<void> {
    const outcome = await moveOnRouters(this.options.session, servers);
    this.flipping = undefined;
    this.take({ kind: "moved", at: now(), outcome });
  }

  private async flip(servers: string[]): Promise<void> {
    const { session, where } = this.options;
    const outcome = await flip({ session, where, say: (line) => this.say(line) }, servers);
    // Before anything else is decided.
    await this.read();
    this.flipping = undefined;
    this.take({ kind: "flipped", at: now(), outcome });
    void this.checkAble();
  }

  private saveState(): void {
    if (this.options.policy.dryRun) return;
    try {
      this.kept.write(savedOf(this.state));
    } catch (error) {
      this.say(events.notKept((error as Error).message));
    }
  }

  private tick(): void {
    this.take({ kind: "tick", at: now() });
    const texts = this.textsNow();
    // Twice the same: it is not being written.
    if (!this.flipping && !this.reading && texts !== this.texts && texts === this.seen) void this.reread();
    this.seen = texts;
    if (!this.checking && now() - this.checked > (this.options.ableMs ?? ABLE_MS)) void this.checkAble();
  }

  /** Says what would stop a flip, and when that is gone; each once. */
  private async checkAble(): Promise<void> {
    const { session, policy, log } = this.options;
    if (policy.dryRun || this.flipping || this.ended) return;
    // What it has asked by now may be of the time before the change.
    if (this.checking) return void (this.checkAgain = true);
    this.checking = true;
    const first = this.checked === -Infinity;
    const { asked, known } = this.backend;
    const fresh = now() - asked <= BACKEND_MS;
    try {
      const facts = await gatherFacts({
        ...{ session, kept: this.kept, log: log.failure() },
        servers: active(this.state),
        movers: policy.moveAfter === undefined ? [] : this.farm.routers.filter(withShell),
        backend: fresh ? known : undefined,
      });
      if (!fresh) this.backend = { asked: now(), known: facts.backend };
      // What a flip writes at the same time may be in the way of the trial.
      if (!this.flipping) for (const line of tell(this.said, hindrances(facts))) this.say(line);
      if (first && facts.backend) this.say(events.foreignLocks(facts.backend.url));
    } catch (error) {
      const text = `can't check whether a flip is possible: ${(error as Error).message}`;
      for (const line of tell(this.said, [
        ...[...this.said.values()].filter(({ what }) => what !== "trial"),
        { what: "trial", kind: text, text },
      ]))
        this.say(line);
    }
    this.checked = now();
    this.checking = false;
    if (!this.checkAgain) return;
    this.checkAgain = false;
    void this.checkAble();
  }

  /** What the config's files have in them now, or why that can't be read: then reading the config says so. */
  private textsNow(): string {
    try {
      return this.options.session.texts();
    } catch (error) {
      return `unreadable: ${(error as Error).message}`;
    }
  }

  /** Somebody has changed the config. */
  private async reread(): Promise<void> {
    this.reading = true;
    await this.read();
    this.reading = false;
  }

  private async read(): Promise<void> {
    const { session } = this.options;
    const texts = this.textsNow();
    const flipping = this.flipping;
    try {
      const farm = await session.farm();
      // A flip that was begun meanwhile writes the config, and reads it when it has ended.
      if (this.flipping !== flipping) return;
      this.texts = texts;
      this.farm = farm;
      if (this.unreadable) this.say(events.readable());
      this.unreadable = false;
      const routers = farm.routers.filter(withShell).map(({ name }) => name);
      this.take({ kind: "farm", at: now(), servers: farm.servers, routers });
      this.follow();
      void this.checkAble();
    } catch (error) {
      // Somebody is at work on it: one line for all of that.
      if (!this.unreadable) this.say(events.unreadable((error as Error).message));
      void this.checkAble();
      this.unreadable = true;
      this.texts = texts;
    }
  }

  /** Starts the routers' checks; restarts them if other servers must be checked, or in another way. */
  private follow(): void {
    const { session, policy } = this.options;
    const routers = this.farm.routers.filter(withShell);
    const vips = Math.max(1, Math.min(MOST_VIPS, Math.floor(MOST_QUESTIONS / this.farm.servers.length)));
    const every = policy.interval / 1000;
    // A round ends before the next begins.
    const timeout = Number(Math.min(1, every * 0.8).toFixed(2));
    const args = ["--servers", "--every", `${every}`, "--timeout", `${timeout}`, "--sample", `${vips}`];
    const scripts = routers.map((router) => onRouter(router, session.id, "health.sh", args));
    const pages = Math.max(1, Math.min(PAGES.most, vips * 2));
    const pageArgs = [
      "--pages",
      "--every",
      `${PAGES.everySeconds}`,
      "--timeout",
      `${PAGES.timeout}`,
      "--sample",
      `${pages}`,
    ];
    const asking = routers.map((router) => onRouter(router, session.id, "health.sh", pageArgs));
    const key = JSON.stringify([scripts, asking]);
    if (this.ended || key === this.followed) return;
    this.unfollow();
    this.followed = key;
    this.stops = asking.map((script) => {
      const router = script.host.name;
      return keepFollowing(script, {
        silence: 3 * PAGES.everySeconds * 1000,
        pause: (reason) => PAGES.everySeconds * (mayNotAsk(reason) ? 10_000 : 1000),
        onRound: (lines) => this.take({ kind: "pages", at: now(), router, ...parsePages(lines) }),
        onLost: (reason) => this.take({ kind: "pagesLost", at: now(), router, reason }),
      });
    });
    const stops = scripts.map((script) => {
      const router = script.host.name;
      return keepFollowing(script, {
        silence: policy.silence + 2000,
        onRound: (lines) => this.take({ kind: "round", at: now(), router, ...this.roundOf(router, lines) }),
        onLost: (reason) => this.take({ kind: "lost", at: now(), router, reason }),
      });
    });
    this.stops.push(...stops);
  }

  /** A router without a guard in the config holds nothing. */
  private roundOf(name: string, lines: Round): HealthRound {
    const { held, ...round } = parseHealth(lines);
    const guarded = this.farm.routers.some((router) => router.name === name && router.guard);
    return guarded && held ? { ...round, held } : round;
  }

  private unfollow(): void {
    for (const stop of this.stops) stop();
    this.stops = [];
    this.followed = "";
  }

  private say(line: Line): void {
    const at = this.log(line);
    this.hooks.tell(line, at);
  }

  private log(line: Line): Date {
    const at = new Date();
    this.options.log.write(render(line, at, this.options.json));
    this.options.onlooker?.onLine(line, at.getTime());
    return at;
  }
}
