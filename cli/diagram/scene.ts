/** What is drawn of a farm, in any format. Pure. */
import { ServerState } from "../../components/config";
import { isHostPrefix } from "../../components/network/address.cjs";
import type { FarmStatus, PrefixStatus, ServerStatus } from "../status/model";

/** How a row's server came to have it. */
export enum Way {
  /** It is at home there. */
  Home = "home",
  /** Its server is not its home, as wanted. */
  Away = "away",
  /** The router does otherwise than the config wants. */
  Wrong = "wrong",
  /** What the router does is unknown: this is what the config wants. */
  Config = "config",
}

/** One line of a router's table. */
export interface Row {
  /** The prefix, or how many there are. */
  label: string;
  /** Name, or address, of the server that has it; null: none. */
  server: string | null;
  way: Way;
  /** What else a reader must know; empty: nothing. */
  note: string;
  /** Open connections with that server; null: not known. */
  flows: number | null;
  /** Open connections that stay with others. */
  others: { server: string; count: number }[];
}

export interface SceneRouter {
  name: string;
  address: string;
  kind: string;
  /** Why it is drawn from the config; null: it reported its table. */
  notAsked: string | null;
  rows: Row[];
}

/** How a machine is. */
export enum Tone {
  Good = "good",
  Resting = "resting",
  Bad = "bad",
}

export interface SceneServer {
  name: string;
  address: string;
  /** Its state in a word. */
  word: string;
  tone: Tone;
  /** What it does now, in a few words each. */
  facts: string[];
  /** What is wrong with it. */
  issues: string[];
}

export interface Scene {
  stack: string;
  /** As people write it. */
  time: string;
  serverSubnet: string;
  block: string;
  /** A site's name and its VIPs; undefined: there is no site. */
  example?: { serverName: string; vips: string[] };
  /** How many sites there are. */
  sites: number;
  nameServers: { name: string; address: string; failure: string | null }[];
  routers: SceneRouter[];
  servers: SceneServer[];
  problems: string[];
}

/** More prefixes than this on a router are drawn together by their server. */
const MOST_ROWS = 12;

/** Out of the status of a farm. */
export function sceneOf(status: FarmStatus): Scene {
  const { stack, at, network, sites, nameServers, problems } = status;
  const published = sites.filter(({ retiring }) => !retiring);
  const routers = status.routers.map(({ name, address, kind, failure }): SceneRouter => {
    const own = status.prefixes.filter(({ router }) => router === name);
    const known = own.some((prefix) => prefix.known);
    return {
      name,
      address,
      kind,
      notAsked: known || own.length === 0 ? null : (failure ?? "it did not report its table"),
      rows: own.length > MOST_ROWS ? rowsByServer(own, status.servers) : own.map(rowOf),
    };
  });
  return {
    stack,
    time: `${at.replace("T", " ").slice(0, 19)} UTC`,
    ...network,
    ...(published.length > 0 ? { example: published[0] } : {}),
    sites: published.length,
    nameServers,
    routers,
    servers: [...status.servers.map((server) => serverOf(server, status)), ...strangers(status, routers)],
    problems,
  };
}

function rowOf({ prefix, home, wanted, live, known, flows }: PrefixStatus): Row {
  const server = known ? live : wanted;
  const way = wayOf({ known, live, wanted, home });
  const notes = {
    [Way.Home]: "",
    [Way.Away]: `home: ${home}`,
    [Way.Wrong]: `wanted: ${wanted}`,
    [Way.Config]: wanted === home ? "" : `home: ${home}`,
  };
  const others = Object.entries(flows ?? {})
    .filter(([name, count]) => name !== server && count > 0)
    .map(([name, count]) => ({ server: name, count }));
  return {
    label: prefix,
    server,
    way,
    note: notes[way],
    flows: flows === null ? null : ((server === null ? undefined : flows[server]) ?? 0),
    others,
  };
}

function wayOf({ known, live, wanted, home }: Pick<PrefixStatus, "known" | "live" | "wanted" | "home">): Way {
  if (!known) return Way.Config;
  if (live !== wanted) return Way.Wrong;
  return live === home ? Way.Home : Way.Away;
}

