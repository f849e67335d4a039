import { ChildProcess, spawn, StdioOptions } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { capture, hostCommand } from "./capture";
import { closest, distance } from "fastest-levenshtein";
import { checkBase, Disks, uuidOf } from "./disks";
import { Entry, enterMachine, enterNamespace, ExecOptions, ExecResult, runEntry, startEntry } from "./enter";
import { withLock } from "./lock";
import { addressOf, Cable, debians, furtherServers, Machine, machines, mostServers, Side } from "./machines";
import { Network } from "./network";
import { leaderOf, Processes, takesLogins, until } from "./processes";
import { checkout, defaultLabId, LabError, program, State } from "./state";

export { LabError } from "./state";
export type { ExecOptions, ExecResult } from "./enter";

/** What a machine is doing: `starting` is also a machine that shuts down to boot again. */
export type Power = "running" | "starting" | "off";

/** One line of `status`. */
export interface MachineStatus {
  name: string;
  role: Machine["role"];
  power: Power;
  /** The machine's own address. */
  address: string;
  /** The host's number of the machine's first process. */
  pid?: number;
  /** Unplugged cables. */
  cut: Side[];
}

const bootTimeout = 90_000;
/** What systemd's first process does on these signals: SIGRTMIN+4 and SIGRTMIN+5. */
const [powerOffSignal, rebootSignal] = [38, 39];

/** The machine of that name; an unknown one is an error with the nearest name. */
export function findMachine(name: string): Machine {
  const names = machines.map((machine) => machine.name);
  const machine = [...machines, ...furtherServers].find((candidate) => candidate.name === name);
  if (machine) return machine;
  const near = closest(name, names);
  const hint = distance(name, near) <= 2 ? `: did you mean '${near}'?` : "";
  throw new LabError(`there is no machine '${name}'${hint}`, `one of ${names.join(", ")}`);
}

/** A farm's network on this host. Methods that change it take turns, also between programs. */
export class Lab {
  private readonly state: State;
  private readonly processes: Processes;
  private readonly disks: Disks;
  private readonly network: Network;

  constructor(
    /** Which lab: by default the one of this checkout. */
    readonly id: string = defaultLabId(),
    /** Told what a long step does. */
    private readonly progress: (line: string) => void = () => undefined,
  ) {
    this.state = new State(id);
    this.processes = new Processes(this.state);
    this.disks = new Disks(this.state);
    this.network = new Network(this.state, this.processes);
  }

  private release: string[] = [];

  /** The checkout whose lab this is. */
  readonly checkout = checkout;

  /** The folder of the lab's disks, keys and logs. */
  get folder(): string {
    return this.state.folder;
  }

  /**
   * Starts what does not run, builds the base if it is missing, and leaves alone what runs. Cut cables stay
   * cut. Returns when every machine it started takes ssh logins and has finished its boot.
   * @param options.servers how many web servers there must be at least, 4 to 20
   * @param options.release of the machines' Debian, 12 or 13; default: that of the disks there are, else
   *   LOOPBACK_HA_LAB_RELEASE, else 13
   */
  async up({ servers = 4, release }: { servers?: number; release?: string } = {}): Promise<void> {
    this.checkHost();
    if (!Number.isInteger(servers) || servers < 4 || servers > mostServers)
      throw new LabError(`the lab can't have ${servers} web servers`, `use 4 to ${mostServers}`);
    const further = furtherServers.slice(0, servers - 4);
    await this.buildBase(release);
    await this.startAll(machines, further);
    // A few at a time: all of them at once take longer to boot than one may.
    for (let i = 0; i < further.length; i += 4) await this.startAll(further.slice(i, i + 4), further);
  }

  private async startAll(some: readonly Machine[], further: readonly Machine[]): Promise<void> {
    const started = await withLock(this.state, "up", async () => {
      await this.disks.operatorHome(this.further(further));
      if (this.network.switchPid() === undefined) {
        // Without its switch whatever still runs is unplugged for good, or left by a crash.
        await this.processes.powerCut();
        await this.network.startSwitch();
      }
      const off = some.filter((machine) => this.power(machine) === "off");
      await together(off.map((machine) => this.boot(machine)));
      return off.filter(({ kind }) => kind === "debian");
    });
    await together(started.map((machine) => this.waitForBoot(machine)));
  }

