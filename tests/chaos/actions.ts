/** How the steps of a sequence are done on the lab's machines. */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withEdits } from "../../cli/pulumi/stackFile";
import { ExecResult, Lab } from "../../lab/lab";
import { Program, Project } from "../../lab/project";
import { APPLY_PID, KILL_SSHD, START_SSHD, textOf } from "../lab/support";
import { BASE, Config, Fault, PREFIXES, Prefix, SERVERS, Server } from "./model";
import { Disturbance, Machine, SITES, Tampering, addressOf } from "./sequence";

/** Seconds after which a router undoes what nobody confirms: shorter than usual, so that sequences are. */
export const CONFIRM_SECONDS = 5;

/** A script of this folder, run on a machine. */
export const runScript = (lab: Lab, name: string, script: string, ...args: string[]): Promise<ExecResult> => {
  const text = fs.readFileSync(path.join(__dirname, script), "utf8");
  return lab.exec(name, ["bash", "-s", "-", ...args], { input: text, timeoutMs: 60_000 });
};

const sh = (lab: Lab, name: string, command: string): Promise<ExecResult> =>
  lab.exec(name, ["bash", "-c", command], { timeoutMs: 60_000 });
const must = async (lab: Lab, name: string, command: string): Promise<void> => {
  await lab.exec(name, ["bash", "-ec", command], { timeoutMs: 60_000, check: true });
};

/** The stack's file, as the operator writes it for a config of the model. */
export function stackFile(base: string, { states, overrides, sites, ttl }: Config, guarded = false): string {
  const edit = (value: unknown, ...at: string[]): { path: string[]; value: unknown } => ({ path: at, value });
  return withEdits(base, "loopback-ha", [
    edit(CONFIRM_SECONDS, "routers", "r1", "confirmSeconds"),
    // Servers die all the time here.
    ...(guarded ? [edit(1000, "routers", "r1", "guard", "maxMovesPerHour")] : []),
    edit(ttl, "zones", "widgetco.example", "ttl"),
    ...SERVERS.map((server) => edit(states[server], "servers", server, "state")),
    ...Object.entries(overrides).map(([prefix, server]) => edit(server, "overrides", prefix)),
    ...Object.entries(sites).flatMap(([site, state]) => [
      edit(serverNameOf(site), "sites", site, "serverName"),
      edit(`/srv/www/${site}`, "sites", site, "documentRoot"),
      edit(SITES[site], "sites", site, "hostNumber"),
      ...(state === "retiring" ? [edit(true, "sites", site, "retiring")] : []),
    ]),
  ]);
}

export const serverNameOf = (site: string): string => `${site}.widgetco.example`;

/** Names leave at once, without waiting for resolvers: nobody here has one. */
const ENVIRONMENT = { LOOPBACK_HA_FORCE_REMOVAL: "1" };

/** `pulumi up`, as all docs have it, and what comes between. */
export async function up(lab: Lab, program: Program, disturbance?: Disturbance): Promise<ExecResult> {
  if (!disturbance) return program.up({ env: ENVIRONMENT });
  const running = await program.beginUp(ENVIRONMENT);
  const over = new AbortController();
  const between = sleep(disturbance.afterMs, undefined, { signal: over.signal })
    .then(() => disturb(lab, disturbance, running.kill))
    .catch((error: Error) => {
      if (error.name !== "AbortError") throw error;
    });
  const result = await running.ended;
  // What comes too late is for the machine alone.
  if (!disturbance.leaves) over.abort();
  await between;
  return result;
}

async function disturb(
  lab: Lab,
  { name, machine, leaves }: Disturbance,
  kill: (signal: NodeJS.Signals) => void,
): Promise<void> {
  if (leaves) return inflict(lab, machine!, leaves);
  switch (name) {
    case "up is killed":
      return kill("SIGKILL");
    case "up is interrupted":
      return kill("SIGINT");
    case "all ssh clients are killed":
      // The operator is a namespace of this host: its processes are those of its cgroup.
      return must(
        lab,
        "operator",
        `for pid in $(cat "${lab.folder}/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.procs"); do
           [ "$(cat /proc/$pid/comm 2>/dev/null)" != ssh ] || kill -KILL $pid; done`,
      );
    case "the operator is cut off for 8 s":
      await lab.cut("operator");
      await sleep(8000);
      return lab.heal("operator");
    case "apply.sh is killed on":
      await sh(
        lab,
        machine!,
        `for i in $(seq 100); do
           pid=$(${APPLY_PID})
           if [ "$pid" ] && grep -qa apply.sh /proc/$pid/cmdline 2>/dev/null; then sleep 0.1; kill -KILL $pid; exit; fi
           sleep 0.02
         done`,
      );
      return;
    default:
      throw new Error(`nobody knows how '${name}' is done`);
  }
}

