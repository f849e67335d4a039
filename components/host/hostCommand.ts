import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../base/userError";
import { ServerState } from "../network/serverState";
import { shellWord } from "../base/shellWord";
import { fromProject } from "./fromProject";
import { instanceIn } from "./instance";
import { driftKnownOn } from "./knownDrift";
import { HostArgs, ServerArgs, sshArguments, sudoPrefix } from "./ssh";
import { DesiredFiles, isMachineFile, packLarge } from "./payload.cjs";

/** The desired files of one role on one machine. */
export interface HostCommandArgs {
  host: ServerArgs;
  /** Of the role's manifest, as are `oneFirst` and `ifDead`. */
  role: string;
  oneFirst?: boolean;
  ifDead?: string;
  /** Folders of the role's scripts, absolute; one of them has role.sh. */
  scripts: string[];
  /** For a machine without a shell: a program (absolute path) in place of deliver.cjs, a text in place of remove-over-ssh.sh. */
  driver?: { deliver: string; remove: string };
  /** Name of the component: with project, stack and role it names the instance on the machine. */
  component: string;
  /**
   * Wanted files by name: a text, or lines by their first word. `preview --diff` shows each with a line diff, so keep a
   * line one thing. Large ones are packed; a component shows the lines of sites and names, once.
   */
  want: DesiredFiles | pulumi.Output<DesiredFiles>;
  /**
   * For what a machine may lack and is not among the desired files, such as private keys: a module of the role (absolute path) whose
   * `supply` deliver.cjs calls, and where that finds it, which is no secret.
   */
  supplier?: { module: string; sources: unknown };
  /** Values for placeholders `@SECRET:NAME@` in the wanted files; a secret inside them would mask the whole diff. */
  secrets?: Record<string, pulumi.Input<string>>;
  /** Machines that are asked before, and what: the answers lie beside the wanted files, as `peers`. */
  peers?: HostArgs[];
  /** The question for the peers, a remote shell command that changes nothing. */
  askPeers?: string;
  /** What the operator must know besides when it fails. */
  onFailure?: string;
}

/** Names reach file names, unit names and shells on the machines. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const HERE = __dirname;

/**
 * The one way to change a machine: a local command that pipes the wanted files over ssh. An update runs it again
 * with all desired files; a delete removes the instance, and only warns when the machine is gone.
 *
 * @throws UserError when a name cannot be part of a file name, or there is no ssh to run.
 */
export function hostCommand(
  name: string,
  args: HostCommandArgs,
  opts: pulumi.ComponentResourceOptions,
): command.local.Command {
  const instance = instanceName(args.component, args.role);
  const resourceName = `${name}-${args.host.address}`;
  const drift = driftKnownOn(args.host, instance);
  const down = args.host.state === ServerState.Down;
  const options = hostCommandOptions(opts, { down, drifted: drift !== undefined });
  if (down) return new command.local.Command(resourceName, standIn(args.host.name), options);
  const secrets = Object.entries(args.secrets ?? {}).map(([key, value]) => [
    `LOOPBACK_HA_SECRET_${key}`,
    value,
  ]);
  return new command.local.Command(
    resourceName,
    {
      create: `node ${shellWord(fromProject(args.driver?.deliver ?? path.join(HERE, "deliver.cjs")))}`,
      delete: 'sh -c "$LOOPBACK_HA_REMOVE"',
      interpreter: interpreter(drift),
      environment: {
        LOOPBACK_HA_MACHINE: args.host.name,
        LOOPBACK_HA_ADDRESS: args.host.address,
        LOOPBACK_HA_SSH: sshArguments(args.host).join(" "),
        LOOPBACK_HA_SUDO: sudoPrefix(args.host),
        LOOPBACK_HA_STACK: stackName(),
        LOOPBACK_HA_INSTANCE: instance,
        LOOPBACK_HA_ROLE: args.role,
        LOOPBACK_HA_SCRIPTS: args.scripts.map((folder) => fromProject(folder)).join(":"),
        LOOPBACK_HA_REMOVE:
          args.driver?.remove ?? fs.readFileSync(path.join(HERE, "remove-over-ssh.sh"), "utf8"),
        ...(args.peers?.length
          ? {
              LOOPBACK_HA_PEERS: JSON.stringify(args.peers.map(sshArguments)),
              LOOPBACK_HA_ASK_PEERS: args.askPeers ?? "",
            }
          : {}),
        ...(args.supplier ? { LOOPBACK_HA_SUPPLIER: fromProject(args.supplier.module) } : {}),
        ...(args.oneFirst ? { LOOPBACK_HA_ONE_FIRST: "1" } : {}),
        ...(args.ifDead ? { LOOPBACK_HA_IF_DEAD: args.ifDead } : {}),
        ...(args.onFailure ? { LOOPBACK_HA_ON_FAILURE: args.onFailure } : {}),
        ...Object.fromEntries(secrets),
      },
      stdin: pulumi.Output.isInstance(args.want)
        ? args.want.apply((want) => stdinOf(args, want))
        : stdinOf(args, args.want),
    },
    options,
  );
}

