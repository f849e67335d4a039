/** Parts of an SVG, with foreign text in them as text only. Pure. */
import { printable, shorten } from "../../components/host/foreignText.cjs";

/** Text that XML takes, and shows as it is. */
export function xml(text: string): string {
  return printable(text)
    .replace(/[\ufffe\uffff]/g, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`)
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

export interface TextStyle {
  size?: number;
  bold?: boolean;
  mono?: boolean;
  fill?: string;
  anchor?: "start" | "middle" | "end";
  /** What is longer, in pixels, is cut; the whole text is shown when the mouse is on it. */
  width?: number;
}

export const INK = "#1f2328";
export const FAINT = "#59636e";

/** Average width of a character, as part of the font's size: that of most fonts is less. */
const CHARACTER = 0.56;
const MONO_CHARACTER = 0.61;

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 14, bold, mono, fill = INK, anchor = "start", width } = style;
  const most =
    width === undefined
      ? Infinity
      : Math.max(1, Math.floor(width / (size * (mono ? MONO_CHARACTER : CHARACTER))));
  const cut = shorten(content, most);
  if (cut === "") return "";
  const attributes = [
    `x="${x}" y="${y}" font-size="${size}" fill="${fill}"`,
    ...(anchor === "start" ? [] : [`text-anchor="${anchor}"`]),
    ...(bold ? ['font-weight="600"'] : []),
    ...(mono ? ["font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\""] : []),
  ].join(" ");
  return `<text ${attributes}>${cut === content ? "" : `<title>${xml(content)}</title>`}${xml(cut)}</text>`;
}

/** How wide a text is, at most. */
export const widthOf = (content: string, size = 14): number => content.length * size * CHARACTER;

export interface BoxStyle {
  fill?: string;
  stroke?: string;
  radius?: number;
  dashes?: string;
}

export function box(x: number, y: number, width: number, height: number, style: BoxStyle = {}): string {
  const { fill = "#ffffff", stroke = "#d1d9e0", radius = 8, dashes } = style;
  const dashed = dashes === undefined ? "" : ` stroke-dasharray="${dashes}"`;
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="${fill}" stroke="${stroke}"${dashed}/>`;
}

export interface LineStyle {
  stroke: string;
  width?: number;
  dashes?: string;
  /** Whether it ends in an arrow. */
  arrow?: boolean;
}

export function line(path: string, { stroke, width = 2, dashes, arrow }: LineStyle): string {
  const dashed = dashes === undefined ? "" : ` stroke-dasharray="${dashes}"`;
  const head = arrow ? ` marker-end="url(#${arrowId(stroke)})"` : "";
  return `<path d="${path}" fill="none" stroke="${stroke}" stroke-width="${width}"${dashed}${head}/>`;
}

const arrowId = (stroke: string): string => `arrow-${stroke.slice(1)}`;

/** The heads of the arrows, one for each colour. */
export function arrowHeads(strokes: string[]): string {
  const heads = [...new Set(strokes)].map(
    (stroke) =>
      `<marker id="${arrowId(stroke)}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 L10 5 L0 10 Z" fill="${stroke}"/></marker>`,
  );
  return `<defs>${heads.join("")}</defs>`;
}

/** A word on a coloured ground. */
export function badge(
  right: number,
  y: number,
  word: string,
  { ink, ground }: { ink: string; ground: string },
): string {
  const width = Math.round(1.15 * widthOf(word, 13)) + 20;
  return (
    box(right - width, y, width, 22, { fill: ground, stroke: ink, radius: 11 }) +
    text(right - width / 2, y + 15.5, word, { size: 13, bold: true, fill: ink, anchor: "middle" })
  );
}
