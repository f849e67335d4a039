/** What a terminal shows, as an SVG. Pure. */
import { xml } from "../../cli/diagram/elements";

const SIZE = 14;
/** One character. */
const CELL = { width: 8.4, height: 17 };
const PAD = 18;

const INK = "#e6edf3";
/** Of the codes that picocolors writes for us. */
const COLORS: Record<string, string> = {
  31: "#ff7b72",
  32: "#7ee787",
  33: "#e3b341",
  36: "#76e3ea",
};

interface Style {
  fill: string;
  bold: boolean;
}

interface Piece extends Style {
  text: string;
  column: number;
}

const ESCAPE = "\u001b";
const CODE = new RegExp(`(${ESCAPE}\\[\\d+m)`);
const PROMPT = `${ESCAPE}[36m$${ESCAPE}[39m`;

/** Pieces of one style; a code that is none of ours is a mistake here. */
function piecesOf(line: string, style: Style): Piece[] {
  const pieces: Piece[] = [];
  let column = 0;
  for (const part of line.split(CODE)) {
    const code = part.startsWith(ESCAPE) ? part.slice(2, -1) : undefined;
    if (code === undefined) {
      if (part !== "") pieces.push({ ...style, text: part, column });
      column += [...part].length;
    } else if (code === "1") style.bold = true;
    else if (code === "22") style.bold = false;
    else if (code === "39") style.fill = INK;
    else if (COLORS[code] !== undefined) style.fill = COLORS[code];
    else throw new Error(`no colour for code ${code}`);
  }
  return pieces;
}

/**
 * @param command what was typed
 * @param output what came, with colours
 */
export function terminalPicture(command: string, output: string): string {
  const rows = rowsOf([`${PROMPT} ${command}`, ...output.replace(/\n$/, "").split("\n")]);
  return screen(rows, `What ${command} shows`, rows.map(drawRow).flat());
}

/** A line of a recording, with colours, and the second in which it came. */
export interface Beat {
  at: number;
  line: string;
}

const COLUMNS = 100;
/** Seconds in which the end is shown: before the first line comes, and after the last one. */
const [BEFORE, AFTER] = [1, 8];

/**
 * Lines that come one after the other, in a loop. The loop begins with the end of the one before, so a viewer without
 * animations, or the first frame alone, shows all of it.
 */
export function recordingPicture(title: string, beats: readonly Beat[]): string {
  const lines = beats.flatMap(({ at, line }) => wrap(line, COLUMNS).map((part) => ({ at, line: part })));
  const rows = rowsOf(lines.map(({ line }) => line));
  const total = BEFORE + Math.max(...beats.map(({ at }) => at)) + AFTER;
  const percent = (second: number): string => `${((100 * second) / total).toFixed(2)}%`;
  const moments = [...new Set(lines.map(({ at }) => at))];
  const style = moments.map((at, i) => {
    const [gone, back] = [percent(BEFORE), percent(BEFORE + at + 0.01)];
    return `@keyframes k${i}{0%,${gone}{opacity:1}${percent(BEFORE + 0.01)}{opacity:0}${back}{opacity:0}${percent(BEFORE + at + 0.02)},100%{opacity:1}}.k${i}{animation:k${i} ${total.toFixed(2)}s step-end infinite}`;
  });
  return screen(rows, title, [
    `<style>@media (prefers-reduced-motion: no-preference){${style.join("")}}</style>`,
    ...moments.map((moment, i) => {
      const shown = rows.flatMap((row, j) => (lines[j].at === moment ? drawRow(row, j) : []));
      return `<g class="k${i}">${shown.join("")}</g>`;
    }),
  ]);
}

/** A line in parts of so many characters at most, as a terminal breaks it; codes take no room. */
function wrap(line: string, columns: number): string[] {
  const parts = [""];
  let used = 0;
  for (const part of line.split(CODE)) {
    if (part.startsWith(ESCAPE)) {
      parts[parts.length - 1] += part;
      continue;
    }
    for (const character of part) {
      if (used === columns) {
        parts.push("");
        used = 0;
      }
      parts[parts.length - 1] += character;
      used++;
    }
  }
  return parts;
}

function rowsOf(lines: readonly string[]): Piece[][] {
  const style: Style = { fill: INK, bold: false };
  return lines.map((line) => piecesOf(line, style));
}

function screen(rows: readonly Piece[][], title: string, content: readonly string[]): string {
  const columns = Math.max(
    ...rows.flatMap((row) => row.map(({ column, text }) => column + [...text].length)),
  );
  const [width, height] = [Math.ceil(columns * CELL.width) + 2 * PAD, rows.length * CELL.height + 2 * PAD];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${SIZE}">`,
    `<title>${xml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>`,
    ...content,
    "</svg>",
  ].join("\n");
}

function drawRow(row: readonly Piece[], i: number): string[] {
  return row.filter(({ text }) => text.trim() !== "").map((piece) => drawPiece(piece, i));
}

/** As wide as its characters in any font, so that tables stay in line. */
function drawPiece({ text, column, fill, bold }: Piece, row: number): string {
  const length = ([...text].length * CELL.width).toFixed(1);
  const [x, y] = [(PAD + column * CELL.width).toFixed(1), PAD + (row + 0.75) * CELL.height];
  return `<text x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="${fill}"${bold ? ' font-weight="700"' : ""}>${xml(text)}</text>`;
}
