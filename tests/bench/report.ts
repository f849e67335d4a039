import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import Table from "cli-table3";
import * as prettier from "prettier";

/** What a benchmark found. */
export interface Report {
  title: string;
  /** What makes it again. */
  command: string;
  /** What was measured, and how. */
  text: string;
  head: string[];
  rows: string[][];
}

/** A table in Markdown, not aligned. */
export function markdownTable(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}

/** A benchmark's table, with a heading of this level and where it comes from. */
function sectionOf({ title, command, text, head, rows }: Report, level: string): string {
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${level} ${title}

Made by \`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${os.cpus().length} cores, ${memory} GiB; the lab's machines share them. ${text}

${markdownTable(head, rows)}`;
}

function print({ head, rows }: Report): void {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  console.log(table.toString());
}

const written = (page: string): Promise<string> => prettier.format(page, { parser: "markdown" });

/** Prints a benchmark's table, and writes it into a file of this folder. */
export async function report(file: string, of: Report): Promise<void> {
  print(of);
  fs.writeFileSync(path.join(__dirname, file), await written(sectionOf(of, "#")));
}

/**
 * The page with this section in the place of the one with the same heading, or at its end: what was measured another day
 * stays as it is. Pure.
 */
export function withSection(page: string, section: string): string {
  const heading = section.split("\n")[0];
  const sections = page.split(/^(?=#{1,2} )/m).filter((text) => text.trim() !== "");
  const place = sections.findIndex((text) => text.split("\n")[0] === heading);
  if (place < 0) return [...sections, section].map((text) => text.trimEnd()).join("\n\n") + "\n";
  return sections.map((text, i) => (i === place ? section : text).trimEnd()).join("\n\n") + "\n";
}

/**
 * Prints one table of a benchmark that has several, and writes it into a file of this folder: the one with heading level 1
 * comes first there.
 */
export async function reportSection(file: string, level: "#" | "##", of: Report): Promise<void> {
  print(of);
  const place = path.resolve(__dirname, file);
  const page = fs.existsSync(place) ? fs.readFileSync(place, "utf8") : "";
  const section = await written(sectionOf(of, level));
  fs.writeFileSync(place, await written(withSection(page, section)));
}
