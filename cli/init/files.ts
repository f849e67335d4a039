/** The files of a new project, out of a few answers. Pure. */
import { Document, Pair, Scalar, isScalar } from "yaml";
import { planNetwork, vipOf } from "../../components/network/addressPlan";
import { readFarm } from "../../components/config";
import { DEFAULT_FOLDER } from "../certs/folder";

/** What a new farm is made of. */
export interface Answers {
  /** The project's name. */
  project: string;
  /** The stack's name. */
  stack: string;
  /** The address block, such as 192.0.2.0/24. */
  block: string;
  /** Length of its subnets. */
  subnetPrefix: number;
  /** How many of them are for VIPs. */
  vipSubnets: number;
  /** Address by name. */
  servers: Record<string, string>;
  /** Address by name. */
  routers: Record<string, string>;
  /** What they run. */
  routerKind: string;
  /** Address by name; none: DNS is elsewhere. */
  nameServers: Record<string, string>;
  /** Login user on all machines. */
  user: string;
  site: { name: string; serverName: string; documentRoot: string };
  /** Mail address of the person responsible for the zone. */
  contact: string;
  /** Whether JavaScript files there are ES modules. Default: they are CommonJS. */
  esModules?: boolean;
}

/** The stack's configuration by key, without namespace. */
export function configOf(answers: Answers): Record<string, unknown> {
  const { block, subnetPrefix, vipSubnets, routerKind, user, site, contact, nameServers } = answers;
  const machines = (list: Record<string, string>, more: object = {}): Record<string, object> =>
    Object.fromEntries(Object.entries(list).map(([name, address]) => [name, { address, ...more }]));
  const { name, serverName, documentRoot } = site;
  const zone = zoneFor(serverName);
  return {
    network: { block, subnetPrefix, vipSubnets },
    ...(user === "root" ? {} : { ssh: { user } }),
    servers: machines(answers.servers),
    routers: machines(answers.routers, routerKind === "linux" ? {} : { kind: routerKind }),
    ...(Object.keys(nameServers).length === 0
      ? {}
      : { nameServers: machines(nameServers), zones: { [zone]: { contact } } }),
    tls: { folder: DEFAULT_FOLDER },
    sites: { [name]: { serverName, documentRoot, hostNumber: 1 } },
  };
}

/**
 * Whether a farm can be like that, as far as it is known: what is missing is made up.
 * @throws ConfigError
 */
export function checkAnswers(answers: Partial<Answers>): void {
  const { block = "192.0.2.0/24", subnetPrefix = 27, vipSubnets = 4 } = answers;
  const { serverSubnet } = planNetwork({ block, subnetPrefix, vipSubnets });
  const { servers, routers, nameServers = {} } = answers;
  const taken = new Set([servers, routers, nameServers].flatMap((list) => Object.values(list ?? {})));
  const numbers = Array.from({ length: taken.size + 2 }, (_, i) => i + 1);
  const free = numbers.map((number) => vipOf(serverSubnet, number)).filter((address) => !taken.has(address));
  const site = { name: "first", serverName: "www.example.org", documentRoot: "/srv/www/first" };
  const known = Object.entries(answers).filter(([, value]) => value !== undefined);
  readFarm(
    configOf({
      ...{
        project: "farm",
        stack: "prod",
        routerKind: "linux",
        user: "root",
        site,
        contact: "a@example.org",
      },
      ...Object.fromEntries(known),
      ...{ block, subnetPrefix, vipSubnets, nameServers },
      servers: servers ?? { "to-be-asked-1": free[0] },
      routers: routers ?? { "to-be-asked-2": free[1] },
    }),
  );
}

/** The zone of a site's name: without its first label, where that leaves a domain. */
export function zoneFor(serverName: string): string {
  const parent = serverName.split(".").slice(1).join(".");
  return parent.includes(".") ? parent : serverName;
}

const COMMENTS: Record<string, string> = {
  network: " The block's first subnet is for the routers and servers themselves, the next ones are for VIPs.",
  servers:
    " state: active takes traffic, maintenance takes none but is kept up to date, down is not contacted at all.",
  tls: " Each site is served by https as soon as its certificate is in this folder; loopback-ha certs orders them.",
  sites: " Each site has one VIP in each VIP subnet, given by its host number.",
};

const COMMON_JS = [
  'const { program } = require("pulumi-loopback-ha/program");',
  "",
  "module.exports = program;",
];
const ES_MODULE = ['import { program } from "pulumi-loopback-ha/program";', "", "export default program;"];

/**
 * Text by file name.
 * @throws ConfigError when the farm can't be like that
 */
export function filesOf(answers: Answers): Record<string, string> {
  const config = configOf(answers);
  readFarm(config);
  return {
    "Pulumi.yaml": [
      `name: ${answers.project}`,
      "description: A web farm without a load balancer",
      "runtime: nodejs",
      "main: index.js",
      "",
    ].join("\n"),
    "index.js": [
      "// The whole farm is described in the stack's config file.",
      ...(answers.esModules ? ES_MODULE : COMMON_JS),
      "",
    ].join("\n"),
    [`Pulumi.${answers.stack}.yaml`]: configText(answers.project, config),
  };
}

function configText(project: string, config: Record<string, unknown>): string {
  const namespaced = Object.entries(config).map(([key, value]) => [`${project}:${key}`, value]);
  const document = new Document({ config: Object.fromEntries(namespaced) });
  const map = document.get("config") as { items: Pair<Scalar<string>>[] };
  for (const { key } of map.items) {
    if (isScalar(key)) key.commentBefore = COMMENTS[key.value.slice(project.length + 1)];
  }
  return document.toString({ lineWidth: 0 });
}
