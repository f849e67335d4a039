import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { hostCommand } from "./capture";
import { LabError, State } from "./state";

/** What `look` gives of a process; undefined when it has ended meanwhile, or may not be touched. */
export function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

const read = (file: string): string | undefined => ifThere(() => fs.readFileSync(file, "utf8"));

const bootId = (read("/proc/sys/kernel/random/boot_id") ?? "").trim();

/** A process's start time, which distinguishes it from a later one with the same number; undefined when it is gone. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The command in the second field may hold spaces and brackets.
  const [state, ...rest] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state && state !== "Z" ? `${bootId} ${rest[18]}` : undefined;
}

/** The lab's long-lived processes, by name, kept in its folder. */
export class Processes {
  constructor(private readonly state: State) {}

  /** The pid of a process of the lab that runs; undefined when it has ended. */
  pid(name: string): number | undefined {
    const [pid, ...start] = this.state.read("processes", name)?.split(" ") ?? [];
    return pid && startOf(Number(pid)) === start.join(" ") ? Number(pid) : undefined;
  }

  /** Starts a process that outlives this program; its output goes to the log of that name. */
  start(name: string, command: string, args: string[]): number {
    fs.mkdirSync(this.state.path("logs"), { recursive: true });
    const log = fs.openSync(this.state.log(name), "a");
    try {
      const child = spawn(command, args, { detached: true, stdio: ["ignore", log, log], cwd: "/" });
      child.on("error", (error) => fs.appendFileSync(this.state.log(name), `${error.message}\n`));
      child.unref();
      const start = child.pid && startOf(child.pid);
      if (!start) throw new LabError(`${name}: cannot start ${command}`, `read ${this.state.log(name)}`);
      this.state.write(`processes/${name}`, `${child.pid} ${start}\n`);
      return child.pid as number;
    } finally {
      fs.closeSync(log);
    }
  }

  /** Ends every process of a machine, or of the whole lab, at once. */
  async powerCut(name?: string): Promise<void> {
    await hostCommand("unshare", [
      "--mount",
      "--propagation",
      "private",
      "bash",
      `${__dirname}/powercut.sh`,
      this.state.cgroup(name),
    ]);
    const forget = name ? `processes/${name}` : "processes";
    fs.rmSync(this.state.path(forget), { recursive: true, force: true });
  }
}

const children = (pid: number): number[] => {
  const threads = ifThere(() => fs.readdirSync(`/proc/${pid}/task`)) ?? [];
  // Children are listed by the thread that made them.
  const lists = threads.map((thread) => read(`/proc/${pid}/task/${thread}/children`) ?? "");
  return lists.join(" ").split(" ").filter(Boolean).map(Number);
};

const descendants = (pid: number): number[] =>
  children(pid).flatMap((child) => [child, ...descendants(child)]);

/**
 * Signals a command that nsenter runs, and all that the command started. nsenter itself ends with the
 * command: killed, it would leave a machine's process to this host's init, which may be slow to collect it,
 * and the machine's shutdown would wait for that.
 */
export function signalCommand(nsenter: number, signal: NodeJS.Signals | number): boolean {
  const command = read(`/proc/${nsenter}/comm`) === "nsenter\n" ? [] : [nsenter];
  const targets = [...command, ...descendants(nsenter)];
  for (const pid of targets.length ? targets : [nsenter]) ifThere(() => process.kill(pid, signal));
  return targets.length > 0;
}

/** The first process of the booted machine under a supervisor, once it is systemd. */
export function leaderOf(supervisor: number): number | undefined {
  for (const nspawn of children(supervisor)) {
    for (const pid of children(nspawn)) {
      const numbers = /^NSpid:\s+(.*)$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1].split("\t");
      if (numbers?.at(-1) === "1" && read(`/proc/${pid}/comm`) === "systemd\n") return pid;
    }
  }
  return undefined;
}

/** Whether the machine whose first process is `leader` accepts ssh connections on its address. */
export function takesLogins(leader: number, address: string): boolean {
  const sockets = (read(`/proc/${leader}/net/tcp`) ?? "") + (read(`/proc/${leader}/net/tcp6`) ?? "");
  return (
    /:0016 0+:0000 0A /.test(sockets) &&
    (read(`/proc/${leader}/net/fib_trie`) ?? "").includes(` ${address}\n`) &&
    !fs.existsSync(`/proc/${leader}/root/run/nologin`)
  );
}

/** Polls until `probe` gives something; undefined after `timeoutMs`. */
export async function until<T>(
  timeoutMs: number,
  probe: () => T | undefined | false,
): Promise<T | undefined> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) return undefined;
    await sleep(20);
  }
}
