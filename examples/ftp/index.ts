/** FTP servers on VIPs, with the same files on each. */
import { CheckKind, DnsRoundRobin, LoopbackVip, RouterRoute } from "../../components";
import { nameServer, plan, routing, servers, soa, vips, zone } from "../network";

const routes = new RouterRoute("r1", {
  ...routing,
  // A session that is open during a failover stays on its server, although its next file uses a new connection.
  pinning: { helpers: ["ftp"] },
  checks: vips.map((vip) => ({ vip, site: "ftp", kind: CheckKind.Tcp, port: 21, greeting: "220" })),
});

for (const server of servers) new LoopbackVip(server.name, { server, vips, prefixes: plan.vipSubnets });

new DnsRoundRobin(zone, {
  ...soa,
  zone,
  nameServers: [nameServer],
  nsRecords: [`ns1.${zone}`],
  sites: [{ name: `ftp.${zone}`, addresses: vips }],
  records: [{ name: "ns1", type: "A", value: nameServer.address }],
  after: [routes.report],
});
