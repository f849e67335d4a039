import { connect, Failure, failureOf, requestHead, serverNamed } from "./http";
import { now, Request } from "./record";
import { LIMITS, LoadSpec, Target, TIMEOUT_MS } from "./spec";

/** Opens connections at a steady rate, whatever becomes of them: one request each. */
export class Requests {
  readonly done: Request[] = [];
  /** Requests that were due when too many connections were open. */
  skipped = 0;
  private open = 0;
  private begun = 0;
  private timer?: NodeJS.Timeout;

  constructor(private readonly spec: LoadSpec) {}

  start(): void {
    const { requestsPerSecond } = this.spec;
    const began = now();
    // What this program was too late for is made up for, so that the rate holds on a busy host.
    this.timer = setInterval(() => {
      const due = Math.floor(((now() - began) / 1000) * requestsPerSecond);
      for (; this.begun < due; this.begun++) {
        if (this.open < LIMITS.openRequests) this.ask(this.begun);
        else this.skipped++;
      }
    }, 1);
  }

  /** Begins no more, and waits for the answers of those that are open. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    while (this.open > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  private ask(number: number): void {
    const { targets, sources } = this.spec;
    // Every source asks every target, whatever their numbers have in common.
    const target: Target = targets[number % targets.length];
    const source = sources[Math.floor(number / targets.length) % sources.length];
    const request: Request = { started: now(), ended: 0, vip: target.vip, source };
    const received: Buffer[] = [];
    let error: Error | undefined;
    this.open++;
    const socket = connect(target.vip, source);
    const timer = setTimeout(() => socket.destroy(new Failure("timeout")), TIMEOUT_MS);
    socket.write(requestHead("GET", target.serverName, target.path, "Connection: close"));
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("error", (it) => (error = it));
    socket.on("close", () => {
      clearTimeout(timer);
      this.open--;
      request.ended = now();
      try {
        if (error) throw error;
        request.server = serverNamed(Buffer.concat(received));
      } catch (it) {
        request.failure = failureOf(it);
      }
      this.done.push(request);
    });
  }
}
