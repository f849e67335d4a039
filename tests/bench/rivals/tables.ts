/** What was measured, as text: no measuring here. */
import { Times, times } from "../times";

/** One run of one thing. */
export interface Sample {
  work: string;
  tool: string;
  /** What the columns of its table are: a number of sites. */
  column: number;
  seconds: number;
}

/** A row's name, and why it has no figures. */
export interface Unmeasured {
  tool: string;
  why: string;
}

/** All runs of one thing; undefined when there was none. */
export function timesOf(
  samples: Sample[],
  { work, tool, column }: Omit<Sample, "seconds">,
): Times | undefined {
  const own = samples.filter((it) => it.work === work && it.tool === tool && it.column === column);
  return own.length > 0 ? times(own.map(({ seconds }) => seconds)) : undefined;
}

export const seconds = (value: number): string => `${value.toFixed(2)} s`;

export const spread = ({ median, min, max }: Times): string =>
  `${seconds(median)} (${min.toFixed(2)} to ${max.toFixed(2)})`;

/** Markdown. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}

/** Those of a column that are best, in bold: the least. Several when they are as good as each other. */
export function boldLeast(rows: string[][], figures: (number | undefined)[][]): string[][] {
  const least = (column: number): number => Math.min(...figures.map((row) => row[column] ?? Infinity));
  return rows.map((row, i) =>
    row.map((cell, column) => {
      const figure = figures[i][column];
      return figure !== undefined && figure === least(column) ? `**${cell}**` : cell;
    }),
  );
}

/** A column's median of each tool. */
export type Medians = Record<string, number>;

/** Who is ahead in a column, and by which ratio. */
export function ahead(where: string, medians: Medians, ours: string): string {
  const [first, second] = Object.entries(medians).sort(([, a], [, b]) => a - b);
  if (!first) return `${where} nothing was measured.`;
  const [leader, best] = first;
  const ledBy = `${where} ${leader} is ahead with ${seconds(best)}`;
  const times = (much: number): string => `${(much / best).toFixed(1)} times as long`;
  if (leader !== ours)
    return ours in medians ? `${ledBy}; ${ours} takes ${times(medians[ours])}.` : `${ledBy}.`;
  if (!second) return `${where} only ${ours} was measured.`;
  return `${ledBy}; the next, ${second[0]}, takes ${times(second[1])}.`;
}

const sitesText = (count: number): string => `${count.toLocaleString("en")} site${count === 1 ? "" : "s"}`;

/** The table of one kind of work with a column for each number of sites, and who is ahead. */
export function workTable(
  samples: Sample[],
  work: string,
  { tools, columns, unmeasured }: { tools: string[]; columns: number[]; unmeasured: Unmeasured[] },
  ours: string,
): string {
  const measured = tools.map((tool) => columns.map((column) => timesOf(samples, { work, tool, column })));
  const rows = boldLeast(
    measured.map((row, i) => [tools[i], ...row.map((it) => (it ? spread(it) : "-"))]),
    measured.map((row) => [undefined, ...row.map((it) => it?.median)]),
  );
  const none = unmeasured.map(({ tool, why }) => [tool, ...columns.map((_, i) => (i === 0 ? why : ""))]);
  const sentences = columns.map((column, i) => {
    const medians = measured.flatMap((row, of) => (row[i] ? [[tools[of], row[i].median] as const] : []));
    return ahead(`With ${sitesText(column)}`, Object.fromEntries(medians), ours);
  });
  return `${table(["tool", ...columns.map(sitesText)], [...rows, ...none])}\n${sentences.join(" ")}\n`;
}
