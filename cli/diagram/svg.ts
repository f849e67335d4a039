/** The farm as a picture for people who have never seen it. Pure. */
import type { FarmStatus } from "../status/model";
import { arrowHeads, xml } from "./elements";
import {
  LEGEND_HEIGHT,
  cable,
  headings,
  legend,
  notice,
  problemBox,
  problemLines,
  problemsHeight,
  title,
} from "./frame";
import { MARGIN, STAYS, WAYS, WIDTH, placed, stackHeight } from "./layout";
import { drawLinks, drawRouter, drawServer, routerHeight, serverHeight } from "./machines";
import { Scene, sceneOf } from "./scene";
import { visitors, visitorsHeight } from "./visitors";

const NOTICES = 104;
const NOTICE = 34;
const FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif";

/** @returns a whole SVG document, without a final line feed */
export function renderSvg(status: FarmStatus): string {
  const scene = sceneOf(status);
  const blind = scene.routers.filter(({ notAsked }) => notAsked !== null);
  const top = NOTICES + 46 + NOTICE * blind.length;
  const height = Math.max(
    visitorsHeight(scene),
    stackHeight(scene.routers.map(routerHeight)),
    stackHeight(scene.servers.map(serverHeight)),
  );
  const routers = placed(scene.routers, routerHeight, top, height);
  const servers = placed(scene.servers, serverHeight, top, height);
  const middles = routers.map(({ item, y }) => ({ item, y: y + routerHeight(item) / 2 }));
  const after = top + height + 40;
  const problems = problemLines(scene);
  const whole = Math.round(
    after + LEGEND_HEIGHT + problemsHeight(problems) + (problems.length > 0 ? MARGIN : 0),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${whole}" viewBox="0 0 ${WIDTH} ${whole}" role="img" font-family="${FONTS}">`,
    `<title>${xml(`Who serves what: ${scene.stack}, ${scene.time}`)}</title>`,
    `<desc>${xml(inWords(scene))}</desc>`,
    arrowHeads([...Object.values(WAYS), STAYS].map(({ stroke }) => stroke)),
    `<rect width="${WIDTH}" height="${whole}" fill="#ffffff"/>`,
    title(scene),
    ...blind.map((router, i) => notice(router, NOTICES + NOTICE * i)),
    headings(scene, top - 22),
    cable(top, height),
    visitors(scene, top + (height - visitorsHeight(scene)) / 2, middles),
    ...routers.map(drawRouter),
    ...servers.map(drawServer),
    ...drawLinks(routers, servers),
    legend(after),
    problemBox(problems, after + LEGEND_HEIGHT),
    "</svg>",
  ].join("\n");
}

/** The same for readers who can't see it. */
function inWords({ routers, servers }: Scene): string {
  const rows = routers.flatMap(({ name, rows: all }) =>
    all.map(
      ({ label, server, note }) =>
        `${name}: ${label} goes to ${server ?? "no server"}${note === "" ? "" : ` (${note})`}`,
    ),
  );
  const states = servers.map(
    ({ name, word, facts, issues }) => `${name}: ${[word, ...facts, ...issues].join(", ")}`,
  );
  return [...rows, ...states].join("; ");
}
