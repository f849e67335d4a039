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

/** Prints a benchmark's table, and writes it into a file of this folder. */
export async function report(file: string, { title, command, text, head, rows }: Report): Promise<void> {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  console.log(table.toString());
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const page = `# ${title}

Made by \`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${os.cpus().length} cores, ${memory} GiB; the lab's machines share them. ${text}

${markdownTable(head, rows)}`;
  fs.writeFileSync(path.join(__dirname, file), await prettier.format(page, { parser: "markdown" }));
}