/** Where the desired files are known without waiting, they are plain: an output of the SDK costs more than all else here. */
function stdinOf({ scripts, supplier }: HostCommandArgs, want: DesiredFiles): string {
  const payload = packLarge(scriptsVersion(scripts), want);
  return JSON.stringify(supplier ? { ...payload, sources: supplier.sources } : payload);
}

// Drift is passed here, as a word of env: ignoreChanges on one entry of the environment breaks providers built
// on older versions of pulumi-go-provider ("Unrecognized field"), and this is a whole property.
const interpreter = (drift = "none"): string[] => ["env", `DRIFT=${drift}`, "sh", "-c"];

/** What a machine that is down gets when Pulumi knows nothing of it yet. Any later payload differs, and is an update. */
function standIn(machine: string): command.local.CommandArgs {
  return {
    create: `echo '${machine} is down: nothing was done. In state maintenance it is brought up to date'`,
    interpreter: interpreter(),
  };
}

/**
 * `dependsOn` for a host command that waits for outputs. On the command and never on its component: a component that
 * is skipped because of a failure before it breaks the run (seen: "registration isn't pending").
 */
export function resourcesBehind(outputs: pulumi.Input<string>[] = []): pulumi.Output<pulumi.Resource[]> {
  // Outputs carry the resources they come from; the list itself stays empty.
  return pulumi.all(outputs).apply(() => []);
}

/**
 * Without drift the stored value stays: or the run after a repair would show a change back. On a machine that is down
 * all values stay, nothing is waited for, and a removal leaves it alone. Another role on the machine (a router of
 * another kind) is brought first, and only when that succeeded the former one is removed. Another name of the same, as
 * after `pulumi stack rename`, is taken over in place: see takeover.sh.
 */
export function hostCommandOptions(
  opts: pulumi.CustomResourceOptions,
  { down = false, drifted = false }: { down?: boolean; drifted?: boolean },
): pulumi.CustomResourceOptions {
  if (down) return { ...opts, ignoreChanges: ["*"], retainOnDelete: true, dependsOn: [] };
  const options = { ...opts, replaceOnChanges: ["environment.LOOPBACK_HA_ROLE"] };
  return drifted ? options : { ...options, ignoreChanges: [...(opts.ignoreChanges ?? []), "interpreter"] };
}

/** The name under which a component's role lives on a machine. */
export function instanceName(component: string, role: string): string {
  for (const name of [component, pulumi.getProject(), pulumi.getStack()]) {
    if (!NAME.test(name)) {
      throw new UserError(
        `"${name}" becomes part of file names on the machines: use letters, digits, dots, dashes and underscores only, at most 63`,
      );
    }
  }
  return instanceIn(stackName(), component, role);
}

function stackName(): string {
  return `${pulumi.getProject()}/${pulumi.getStack()}`;
}

const versions = new Map<string, string>();

/** Other scripts are another payload: after an upgrade of this library every machine gets them. */
function scriptsVersion(folders: string[]): string {
  const key = folders.join(":");
  const known = versions.get(key);
  if (known) return known;
  const hash = createHash("sha256");
  for (const folder of [path.join(HERE, "machine"), ...folders]) {
    for (const file of fs.readdirSync(folder).filter(isMachineFile).sort()) {
      hash.update(`${file}\n`).update(fs.readFileSync(path.join(folder, file)));
    }
  }
  const version = hash.digest("hex").slice(0, 12);
  versions.set(key, version);
  return version;
}
