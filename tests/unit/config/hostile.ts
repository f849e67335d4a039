/** Every text that a configuration may hold, found in the schemas, and what a hostile hand would write there. */
import fc from "fast-check";
import { z } from "zod";
import { FarmModel } from "../../../components/config";
import { KEYS } from "../../../components/config/keys";
import {
  hostSchema,
  networkSchema,
  routerSchema,
  serverSchema,
  siteSchema,
  sshSchema,
  zoneSchema,
} from "../../../components/config/schema";
import { siteTlsSchema, tlsSchema } from "../../../components/config/tls";
import { Json, Key, classicFarm, zone } from "./support";

/** A value in the configuration that is no object or list. */
export interface Leaf {
  at: Key[];
  /** Whether its schema takes a text; of the others every text is refused. */
  isText: boolean;
}

const EXAMPLE = "192.0.2.2";
/** An entry of each part, whose schema says what is in it. */
const PARTS: [Key[], z.ZodType][] = [
  [["network"], networkSchema],
  [["ssh"], sshSchema],
  [["servers", "web1"], serverSchema(EXAMPLE)],
  [["routers", "r1"], routerSchema(EXAMPLE)],
  [["nameServers", "ns1"], hostSchema(EXAMPLE)],
  [["sites", "widgetco"], siteSchema],
  [["sites", "widgetco", "tls"], siteTlsSchema],
  [["zones", zone], zoneSchema],
  [["tls"], tlsSchema],
];
/** Parts without a schema. */
const OTHERS: Leaf[] = [
  { at: ["homes", "192.0.2.32/27"], isText: true },
  { at: ["overrides", "192.0.2.64/27"], isText: true },
  { at: ["detectDrift"], isText: false },
];
/** The maps whose keys are the user's. */
export const MAPS = ["servers", "routers", "nameServers", "sites", "zones", "homes", "overrides"];

/** Keys of the configuration that nothing here knows: none. `sitesFile` is gone before a farm is made of the rest. */
export const unknownParts = (): string[] =>
  KEYS.filter((key) => key !== "sitesFile").filter(
    (key) => ![...PARTS.map(([at]) => at), ...OTHERS.map(({ at }) => at)].some(([part]) => part === key),
  );

export const leaves = (): Leaf[] => [...PARTS.flatMap(([at, schema]) => leavesOf(schema, at)), ...OTHERS];

interface Def {
  type: string;
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  innerType?: z.ZodType;
  in?: z.ZodType;
  out?: z.ZodType;
}

/** A kind of schema that is new here is an error: nobody knows what texts it takes. */
function leavesOf(schema: z.ZodType, at: Key[]): Leaf[] {
  const def = schema.def as unknown as Def;
  switch (def.type) {
    case "object":
      return Object.entries(def.shape!).flatMap(([key, inner]) => leavesOf(inner, [...at, key]));
    case "array":
      return leavesOf(def.element!, [...at, 0]);
    case "optional":
    case "default":
      return leavesOf(def.innerType!, at);
    case "pipe":
      return leavesOf(def.in!.def.type === "transform" ? def.out! : def.in!, at);
    case "string":
      return [{ at, isText: true }];
    // hostNumber and its kin: numbers, checked with the plan.
    case "unknown":
    case "number":
    case "boolean":
    case "enum":
      return [{ at, isText: false }];
    default:
      throw new Error(`${at.join(".")}: a schema of type ${def.type} is not known here`);
  }
}

/** A complete farm, and a site whose VIPs may be another's. */
export function farm(): Json {
  const config = classicFarm();
  const shared = { serverName: "shared.widgetco.example", documentRoot: "/srv/www/shared", hostNumber: 3 };
  Object.assign(config.sites as Json, { shared });
  return config;
}

/** A value of each type of record; a text for the others. */
export const RECORD_VALUES: Record<string, string> = {
  A: "198.51.100.25",
  AAAA: "2001:db8::25",
  CAA: '0 issue "ca.example.net"',
  CNAME: "www.example.net.",
  DS: "60485 13 2 abcd",
  HTTPS: '1 . alpn="h2"',
  MX: "10 mail",
  NAPTR: '100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" .',
  PTR: "shop._http._tcp.example.net.",
  SRV: "0 5 5060 sip",
  SSHFP: "4 2 abcd",
  TLSA: "3 1 1 abcd",
  TYPE65280: "\\# 2 abcd",
  TXT: "v=spf1 -all",
};

