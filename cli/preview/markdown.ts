/** A preview as a comment on a pull request: short enough, and foreign text in it is nothing but text. Pure. */
import { firstFew, listedOrCounted } from "../../components/base/firstFew";
import { homeCommands } from "../../components/preflight/report";
import type { Preview } from "../pulumi/preview";
import { shorten, shownLine } from "../../components/host/foreignText.cjs";
import { FileDiff, MachineGroup, machineGroups } from "./diff";
import { code, fence, inline } from "./escape";
import { routerSection } from "./movesTable";
import { NO_FILES, describeChange } from "./text";
import { verdict } from "./verdict";

/** GitHub takes 65,536 characters; a few are left for a line that someone adds. */
export const MOST_CHARACTERS = 65_000;
const MOST_FOR_MOVES = 40_000;
const MOST_FOR_WARNINGS = 10_000;
/** For the sentence that says what was left out. */
const RESERVE = 3500;
const MOST_NAMES = 12;
/** Of a file's diff, or of a message. */
const MOST_LINES = 200;
const MOST_LINES_OF_A_WARNING = 20;
const MOST_HOMES = 8;

/** The first line: by it, a later run finds the comment to write over. */
export const marker = (stack: string): string =>
  `<!-- loopback-ha preview of ${stack.replace(/[^A-Za-z0-9._/-]/g, "_")} -->`;

/**
 * Verdict, moves and warnings, then each machine's diff, folded. The moves always stay; what has no room else is
 * counted.
 * @param stack `project/stack`
 * @returns text without a final line feed
 */
export function renderMarkdown(stack: string, preview: Preview): string {
  const { routers, warnings, proposedHomes, changes } = preview;
  const head = [
    marker(stack),
    `### ${code(stack)}: ${inline(verdict(preview))}`,
    ...routers.flatMap((seen) => routerSection(seen, MOST_FOR_MOVES / routers.length)),
    ...warningSection(warnings),
    ...homesSection(Object.entries(proposedHomes)),
  ];
  const room = MOST_CHARACTERS - head.join("\n\n").length;
  return page([...head, ...machineSections(machineGroups(changes), room)]);
}

/** What takes the place of a preview that could not be made. */
export function renderFailure(stack: string, message: string): string {
  return page([marker(stack), `### ${code(stack)}: no preview`, fence(firstLines(message, MOST_LINES))]);
}

const page = (paragraphs: string[]): string => paragraphs.join("\n\n");

function firstLines(text: string, most: number): string[] {
  return firstFew(text.split("\n").map(shownLine), most, (more) => `and ${more} more lines`);
}

function warningSection(warnings: string[]): string[] {
  if (warnings.length === 0) return [];
  const shown: string[] = [];
  let room = MOST_FOR_WARNINGS;
  for (const text of warnings) {
    const [first, ...rest] = firstLines(text, MOST_LINES_OF_A_WARNING);
    const paragraph = [`**Warning:** ${inline(first)}`, ...(rest.length > 0 ? [fence(rest)] : [])].join(
      "\n\n",
    );
    room -= paragraph.length;
    if (room < 0)
      return [
        ...shown,
        `And ${warnings.length - shown.length} more warnings: \`loopback-ha preview\` shows them.`,
      ];
    shown.push(paragraph);
  }
  return shown;
}

function homesSection(homes: [string, string][]): string[] {
  if (homes.length === 0) return [];
  return [
    "An active server is the home of no subnet. To balance by weight:",
    fence(firstFew(homeCommands(homes), MOST_HOMES).map(shownLine)),
  ];
}

function machineSections(groups: MachineGroup[], room: number): string[] {
  const shown: string[] = [];
  const left: MachineGroup[] = [];
  let rest = room - RESERVE;
  for (const group of groups) {
    const section = machineSection(group);
    if (section.length + 2 > rest) {
      left.push(group);
      continue;
    }
    rest -= section.length + 2;
    shown.push(section);
  }
  return left.length > 0 ? [...shown, leftOut(left)] : shown;
}

function leftOut(groups: MachineGroup[]): string {
  const machines = groups.flatMap((group) => group.machines);
  const names = listedOrCounted(
    machines.map((name) => inline(shorten(name, 40))),
    MOST_NAMES,
    "machines",
  );
  const lines = groups.reduce(
    (sum, group) => sum + lineCount(group, "added") + lineCount(group, "removed"),
    0,
  );
  return `Left out because the comment would get too long: the diffs of ${names}, ${lines} changed lines. \`loopback-ha preview\` shows them.`;
}

const lineCount = ({ changes }: MachineGroup, what: "added" | "removed"): number =>
  changes.flatMap(({ files }) => files).reduce((sum, file) => sum + file[what], 0);

function machineSection(group: MachineGroup): string {
  const roles = group.changes.map(({ role, op }) => `${role} ${op}`).join(", ");
  const size = `+${lineCount(group, "added")} −${lineCount(group, "removed")}`;
  return [
    // One line: a blank one within would end the HTML.
    `<details><summary><b>${inline(group.machines.join(", "))}</b>: ${inline(roles)} (${size})</summary>`,
    ...group.changes.flatMap((change) => [
      `**${inline(describeChange(change))}**`,
      ...(change.files.length > 0 || change.drift !== undefined ? [] : [NO_FILES]),
      ...change.files.flatMap(fileSection),
    ]),
    "</details>",
  ].join("\n\n");
}

function fileSection({ name, lines }: FileDiff): string[] {
  const more = lines.length - MOST_LINES;
  return [
    code(name),
    fence(lines.slice(0, MOST_LINES), "diff"),
    ...(more > 0 ? [`and ${more} more lines`] : []),
  ];
}
