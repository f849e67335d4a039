/** The lab's farm as the tests of failovers use it: built once, changed by config and `pulumi up`, asked from the client. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { targetsOf, whoServes } from "../../lab/client";
import { ExecResult, Lab } from "../../lab/lab";
import { LoadRecord, failures } from "../../lab/load/record";
import { Target } from "../../lab/load/spec";
import { Project, labUser } from "../../lab/project";
import { farmFolder } from "../twoAtATime";

/** Servers that answer at all do so at once. */
export const CHECK_SECONDS = "10";
/** Who serves the VIP subnets, each at home. */
export const SERVERS = ["web1", "web2", "web3", "web4"];
/** The same while web2 serves nothing. */
export const AWAY = ["web1", "web1", "web3", "web4"];
const SITE = "www.widgetco.example";

export const textOf = ({ stdout, stderr }: ExecResult): string => stdout + stderr;

/** Waits until a check holds, and fails after so many seconds. */
export async function within(seconds: number, what: string, check: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + seconds * 1000; !(await check());) {
    assert.ok(Date.now() < end, `${what}: not within ${seconds} s`);
    await sleep(50);
  }
}

/**
 * Where flows are not pinned, requests that are open at the moment of the move are reset, and no others fail. From client
 * ports that are new to it: a server that closed the same connection within the last minute sends no reset.
 */
export function assertOnlyOpenWereReset(record: LoadRecord, movedVip: string): void {
  const lost = failures(record);
  for (const { vip, failure } of lost) assert.deepEqual([vip, failure], [movedVip, "reset"]);
  const moment = Math.max(...lost.map(({ started }) => started));
  assert.ok(moment <= Math.min(...lost.map(({ ended }) => ended)), JSON.stringify(lost));
}

/** A connection that a client holds. */
export interface Held {
  ended: Promise<number>;
  end(): Promise<void>;
}

/** A connection to a VIP with a request now and then, as Apache closes idle ones: ends after so many seconds, or when it is ended. */
export async function hold(lab: Lab, vip: string, seconds: number, everySeconds = 2): Promise<Held> {
  const ask = `printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3`;
  const script = [
    `exec 3<>/dev/tcp/${vip}/80; cat <&3 >/dev/null & reader=$!`,
    `${ask}; echo open`,
    // It goes on until nobody holds its input open any more.
    `while ((SECONDS < ${seconds})); do read -r -t ${everySeconds}; (($? > 128)) || break; ${ask}; done`,
    `kill $reader; exec 3>&-`,
  ].join("\n");
  const child = await lab.spawn("client", ["bash", "-c", script]);
  await once(child.stdout!, "data");
  const ended = once(child, "exit").then(() => Date.now());
  return { ended, end: async () => void (child.stdin!.end(), await ended) };
}

/** On the router: nobody gets in by ssh any more, and again. */
export const CUT_SSH = `nft -f - <<<'table ip foreign { chain c { type filter hook input priority -300; tcp dport 22 drop; }; }'`;
export const HEAL_SSH = "nft delete table ip foreign";

/** sshd and all its sessions, at once: its own children are what the daemon's cgroup and the logins' scopes hold. */
export const KILL_SSHD = `systemctl kill -s KILL ssh.service; systemctl mask --quiet --runtime --now ssh.service
  for s in $(systemctl list-units --plain --no-legend 'session-*.scope' | cut -d ' ' -f 1); do systemctl kill -s KILL $s || true; done`;
export const START_SSHD = "systemctl unmask --quiet --runtime ssh.service; systemctl start ssh";

/** Where a change of the router's routes is noted down that waits for its confirmation. */
export const pendingFile = (kind: string): string =>
  `/run/loopback-ha/pending.loopback-ha.lab.r1.${kind}-routes`;

/** On the router: a command, as soon as 192.0.2.64/27 goes to web1 and that waits for its confirmation. */
export const oncePending = (kind: string, command: string): string =>
  `for i in $(seq 6000); do if [ -e ${pendingFile(kind)} ] && ip route show exact 192.0.2.64/27 | grep -q 'via 192.0.2.2 '; then ${command}; exit; fi; sleep 0.005; done; exit 9`;

/** On a router: these lines for FRR. FRR 10 keeps others from its configuration for a moment when it starts. */
export const configureFrr = (...lines: string[]): string => {
  const words = ["configure terminal", ...lines].map((line) => `-c '${line}'`).join(" ");
  return `i=0; until vtysh ${words}; do ((i++ < 100)) || exit 1; sleep 0.1; done`;
};

/** On a machine: prints the pid of the apply.sh that has the lock. */
export const APPLY_PID = "sed -n 's/^pid \\([0-9]*\\), apply.*/\\1/p' /run/loopback-ha/holder 2>/dev/null";

/** Ends the operator's standing ssh connections, whichever tool made them. */
export async function forgetConnections(lab: Lab): Promise<void> {
  const forget =
    "for s in $(find ~/.ssh -type s); do ssh -o ControlPath=$s -O exit x 2>/dev/null || rm -f $s; done; true";
  await lab.exec("operator", ["bash", "-c", forget], { check: true });
}

