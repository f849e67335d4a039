import * as fs from "node:fs";
import * as path from "node:path";
import { printable, printableLines } from "./foreignText.cjs";
import { askSsh } from "./runSsh.cjs";
import { HostArgs, forLooking, sharedSshArguments, sudoPrefix } from "./ssh";
import { explainSshFailure } from "./sshFailure.cjs";

/** What was found on one machine before anything was planned. */
export interface Observation {
  /** Why the machine could not be looked at. Absent when it could. */
  failure?: string;
  /** The machine's clock, in seconds since 1970. */
  now: number;
  /** The login may not become root, so only world-readable files were looked at. */
  blind?: boolean;
  /** When an instance came or went on it the last time, in seconds since 1970. */
  since?: number;
  /** Nothing of the stack is on it, although the stack is on others. */
  blank?: boolean;
  /** The next hop of its default route. */
  gateway?: string;
  /** What is known of each instance. */
  instances: Record<string, InstanceFiles>;
}

/**
 * Lines of each small file that apply keeps, by its name; and what drift.sh found: `drift` (a diff, capped), `looked`
 * (how many lines it has) or `unknown` (why it could not look). Of routers also `live` (PREFIX NEXT-HOP), `flows` (PREFIX
 * SERVER-ADDRESS COUNT), `limits` (what pinning can't do there, one sentence each) and `trouble` (what hurts all traffic).
 */
export type InstanceFiles = Record<string, string[]>;

/** Runs observe.sh on a machine and gives back what it printed; tests put their own in its place. */
export type Look = (host: HostArgs) => Promise<string>;

/** Looks at all machines at once; one that does not answer delays no other, and the result names it. */
export async function observe(hosts: HostArgs[], look: Look): Promise<Map<string, Observation>> {
  const found = await Promise.all(
    hosts.map(async (host): Promise<[string, Observation]> => {
      try {
        return [host.name, whole(host.name, parseObservation(await look(host)))];
      } catch (error) {
        return [host.name, { failure: printable((error as Error).message), now: 0, instances: {} }];
      }
    }),
  );
  return new Map(found);
}

/** What apply keeps of the instances that belong to a stack. */
export function ownInstances(observation: Observation, stack: string): [string, InstanceFiles][] {
  return Object.entries(observation.instances).filter(([, files]) => files.meta?.includes(`stack=${stack}`));
}

/** @returns lines of one file of all instances of a stack */
export function linesOf(observation: Observation, stack: string, file: string): string[] {
  return ownInstances(observation, stack).flatMap(([, files]) => files[file] ?? []);
}

/** The machine may be compromised: no name is special, and no text can control a terminal. */
export function parseObservation(text: string): Observation {
  const observation: Observation = { now: 0, instances: {} };
  const instances = new Map<string, Map<string, string[]>>();
  for (const line of printableLines(text).split("\n")) {
    const [instance, file, ...rest] = line.split("\t");
    if (file === undefined) continue;
    if (file === "now") observation.now = Number(rest[0]);
    else if (file === "blind") observation.blind = true;
    else if (file === "since") observation.since = Number(rest[0]);
    else if (file === "gateway") observation.gateway = rest[0];
    else {
      const files = instances.get(instance) ?? new Map<string, string[]>();
      const lines = files.get(file) ?? [];
      lines.push(rest.join("\t"));
      instances.set(instance, files.set(file, lines));
    }
  }
  // Not by assignment, which for "__proto__" would reach every object there is.
  observation.instances = Object.fromEntries(
    [...instances].map(([instance, files]) => [instance, Object.fromEntries(files)]),
  );
  return observation;
}

/** observe.sh says the time last: without it the answer was cut off, and what it lacks is not known. */
function whole(machine: string, observation: Observation): Observation {
  if (!observation.now) throw new Error(`${machine}: its answer was truncated`);
  return observation;
}

const LOOK_SECONDS = 12;

/**
 * @param files what is read besides the files of every role: plain words, as roles' manifests have them
 * @throws Error that says why the machine could not be looked at
 */
export async function lookOverSsh(host: HostArgs, files: readonly string[] = []): Promise<string> {
  // A file, not a text: nothing here has to send it while the SDK loads.
  const looker = forLooking(host);
  const script = fs.openSync(path.join(__dirname, "machine/observe.sh"), "r");
  const looking = askSsh(
    [...sharedSshArguments(looker), ["sh -s", ...files, "as", sudoPrefix(looker)].join(" ").trim()],
    {
      seconds: LOOK_SECONDS,
      stdin: script,
    },
  );
  fs.closeSync(script);
  const { code, stdout, stderr, timedOut, excess } = await looking;
  if (timedOut) throw new Error(`${host.name} did not answer within ${LOOK_SECONDS} s`);
  if (excess)
    throw new Error(`${host.name} sends more than the allowed amount of data: check what runs there`);
  if (code !== 0) throw new Error(explainSshFailure(host.name, stderr));
  return stdout;
}
