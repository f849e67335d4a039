/** A preview for a terminal. Pure. */
import { RouterMoves, describeMoves } from "../../components/network/moves";
import { homeCommands } from "../../components/preflight/report";
import { colors } from "../terminal/colors";
import type { Change, Preview } from "../pulumi/preview";
import { printable } from "../../components/host/foreignText.cjs";
import { FileDiff, MachineGroup, machineGroups } from "./diff";
import { verdict } from "./verdict";

/** What a preview found, as lines: warnings, moves, and a line for each change. */
export function describePreview(preview: Preview): string[] {
  return [
    ...preview.warnings.map((text) => `warning: ${text}`),
    ...movesText(preview.routers),
    ...preview.changes.map((change) => `${change.machine} ${describeChange(change)}`),
  ];
}

/** What moves, or that nothing does. */
export function movesText(routers: RouterMoves[]): string[] {
  const moves = describeMoves(routers);
  return moves.length > 0 ? moves : ["nothing moves"];
}

/** What happens to a role of a machine. */
export function describeChange({ role, op, drift }: Pick<Change, "role" | "op" | "drift">): string {
  return `${role}: ${op}${drift === undefined ? "" : ` (${describeRepair(drift)})`}`;
}

/** What is done about the first line of a drift: what was found beside ours goes, what is missing comes back. */
function describeRepair(drift: string): string {
  const text = drift.replace(/(\d\d:\d\d:\d\d)\.\d+Z/g, "$1Z");
  const [, sign, what] = /^([-+]) (.*)$/s.exec(text) ?? [];
  if (sign === "+") return `removes: ${what}`;
  return sign === "-" ? `restores: ${what}` : `repairs: ${text}`;
}

/** Said where a command runs though no wanted text changes. */
export const NO_FILES =
  "the desired state is unchanged; the library's scripts or the connection settings changed";

/**
 * @param stack `project/stack`
 * @returns text without a final line feed
 */
export function renderPreview(stack: string, preview: Preview): string {
  const homes = Object.entries(preview.proposedHomes);
  return [
    `${colors.bold(stack)}  ${verdict(preview)}`,
    ...preview.warnings.map(
      (text) => `${colors.yellow("warning:")} ${text.split("\n").map(printable).join("\n")}`,
    ),
    ...describeMoves(preview.routers),
    ...(homes.length > 0 ? ["to balance by weight:", ...homeCommands(homes)] : []),
    ...machineGroups(preview.changes).flatMap(describeGroup),
  ].join("\n");
}

function describeGroup({ machines, changes }: MachineGroup): string[] {
  return [
    "",
    colors.bold(machines.join(", ")),
    ...changes.flatMap((change) => [
      `  ${describeChange(change)}`,
      ...(change.files.length > 0 || change.drift !== undefined ? [] : [`    ${NO_FILES}`]),
      ...change.files.flatMap(describeFile),
    ]),
  ];
}

function describeFile({ name, added, removed, lines }: FileDiff): string[] {
  return [`    ${name}  +${added} -${removed}`, ...lines.map((line) => `      ${coloured(line)}`)];
}

function coloured(line: string): string {
  if (line.startsWith("+")) return colors.green(line);
  if (line.startsWith("-")) return colors.red(line);
  return line.startsWith("@@") ? colors.cyan(line) : line;
}
