/** Looks at all machines from time to time, never while a flip is made or may be due: that has the processor for itself. */
import { shownLine } from "../../components/host/foreignText.cjs";
import type { FarmStatus } from "../status/model";

export interface LooksOptions {
  look: () => Promise<FarmStatus>;
  /** Whether nothing more urgent is going on. */
  isCalm: () => boolean;
  /** From the end of one look to the next, in milliseconds. Default: a minute. */
  everyMs?: number;
}

const EVERY_MS = 60_000;
/** The same where there is news: a router that tells of something new all the time keeps no processor busy. */
const LEAST_MS = 2000;
/** How often it is seen whether a look is due. */
const TICK_MS = 500;
/** A server that misses a check now and then does not keep the picture from ever being new. */
const LATEST_MS = 30_000;

export class Looks {
  /** What the last one found that did not fail. */
  status?: FarmStatus;
  /** Why the last one failed. */
  failure?: string;
  private due = Infinity;
  private earliest = -Infinity;
  private looking = false;
  private timer?: NodeJS.Timeout;

  constructor(private readonly options: LooksOptions) {}

  start(): void {
    this.due = performance.now();
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  /** Things have changed: the next look is due. */
  again(): void {
    this.due = Math.min(this.due, Math.max(this.earliest, performance.now()));
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const late = performance.now() - this.due;
    if (this.looking || late < 0 || (late < LATEST_MS && !this.options.isCalm())) return;
    void this.look();
  }

  private async look(): Promise<void> {
    const { look, everyMs = EVERY_MS } = this.options;
    this.looking = true;
    // What becomes due from now on is not what this one finds.
    this.due = Infinity;
    try {
      this.status = await look();
      this.failure = undefined;
    } catch (error) {
      this.failure = shownLine((error as Error).message);
    }
    this.looking = false;
    this.earliest = performance.now() + LEAST_MS;
    this.due = Math.max(this.earliest, Math.min(this.due, performance.now() + everyMs));
  }
}
