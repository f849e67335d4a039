import * as fs from "node:fs";
import * as path from "node:path";
import execa from "execa";
import { HostArgs, sshArguments, sudoPrefix } from "./ssh";
import { explainSshFailure } from "./sshFailure.cjs";

/** What was found on one machine before anything was planned. */
export interface Observation {
  /** Why the machine could not be looked at. Absent when it could. */
  failure?: string;
  /** The machine's clock, in seconds since 1970. */
  now: number;
  /** The login may not become root, so only what anybody may read was looked at. */
  blind?: boolean;
  /** Lines of each small file that apply keeps, by instance and file name. */
  instances: Record<string, Record<string, string[]>>;
}

/** Runs observe.sh on a machine and gives back what it printed; tests put their own in its place. */
export type Look = (host: HostArgs) => Promise<string>;

/** Looks at all machines at once; one that does not answer holds nobody up, and is told apart in the result. */
export async function observe(
  hosts: HostArgs[],
  look: Look = lookOverSsh,
): Promise<Map<string, Observation>> {
  const found = await Promise.all(
    hosts.map(async (host): Promise<[string, Observation]> => {
      try {
        return [host.name, whole(host.name, parseObservation(await look(host)))];
      } catch (error) {
        return [host.name, { failure: (error as Error).message, now: 0, instances: {} }];
      }
    }),
  );
  return new Map(found);
}

/**
 * What the machine holds differently from what Pulumi believes, as one short line that names the occurrence:
 * the same thing happening again is another line. Undefined when nothing is known to differ.
 */
export function driftOf(observation: Observation | undefined, instance: string): string | undefined {
  const files = observation?.instances[instance] ?? {};
  const doubt = doubtOf(files);
  if (doubt) return doubt;
  const [first] = files.drift ?? [];
  if (!first) return undefined;
  const rest = linesFound(files) - 1;
  const more = rest > 0 ? ` and ${rest} more ${rest === 1 ? "line" : "lines"}` : "";
  return `${shorten(first, MOST_IN_WORD)}${more}, seen after the run of ${files.applied?.[0] ?? "an unknown time"}`;
}

/** A machine's drift for people: a diff of what was applied, by instance of the stack. Undefined without drift. */
export function describeDrift(machine: string, observation: Observation, stack: string): string | undefined {
  const parts = ownInstances(observation, stack).flatMap(([instance, files]) => {
    const doubt = doubtOf(files);
    const lines = doubt ? [`in doubt: ${doubt}`] : (files.drift ?? []);
    if (lines.length === 0) return [];
    const shown = lines.slice(0, MOST_LINES);
    const hidden = doubt ? 0 : linesFound(files) - shown.length;
    return [
      `  ${instance.slice(stack.length + 1)}`,
      ...shown.map((line) => `    ${shorten(line, MOST_IN_LINE)}`),
      ...(hidden > 0 ? [`    and ${hidden} more`] : []),
    ];
  });
  if (parts.length === 0) return undefined;
  return [`${machine} differs from what was applied to it (-), by what is found there (+):`, ...parts].join(
    "\n",
  );
}

/** Why drift of a machine that answered is not, or not wholly, known; one sentence each. */
export function unknownDrift(observation: Observation, stack: string): string[] {
  const mine = ownInstances(observation, stack).filter(([, files]) => !doubtOf(files));
  if (mine.length === 0) return [];
  if (observation.blind) return ["its user may not run commands as root without a password"];
  const unseen = mine.filter(([, files]) => !files.looked);
  return [
    ...new Set(
      unseen.map(
        ([instance, { unknown }]) =>
          unknown?.[0] ??
          `no answer in time for ${instance}; run there: bash /var/lib/loopback-ha/${instance}/current/scripts/drift.sh`,
      ),
    ),
  ];
}

const MOST_LINES = 12;
const MOST_IN_LINE = 120;
const MOST_IN_WORD = 80;

type Files = Observation["instances"][string];

function doubtOf(files: Files): string | undefined {
  const mark = files["in-doubt"]?.[0];
  return mark && `a run that began at ${mark} was not finished or not recorded`;
}

/** The machine caps what it prints, and says how much there is. */
function linesFound(files: Files): number {
  return Number(files.looked?.[0] ?? files.drift?.length ?? 0);
}

function ownInstances(observation: Observation, stack: string): [string, Files][] {
  return Object.entries(observation.instances).filter(([, files]) => files.meta?.includes(`stack=${stack}`));
}

/** Also safe to print: nobody's file moves the cursor. */
function shorten(line: string, most: number): string {
  const text = line.replace(/\p{Cc}/gu, " ");
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** @returns lines of one file of all instances of a stack */
export function linesOf(observation: Observation, stack: string, file: string): string[] {
  return ownInstances(observation, stack).flatMap(([, files]) => files[file] ?? []);
}

export function parseObservation(text: string): Observation {
  const observation: Observation = { now: 0, instances: {} };
  for (const line of text.split("\n")) {
    const [instance, file, ...rest] = line.split("\t");
    if (file === undefined) continue;
    if (file === "now") observation.now = Number(rest[0]);
    else if (file === "blind") observation.blind = true;
    else ((observation.instances[instance] ??= {})[file] ??= []).push(rest.join("\t"));
  }
  return observation;
}

/** observe.sh says the time last: without it the answer was cut off, and what it lacks is not known. */
function whole(machine: string, observation: Observation): Observation {
  if (!observation.now) throw new Error(`${machine}: its answer was cut off`);
  return observation;
}

const LOOK_SECONDS = 12;

async function lookOverSsh(host: HostArgs): Promise<string> {
  const script = fs.readFileSync(path.join(__dirname, "observe.sh"), "utf8");
  const { exitCode, stdout, stderr, timedOut } = await execa("ssh", [...sshArguments(host), shellOf(host)], {
    input: script,
    timeout: LOOK_SECONDS * 1000,
    reject: false,
  });
  if (timedOut) throw new Error(`${host.name} did not answer within ${LOOK_SECONDS} s`);
  if (exitCode !== 0) throw new Error(explainSshFailure(host.name, stderr ?? ""));
  return stdout;
}

/** Runs the script on stdin as root, and where sudo refuses, as the user: much can be seen without root. */
function shellOf(host: HostArgs): string {
  const sudo = sudoPrefix(host);
  return sudo
    ? `sh -c 'look=$(cat); ${sudo} sh -c "$look" observe root 2>/dev/null || sh -c "$look" observe'`
    : "sh -s root";
}
