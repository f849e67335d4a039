import { connect, Failure, failureOf, requestHead, serverNamed } from "./http";
import { now, Request } from "./record";
import { LoadSpec } from "./spec";

/** Opens connections at a steady rate, whatever becomes of them: one request each. */
export class Requests {
  readonly done: Request[] = [];
  /** Requests that were due when too many were open. */
  skipped = 0;
  private readonly open: number[];
  private begun = 0;
  private timer?: NodeJS.Timeout;

  constructor(private readonly spec: LoadSpec) {
    this.open = spec.targets.map(() => 0);
  }

  start(): void {
    const { requestsPerSecond, targets, maxOpen } = this.spec;
    const most = Math.ceil(maxOpen / targets.length);
    const began = now();
    // What this program was too late for is made up for, so that the rate holds on a busy host.
    this.timer = setInterval(() => {
      const due = Math.floor(((now() - began) / 1000) * requestsPerSecond);
      for (; this.begun < due; this.begun++) {
        const target = this.begun % targets.length;
        // Every source asks every target, whatever their numbers have in common.
        if (this.open[target] < most) this.ask(target, Math.floor(this.begun / targets.length));
        else this.skipped++;
      }
    }, 1);
  }

  /** Begins no more, and waits for the answers of those that are open. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    while (this.open.some((count) => count > 0)) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  private ask(target: number, round: number): void {
    const { targets, sources } = this.spec;
    const { vip, serverName, path } = targets[target];
    const source = sources[round % sources.length];
    const request: Request = { started: now(), ended: 0, vip, source };
    const received: Buffer[] = [];
    let error: Error | undefined;
    this.open[target]++;
    const socket = connect(vip, source);
    const timer = setTimeout(() => socket.destroy(new Failure("timeout")), this.spec.patienceMs);
    socket.write(requestHead("GET", serverName, path, "Connection: close"));
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("error", (it) => (error = it));
    socket.on("close", () => {
      clearTimeout(timer);
      this.open[target]--;
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
