/** The left of the picture: visitors, and what DNS answers them. Pure. */
import { FAINT, INK, TextStyle, box, line, text } from "./elements";
import { LEFT, Placed, REQUESTS, ROUTER, TONES } from "./layout";
import { Scene, SceneRouter, Tone, counted } from "./scene";

const CLOUD = 104;
const BETWEEN = 64;
/** Of the example. */
const MOST_VIPS = 8;

export const visitorsHeight = (scene: Scene): number => CLOUD + BETWEEN + namesHeight(scene);

/** @param middles where each router's box has its middle */
export function visitors(scene: Scene, y: number, middles: Placed<SceneRouter>[]): string {
  const middle = LEFT.x + LEFT.width / 2;
  const names = y + CLOUD + BETWEEN;
  const from = { x: LEFT.x + LEFT.width - 12, y: y + CLOUD / 2 };
  return [
    cloud(LEFT.x, y, LEFT.width, CLOUD),
    text(middle, y + 58, "visitors", { size: 16, bold: true, anchor: "middle" }),
    text(middle, y + 78, "anywhere on the Internet", { size: 13, anchor: "middle", fill: FAINT }),
    line(`M${middle} ${y + CLOUD - 4} V${names - 3}`, { ...REQUESTS, width: 1.5 }),
    text(middle + 10, names - 34, "1. ask for a name,", { size: 13, fill: FAINT }),
    text(middle + 10, names - 18, "get all its VIPs", { size: 13, fill: FAINT }),
    nameBox(scene, names),
    ...middles.map(({ y: to }) => {
      const x2 = ROUTER.x - 3;
      return line(`M${from.x} ${from.y} C${from.x + 60} ${from.y} ${x2 - 60} ${to} ${x2} ${to}`, REQUESTS);
    }),
    text(from.x + 10, from.y - 28, "2. send requests", { size: 13, fill: FAINT }),
    text(from.x + 10, from.y - 12, "to a VIP", { size: 13, fill: FAINT }),
  ].join("\n");
}

function cloud(x: number, y: number, width: number, height: number): string {
  const at = (px: number, py: number): string =>
    `${(x + (px * width) / 100).toFixed(1)} ${(y + (py * height) / 100).toFixed(1)}`;
  const path = [
    `M${at(20, 92)}`,
    `C${at(2, 92)} ${at(0, 58)} ${at(14, 52)}`,
    `C${at(10, 22)} ${at(34, 12)} ${at(43, 28)}`,
    `C${at(50, 2)} ${at(80, 6)} ${at(79, 36)}`,
    `C${at(98, 34)} ${at(102, 92)} ${at(80, 92)} Z`,
  ].join(" ");
  return `<path d="${path}" fill="#ddf4ff" stroke="#54aeff"/>`;
}

/** A line of the box, and the space before it. */
interface NameLine {
  space: number;
  draw: (x: number, y: number) => string;
}

const INNER = LEFT.width - 28;

const plain = (space: number, content: string, style: TextStyle = {}): NameLine => ({
  space,
  draw: (x, y) => text(x, y, content, { size: 13, fill: FAINT, width: INNER, ...style }),
});

function nameLines({ nameServers, example, sites }: Scene): NameLine[] {
  const servers = nameServers.map(({ name, address }) => `${name} ${address}`).join(", ");
  const silent = nameServers.filter(({ failure }) => failure !== null).map(({ name }) => name);
  const head = [
    plain(26, "DNS", { size: 15, bold: true, fill: INK }),
    plain(20, servers === "" ? "hosted elsewhere" : servers),
    ...(silent.length > 0
      ? [plain(18, `${silent.join(", ")}: not reached`, { fill: TONES[Tone.Bad].ink })]
      : []),
  ];
  if (example === undefined) return [...head, plain(30, "no sites yet")];
  const { serverName, vips } = example;
  return [
    ...head,
    plain(32, serverName, { size: 14, bold: true, fill: INK }),
    ...vipLines(vips.slice(0, MOST_VIPS)),
    ...(vips.length > MOST_VIPS ? [plain(18, `and ${vips.length - MOST_VIPS} more`)] : []),
    plain(24, "one in each VIP subnet"),
    ...(sites > 1 ? [plain(18, `and likewise for ${counted(sites - 1, "more site", "more sites")}`)] : []),
  ];
}

/** Two a line. */
function vipLines(vips: string[]): NameLine[] {
  const half = INNER / 2;
  const style = { size: 12.5, mono: true, width: half };
  return vips
    .flatMap((_, i) => (i % 2 === 0 ? [vips.slice(i, i + 2)] : []))
    .map((pair) => ({
      space: 20,
      draw: (x, y) => pair.map((vip, i) => text(x + i * half, y, vip, style)).join(""),
    }));
}

const namesHeight = (scene: Scene): number => nameLines(scene).reduce((sum, { space }) => sum + space, 16);

function nameBox(scene: Scene, top: number): string {
  let y = top;
  const lines = nameLines(scene).map(({ space, draw }) => draw(LEFT.x + 14, (y += space)));
  return [box(LEFT.x, top, LEFT.width, namesHeight(scene)), ...lines].join("\n");
}
