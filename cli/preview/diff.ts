/** The text that changes on machines, as unified diffs. Pure. */
import { structuredPatch } from "diff";
import type { Change, FileChange } from "../pulumi/preview";
import { printable, shownLine } from "../../components/host/foreignText.cjs";

/** A file's change, ready to be shown. */
export interface FileDiff {
  name: string;
  /** Lines as `diff -u` has them, without its head. */
  lines: string[];
  added: number;
  removed: number;
}

/** Machines on which the same changes. */
export interface MachineGroup {
  machines: string[];
  changes: { role: string; op: string; drift?: string; files: FileDiff[] }[];
}

const CONTEXT = 2;

/** @returns lines as a reader may see them: see `printable` */
export function fileDiff({ name, before = "", after = "" }: FileChange): FileDiff {
  const { hunks } = structuredPatch(name, name, before, after, "", "", { context: CONTEXT });
  const lines = hunks.flatMap((hunk) => [
    `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`,
    ...hunk.lines.map(shownLine),
  ]);
  const count = (sign: string): number =>
    hunks.flatMap((hunk) => hunk.lines).filter((line) => line.startsWith(sign)).length;
  return { name: printable(name), lines, added: count("+"), removed: count("-") };
}

/** Changes by machine, those of machines on which the same changes but for the machine's name together. */
export function machineGroups(changes: Change[]): MachineGroup[] {
  const machines = [...new Set(changes.map(({ machine }) => machine))].sort(byNumber);
  const groups = new Map<string, MachineGroup>();
  for (const machine of machines) {
    const own = changes
      .filter((change) => change.machine === machine)
      .sort((a, b) => byNumber(a.role, b.role))
      .map(({ role, op, drift, files }) => ({ role, op, drift, files: files.map(fileDiff) }));
    const key = anonymous(JSON.stringify(own), machine);
    const known = groups.get(key);
    if (known) known.machines.push(machine);
    else groups.set(key, { machines: [machine], changes: own });
  }
  return [...groups.values()].map((group) => (group.machines.length > 1 ? unnamed(group) : group));
}

/** web2 before web10. */
const byNumber = new Intl.Collator("en", { numeric: true }).compare;

/** Stands for each machine's name in what several have in common. */
export const EACH = "‹machine›";

function anonymous(text: string, machine: string): string {
  const name = machine.replace(/[^A-Za-z0-9]/g, "\\$&");
  return text.replace(new RegExp(`(?<![A-Za-z0-9])${name}(?![A-Za-z0-9])`, "g"), EACH);
}

function unnamed({ machines, changes }: MachineGroup): MachineGroup {
  const text = (line: string): string => anonymous(line, machines[0]);
  return {
    machines,
    changes: changes.map(({ role, op, drift, files }) => ({
      role,
      op,
      drift: drift === undefined ? undefined : text(drift),
      files: files.map((file) => ({ ...file, name: text(file.name), lines: file.lines.map(text) })),
    })),
  };
}
