import { connect, Failure, failureOf, handshakeOf, requestHead, serverNamed } from "./http";
import { afterPatience, steadily } from "./program";
import { now, Request } from "./record";
import { LoadSpec } from "./spec";

/** Opens connections at a steady rate, whatever becomes of them: one request each. */
export class Requests {
  readonly done: Request[] = [];
  /** Requests that were due when too many were open. */
  skipped = 0;
  private readonly open: number[];
  /** The last one of each target whose sessions are resumed. */
  private readonly sessions = new Map<number, Buffer>();
  private pause: () => void = () => undefined;

  constructor(private readonly spec: LoadSpec) {
    this.open = spec.targets.map(() => 0);
  }

  start(): void {
    const { requestsPerSecond, targets, maxOpen } = this.spec;
    const most = Math.ceil(maxOpen / targets.length);
    this.pause = steadily(requestsPerSecond, (turn) => {
      const target = turn % targets.length;
      // Every source asks every target, whatever their numbers have in common.
      if (this.open[target] < most) this.ask(target, Math.floor(turn / targets.length));
      else this.skipped++;
    });
  }

  /** Begins no more, and waits for the answers of those that are open. */
  async stop(): Promise<void> {
    this.pause();
    while (this.open.some((count) => count > 0)) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  private ask(target: number, round: number): void {
    const { targets, sources } = this.spec;
    const { vip, serverName, path, resumes } = targets[target];
    const source = sources[round % sources.length];
    const request: Request = { started: now(), ended: 0, vip, source };
    const received: Buffer[] = [];
    let error: Error | undefined;
    this.open[target]++;
    const socket = connect(targets[target], source, this.sessions.get(target));
    if (resumes) socket.on("session", (session) => this.sessions.set(target, session));
    socket.on("secureConnect", () => Object.assign(request, handshakeOf(socket)));
    const stopWaiting = afterPatience(this.spec.patienceMs, () => socket.destroy(new Failure("timeout")));
    socket.write(requestHead("GET", serverName, path, "Connection: close"));
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("error", (it) => (error = it));
    socket.on("close", () => {
      stopWaiting();
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
