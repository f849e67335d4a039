/** Authoritative DNS on VIPs: four servers, each with the whole zone. */
import { CheckKind, DnsRoundRobin, LoopbackVip, RouterRoute } from "../../components";
import { plan, routing, servers, soa, vips, zone } from "../network";

new RouterRoute("r1", {
  ...routing,
  checks: vips.flatMap((vip) => [
    { vip, site: "dns", kind: CheckKind.Dns, zone },
    { vip, site: "dns", kind: CheckKind.Tcp, port: 53 },
  ]),
});

// As aliases, the default: BIND does not listen on addresses of a prefix that is local as a whole.
const bound = servers.map(
  (server) => new LoopbackVip(server.name, { server, vips, prefixes: plan.vipSubnets }),
);

// Each name server name has one VIP: a resolver that gets no answer from one asks the next.
const names = vips.map((vip, i) => ({ name: `ns${i + 1}`, type: "A", value: vip }));
new DnsRoundRobin(zone, {
  ...soa,
  zone,
  nameServers: servers,
  nsRecords: names.map(({ name }) => `${name}.${zone}`),
  sites: [],
  records: [...names, { name: "www", type: "A", value: "203.0.113.80" }],
  after: bound.map(({ report }) => report),
});
