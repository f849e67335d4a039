/** What was measured, as text: no measuring here. */
import { markdownTable } from "../report";
import { Times, spread, times } from "../times";

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

/** The best of each column in bold: the least, and all that are as little; none where all are. */
export function boldLeast(rows: string[][], figures: (number | undefined)[][]): string[][] {
  const ofColumn = (column: number): number[] => figures.flatMap((row) => row[column] ?? []);
  const isBest = (figure: number | undefined, column: number): boolean =>
    figure === Math.min(...ofColumn(column)) &&
    (ofColumn(column).length === 1 || ofColumn(column).some((other) => other !== figure));
  return rows.map((row, i) =>
    row.map((cell, column) => (isBest(figures[i][column], column) ? `**${cell}**` : cell)),
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
  return `${markdownTable(["tool", ...columns.map(sitesText)], [...rows, ...none])}\n${sentences.join(" ")}\n`;
}
