import { ChildProcess, spawn, SpawnOptions } from "node:child_process";
import { capture, Captured } from "./capture";
import { signalCommand } from "./processes";
import { LabError } from "./state";

/** How to run a command on a machine. */
export interface ExecOptions {
  /** What the command reads on stdin; nothing by default. */
  input?: string | Buffer;
  /** The command is killed after this many milliseconds (code 124); 0, the default, is never. */
  timeoutMs?: number;
  /** Added to the machine's environment. */
  env?: Record<string, string>;
  /** Working folder: root's home on a Debian machine, the caller's folder on client and operator. */
  cwd?: string;
  /** Throw when the command fails; false by default. */
  check?: boolean;
}

/** How a command on a machine ended. */
export type ExecResult = Captured;

/** A command of this host that runs another one on a machine. */
export interface Entry {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
}

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Enters a booted machine by its first process. */
export function enterMachine(leader: number, argv: string[], { env, cwd = "/root" }: ExecOptions): Entry {
  const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
  return {
    command: "nsenter",
    args: ["--target", String(leader), ...namespaces, `--wdns=${cwd}`, "--", ...argv],
    // Of this host's environment a machine knows nothing, except what the terminal is.
    env: {
      PATH: path,
      HOME: "/root",
      USER: "root",
      LOGNAME: "root",
      SHELL: "/bin/bash",
      LANG: "C.UTF-8",
      TERM: process.env.TERM ?? "dumb",
      ...env,
    },
  };
}

/** Enters client or operator by the process that holds its namespaces. */
export function enterNamespace(
  holder: number,
  groupFile: string,
  argv: string[],
  { env, cwd = process.cwd() }: ExecOptions,
): Entry {
  const join = 'echo $$ >"$1" && cd "$2" && shift 2 && exec "$@"';
  const own = { ...process.env };
  // The developer's agent would offer the developer's keys first.
  delete own.SSH_AUTH_SOCK;
  return {
    command: "nsenter",
    args: [
      ...["--target", String(holder), "--mount", "--uts", "--net", "--"],
      ...["sh", "-c", join, "lab", groupFile, cwd, ...argv],
    ],
    env: { ...own, ...env },
  };
}

const live = new Set<ChildProcess>();
process.on("exit", () => live.forEach((child) => child.kill("SIGKILL")));

/** Starts an entry; `kill` of what it gives reaches the command, on a machine too. */
export function startEntry({ command, args, env }: Entry, options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, { ...options, env });
  child.kill = (signal: NodeJS.Signals | number = "SIGTERM"): boolean =>
    child.pid !== undefined && child.exitCode === null && signalCommand(child.pid, signal);
  live.add(child);
  child.on("exit", () => live.delete(child));
  return child;
}

/** Runs an entry to its end. */
export async function runEntry(
  name: string,
  argv: string[],
  entry: Entry,
  options: ExecOptions,
): Promise<ExecResult> {
  const { input, timeoutMs, check } = options;
  const result = await capture(entry.command, entry.args, {
    input,
    timeoutMs,
    env: entry.env,
    kill: (pid) => signalCommand(pid, "SIGKILL"),
  });
  if (check && result.code !== 0) {
    const why = result.timedOut ? `took over ${timeoutMs} ms` : `exit code ${result.code}`;
    throw new LabError(`${name}: ${argv.join(" ")}: ${why}\n${result.stdout}${result.stderr}`.trimEnd());
  }
  return result;
}
