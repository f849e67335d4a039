/** Mail exchangers on VIPs: four servers take mail for a domain and pass it on to one store. */
import { CheckKind, DnsRoundRobin, LoopbackVip, RouterRoute } from "../../components";
import { nameServer, plan, routing, servers, soa, vips, zone } from "../network";

// Without the greeting, a Postfix that listens but can't start its smtpd would pass the check.
const greeting = `220 mx.${zone}`;
const routes = new RouterRoute("r1", {
  ...routing,
  checks: vips.map((vip) => ({ vip, site: "mail", kind: CheckKind.Tcp, port: 25, greeting })),
});

for (const server of servers) new LoopbackVip(server.name, { server, vips, prefixes: plan.vipSubnets });

// One name with all VIPs: a sender tries them in turn.
new DnsRoundRobin(zone, {
  ...soa,
  zone,
  nameServers: [nameServer],
  nsRecords: [`ns1.${zone}`],
  sites: [{ name: `mx.${zone}`, addresses: vips }],
  records: [
    { name: "@", type: "MX", value: "10 mx" },
    { name: "ns1", type: "A", value: nameServer.address },
  ],
  after: [routes.report],
});
