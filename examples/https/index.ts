/**
 * A site with https on VIPs, whose virtual host is the operator's own. A failover is `pulumi config set web2 maintenance`,
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
const nameServer = { name: "ns1", address: "192.0.2.10" };
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

const routes = new RouterRoute("r1", {
  router: { name: "r1", address: "192.0.2.1" },
  block: plan.block,
  ethernet: plan.ethernet,
  servers,
  routes: place(plan.vipSubnets, servers),
  checks: vips.flatMap((vip) =>
    [80, 443].map((port) => ({ vip, site: "widgetco", kind: CheckKind.Tcp, port })),
  ),
});

for (const server of servers) new LoopbackVip(server.name, { server, vips, prefixes: plan.vipSubnets });

new DnsRoundRobin(zone, {
  zone,
  nameServers: [nameServer],
  nsNames: [`ns1.${zone}`],
  contact: `hostmaster@${zone}`,
  figures: SOA_FIGURES[SoaPreset.Modern],
  ttl: 300,
  sites: [{ name: `www.${zone}`, addresses: vips }],
  records: [{ name: "ns1", type: "A", value: nameServer.address }],
  after: [routes.report],
});
