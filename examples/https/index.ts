/** A site with https on VIPs, whose virtual hosts are the operator's own. */
import { CheckKind, DnsRoundRobin, LoopbackVip, RouterRoute } from "../../components";
import { nameServer, plan, routing, servers, soa, vips, zone } from "../network";

const routes = new RouterRoute("r1", {
  ...routing,
  checks: vips.flatMap((vip) =>
    [80, 443].map((port) => ({ vip, site: "widgetco", kind: CheckKind.Tcp, port })),
  ),
});

for (const server of servers) new LoopbackVip(server.name, { server, vips, prefixes: plan.vipSubnets });

new DnsRoundRobin(zone, {
  ...soa,
  zone,
  nameServers: [nameServer],
  nsRecords: [`ns1.${zone}`],
  sites: [{ name: `www.${zone}`, addresses: vips }],
  records: [{ name: "ns1", type: "A", value: nameServer.address }],
  after: [routes.report],
});
