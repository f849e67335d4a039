import { refuse } from "../argumentChecks";
import { userComplaint } from "../config/names";

/** How to log in to a machine. What is not here belongs in ssh_config: jump hosts, agents, certificates, old ciphers. */
export interface SshOptions {
  /** Login user. Default: `root`. */
  user?: string;
  /** TCP port of sshd. Default: what ssh_config says, else 22. */
  port?: number;
  /** An ssh_config file to read instead of the user's own, as a path from the project's folder or from `~`. */
  configFile?: string;
  /** Run the host scripts through `sudo -n`. Default: true for every user but root. */
  sudo?: boolean;
}

/** A machine that is reached over ssh. */
export interface HostArgs {
  /** Its name in messages and in resource names. A renamed machine is a new one. */
  name: string;
  /** Its address. A machine whose address changes is a new one, too. */
  address: string;
  /** How to log in. Default: as root, by ssh_config. */
  ssh?: SshOptions;
}

/** A server, which the farm can do without. */
export interface ServerArgs extends HostArgs {
  /**
   * Nobody may try to reach it: what Pulumi believes of it stays as it is, and is removed without touching it. When it
   * is not down any more it gets what it missed. Default: false.
   */
  down?: boolean;
}

// Bounded waiting everywhere, one connection per machine for all commands, and strict host keys.
const OPTIONS = [
  "BatchMode=yes",
  "ConnectTimeout=5",
  "ServerAliveInterval=3",
  "ServerAliveCountMax=3",
  "StrictHostKeyChecking=yes",
  "LogLevel=ERROR",
  // Whoever has taken a machine over must not use the operator's keys by it.
  "ForwardAgent=no",
  "ControlMaster=auto",
  // %C is short: a socket's path may have 104 bytes on some systems.
  "ControlPath=~/.ssh/loopback-ha-%C",
  "ControlPersist=60",
];

/** The arguments of ssh up to the destination. No word has a space in it; config validation sees to that. */
export function sshArguments(host: HostArgs): string[] {
  const { user = "root", port, configFile } = host.ssh ?? {};
  return [
    ...(configFile ? ["-F", configFile] : []),
    ...(port ? ["-p", String(port)] : []),
    ...OPTIONS.flatMap((option) => ["-o", option]),
    `${user}@${host.address}`,
  ];
}

/**
 * The machine as whoever only looks reaches it: LOOPBACK_HA_LOOK_USER in the environment has other rights there than
 * ssh.user, and no host command differs by it. Default: as all others do.
 *
 * @throws Refusal when that is no user's name
 */
export function forLooking<H extends HostArgs>(host: H): H {
  const user = process.env.LOOPBACK_HA_LOOK_USER;
  if (!user) return host;
  refuse("LOOPBACK_HA_LOOK_USER", user, userComplaint(user));
  return { ...host, ssh: { ...host.ssh, user, sudo: user !== "root" } };
}

/** What stands before a command that needs root; empty for root itself. */
export function sudoPrefix(host: HostArgs): string {
  const { user = "root", sudo = user !== "root" } = host.ssh ?? {};
  return sudo ? "sudo -n" : "";
}
