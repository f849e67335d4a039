/** The status as one screen. */
import { ServerState } from "../../components/config";
import { colors } from "../terminal/colors";
import { table } from "../terminal/output";
import { isMovedByGuard } from "./model";
import type { FarmStatus, MachineStatus, PrefixStatus, ServerStatus, SiteStatus } from "./model";

/** More rows than this are no screen. */
const MOST_ROWS = 24;

/** @returns text without a final line feed */
export function renderStatus(status: FarmStatus): string {
  const { problems } = status;
  const head = `${colors.bold(status.stack)}  ${status.at.replace("T", " ").slice(0, 19)} UTC`;
  const verdict =
    problems.length === 0
      ? colors.green("everything matches the config")
      : colors.red(problems.length === 1 ? "1 problem" : `${problems.length} problems`);
  return [
    `${head}  ${verdict}`,
    ...problems.map((problem) => `  ${colors.red("!")} ${problem}`),
    ...status.notes.map((note) => `  ${colors.yellow("note:")} ${note}`),
    "",
    prefixTable(status),
    serverTable(status.servers),
    siteTable(status),
    machineTable(status),
    ...driftLines(status),
  ].join("\n");
}

function prefixTable({ prefixes, routers }: FarmStatus): string {
  const served = (unit: PrefixStatus): string => {
    const { known, live, wanted } = unit;
    if (!known) return colors.yellow("not known");
    if (live === wanted) return live;
    return isMovedByGuard(routers, unit) ? colors.yellow(`${live} (guard)`) : colors.red(live ?? "no server");
  };
  const several = new Set(prefixes.map(({ router }) => router)).size > 1;
  const rows = prefixes.map((unit) => {
    const { router, prefix, home, wanted, flows } = unit;
    return [
      several ? `${router} ${prefix}` : prefix,
      served(unit),
      wanted,
      home === wanted ? "" : home,
      flows === null
        ? "?"
        : Object.entries(flows)
            .map(([server, count]) => `${server} ${count}`)
            .join(", ") || "none",
    ];
  });
  return cut(["VIP subnet", "served by", "wanted", "home", "open flows"], rows);
}

const STATE_COLORS = {
  [ServerState.Active]: colors.green,
  [ServerState.Maintenance]: colors.yellow,
  [ServerState.Down]: colors.red,
};

function serverTable(servers: ServerStatus[]): string {
  const all = servers.reduce((sum, { wanted }) => sum + wanted, 0);
  const rows = servers.map((server) => [
    server.name,
    server.address,
    STATE_COLORS[server.state](server.state),
    `${server.carries ?? "?"} of ${all}`,
    `${server.wanted} of ${all}${all > 0 ? ` (${Math.round((100 * server.wanted) / all)} %)` : ""}`,
    server.flows === null ? "?" : String(server.flows),
    health(server),
    reachable(server, server.state === ServerState.Down ? "not tried" : "yes"),
  ]);
  return cut(["server", "address", "state", "carries", "share", "flows", "answers", "ssh"], rows);
}

function health({ health: own }: ServerStatus): string {
  if (own === null) return "not asked";
  const text = `${own.ok} of ${own.asked}`;
  return own.ok === own.asked ? text : colors.red(text);
}

const reachable = ({ failure }: MachineStatus, otherwise: string): string =>
  failure === null ? otherwise : colors.red("no");

function siteTable({ sites }: FarmStatus): string {
  // What is well is left out first.
  const anyWorse = sites.some(({ worse }) => worse.length > 0);
  const illness = ({ failures, worse }: SiteStatus): number => failures.length + worse.length;
  const sorted = [...sites].sort((a, b) => illness(b) - illness(a));
  const rows = sorted.map(({ name, serverName, retiring, asked, ok, worse }) => {
    const text = asked === 0 ? "not asked" : `${ok} of ${asked}`;
    return [
      name,
      serverName,
      retiring ? "retiring" : "",
      ok === asked ? text : colors.red(text),
      ...(anyWorse ? [worse.map(({ server, answer }) => colors.red(`${server}: ${answer}`)).join("\n")] : []),
    ];
  });
  return cut(["site", "name", "", "VIPs that answer", ...(anyWorse ? ["worse page on"] : [])], rows);
}

function machineTable({ routers, nameServers, zones }: FarmStatus): string {
  const rows = [
    ...routers.map((router) => [
      router.name,
      router.address,
      `router, ${router.kind}`,
      reachable(router, "yes"),
    ]),
    ...nameServers.map((server) => {
      const serials = zones
        .filter(({ nameServer }) => nameServer === server.name)
        .map(({ zone, serial, failure }) => `${zone} ${serial ?? colors.red(failure ?? "?")}`);
      return [server.name, server.address, serials.join("\n"), reachable(server, "yes")];
    }),
  ];
  return cut(["machine", "address", "kind, or zones and serials", "ssh"], rows);
}

function driftLines({ routers, servers, nameServers }: FarmStatus): string[] {
  return [...routers, ...servers, ...nameServers].flatMap(({ drift }) => drift);
}

function cut(head: string[], rows: string[][]): string {
  const more = rows.length - MOST_ROWS;
  const text = table(head, rows.slice(0, MOST_ROWS));
  return more > 0 ? `${text}\nand ${more} more; use --json for all of them` : text;
}