/** A configuration with this value there, in lists and maps that come into being on the way. */
export function withValue(at: Key[], value: unknown): Json {
  const config = farm();
  let inside: Json = config;
  at.slice(0, -1).forEach((key, i) => {
    inside = (inside[key] ??= typeof at[i + 1] === "number" ? [] : {}) as Json;
  });
  // As JSON.parse would: "__proto__" is a key as any other.
  Object.defineProperty(inside, at.at(-1)!, { value, enumerable: true, writable: true, configurable: true });
  return config;
}

/** Where a text of the configuration is found again, and one that is accepted there. */
export interface Field {
  works: string;
  /** Its place, where the sample farm would refuse any value in the schema's. */
  at?: Key[];
  /** What else must be there. */
  besides?: (config: Json) => void;
  read: (farm: FarmModel) => unknown;
  /** What the model makes of it. Default: nothing. */
  becomes?: (text: string) => string;
}

const site = (farm: FarmModel, name = "widgetco") => farm.sites.find((it) => it.name === name)!;
const zoneIn = (farm: FarmModel) => farm.zones.find((it) => it.zone === zone)!;
const lower = (text: string): string => text.toLowerCase();
const ssh = (
  where: Key[],
  read: (farm: FarmModel) => FarmModel["servers"][number]["ssh"],
): Record<string, Field> => {
  const text = [...where, "ssh"].join(".");
  return {
    [`${text}.user`]: { works: "deploy", read: (farm) => read(farm).user },
    [`${text}.configFile`]: { works: "./ssh_config", read: (farm) => read(farm).configFile },
  };
};
const folders = (
  part: string,
  read: (farm: FarmModel) => { folder?: string; keys?: string } | undefined,
): Record<string, Field> => ({
  [`${part}.folder`]: { works: "certs/x", read: (farm) => read(farm)?.folder },
  [`${part}.keys`]: {
    works: "/root/keys",
    besides: (config) => (config.tls = { ...(config.tls as Json), folder: "certs" }),
    read: (farm) => read(farm)?.keys,
  },
});
const record = (key: string, works: string, read: Field["read"]): Record<string, Field> => ({
  [`zones.${zone}.records.0.${key}`]: { works, read },
});

/** By the leaf's keys with dots between. */
export const FIELDS: Record<string, Field> = {
  "network.block": { works: "192.0.2.0/24", read: (farm) => farm.network.block },
  "network.serverSubnet": { works: "192.0.2.0/27", read: (farm) => farm.network.serverSubnet },
  ...ssh([], (farm) => farm.servers[1].ssh),
  ...ssh(["servers", "web1"], (farm) => farm.servers[0].ssh),
  ...ssh(["routers", "r1"], (farm) => farm.routers[0].ssh),
  ...ssh(["nameServers", "ns1"], (farm) => farm.nameServers[0].ssh),
  "servers.web1.address": {
    works: "192.0.2.2",
    read: (farm) => farm.servers.find(({ name }) => name === "web1")?.address,
  },
  "routers.r1.address": { works: "192.0.2.1", read: (farm) => farm.routers[0].address },
  "nameServers.ns1.address": {
    works: "192.0.2.30",
    read: (farm) => farm.nameServers.find(({ name }) => name === "ns1")?.address,
  },
  "routers.r1.kind": { works: "linux", read: (farm) => farm.routers[0].kind },
  "routers.r1.checkSource": { works: "198.51.100.1", read: (farm) => farm.routers[0].checkSource },
  "routers.r1.pinning.markMask": { works: "0xff000000", read: (farm) => farm.routers[0].pinning?.markMask },
  "routers.r1.pinning.helpers.0": { works: "ftp", read: (farm) => farm.routers[0].pinning?.helpers?.[0] },
  "routers.r1.textfile": {
    works: "/var/lib/prometheus/node-exporter",
    read: (farm) => farm.routers[0].textfile,
  },
  "routers.r1.guard.interval": { works: "150ms", read: (farm) => farm.routers[0].guard?.interval },
  "sites.widgetco.serverName": {
    works: "www.widgetco.example",
    becomes: lower,
    read: (farm) => site(farm).serverName,
  },
  "sites.widgetco.aliases.0": {
    works: "widgetco.example",
    becomes: lower,
    read: (farm) => site(farm).aliases[0],
  },
  "sites.widgetco.retiringAliases.0": {
    works: "old.widgetco.example",
    becomes: lower,
    read: (farm) => site(farm).retiringAliases[0],
  },
  "sites.widgetco.checkPath": { works: "/login", read: (farm) => site(farm).checkPath },
  "sites.widgetco.apache.0": { works: "Header set X-A b", read: (farm) => site(farm).apache?.[0] },
  "sites.widgetco.apacheFile": {
    works: "apache/widgetco.conf",
    // What is left of it: its lines.
    read: () => "",
    becomes: () => "",
  },
  "sites.widgetco.documentRoot": { works: "/srv/www/widgetco", read: (farm) => site(farm).documentRoot },
  "sites.widgetco.shareVipsWith": {
    works: "gadgets",
    at: ["sites", "shared", "shareVipsWith"],
    besides: (config) => delete (config.sites as Record<string, Json>).shared.hostNumber,
    // What is left of it: the VIPs.
    read: (farm) =>
      farm.sites.find(({ name, vips }) => name !== "shared" && vips[0] === site(farm, "shared").vips[0])
        ?.name,
  },
  ...folders("tls", (farm) => farm.tls),
  "tls.acmeThumbprint": { works: "a".repeat(43), read: (farm) => farm.tls?.acmeThumbprint },
  ...folders("sites.widgetco.tls", (farm) => site(farm).tls),
  [`zones.${zone}.nameServers.0`]: { works: "ns1", read: (farm) => zoneIn(farm).nameServers[0] },
  [`zones.${zone}.contact`]: { works: "host.master@widgetco.example", read: (farm) => zoneIn(farm).contact },
  [`zones.${zone}.nsRecords.0`]: {
    works: "ns1.example.net",
    becomes: lower,
    read: (farm) => zoneIn(farm).nsRecords[0],
  },
  [`zones.${zone}.primary`]: {
    works: "ns1.example.net",
    becomes: lower,
    read: (farm) => zoneIn(farm).primary,
  },
  ...record("name", "mail2", (farm) => zoneIn(farm).records[0].name),
  ...record("type", "MX", (farm) => zoneIn(farm).records[0].type),
  ...record("value", "v=spf1 -all", (farm) => zoneIn(farm).records[0].value),
  "homes.192.0.2.32/27": { works: "web3", read: (farm) => farm.homes["192.0.2.32/27"] },
  "overrides.192.0.2.64/27": {
    works: "web3",
    read: (farm) => farm.placement.find(({ prefix }) => prefix === "192.0.2.64/27")?.server,
  },
};