/** The farm in this worker's lab that test files hand on to each other, at home: one or none. */
const handedOn: Farm[] = [];

/** A lab without a farm: the one that was handed on is destroyed. */
export async function emptyLab(lab: Lab): Promise<void> {
  const farm = handedOn.pop();
  if (farm?.project.exists()) await farm.destroy();
  await lab.up();
}

export class Farm {
  readonly lab = new Lab();
  project!: Project;
  healthPath = "";
  /** The site's VIPs, one in each VIP subnet. */
  vips: string[] = [];
  /** The stack's file at home. */
  private home = "";

  /** An empty lab, and the project of a farm. */
  async begin(): Promise<void> {
    await emptyLab(this.lab);
    this.project = new Project(this.lab, "lab", ".", farmFolder(this.lab.id));
  }

  /** A new farm that serves, with this configuration besides the lab's. Its router refuses sooner than by default. */
  async build(config: Record<string, string> = {}): Promise<void> {
    await this.begin();
    await this.start(config);
  }

  /** Brings up what has begun. */
  async start(config: Record<string, string> = {}): Promise<void> {
    await this.project.init();
    await this.set("routers.r1.checkSeconds", CHECK_SECONDS);
    this.home = fs.readFileSync(this.configFile, "utf8");
    await this.change(config);
    this.healthPath = (await this.project.output("healthPath")) as string;
    this.vips = ((await this.project.output("sites")) as Record<string, string[]>).widgetco;
    assert.deepEqual(await this.serving(), SERVERS);
  }

  /** The same, but where a test file has handed its farm on it is that one. */
  async take(config: Record<string, string> = {}): Promise<void> {
    const farm = handedOn.pop();
    if (!farm?.project.exists()) return this.build(config);
    const { project, healthPath, vips, home } = farm;
    Object.assign(this, { project, healthPath, vips, home });
    if (Object.keys(config).length > 0) await this.change(config);
  }

  /** By the lab's configuration, each VIP subnet with its own server. */
  async bringHome(): Promise<void> {
    fs.writeFileSync(this.configFile, this.home);
    await this.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
    // One that was destroyed meanwhile has another.
    this.healthPath = (await this.project.output("healthPath")) as string;
    assert.deepEqual(await this.serving(), SERVERS);
  }

  /** Brings it home, and hands it on; one that does not come home ends with its lab. */
  async handOn(): Promise<void> {
    try {
      await this.bringHome();
      handedOn.push(this);
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /** Whatever it is like: its lab ends with it. */
  private async end(): Promise<void> {
    fs.rmSync(farmFolder(this.lab.id), { recursive: true, force: true });
    await this.lab.down();
  }

  private get configFile(): string {
    return this.project.file("Pulumi.lab.yaml");
  }

  private async change(config: Record<string, string>): Promise<void> {
    for (const [key, value] of Object.entries(config)) await this.set(key, value);
    await this.up();
  }

  /** Ends the operator's standing ssh connections. */
  forgetConnections(): Promise<void> {
    return forgetConnections(this.lab);
  }

  /** Sees to it that the operator has a standing connection to the router. */
  async connect(): Promise<void> {
    const options = "-o ControlMaster=auto -o ControlPath='~/.ssh/loopback-ha-%C' -o ControlPersist=60";
    await this.sh("operator", `ssh ${options} ${labUser}@192.0.2.1 true`);
  }

  /** One that must succeed; what it printed. */
  async up(env: Record<string, string> = {}): Promise<string> {
    const result = await this.project.up({ env });
    assert.equal(result.code, 0, textOf(result));
    return textOf(result);
  }

  /** One that must fail; what it printed. */
  async failingUp(env: Record<string, string> = {}): Promise<string> {
    const result = await this.project.up({ env });
    assert.notEqual(result.code, 0, textOf(result));
    return textOf(result);
  }

  set(keyPath: string, value: string): Promise<void> {
    return this.project.set(keyPath, value);
  }

  drop(keyPath: string): Promise<void> {
    return this.project.drop(keyPath);
  }

  setState(server: string, state: string): Promise<void> {
    return this.set(`servers.${server}.state`, state);
  }

  /** What a shell command on a machine prints; it must succeed. */
  async sh(machine: string, command: string): Promise<string> {
    const { code, stdout, stderr } = await this.lab.exec(machine, ["bash", "-c", command]);
    assert.equal(code, 0, `${machine}: ${command}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Who answers on each of the site's VIPs. */
  serving(): Promise<string[]> {
    return Promise.all(this.vips.map((vip) => whoServes(this.lab, vip, SITE, this.healthPath)));
  }

  /** The site on these of its VIPs, for a load. Default: on all. */
  targets(vips: string[] = this.vips): Target[] {
    return targetsOf({ serverName: SITE, healthPath: this.healthPath, vips });
  }

  async destroy(): Promise<void> {
    try {
      const result = await this.project.destroy();
      assert.equal(result.code, 0, textOf(result));
    } catch (error) {
      await this.end();
      throw error;
    }
  }
}
