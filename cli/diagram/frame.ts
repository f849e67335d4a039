/** What surrounds the picture: title, headings, legend, problems. Pure. */
import { firstFew } from "../../components/base/firstFew";
import { FAINT, LineStyle, badge, box, line, text } from "./elements";
import { SUBNET, LEFT, MARGIN, ROUTER, SERVER, STAYS, TONES, WAYS, WIDTH } from "./layout";
import { Scene, SceneRouter, Tone, Way, counted } from "./scene";

const RIGHT = WIDTH - MARGIN;
const INNER = WIDTH - 2 * MARGIN;

export function title({ stack, time, problems }: Scene): string {
  const [verdict, tone] =
    problems.length === 0
      ? ["everything matches the config", Tone.Good]
      : [counted(problems.length, "problem", "problems"), Tone.Bad];
  return [
    text(MARGIN, 42, `Who serves what: ${stack}`, { size: 22, bold: true, width: 800 }),
    text(RIGHT, 38, time, { anchor: "end", fill: FAINT }),
    badge(RIGHT, 50, verdict, TONES[tone as Tone]),
    text(
      MARGIN,
      68,
      "Every server has every site's addresses (VIPs) and can answer for every site. The router's next hops decide which",
      { fill: FAINT },
    ),
    text(
      MARGIN,
      88,
      "server gets which VIP subnet. A failover changes a next hop: nothing changes on the servers or in DNS.",
      { fill: FAINT },
    ),
  ].join("\n");
}

/** Said of a router that did not tell its table. */
export function notice({ name, notAsked }: SceneRouter, y: number): string {
  const { ink, ground } = TONES[Tone.Resting];
  const said = `The state of ${name} is unknown (${notAsked}): its next hops are drawn from the config.`;
  return (
    box(MARGIN, y, INNER, 26, { fill: ground, stroke: ink, radius: 6 }) +
    text(MARGIN + 12, y + 18, said, { fill: ink, width: INNER - 24 })
  );
}

export function headings({ routers, servers, serverSubnet }: Scene, y: number): string {
  const style = { size: 13, bold: true, fill: FAINT };
  const told = routers.every(({ notAsked }) => notAsked === null);
  return [
    text(LEFT.x, y, "Visitors and names", style),
    text(ROUTER.x, y, `${routers.length > 1 ? "Routers" : "Router"}: next hops${told ? " now" : ""}`, style),
    text(SERVER.x - 16, y, `Servers' subnet ${serverSubnet}`, { ...style, anchor: "end", width: 300 }),
    text(
      SERVER.x,
      y,
      servers.length > 1 ? `${servers.length} servers, each with all VIPs on loopback` : "Server",
      style,
    ),
  ].join("\n");
}

export const cable = (top: number, height: number): string =>
  box(SUBNET.x, top - 8, SUBNET.width, height + 16, { fill: "#eaeef2", radius: 6 });

export const LEGEND_HEIGHT = 96;

export function legend(y: number): string {
  const way = (x: number, row: number, style: LineStyle, content: string): string => {
    const at = y + 8 + 26 * row;
    return line(`M${x} ${at} H${x + 46}`, style) + text(x + 56, at + 4.5, content, { size: 13, fill: FAINT });
  };
  const state = (row: number, tone: Tone, word: string, content: string): string => {
    const at = y + 8 + 26 * row;
    return badge(906, at - 11, word, TONES[tone]) + text(916, at + 4.5, content, { size: 13, fill: FAINT });
  };
  return [
    line(`M${MARGIN} ${y - 14} H${RIGHT}`, { stroke: "#d1d9e0", width: 1 }),
    way(MARGIN, 0, WAYS[Way.Home], "to the subnet's home server"),
    way(MARGIN, 1, WAYS[Way.Away], "away from home, as the config wants it now"),
    way(MARGIN, 2, WAYS[Way.Wrong], "to a different server than the config wants"),
    way(440, 0, STAYS, "open connections that stay on their server"),
    way(440, 1, WAYS[Way.Config], "from the config: the router did not report"),
    state(0, Tone.Good, "active", "takes its share"),
    state(1, Tone.Resting, "maintenance", "takes no new connections, is kept up to date"),
    state(2, Tone.Bad, "down", "takes nothing, is not contacted"),
  ].join("\n");
}

const MOST_PROBLEMS = 8;

/** As many as there is room for. */
export const problemLines = ({ problems }: Scene): string[] =>
  firstFew(problems, MOST_PROBLEMS, (more) => `and ${more} more: loopback-ha status shows them`);

export const problemsHeight = (lines: string[]): number => (lines.length === 0 ? 0 : 22 * lines.length + 18);

export function problemBox(lines: string[], y: number): string {
  if (lines.length === 0) return "";
  const { ink, ground } = TONES[Tone.Bad];
  return [
    box(MARGIN, y, INNER, problemsHeight(lines), { fill: ground, stroke: ink }),
    ...lines.map((problem, i) =>
      text(MARGIN + 14, y + 24 + 22 * i, problem, { size: 13, fill: ink, width: INNER - 28 }),
    ),
  ].join("\n");
}