/** What means something to a shell, Apache, a zone file, nft, awk, ssh, a terminal, a file system or JavaScript. */
const CLASSICS = [
  ..."'\"`\\\n\r\t\0 $;&|<>(){}[]*?~!#%^@=,:+/.-_".split(""),
  ...[
    "$(id)",
    "${HOME}",
    "`id`",
    "'; id; '",
    '" id "',
    "\nid\n",
    "%{HTTP_HOST}e",
    "%h",
    "{{x}}",
    "<VirtualHost *:80>",
  ],
  ...[
    "-oProxyCommand=id",
    "--",
    "../",
    "/../..",
    "//",
    "~root",
    "@SECRET:health@",
    "@SERIAL@",
    "$INCLUDE /etc/passwd",
  ],
  ...[
    "\n$INCLUDE /etc/shadow\n",
    "\\",
    '"\n',
    "; }",
    "} }; flush ruleset",
    "# ",
    "// ",
    "\x1b[2J",
    "\x7f",
    "\x85",
  ],
  ...[
    "\u2028",
    "\u202e",
    "\ufeff",
    "é",
    "ａ",
    "İ",
    "ß",
    "\ud800",
    "😀",
    "__proto__",
    "constructor",
    "toString",
    "null",
  ],
  "x".repeat(5000),
];
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...CLASSICS) },
  fc.string({ maxLength: 4, unit: "binary" }),
);

/** Each of them inside of a text that is accepted, the longer ones alone, and some before and behind it. */
export const classics = (works: string): [string][] => {
  const half = Math.ceil(works.length / 2);
  const edges = ["-", "~", "/", ".", "@", " ", "\n", "$", "\\", "-oProxyCommand="];
  return [
    ...CLASSICS.filter((text) => text.length > 1),
    ...CLASSICS.map((text) => works.slice(0, half) + text + works.slice(half)),
    ...edges.flatMap((text) => [text + works, works + text]),
  ].map((text): [string] => [text]);
};

/** Hostile texts: alone, several, and put into one that is accepted. */
export const hostile = (works: string): fc.Arbitrary<string> =>
  fc.oneof(
    piece,
    fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join("")),
    fc
      .tuple(piece, fc.nat(works.length))
      .map(([text, where]) => works.slice(0, where) + text + works.slice(where)),
    fc.tuple(piece, piece).map(([a, b]) => a + works + b),
  );
