/** The right of the picture: routers with their tables, servers, and which server has what. Pure. */
import { FAINT, LineStyle, badge, box, line, text, widthOf } from "./elements";
import { Placed, ROUTER, SERVER, STAYS, TONES, WAYS } from "./layout";
import { Row, SceneRouter, SceneServer, Tone, counted } from "./scene";

const HEAD = 50;
const ROW = 46;
const PAD = 14;

export const routerHeight = ({ rows }: SceneRouter): number => HEAD + ROW * Math.max(1, rows.length) + 4;

export function drawRouter({ item, y }: Placed<SceneRouter>): string {
  const { name, address, kind, rows } = item;
  const { x, width } = ROUTER;
  const right = x + width - PAD;
  return [
    box(x, y, width, routerHeight(item)),
    text(x + PAD, y + 24, name, { size: 16, bold: true, width: 120 }),
    text(right, y + 24, `${address}, ${kind}`, { size: 13, anchor: "end", fill: FAINT, width: 190 }),
    text(x + PAD, y + 42, "VIP subnet", { size: 12, fill: FAINT }),
    text(right, y + 42, "next hop, open connections", { size: 12, anchor: "end", fill: FAINT }),
    ...(rows.length === 0 ? [text(x + PAD, y + HEAD + 27, "nothing to route", { fill: FAINT })] : []),
    ...rows.map((row, i) => drawRow(row, y + HEAD + ROW * i)),
  ].join("\n");
}

function drawRow(row: Row, y: number): string {
  const { label, server, way, note } = row;
  const { x, width } = ROUTER;
  const inner = width - 2 * PAD;
  const right = x + width - PAD;
  const colour = server === null ? TONES[Tone.Bad].ink : WAYS[way].stroke;
  return [
    line(`M${x} ${y} H${x + width}`, { stroke: "#d1d9e0", width: 1 }),
    text(x + PAD, y + 20, label, { mono: label.includes("/"), bold: true, width: inner / 2 }),
    text(right, y + 20, server === null ? "no server" : `via ${server}`, {
      bold: true,
      anchor: "end",
      fill: colour,
      width: inner / 2,
    }),
    text(x + PAD, y + 38, note, { size: 13, bold: true, fill: colour, width: inner / 2 }),
    text(right, y + 38, connectionsOf(row), {
      size: 13,
      anchor: "end",
      fill: FAINT,
      width: inner - Math.min(1.15 * widthOf(note, 13), inner / 2) - 6,
    }),
  ].join("\n");
}

function connectionsOf({ flows, others }: Row): string {
  const own = flows === null ? "connections not known" : counted(flows, "connection", "connections");
  const elsewhere = others.reduce((sum, { count }) => sum + count, 0);
  if (elsewhere === 0) return own;
  return `${own}, ${elsewhere.toLocaleString("en")} with ${others.length === 1 ? others[0].server : "others"}`;
}

export const serverHeight = ({ issues }: SceneServer): number => (issues.length > 0 ? 84 : 64);

export function drawServer({ item, y }: Placed<SceneServer>): string {
  const { x, width } = SERVER;
  const { name, address, word, tone, facts, issues } = item;
  const colours = TONES[tone];
  const dashes = tone === Tone.Resting ? "6 4" : tone === Tone.Bad ? "2 4" : undefined;
  const inner = width - 32;
  const nameWidth = Math.min(1.25 * widthOf(name, 16), 150);
  return [
    box(x, y, width, serverHeight(item), { stroke: colours.ink, dashes }),
    text(x + 16, y + 26, name, { size: 16, bold: true, width: 150 }),
    text(x + 28 + nameWidth, y + 26, address, { size: 13, fill: FAINT }),
    badge(x + width - 12, y + 10, word, colours),
    text(x + 16, y + 50, facts.join(", "), { size: 13, fill: FAINT, width: inner }),
    text(x + 16, y + 70, issues.join(", "), {
      size: 13,
      bold: true,
      fill: TONES[Tone.Bad].ink,
      width: inner,
    }),
  ].join("\n");
}

/** From each row to its server, and to those that keep connections. */
export function drawLinks(routers: Placed<SceneRouter>[], servers: Placed<SceneServer>[]): string[] {
  const links = routers.flatMap(({ item, y }) =>
    item.rows.flatMap(({ server, way, others }, i) => {
      const from = y + HEAD + ROW * i + ROW / 2;
      return [
        ...(server === null ? [] : [{ from, server, style: WAYS[way] }]),
        ...others.map((other) => ({ from: from + 11, server: other.server, style: STAYS })),
      ];
    }),
  );
  return servers.flatMap(({ item, y }) => {
    const own = links.filter(({ server }) => server === item.name).sort((a, b) => a.from - b.from);
    // Side by side, so that none hides another.
    const step = serverHeight(item) / (own.length + 1);
    return own.map(({ from, style }, i) => curve(from, y + step * (i + 1), style));
  });
}

function curve(from: number, to: number, style: LineStyle): string {
  const [x1, x2] = [ROUTER.x + ROUTER.width, SERVER.x - 3];
  const [y1, y2] = [from.toFixed(1), to.toFixed(1)];
  return line(`M${x1} ${y1} C${x1 + 70} ${y1} ${x2 - 70} ${y2} ${x2} ${y2}`, style);
}
