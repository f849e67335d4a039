/**
 * The lab's network as one program, without stack configuration: one router, four web servers, a name server and one
 * site. For a failover, change `state` below and run `pulumi up`.
 */
import {
  CheckKind,
  DnsRoundRobin,
  RouterRoute,
  ServerState,
  SOA_TIMERS,
  SoaPreset,
  WebServerPool,
  place,
  planNetwork,
  vipsOf,
} from "../../components";

const plan = planNetwork({ block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4 });
const router = { name: "r1", address: "192.0.2.1" };
const nameServer = { name: "ns1", address: "192.0.2.10" };
const servers = [
  { name: "web1", address: "192.0.2.2", state: ServerState.Active },
  {
    name: "web2",
    address: "192.0.2.3",
    state: (process.env.WEB2_STATE as ServerState | undefined) ?? ServerState.Active,
  },
  { name: "web3", address: "192.0.2.4", state: ServerState.Active },
  { name: "web4", address: "192.0.2.5", state: ServerState.Active },
];
const widgetco = {
  name: "widgetco",
  serverName: "www.widgetco.example",
  documentRoot: "/srv/www/widgetco",
  vips: vipsOf(plan, 1),
};

const pool = new WebServerPool("farm", { servers, sites: [widgetco], prefixes: plan.vipSubnets });

const placement = place(plan.vipSubnets, servers);
const routes = new RouterRoute("r1", {
  router,
  block: plan.block,
  serverSubnet: plan.serverSubnet,
  servers,
  routes: placement,
  checks: widgetco.vips.map((vip) => ({
    vip,
    site: widgetco.name,
    kind: CheckKind.Http,
    serverName: widgetco.serverName,
    pool: "farm",
  })),
  healthPaths: { farm: pool.healthPath },
});

new DnsRoundRobin("widgetco.example", {
  zone: "widgetco.example",
  nameServers: [nameServer],
  nsRecords: ["ns1.widgetco.example"],
  contact: "hostmaster@widgetco.example",
  timers: SOA_TIMERS[SoaPreset.Classic],
  ttl: 86400,
  sites: [{ name: widgetco.serverName, addresses: widgetco.vips }],
  records: [{ name: "ns1", type: "A", value: nameServer.address }],
  after: [routes.report],
});

export const vips = widgetco.vips;
export const serving = Object.fromEntries(placement.map(({ prefix, server }) => [prefix, server]));
export const healthPath = pool.healthPath;