/** As if date were wrong: what our scripts read is the command's answer, the machines' kernel has one clock for all. */
const clockOf = (days: number): string => `cp /usr/bin/date /run/date.real
  printf '%s\\n' '#!/bin/bash' 'for word; do [[ $word != -d* && $word != --date* ]] || exec /run/date.real "$@"; done' \\
    'exec /run/date.real -d "${days} days" "$@"' >/run/date; chmod 755 /run/date; mount --bind /run/date /usr/bin/date`;

async function fillScript(lab: Lab, machine: Machine, ...args: string[]): Promise<void> {
  const { code, stderr } = await runScript(lab, machine, "fill.sh", ...args);
  if (code !== 0) throw new Error(`${machine}: fill.sh ${args.join(" ")}: exit code ${code}: ${stderr}`);
}

/** Does to a machine what stays until it is mended. */
export async function inflict(lab: Lab, machine: Machine, fault: Fault): Promise<void> {
  switch (fault) {
    case Fault.Off:
      return lab.crash(machine);
    case Fault.Cut:
      return lab.cut(machine, "inside");
    case Fault.FullDisk:
    case Fault.NearlyFullDisk: {
      const left = fault === Fault.FullDisk ? "0" : "32";
      return fillScript(lab, machine, "fill", left);
    }
    case Fault.NoSshd:
      return must(lab, machine, KILL_SSHD);
    case Fault.Slow:
      return must(lab, machine, "tc qdisc replace dev host0 root tbf rate 1mbit burst 8kb latency 400ms");
    case Fault.ClockAhead:
    case Fault.ClockBehind:
      return must(lab, machine, clockOf(fault === Fault.ClockAhead ? 400 : -400));
  }
}

/** Takes that away. */
export async function mend(lab: Lab, machine: Machine, fault: Fault): Promise<void> {
  switch (fault) {
    case Fault.Off:
      await lab.start(machine);
      await booted(lab, machine);
      return;
    case Fault.Cut:
      return lab.heal(machine);
    case Fault.FullDisk:
    case Fault.NearlyFullDisk: {
      return fillScript(lab, machine, "mend");
    }
    case Fault.NoSshd:
      return must(lab, machine, START_SSHD);
    case Fault.Slow:
      return must(lab, machine, "tc qdisc del dev host0 root");
    case Fault.ClockAhead:
    case Fault.ClockBehind:
      return must(lab, machine, "umount /usr/bin/date");
  }
}

/** Until its daemons are up, too. */
export async function booted(lab: Lab, machine: Machine): Promise<void> {
  await lab.exec(machine, ["systemctl", "is-system-running", "--wait"], { timeoutMs: 20_000 });
}

const ZONE = "/etc/bind/loopback-ha/widgetco.example.zone";
const VHOSTS = "/etc/apache2/sites-enabled/loopback-ha.*.conf";

const TAMPERINGS: Record<string, string> = {
  "takes our VIPs off lo":
    "ip -4 -o address show dev lo | awk '$4 ~ /^192/ { print $4 }' | while read -r a; do ip address del $a dev lo; done",
  "stops Apache": "systemctl stop apache2",
  "deletes the include of our virtual hosts":
    "rm -f /etc/apache2/sites-enabled/loopback-ha.*.conf; systemctl reload apache2 || true",
  "edits a virtual host of ours": `for f in ${VHOSTS}; do [ ! -e $f ] || echo '# mine' >>$f; done`,
  "disables our service":
    "for u in /etc/systemd/system/loopback-ha.*.service; do [ ! -e $u ] || systemctl disable --quiet ${u##*/}; done",
  "sets arp_ignore to 0": "echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore",
  "flushes our routes": "ip route flush table all proto 76",
  "deletes our nft table":
    "nft list tables | awk '$3 ~ /^loopback-ha/ { print $3 }' | while read -r t; do nft delete table ip $t; done",
  // networkd drops rules and routes that are not its own: his, too.
  "reloads the network": "networkctl reload; networkctl reconfigure host0; sleep 2; systemctl start foreign",
  "stops the service that keeps our routes": "systemctl stop 'loopback-ha.*.service'",
  "edits a zone of ours, with a serial far ahead": `[ ! -e ${ZONE} ] || {
      now=$(sed -nE 's/^ +([0-9]+) +; serial$/\\1/p' ${ZONE}); ((now > 2099010000)) || now=2099010000
      sed -Ei "s/[0-9]+( +; serial)/$((now + 5))\\1/" ${ZONE}; echo 'other IN A 192.0.2.9' >>${ZONE}; rndc reload widgetco.example || true; }`,
  "takes our line out of named.conf.local":
    "sed -i '/loopback-ha/d' /etc/bind/named.conf.local; rndc reconfig || true",
  "stops named": "systemctl stop named",
};

