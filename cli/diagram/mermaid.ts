/** The farm as a Mermaid flowchart, which GitHub and GitLab draw in Markdown. Pure. */
import { printable } from "../../components/host/foreignText.cjs";
import type { FarmStatus } from "../status/model";
import { TONES, WAYS, STAYS } from "./layout";
import { Row, Scene, SceneServer, Tone, Way, counted, sceneOf } from "./scene";

/** Lines of foreign text as one label: characters with a meaning are written by their number. */
export function label(...lines: string[]): string {
  const safe = lines
    .filter((line) => line !== "")
    .map((line) => printable(line).replace(/[^A-Za-z0-9 .,:/()-]/gu, (c) => `#${c.codePointAt(0)};`));
  return `"${safe.join("<br/>")}"`;
}

const ARROWS: Record<Way, string> = {
  [Way.Home]: "-->",
  [Way.Away]: "-.->",
  [Way.Wrong]: "==>",
  [Way.Config]: "-.->",
};

interface Edge {
  text: string;
  stroke: string;
}

/** @returns a whole flowchart, without a final line feed */
export function renderMermaid(status: FarmStatus): string {
  const scene = sceneOf(status);
  const edges: Edge[] = [
    { text: `visitors -->|${label("1. ask for a name")}| dns`, stroke: WAYS[Way.Home].stroke },
    ...scene.routers.flatMap((_, i) => requests(i)),
    ...scene.routers.flatMap((_, i) => edgesOf(scene, i)),
  ];
  const said = scene.routers.filter(({ notAsked }) => notAsked !== null);
  return [
    "flowchart LR",
    `  subgraph farm [${label(`${scene.stack}, ${scene.time}`, ...said.map(({ name, notAsked }) => `${name} is drawn from the config: ${notAsked}`))}]`,
    "  direction LR",
    `  visitors([${label("visitors")}])`,
    `  dns[${label(...namesOf(scene))}]`,
    ...scene.routers.flatMap(({ name, address, kind, rows }, i) => [
      `  subgraph r${i} [${label(`router ${name}, ${address} (${kind})`)}]`,
      ...(rows.length === 0 ? [`    r${i}x[${label("nothing to route")}]`] : []),
      ...rows.map((row, j) => `    r${i}x${j}[${label(row.label, ...wordsOf(row))}]`),
      "  end",
    ]),
    `  subgraph subnet [${label(`servers' subnet ${scene.serverSubnet}`)}]`,
    ...scene.servers.map((server, i) => `    s${i}[${label(...serverLines(server))}]:::${server.tone}`),
    "  end",
    ...edges.map(({ text }) => `  ${text}`),
    "  end",
    ...Object.values(Tone).map(
      (tone) => `  classDef ${tone} fill:${TONES[tone].ground},stroke:${TONES[tone].ink},color:#1f2328`,
    ),
    "  classDef frame fill:#f6f8fa,stroke:#d1d9e0,color:#1f2328",
    "  classDef plain fill:#ffffff,stroke:#d1d9e0,color:#1f2328",
    `  class ${["farm", "subnet", ...scene.routers.map((_, i) => `r${i}`)].join(",")} frame`,
    `  class ${["visitors", "dns", ...scene.routers.flatMap(({ rows }, i) => rows.map((_, j) => `r${i}x${j}`))].join(",")} plain`,
    ...edges.map(({ stroke }, i) => `  linkStyle ${i} stroke:${stroke}`),
  ].join("\n");
}

const requests = (router: number): Edge[] => [
  { text: `visitors -->|${label("2. send requests to a VIP")}| r${router}`, stroke: WAYS[Way.Home].stroke },
];

function edgesOf({ routers, servers }: Scene, router: number): Edge[] {
  const at = (name: string): number => servers.findIndex((server) => server.name === name);
  return routers[router].rows.flatMap(({ server, way, note, others }, i): Edge[] => [
    ...(server === null
      ? []
      : [
          {
            text: `r${router}x${i} ${ARROWS[way]}${note === "" ? "" : `|${label(note)}|`} s${at(server)}`,
            stroke: WAYS[way].stroke,
          },
        ]),
    ...others.map(({ server: other, count }) => ({
      text: `r${router}x${i} -.->|${label(`${count.toLocaleString("en")} stay`)}| s${at(other)}`,
      stroke: STAYS.stroke,
    })),
  ]);
}

function namesOf({ nameServers, example, sites }: Scene): string[] {
  const servers = nameServers.map(({ name, address }) => `${name} ${address}`);
  if (example === undefined) return ["DNS", ...servers];
  return [
    "DNS",
    ...servers,
    `${example.serverName}:`,
    ...example.vips.slice(0, 8),
    ...(sites > 1 ? [`and likewise for ${counted(sites - 1, "more site", "more sites")}`] : []),
  ];
}

function wordsOf({ server, way, flows }: Row): string[] {
  const connections = flows === null ? "connections not known" : counted(flows, "connection", "connections");
  if (server === null) return ["goes to no server", connections];
  return [...(way === Way.Config ? ["from the config"] : []), connections];
}

const serverLines = ({ name, address, word, facts, issues }: SceneServer): string[] => [
  `${name}: ${word}`,
  address,
  ...facts,
  ...issues.map((issue) => `! ${issue}`),
];
