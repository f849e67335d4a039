/** Tells somebody else of each line: a command, a web hook. Nothing ever waits for them. */
import execa from "execa";
import { asObject } from "./log";
import type { Line } from "./words";

export interface HookOptions {
  /** A shell command: the line as JSON on stdin, and in LOOPBACK_HA_EVENT, _SERVERS, _STACK, _TEXT and _TIME. */
  command?: string;
  /** Gets the line as JSON by POST. */
  url?: string;
  /** `project/stack`. */
  stack: string;
  /** Told of a hook that failed. */
  onFailure: (hook: string, reason: string) => void;
}

const SECONDS = 10;
/** What waits beyond that is dropped: a hook that hangs must not eat up memory. */
const MOST_WAITING = 100;

export class Hooks {
  private waiting = 0;
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly options: HookOptions) {}

  /** One after the other, so that they arrive in order. */
  tell(line: Line, at: Date): void {
    const { command, url, stack, onFailure } = this.options;
    if (command === undefined && url === undefined) return;
    if (this.waiting >= MOST_WAITING)
      return onFailure("hooks", `${MOST_WAITING} lines wait: ${line.event} is not told`);
    this.waiting++;
    const told = { ...asObject(line, at), stack };
    const text = JSON.stringify(told);
    this.last = this.last.then(async () => {
      await Promise.all([
        command === undefined
          ? undefined
          : attempt(
              () => runCommand(command, line, told.time, stack, text),
              (reason) => onFailure("command", reason),
            ),
        url === undefined
          ? undefined
          : attempt(
              () => post(url, text),
              (reason) => onFailure(`url ${new URL(url).host}`, reason),
            ),
      ]);
      this.waiting--;
    });
  }

  /** Resolves when all is told, or has had its time. */
  end(): Promise<void> {
    return this.last;
  }
}

async function attempt(work: () => Promise<void>, onFailure: (reason: string) => void): Promise<void> {
  try {
    await work();
  } catch (error) {
    onFailure((error as Error).message);
  }
}

async function runCommand(
  command: string,
  { event, fields, text }: Line,
  time: string,
  stack: string,
  input: string,
): Promise<void> {
  const servers = String(fields.servers ?? fields.server ?? "");
  // A group of its own: what it started ends with it.
  const running = execa("sh", ["-c", command], {
    input,
    detached: true,
    reject: false,
    stdout: "ignore",
    env: {
      LOOPBACK_HA_EVENT: event,
      LOOPBACK_HA_SERVERS: servers,
      LOOPBACK_HA_STACK: stack,
      LOOPBACK_HA_TEXT: text,
      LOOPBACK_HA_TIME: time,
    },
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (running.pid !== undefined) process.kill(-running.pid, "SIGKILL");
  }, SECONDS * 1000);
  const { exitCode, signal, stderr } = await running;
  clearTimeout(timer);
  if (late) throw new Error(`it took over ${SECONDS} s and was ended`);
  if (exitCode !== 0) {
    const last = stderr.trim().split("\n").pop() ?? "";
    throw new Error(`${signal ?? `exit code ${exitCode}`}${last && `: ${last}`}`);
  }
}

async function post(url: string, body: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(SECONDS * 1000);
  const response = await fetch(url, { method: "POST", headers, body, signal }).catch((error: Error) => {
    throw new Error(`${(error.cause as Error | undefined)?.message ?? error.message}`);
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
}