  /**
   * Ends every process, mount, namespace and interface of the lab.
   * @param options.keepDisks shut the machines down in order and keep their disks for the next `up`;
   *   by default they lose power, and their disks are removed.
   */
  async down({ keepDisks = false }: { keepDisks?: boolean } = {}): Promise<void> {
    this.checkHost();
    if (!fs.existsSync(this.state.folder)) return;
    await withLock(this.state, "down", async () => {
      if (keepDisks)
        await Promise.all([...debians, ...furtherServers].map((machine) => this.powerOff(machine)));
      await this.processes.powerCut();
      for (const folder of ["ready", "cgroup"]) {
        fs.rmSync(this.state.path(folder), { recursive: true, force: true });
      }
      if (!keepDisks) this.disks.remove();
    });
  }

  /** What every machine is doing; of further servers those that have a disk. */
  status(): MachineStatus[] {
    return [...machines, ...this.further()].map((machine) => ({
      name: machine.name,
      role: machine.role,
      power: this.power(machine),
      address: addressOf(machine),
      pid: this.entrance(machine),
      cut: machine.cables.filter((cable) => this.network.isCut(machine, cable)).map(({ side }) => side),
    }));
  }

  /** Runs a command on a machine, as root, and waits for its end. */
  async exec(name: string, argv: string[], options: ExecOptions = {}): Promise<ExecResult> {
    return runEntry(name, argv, await this.entry(name, argv, options), options);
  }

  /**
   * Starts a command on a machine, for instance a load generator; `kill` of what it returns reaches the
   * command, and it is killed with this program.
   */
  async spawn(
    name: string,
    argv: string[],
    { stdio = "pipe", ...options }: ExecOptions & { stdio?: StdioOptions } = {},
  ): Promise<ChildProcess> {
    // A group of its own: Ctrl-C is for this program, which kills the command when it ends.
    return startEntry(await this.entry(name, argv, options), { stdio, detached: true });
  }

  /** Starts a command on a machine with this program's own terminal. */
  async attach(name: string, argv: string[]): Promise<ChildProcess> {
    return startEntry(await this.entry(name, argv, {}), { stdio: "inherit" });
  }

  /** Starts a machine that is off; returns when it takes ssh logins. */
  async start(name: string): Promise<void> {
    const machine = findMachine(name);
    await this.change("start", machine, async () => {
      if (this.power(machine) === "off") await this.boot(machine);
    });
    await this.waitForLogins(machine);
  }

  /** Reboots a machine in order, or starts one that is off; returns when it takes ssh logins again. */
  async reboot(name: string): Promise<void> {
    const machine = this.debian(name, "reboot");
    const before = await this.change("reboot", machine, async () => {
      const leader = this.entrance(machine);
      if (leader !== undefined) process.kill(leader, rebootSignal);
      else if (this.power(machine) === "off") await this.boot(machine);
      return leader;
    });
    await this.waitForLogins(machine, before);
  }

  /** Cuts a machine's power: nothing is shut down or written. It stays off until `start`, `reboot` or `up`. */
  async crash(name: string): Promise<void> {
    const machine = this.debian(name, "crash");
    await this.change("crash", machine, async () => {
      if (this.processes.pid(machine.name) === undefined) return;
      // The kernel closes the connections of killed processes (FIN, RST); a machine without power does not.
      await this.network.silence(machine);
      await this.processes.powerCut(machine.name);
    });
  }

  /** Gives a machine a new disk and plugs in its cables; returns when it takes ssh logins. */
  async reset(name: string): Promise<void> {
    const machine = this.debian(name, "reset");
    await this.change("reset", machine, async () => {
      await this.processes.powerCut(machine.name);
      this.disks.remove(machine);
      await this.network.plug(machine, machine.cables, true);
      await this.boot(machine);
    });
    await this.waitForBoot(machine);
  }

  /** Takes further servers away, with their disks. */
  async removeFurther(): Promise<void> {
    this.checkHost();
    await withLock(this.state, "remove servers", async () => {
      for (const machine of this.further()) {
        await this.processes.powerCut(machine.name);
        fs.rmSync(this.state.machine(machine.name), { recursive: true, force: true });
      }
    });
  }

