import { spawn } from "node:child_process";
import { once } from "node:events";
import { LabError } from "./state";

/** How a command ended. */
export interface Captured {
  /** Exit code; 128 + N after signal N, 124 after the timeout, 127 when it could not be started. */
  code: number;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/** What `capture` takes in addition to the command. */
export interface CaptureOptions {
  input?: string | Buffer;
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Ends the command after the timeout; by default SIGKILL to its process group. */
  kill?: (pid: number) => void;
}

const signals: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/** The exit code as a shell gives it. */
export const exitCode = (code: number | null, signal: string | null): number =>
  code ?? 128 + (signals[signal ?? ""] ?? 0);

const killGroup = (pid: number): void => void process.kill(-pid, "SIGKILL");

/**
 * Runs a command to its end and never throws, also when it ends without reading all of its input. The timeout ends what
 * it started too: nsenter alone is not the command on the machine.
 */
export async function capture(
  command: string,
  args: string[],
  options: CaptureOptions = {},
): Promise<Captured> {
  const { input = "", timeoutMs = 0, env = process.env, cwd, kill = killGroup } = options;
  // A group of its own: the timeout ends all of it, and Ctrl-C doesn't end half of a change.
  const child = spawn(command, args, { env, cwd, stdio: "pipe", detached: true });
  const output: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout.on("data", (data: Buffer) => output.stdout.push(data));
  child.stderr.on("data", (data: Buffer) => output.stderr.push(data));
  child.stdin.on("error", () => undefined).end(input);
  let timedOut = false;
  const expire = (): void => {
    timedOut = true;
    if (child.pid) kill(child.pid);
    // A daemon that it left may hold these open for ever.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const timer = timeoutMs > 0 ? setTimeout(expire, timeoutMs) : undefined;
  let code: number;
  try {
    const [number, signal] = await once(child, "close");
    code = exitCode(number, signal);
  } catch (error) {
    code = 127;
    output.stderr.push(Buffer.from(String(error)));
  }
  clearTimeout(timer);
  const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString();
  return { code: timedOut ? 124 : code, stdout: text(output.stdout), stderr: text(output.stderr), timedOut };
}

/** Runs a command on this host and gives its output; a failure is an error that names the command. */
export async function hostCommand(command: string, args: string[], input = ""): Promise<string> {
  const { code, stdout, stderr } = await capture(command, args, { input });
  if (code === 0) return stdout.trimEnd();
  const said = (stderr || stdout).trimEnd() || `exit code ${code}`;
  throw new LabError(`${[command, ...args].join(" ")}: ${said}${input && `\n${input}`}`);
}
