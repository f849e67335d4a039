import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { capture, hostCommand } from "./capture";
import { Processes, until } from "./processes";
import { Cable, Machine, machines } from "./machines";
import { LabError, State } from "./state";

const switchName = "switch";

const inNetOf = (pid: number): string[] => [`--net=/proc/${pid}/ns/net`];

/** The switch (a network namespace with a bridge for each side) and the machines that are namespaces. */
export class Network {
  constructor(
    private readonly state: State,
    private readonly processes: Processes,
  ) {}

  /** The process that holds the switch's namespace; undefined when there is none. */
  switchPid(): number | undefined {
    return this.ready(switchName);
  }

  /** The process that holds a namespace machine; undefined when it is off. */
  ready(name: string): number | undefined {
    const pid = this.processes.pid(name);
    return pid && this.state.read("ready", name) === String(pid) ? pid : undefined;
  }

  /** Makes the switch. */
  async startSwitch(): Promise<void> {
    const pid = await this.hold(switchName, []);
    await this.ip(
      pid,
      ["inside", "outside"].flatMap((side) => [
        `link add br-${side} type bridge forward_delay 0 mcast_snooping 0`,
        `link set br-${side} up`,
      ]),
    );
    this.state.write(`ready/${switchName}`, String(pid));
  }

  /** Makes the client or the operator and plugs it in. */
  async startNamespace(machine: Machine): Promise<void> {
    const pid = await this.hold(machine.name, this.ownFiles(machine));
    const [cable] = machine.cables;
    await this.ip(this.switch(), [
      `link add ${cable.port} type veth peer name ${cable.interface} netns ${pid}`,
      `link set ${cable.port} master br-${cable.side} ${this.isCut(machine, cable) ? "down" : "up"}`,
    ]);
    await this.ip(pid, [
      ...cable.addresses.map((address) => `address add ${address} dev ${cable.interface}`),
      `link set ${cable.interface} up`,
      `route add default via ${cable.gateway}`,
    ]);
    await this.settle(machine, pid);
    this.state.write(`ready/${machine.name}`, String(pid));
  }

  /** Whether a cable is unplugged. */
  isCut(machine: Machine, { side }: Cable): boolean {
    return fs.existsSync(this.state.machine(machine.name, "cut", side));
  }

  /** Plugs cables in or out at the switch; a machine that is off finds it so when it boots. */
  async plug(machine: Machine, cables: Cable[], plugged: boolean): Promise<void> {
    for (const cable of cables) {
      const file = this.state.machine(machine.name, "cut", cable.side);
      if (plugged) fs.rmSync(file, { force: true });
      else {
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, "");
      }
      if (this.processes.pid(machine.name) === undefined) continue;
      await this.setPorts([cable], plugged);
    }
  }

  /** Lets nothing more out of a machine, until it is booted again. */
  async silence({ cables }: Machine): Promise<void> {
    await this.setPorts(cables, false);
  }

  /**
   * Waits, a few seconds at most, until both ends of each cable know whether it is plugged in: the kernel
   * notifies them up to a second later, and a plugged cable carries nothing before.
   * @param entrance a process in the machine
   */
  async settle(machine: Machine, entrance: number): Promise<void> {
    const up = async (pid: number, link: string): Promise<boolean> =>
      / state UP /.test((await capture("nsenter", [...inNetOf(pid), "ip", "link", "show", link])).stdout);
    for (const cable of machine.cables) {
      for (const end = Date.now() + 3_000; Date.now() < end; await sleep(20)) {
        const ends = await Promise.all([up(this.switch(), cable.port), up(entrance, cable.interface)]);
        if (ends.every((isUp) => isUp !== this.isCut(machine, cable))) break;
      }
    }
  }

  private async setPorts(cables: Cable[], up: boolean): Promise<void> {
    await this.ip(
      this.switch(),
      cables.map(({ port }) => `link set ${port} ${up ? "up" : "down"}`),
    );
  }

  private switch(): number {
    const pid = this.switchPid();
    if (pid === undefined) throw new LabError("the lab is down", "npm run lab -- up");
    return pid;
  }

  private ownFiles({ role }: Machine): string[] {
    const file = (name: string): string => this.state.path("etc", name);
    if (role === "client") return [`${file("hosts")}:/etc/hosts`, `${file("resolv.conf")}:/etc/resolv.conf`];
    // ssh looks for its files in the home that passwd names, whatever $HOME says.
    const ssh = path.join(os.userInfo().homedir, ".ssh");
    fs.mkdirSync(ssh, { recursive: true, mode: 0o700 });
    return [`${file("hosts")}:/etc/hosts`, `${this.state.path("ssh")}:${ssh}`];
  }

  private async hold(name: string, files: string[]): Promise<number> {
    // One that was interrupted on its way, or lost its switch, is of no use.
    await this.processes.powerCut(name);
    const port = machines.find((machine) => machine.name === name)?.cables[0].port;
    const hub = this.switchPid();
    if (hub && port) await this.ip(hub, [`link delete ${port}`]).catch(() => undefined);

    const mountpoint = this.state.path("cgroup");
    const held = this.state.path("ready", `${name}.held`);
    fs.mkdirSync(mountpoint, { recursive: true });
    fs.mkdirSync(path.dirname(held), { recursive: true });
    fs.rmSync(held, { force: true });
    const unshare = ["--net", "--uts", "--mount", "--propagation", "slave", "bash"];
    const script = path.join(__dirname, "namespace.sh");
    const args = [script, name, this.state.cgroup(name), mountpoint, held, ...files];
    const pid = this.processes.start(name, "unshare", [...unshare, ...args]);
    const outcome = await until(10_000, () =>
      this.processes.pid(name) === undefined ? "ended" : fs.existsSync(held) && "held",
    );
    if (outcome === "held") return pid;
    throw new LabError(`${name}: its namespace cannot be made`, `read ${this.state.log(name)}`);
  }

  private async ip(pid: number, lines: string[]): Promise<void> {
    const input = lines.map((line) => `${line}\n`).join("");
    await hostCommand("nsenter", [...inNetOf(pid), "ip", "-batch", "-"], input);
  }
}