/** What another admin does. */
export function tamper(lab: Lab, { name, machine, moves }: Tampering): Promise<void> {
  const command = moves
    ? `ip route replace ${moves.prefix} via ${addressOf(moves.server)}`
    : TAMPERINGS[name];
  if (command === undefined) throw new Error(`nobody knows how another admin ${name}`);
  return must(lab, machine, command);
}

/** Which server has which prefix by the router's own table. */
export async function routesOf(lab: Lab): Promise<Partial<Record<Prefix, Server>>> {
  const { stdout } = await sh(lab, "r1", "ip -4 route show table main");
  return Object.fromEntries(
    [...stdout.matchAll(/^(\S+) via 192\.0\.2\.(\d+) /gm)]
      .filter(([, prefix]) => (PREFIXES as readonly string[]).includes(prefix))
      .map(([, prefix, number]) => [prefix, SERVERS[Number(number) - 2]]),
  );
}

/** `loopback-ha-move` on the router; whether it moved. */
export async function moveByHand(lab: Lab, prefix: Prefix, server: Server): Promise<ExecResult> {
  return sh(lab, "r1", `loopback-ha-move ${prefix} ${server}`);
}

/** What the guard holds. */
export async function heldBy(lab: Lab): Promise<Server[]> {
  const { stdout } = await sh(lab, "r1", "cat /run/loopback-ha/held.* 2>/dev/null");
  return SERVERS.filter((server) => stdout.split("\n").some((line) => line.startsWith(`${server} `)));
}

/** `loopback-ha-guard release` on the router. */
export const release = (lab: Lab, server: Server): Promise<ExecResult> =>
  sh(lab, "r1", `loopback-ha-guard release ${server}`);

/** `loopback-ha adopt`. */
export const adopt = (program: Program): Promise<ExecResult> =>
  program.cli(["adopt", "--yes"], { env: ENVIRONMENT });

/** A second stack with the first one's config: what it said, or why it was not refused as it should be. */
export async function secondStack(lab: Lab): Promise<{ said: string; problem?: string }> {
  const second = new Project(lab, "second");
  try {
    await second.init();
    const result = await second.up();
    const said = textOf(result);
    const refused = result.code !== 0 && /already (routed by|belongs to) stack loopback-ha\/lab/.test(said);
    await second.pulumi(["destroy", "--yes", "--skip-preview", "--continue-on-error", "--stack", "second"], {
      check: true,
    });
    return { said, problem: refused ? undefined : "a second stack with the same VIPs was not refused" };
  } finally {
    second.remove();
  }
}

/** Destroys one command, and what depends on it. */
export const destroyOne = (program: Program, command: string): Promise<ExecResult> =>
  program.pulumi([
    ...["destroy", "--yes", "--skip-preview", "--continue-on-error", "--stack", program.stack],
    ...["--target", `**${command}`, "--target-dependents"],
  ]);

/** The other admin's routes to our prefixes outlive ours, and would be in the way of new ones: he takes them away. */
export async function takeOwnRoutesAway(lab: Lab): Promise<void> {
  for (const prefix of PREFIXES)
    await must(
      lab,
      "r1",
      `ip -4 route show exact ${prefix} | grep -v 'proto 76' | sed 's/^/route del /' | ip -batch -`,
    );
}

/** The config from which every sequence begins. */
export const isBase = (config: Config): boolean => JSON.stringify(config) === JSON.stringify(BASE);