/** One row for each server and way, in the servers' order. */
function rowsByServer(prefixes: PrefixStatus[], servers: ServerStatus[]): Row[] {
  const groups = new Map<string, PrefixStatus[]>();
  for (const prefix of prefixes) {
    const { server, way } = rowOf(prefix);
    const key = JSON.stringify([server, way]);
    groups.set(key, [...(groups.get(key) ?? []), prefix]);
  }
  const order = servers.map(({ name }) => name);
  const place = ({ server }: Row): number => {
    const at = server === null ? -1 : order.indexOf(server);
    return at < 0 ? order.length : at;
  };
  const ways = Object.values(Way);
  return [...groups.values()]
    .map(together)
    .sort((a, b) => place(a) - place(b) || ways.indexOf(a.way) - ways.indexOf(b.way));
}

function together(prefixes: PrefixStatus[]): Row {
  const rows = prefixes.map(rowOf);
  const [{ server, way }] = rows;
  const names = (values: string[]): string => {
    const different = [...new Set(values)];
    return different.length === 1 ? different[0] : `${different.length} servers`;
  };
  const homes = names(prefixes.map(({ home }) => home));
  const notes = {
    [Way.Home]: "",
    [Way.Away]: `home: ${homes}`,
    [Way.Wrong]: `wanted: ${names(prefixes.map(({ wanted }) => wanted))}`,
    [Way.Config]: homes === server ? "" : `home: ${homes}`,
  };
  return {
    label: counted(rows.length, ...unitOf(prefixes)),
    server,
    way,
    note: notes[way],
    flows: rows.some(({ flows }) => flows === null) ? null : rows.reduce((sum, { flows }) => sum + flows!, 0),
    others: sumOf(rows.flatMap(({ others }) => others)),
  };
}

/** What one of the prefixes is, and several. */
const unitOf = (prefixes: PrefixStatus[]): [string, string] =>
  prefixes.every(({ prefix }) => isHostPrefix(prefix)) ? ["VIP", "VIPs"] : ["subnet", "subnets"];

/** `1 VIP`, `12,000 VIPs`. */
export const counted = (count: number, one: string, many: string): string =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

function sumOf(others: Row["others"]): Row["others"] {
  const sums = new Map<string, number>();
  for (const { server, count } of others) sums.set(server, (sums.get(server) ?? 0) + count);
  return [...sums].map(([server, count]) => ({ server, count }));
}

const TONES = {
  [ServerState.Active]: Tone.Good,
  [ServerState.Maintenance]: Tone.Resting,
  [ServerState.Down]: Tone.Bad,
};

function serverOf(server: ServerStatus, { prefixes }: FarmStatus): SceneServer {
  const { name, address, state, carries, wanted, flows, health, failure, drift } = server;
  const all = new Set(prefixes.map(({ prefix }) => prefix)).size;
  const units = counted(all, ...unitOf(prefixes));
  const issues = [
    ...(failure === null ? [] : ["not reached by ssh"]),
    ...(state !== ServerState.Down && health !== null && health.ok < health.asked
      ? [`answers ${health.ok} of ${health.asked} checks`]
      : []),
    ...(drift.length > 0 ? ["has drifted"] : []),
  ];
  return {
    name,
    address,
    word: state,
    tone: TONES[state],
    facts: [
      carries === null ? `should serve ${wanted} of ${units}` : `serves ${carries} of ${units}`,
      ...(flows === null ? [] : [counted(flows, "connection", "connections")]),
    ],
    issues,
  };
}

/** The addresses that get packets or have connections, and are not servers of the config. */
function strangers({ servers }: FarmStatus, routers: SceneRouter[]): SceneServer[] {
  const known = new Set(servers.map(({ name }) => name));
  const named = routers.flatMap(({ rows }) =>
    rows.flatMap(({ server, others }) => [
      ...(server === null ? [] : [server]),
      ...others.map((other) => other.server),
    ]),
  );
  return [...new Set(named)]
    .filter((name) => !known.has(name))
    .map((name) => ({
      name,
      address: "",
      word: "not in the config",
      tone: Tone.Bad,
      facts: [],
      issues: [],
    }));
}
