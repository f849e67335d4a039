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
  const style: Style = { fill: INK, bold: false };
  const rows = [`${ESCAPE}[36m$${ESCAPE}[39m ${command}`, ...output.replace(/\n$/, "").split("\n")].map(
    (line) => piecesOf(line, style),
  );
  const columns = Math.max(
    ...rows.flatMap((row) => row.map(({ column, text }) => column + [...text].length)),
  );
  const [width, height] = [Math.ceil(columns * CELL.width) + 2 * PAD, rows.length * CELL.height + 2 * PAD];
  const texts = rows.flatMap((row, i) =>
    row.filter(({ text }) => text.trim() !== "").map((piece) => drawPiece(piece, i)),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${SIZE}">`,
    `<title>${xml(`What ${command} shows`)}</title>`,
    `<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>`,
    ...texts,
    "</svg>",
  ].join("\n");
}

/** As wide as its characters in any font, so that tables stay in line. */
function drawPiece({ text, column, fill, bold }: Piece, row: number): string {
  const length = ([...text].length * CELL.width).toFixed(1);
  const [x, y] = [(PAD + column * CELL.width).toFixed(1), PAD + (row + 0.75) * CELL.height];
  return `<text x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="${fill}"${bold ? ' font-weight="700"' : ""}>${xml(text)}</text>`;
}
