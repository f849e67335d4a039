/**
 * Authoritative DNS on VIPs: four servers, each with the whole zone. A failover is `pulumi config set web2 maintenance`,
 * followed by `pulumi up`.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  CheckKind,
  DnsRoundRobin,
  LoopbackVip,
  RouterRoute,
  SOA_FIGURES,
  SoaPreset,
  place,
  planNetwork,
  vipsOf,
} from "../../components";

const zone = "widgetco.example";
const config = new pulumi.Config();
const plan = planNetwork({ block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4 });
const servers = [
  { name: "web1", address: "192.0.2.2" },
  { name: "web2", address: "192.0.2.3" },
  { name: "web3", address: "192.0.2.4" },
  { name: "web4", address: "192.0.2.5" },
].map((server) => {
  const state = config.get(server.name) ?? "active";
  return { ...server, state, down: state === "down" };
});
export const vips = vipsOf(plan, 10);

// Alias mode: BIND does not listen on the addresses of a whole prefix that is local.
const bound = servers.map(
  (server) => new LoopbackVip(server.name, { server, vips, prefixes: plan.vipSubnets }),
);

// Each name of a name server has one VIP: a resolver that gets no answer from one asks the next.
const nameServers = vips.map((vip, i) => ({ name: `ns${i + 1}`, type: "A", value: vip }));
new DnsRoundRobin(zone, {
  zone,
  nameServers: servers,
  nsNames: nameServers.map(({ name }) => `${name}.${zone}`),
  contact: `hostmaster@${zone}`,
  figures: SOA_FIGURES[SoaPreset.Modern],
  ttl: 300,
  sites: [{ name: `www.${zone}`, addresses: vipsOf(plan, 1) }],
  records: nameServers,
  after: bound.map(({ report }) => report),
});

new RouterRoute("r1", {
  router: { name: "r1", address: "192.0.2.1" },
  block: plan.block,
  ethernet: plan.ethernet,
  servers,
  routes: place(plan.vipSubnets, servers),
  checks: vips.flatMap((vip) => [
    { vip, site: "dns", kind: CheckKind.Dns, zone },
    { vip, site: "dns", kind: CheckKind.Tcp, port: 53 },
  ]),
});