  /** Further servers that are there, and these. */
  private further(others: readonly Machine[] = []): Machine[] {
    return furtherServers.filter(
      (machine) => others.includes(machine) || fs.existsSync(this.state.machine(machine.name, "disk")),
    );
  }

  /** Unplugs a machine's cables at the switch, until `heal`: they stay unplugged over a reboot. */
  async cut(name: string, side?: Side): Promise<void> {
    const machine = findMachine(name);
    await this.plug("cut", machine, side);
  }

  /** Plugs a machine's cables in again. */
  async heal(name: string, side?: Side): Promise<void> {
    const machine = findMachine(name);
    await this.plug("heal", machine, side);
  }

  private async plug(verb: "cut" | "heal", machine: Machine, side?: Side): Promise<void> {
    await this.change(verb, machine, async () => {
      await this.network.plug(machine, cablesOf(machine, side), verb === "heal");
      const entrance = this.entrance(machine);
      if (entrance !== undefined) await this.network.settle(machine, entrance);
    });
  }

  private change<T>(verb: string, machine: Machine, work: () => Promise<T>): Promise<T> {
    this.checkHost();
    return withLock(this.state, `${verb} ${machine.name}`, async () => {
      if (this.network.switchPid() === undefined) throw new LabError("the lab is down", `${program} up`);
      return work();
    });
  }

  private debian(name: string, verb: string): Machine {
    const machine = findMachine(name);
    if (machine.kind === "debian") return machine;
    throw new LabError(
      `${name} is a namespace of this host: it cannot ${verb}`,
      `${program} cut ${name} takes it off the network`,
    );
  }

  private power(machine: Machine): Power {
    const running = this.entrance(machine) !== undefined;
    if (machine.kind === "namespace") return running ? "running" : "off";
    if (this.processes.pid(machine.name) === undefined) return "off";
    return running && this.loginsOf(machine) ? "running" : "starting";
  }

  /** The process through which one enters a machine. */
  private entrance(machine: Machine): number | undefined {
    if (machine.kind === "namespace") return this.network.ready(machine.name);
    const supervisor = this.processes.pid(machine.name);
    return supervisor === undefined ? undefined : leaderOf(supervisor);
  }

  private loginsOf(machine: Machine, except?: number): number | undefined {
    const leader = this.entrance(machine);
    if (leader === undefined || leader === except) return undefined;
    return takesLogins(leader, addressOf(machine)) ? leader : undefined;
  }

  private async entry(name: string, argv: string[], options: ExecOptions): Promise<Entry> {
    this.checkHost();
    const machine = findMachine(name);
    if (argv.length === 0)
      throw new LabError(`${name}: no command given`, `${program} exec ${name} COMMAND…`);
    // A machine that reboots has no first process for a moment.
    const pid = await until(10_000, () => this.entrance(machine) ?? (this.power(machine) === "off" && -1));
    if (pid === undefined) throw new LabError(`${name} does not boot`, `read ${this.state.log(name)}`);
    if (pid === -1) throw new LabError(`${name} is off`, `${program} ${this.howToStart(machine)}`);
    if (machine.kind === "debian") return enterMachine(pid, argv, options);
    const group = this.state.path("cgroup", this.state.cgroup(name), "cgroup.procs");
    return enterNamespace(pid, group, argv, options);
  }

  private howToStart(machine: Machine): string {
    return this.network.switchPid() === undefined ? "up" : `start ${machine.name}`;
  }

  private async boot(machine: Machine): Promise<void> {
    if (machine.kind === "namespace") return this.network.startNamespace(machine);
    const base = this.disks.base() ?? (await this.baseScript("--path"));
    checkBase(base);
    await this.disks.make(machine, base);
    // What a supervisor that was killed left of its machine.
    await this.processes.powerCut(machine.name);
    this.processes.start(machine.name, "nsenter", [
      `--net=/proc/${this.network.switchPid()}/ns/net`,
      ...["unshare", "--mount", "--propagation", "private", "bash", path.join(__dirname, "machine.sh")],
      ...[machine.name, this.state.machine(machine.name), base, this.state.cgroup(machine.name)],
      uuidOf(this.state, machine),
      ...machine.cables.map(({ side, port, interface: name }) => `${side}:${port}:${name}`),
    ]);
  }

