/** Sends each line to hooks: a command, a webhook. Nothing ever waits for them. */
import { ChildProcess, spawn } from "node:child_process";
import { asObject } from "./log";
import type { Line } from "./events";

export interface HookOptions {
  /** A shell command: the line as JSON on stdin, and in LOOPBACK_HA_EVENT, _SERVERS, _STACK, _TEXT and _TIME. */
  command?: string;
  /** Gets the line as JSON by POST. */
  url?: string;
  /** `project/stack`. */
  stack: string;
  /** How long each may take. Default: 10. */
  seconds?: number;
  /** Told of a hook that failed. */
  onFailure: (hook: string, reason: string) => void;
}

/** A line as hooks get it: text from machines can't control a terminal. */
type Told = ReturnType<typeof asObject> & {
  stack: string;
  servers?: string | number;
  server?: string | number;
};

/** How long processes that a command left behind may hold its pipe, and how long a killed one may take to end. */
const AFTERMATH_MS = 1000;

/** What waits beyond that is dropped: a hook that hangs must not eat up memory. */
const MOST_WAITING = 100;

export class Hooks {
  private waiting = 0;
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly options: HookOptions) {}

  /** One after the other, so that they arrive in order. */
  tell(line: Line, at: Date): void {
    const { command, url, stack, seconds = 10, onFailure } = this.options;
    if (command === undefined && url === undefined) return;
    if (this.waiting >= MOST_WAITING)
      return onFailure("hooks", `${MOST_WAITING} lines are waiting already: ${line.event} is dropped`);
    this.waiting++;
    const told: Told = { ...asObject(line, at), stack };
    const text = JSON.stringify(told);
    this.last = this.last.then(async () => {
      await Promise.all([
        command === undefined
          ? undefined
          : attempt(
              () => runCommand(command, told, text, seconds),
              (reason) => onFailure("command", reason),
            ),
        url === undefined
          ? undefined
          : attempt(
              () => post(url, text, seconds),
              (reason) => onFailure(`url ${new URL(url).host}`, reason),
            ),
      ]);
      this.waiting--;
    });
  }

  /** Resolves when every line is delivered, or its time is up. */
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
  { event, text, time, stack, servers, server }: Told,
  input: string,
  seconds: number,
): Promise<void> {
  // A group of its own: what it started ends with it.
  const child = spawn("sh", ["-c", command], {
    detached: true,
    stdio: ["pipe", "ignore", "pipe"],
    env: {
      ...process.env,
      LOOPBACK_HA_EVENT: event,
      LOOPBACK_HA_SERVERS: String(servers ?? server ?? ""),
      LOOPBACK_HA_STACK: stack,
      LOOPBACK_HA_TEXT: text,
      LOOPBACK_HA_TIME: time,
    },
  });
  const result = ending(child, seconds * 1000);
  // Of one that could not be started there are no pipes.
  child.stdin?.on("error", () => undefined).end(input);
  let errors = "";
  child.stderr?.on("data", (more) => (errors = (errors + String(more)).slice(-1000)));
  child.stderr?.on("error", () => undefined);
  const { late, code, signal: by } = await result;
  if (late) throw new Error(`it took longer than ${seconds} s and was killed`);
  const last = errors.trim().split("\n").pop() ?? "";
  if (code !== 0) throw new Error(`${by ?? `exit code ${code}`}${last && `: ${last}`}`);
}

interface Ending {
  late: boolean;
  code: number | null;
  signal: string | null;
}

/**
 * How a command ends, after `ms` by force. What it has left behind in a session of its own may hold its pipe for ever,
 * and is not waited for.
 */
async function ending(child: ChildProcess, ms: number): Promise<Ending> {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  let givenUp: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Ending>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ late, code, signal }));
      child.once("exit", (code, signal) => {
        clearTimeout(timer);
        givenUp ??= setTimeout(() => resolve({ late, code, signal }), AFTERMATH_MS);
      });
      timer = setTimeout(() => {
        late = true;
        killGroup(child);
        givenUp = setTimeout(() => resolve({ late, code: null, signal: "SIGKILL" }), AFTERMATH_MS);
      }, ms);
    });
  } finally {
    clearTimeout(timer);
    clearTimeout(givenUp);
    child.stdin?.destroy();
    child.stderr?.destroy();
  }
}

/** The group may be gone, or belong to another user by setuid. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Then there is nothing that could be ended.
  }
}

async function post(url: string, body: string, seconds: number): Promise<void> {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(seconds * 1000);
  const response = await fetch(url, { method: "POST", redirect: "error", headers, body, signal }).catch(
    (error: Error) => {
      throw new Error(`${(error.cause as Error | undefined)?.message ?? error.message}`);
    },
  );
  await response.body?.cancel();
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
}
