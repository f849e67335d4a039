import { assertValid } from "../base/argumentChecks";
import { userIssue } from "./login";
import type { ServerState } from "../network/serverState";
import { sshHere } from "./sshHere.cjs";

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
   * Whether it carries traffic. A server that is `down` is not connected to: what Pulumi knows of it stays as it is, and
   * is removed without touching it; with another state it gets what it missed. Default: active.
   */
  state?: ServerState;
  /** How much it takes of what others can't carry, for `place`: 1 to 1000. Default: 1. */
  weight?: number;
}

// Bounded waiting everywhere, strict host keys, and nothing of what the operator's ssh_config has for sessions of his own:
// a compromised machine must not get at the operator's keys, tickets, screen or network by it, and what is run is a command
// without a terminal. What is not here is his: proxies, keys, ciphers, names (tests/unit/ssh/options.test.ts).
const OPTIONS = [
  "BatchMode=yes",
  "ConnectTimeout=5",
  "ConnectionAttempts=1",
  "ServerAliveInterval=3",
  "ServerAliveCountMax=3",
  "StrictHostKeyChecking=yes",
  "LogLevel=ERROR",
  "ForwardAgent=no",
  "ForwardX11=no",
  "ForwardX11Trusted=no",
  "GSSAPIDelegateCredentials=no",
  "ClearAllForwardings=yes",
  "ExitOnForwardFailure=no",
  "Tunnel=no",
  "PermitLocalCommand=no",
  "RemoteCommand=none",
  "RequestTTY=no",
  // A connection of its own, where sshHere, which comes before, has no other.
  "ControlMaster=no",
  "ControlPath=none",
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

/** The same for a connection that all commands share, from here. */
export const sharedSshArguments = (host: HostArgs): string[] => [...sshHere(), ...sshArguments(host)];

/**
 * The machine as a login that only looks reaches it: LOOPBACK_HA_LOOK_USER in the environment has other rights there than
 * ssh.user, and no host command differs by it. Default: as all others do.
 *
 * @throws UserError when that is no user's name
 */
export function forLooking<H extends HostArgs>(host: H): H {
  const user = process.env.LOOPBACK_HA_LOOK_USER;
  if (!user) return host;
  assertValid("LOOPBACK_HA_LOOK_USER", user, userIssue(user));
  return { ...host, ssh: { ...host.ssh, user, sudo: user !== "root" } };
}

/** The prefix of a command that needs root; empty for root itself. */
export function sudoPrefix(host: HostArgs): string {
  const { user = "root", sudo = user !== "root" } = host.ssh ?? {};
  return sudo ? "sudo -n" : "";
}
