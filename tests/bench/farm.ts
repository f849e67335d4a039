/** Every site's. */
export const DOCUMENT_ROOT = "/srv/www/bench";

/** A stack's configuration with sites s0, s1, … on the article's 30 host numbers: beyond that, they share VIPs by name. */
export function farmConfig(count: number): string {
  const hosts = 30;
  const sites = Array.from({ length: count }, (_, i) => {
    const vips = i < hosts ? `hostNumber: ${i + 1}` : `shareVipsWith: s${i % hosts}`;
    return `    s${i}: { serverName: s${i}.widgetco.example, documentRoot: ${DOCUMENT_ROOT}, ${vips} }\n`;
  });
  return `config:
  loopback-ha:network: { block: 192.0.2.0/24, subnetPrefix: 27, vipSubnets: 4 }
  loopback-ha:servers:
    web1: { address: 192.0.2.2 }
    web2: { address: 192.0.2.3 }
    web3: { address: 192.0.2.4 }
    web4: { address: 192.0.2.5 }
  loopback-ha:routers: { r1: { address: 192.0.2.1 } }
  loopback-ha:nameServers: { ns1: { address: 192.0.2.10 } }
  loopback-ha:zones:
    widgetco.example: { contact: hostmaster@widgetco.example, ttl: 60 }
  loopback-ha:sites:
${sites.join("")}`;
}
