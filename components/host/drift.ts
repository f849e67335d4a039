import { listed } from "../base/firstFew";
import { printable } from "./foreignText.cjs";
import { InstanceFiles, Observation, ownInstances } from "./observe";

/**
 * What the machine holds differently from what Pulumi believes, as one short line that names the occurrence:
 * the same thing happening again is another line. Undefined when nothing is known to differ.
 */
export function driftOf(observation: Observation | undefined, instance: string): string | undefined {
  const files = observation?.instances[instance] ?? {};
  const doubt = doubtOf(files);
  if (doubt) return doubt;
  if (observation?.blank) return `nothing of this stack is on it since ${timeText(observation.since ?? 0)}`;
  const [first] = files.drift ?? [];
  if (!first) return undefined;
  const rest = linesFound(files) - 1;
  const more = rest > 0 ? ` and ${rest} more ${rest === 1 ? "line" : "lines"}` : "";
  return `${shorten(first, MOST_IN_WORD)}${more}, seen after the run of ${files.applied?.[0] ?? "an unknown time"}`;
}

/** Whether a run did not get to its end with that instance. */
export function isInDoubt(observation: Observation | undefined, instance: string): boolean {
  return doubtOf(observation?.instances[instance] ?? {}) !== undefined;
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
  const left = parts.length - MOST_IN_MESSAGE;
  if (left > 0) parts.splice(MOST_IN_MESSAGE, left, `  and ${left} more lines, of more instances`);
  const head = `${machine} differs from what was applied to it: missing (-) and found (+); pulumi up repairs it`;
  return [head, ...parts].join("\n");
}

/** Why drift of a machine that answered is not, or not wholly, known; one sentence each. */
export function unknownDrift(observation: Observation, stack: string): string[] {
  const mine = ownInstances(observation, stack).filter(([, files]) => !doubtOf(files));
  if (mine.length === 0) return [];
  if (observation.blind) return ["its login user may not run commands as root without a password"];
  const reasons = new Set(mine.flatMap(([, { unknown }]) => unknown ?? []));
  const silent = mine.filter(([, { looked, unknown }]) => !looked && !unknown).map(([instance]) => instance);
  if (silent.length > 0) {
    reasons.add(
      `no answer in time for ${listed(silent, 1)}; run there: bash /var/lib/loopback-ha/${silent[0]}/current/scripts/drift.sh`,
    );
  }
  return [...reasons];
}

/** What is said of a machine that has nothing of a stack that others have. Undefined of all others. */
export function describeBlank(machine: string, { blank }: Observation): string | undefined {
  return blank
    ? `${machine} has no files from this stack: the machine is new, or its disk was replaced. pulumi up sets it up completely`
    : undefined;
}

const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000", "");

const MOST_LINES = 12;
const MOST_IN_MESSAGE = 40;
const MOST_IN_LINE = 120;
const MOST_IN_WORD = 80;

function doubtOf(files: InstanceFiles): string | undefined {
  const mark = files["in-doubt"]?.[0];
  return mark && `a run that started at ${mark} was not finished, or not recorded`;
}

/** The machine caps what it prints, and says how much there is. */
function linesFound(files: InstanceFiles): number {
  return Number(files.looked?.[0] ?? files.drift?.length ?? 0);
}

/** Also safe to print: no file can move the cursor. */
function shorten(line: string, most: number): string {
  const text = printable(line.replaceAll("\t", " "));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
