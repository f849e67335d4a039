import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { hostCommand } from "./capture";
import { addressOf, debians, furtherServers, Machine, machines, nameServer } from "./machines";
import { LabError, program, State } from "./state";

/** What a user needs who is not root. */
const sudoers = path.join(__dirname, "../examples/sudoers/loopback-ha");

const users = [
  { home: "root", uid: 0 },
  { home: "home/deploy", uid: 1001 },
  { home: "home/norights", uid: 1002 },
];

/** A machine's own uuid and machine-id: the same after every boot and every reset. */
export const uuidOf = (state: State, { name }: Machine): string =>
  createHash("sha256").update(`${state.folder} ${name}`).digest("hex").slice(0, 32);

const networkFile = ({ interface: name, addresses, gateway }: Machine["cables"][number]): string =>
  [
    "[Match]",
    `Name=${name}`,
    "",
    "[Network]",
    ...addresses.map((address) => `Address=${address}`),
    ...(gateway ? [`Gateway=${gateway}`] : []),
    "IPv6AcceptRA=no",
    "# An unplugged cable must not take the address away.",
    "ConfigureWithoutCarrier=yes",
    "",
  ].join("\n");

const ifupdownFile = ({ interface: name, addresses: [address] }: Machine["cables"][number]): string =>
  `# Not "auto": systemd-networkd configures ${name}. Here for ifup and ifdown.\n` +
  `iface ${name} inet static\n    address ${address}\n`;

/** The names of all machines, for every /etc/hosts. */
export const hostsFile = (): string =>
  [
    "127.0.0.1 localhost",
    ...[...machines, ...furtherServers].map((machine) => `${addressOf(machine)} ${machine.name}`),
    "",
  ].join("\n");

/** The disks of the machines, and the operator's home that goes with their keys. */
export class Disks {
  constructor(private readonly state: State) {}

  /** The base that the lab's disks lie on; undefined while it has no disks. */
  base(): string | undefined {
    return this.state.read("base");
  }

  /** Makes the operator's ~/.ssh: key, and known_hosts with every machine by name and by address. */
  async operatorHome(further: readonly Machine[]): Promise<void> {
    const home = this.state.path("ssh");
    fs.mkdirSync(home, { recursive: true, mode: 0o700 });
    await this.key(path.join(home, "id_ed25519"), "operator");
    const lines = await Promise.all(
      [...debians, ...further].map(async (machine) => {
        const names = [machine.name, ...machine.cables.map(({ addresses: [first] }) => first.split("/")[0])];
        return `${names.join(",")} ${(await this.hostKey(machine)).trim()}`;
      }),
    );
    fs.writeFileSync(path.join(home, "known_hosts"), `${lines.join("\n")}\n`, { mode: 0o600 });
    this.state.write("etc/hosts", hostsFile());
    this.state.write("etc/resolv.conf", `nameserver ${nameServer}\n`);
  }

  /** Makes the machine's disk unless it has one: the base plus what makes it this machine. */
  async make(machine: Machine, base: string): Promise<void> {
    const disk = this.state.machine(machine.name, "disk");
    for (const folder of ["work", "cut"]) {
      fs.mkdirSync(this.state.machine(machine.name, folder), { recursive: true });
    }
    if (fs.existsSync(disk)) return;
    const temporary = `${disk}.new`;
    fs.rmSync(temporary, { recursive: true, force: true });
    await this.fill(machine, temporary);
    this.state.write("base", `${base}\n`);
    fs.renameSync(temporary, disk);
  }

  /** Removes a machine's disk, or all of them. */
  remove(machine?: Machine): void {
    const folders = machine ? ["disk", "work"].map((part) => this.state.machine(machine.name, part)) : [];
    for (const folder of machine ? folders : [this.state.path("machines"), this.state.path("base")]) {
      // The kernel may still be ending what a power cut killed.
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  }

  private async fill(machine: Machine, disk: string): Promise<void> {
    const folder = (name: string, mode = 0o755, uid = 0): string => {
      const target = path.join(disk, name);
      if (name !== ".") folder(path.dirname(name));
      if (!fs.existsSync(target)) {
        fs.mkdirSync(target);
        fs.chmodSync(target, mode);
        fs.chownSync(target, uid, uid);
      }
      return target;
    };
    const put = (file: string, content: string, mode = 0o644, uid = 0): void => {
      const target = path.join(folder(path.dirname(file)), path.basename(file));
      fs.writeFileSync(target, content);
      fs.chmodSync(target, mode);
      fs.chownSync(target, uid, uid);
    };

    put("etc/hostname", `${machine.name}\n`);
    put("etc/hosts", hostsFile());
    // With an id from the start it is not a first boot, which would enable every unit there is.
    put("etc/machine-id", `${uuidOf(this.state, machine)}\n`, 0o444);
    for (const cable of machine.cables) {
      put(`etc/systemd/network/10-${cable.interface}.network`, networkFile(cable));
    }
    if (machine.role === "router") {
      put("etc/network/interfaces", ifupdownFile(machine.cables[0]));
      // ifdown leaves alone what it does not hold for configured.
      put("etc/tmpfiles.d/ifupdown.conf", "f /run/network/ifstate.host0 - - - - host0\\n\n");
      put("etc/sysctl.d/router.conf", "net.ipv4.ip_forward = 1\n");
    }
    for (const unit of machine.services) {
      fs.symlinkSync(
        `/lib/systemd/system/${unit}`,
        path.join(folder("etc/systemd/system/multi-user.target.wants"), unit),
      );
    }

    for (const unit of machine.masked ?? [])
      fs.symlinkSync("/dev/null", path.join(folder("etc/systemd/system"), unit));

    const authorized = fs.readFileSync(this.state.path("ssh", "id_ed25519.pub"), "utf8");
    for (const { home, uid } of users) {
      folder(home, 0o700, uid);
      folder(`${home}/.ssh`, 0o700, uid);
      // As docs/your-own-network.md has it: no terminal, no forwarding.
      put(`${home}/.ssh/authorized_keys`, uid === 0 ? authorized : `restrict ${authorized}`, 0o600, uid);
    }
    // In place of the base's, which gives deploy everything.
    put("etc/sudoers.d/deploy", fs.readFileSync(sudoers, "utf8"), 0o440);
    const hostKey = this.hostKeyFile(machine);
    put("etc/ssh/ssh_host_ed25519_key", fs.readFileSync(hostKey, "utf8"), 0o600);
    put("etc/ssh/ssh_host_ed25519_key.pub", await this.hostKey(machine));
  }

  private hostKeyFile = ({ name }: Machine): string => this.state.path("keys", name);

  private async hostKey(machine: Machine): Promise<string> {
    await this.key(this.hostKeyFile(machine), machine.name);
    return fs.readFileSync(`${this.hostKeyFile(machine)}.pub`, "utf8");
  }

  private async key(file: string, comment: string): Promise<void> {
    if (fs.existsSync(file) && fs.existsSync(`${file}.pub`)) return;
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.rmSync(file, { force: true });
    await hostCommand("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", `${comment} (lab)`, "-f", file]);
  }
}

/** Checks that the base of existing disks is still there. */
export function checkBase(base: string): void {
  if (fs.existsSync(base)) return;
  throw new LabError(
    `the machines' disks lie on ${base}, which is gone`,
    `${program} down, then ${program} up, for new disks`,
  );
}