  private async powerOff(machine: Machine): Promise<void> {
    const leader = this.entrance(machine);
    if (leader === undefined) return;
    process.kill(leader, powerOffSignal);
    const off = await until(30_000, () => this.processes.pid(machine.name) === undefined);
    if (!off) this.progress(`${machine.name} does not shut down: its power is cut`);
  }

  private async waitForLogins(machine: Machine, except?: number): Promise<void> {
    if (machine.kind === "namespace") return;
    const outcome = await until(bootTimeout, () =>
      this.processes.pid(machine.name) === undefined ? "ended" : this.loginsOf(machine, except),
    );
    if (outcome !== undefined && outcome !== "ended") return this.network.settle(machine, outcome);
    throw new LabError(
      outcome === "ended"
        ? `${machine.name} went off while it booted`
        : `${machine.name} takes no ssh logins after ${bootTimeout / 1000} s`,
      // Each systemd needs several, and boots half without.
      /inotify.*Too many open files/.test(fs.readFileSync(this.state.log(machine.name), "utf8"))
        ? "this host has too few inotify instances for so many machines: take other labs down, or sysctl -w fs.inotify.max_user_instances=1024"
        : `read ${this.state.log(machine.name)}`,
    );
  }

  private async waitForBoot(machine: Machine): Promise<void> {
    await this.waitForLogins(machine);
    // Its daemons may be up a little later. A unit that fails is no business of the lab's.
    await this.exec(machine.name, ["systemctl", "is-system-running", "--wait"], { timeoutMs: 20_000 });
  }

  private async buildBase(release?: string): Promise<void> {
    if (release !== undefined) this.release = ["--release", release];
    const lies = this.disks.base();
    if (lies && fs.existsSync(lies)) return this.checkRelease(lies, release);
    const script = path.join(__dirname, "base.sh");
    if ((await capture("bash", [script, ...this.release, "--check"])).code === 0) return;
    const step = path.join(checkout, "tools/step.sh");
    const title = ["the disk of the lab's machines (once)", `${program} up`, "bash"];
    const command = [...(fs.existsSync(step) ? [step, ...title] : []), script, ...this.release];
    // stdout is for what the caller asked for.
    const child = spawn("bash", command, { stdio: ["ignore", process.stderr, process.stderr] });
    const [code] = await once(child, "exit");
    if (code !== 0) throw new LabError("the base of the lab's machines cannot be built", `bash ${script}`);
  }

  private async checkRelease(lies: string, release?: string): Promise<void> {
    const wanted = await this.baseScript("--path");
    if (lies === wanted) return;
    const suite = (base: string): string => path.basename(base).split("-")[0];
    if (suite(lies) === suite(wanted))
      this.progress(`the disks lie on an older base: ${program} down, then up, renews them`);
    else if (release !== undefined)
      throw new LabError(
        `the lab has disks of Debian ${suite(lies)}`,
        `${program} down, then ${program} up --release ${release}`,
      );
  }

  private baseScript(option: string): Promise<string> {
    return hostCommand("bash", [path.join(__dirname, "base.sh"), ...this.release, option]);
  }

  private checkHost(): void {
    if (process.platform !== "linux") throw new LabError("the lab's machines need Linux");
    if (process.getuid?.() !== 0) throw new LabError("the lab's machines need root", "sudo npm run lab -- …");
    for (const tool of ["systemd-nspawn", "nsenter", "unshare", "ip", "flock", "ssh-keygen"]) {
      const found = process.env.PATH?.split(":").some((folder) => fs.existsSync(path.join(folder, tool)));
      if (!found) {
        throw new LabError(
          `${tool} is not installed`,
          "apt-get install systemd-container util-linux iproute2 openssh-client debootstrap",
        );
      }
    }
  }
}

/** Waits for all, also when one fails, and then throws the first failure. */
async function together(works: Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works)) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}

function cablesOf(machine: Machine, side?: Side): Cable[] {
  const cables = machine.cables.filter((cable) => side === undefined || cable.side === side);
  if (cables.length) return cables;
  throw new LabError(`${machine.name} has no ${side} cable`, `its cable is ${machine.cables[0].side}`);
}
