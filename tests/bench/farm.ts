import { addressOf, furtherServers, machines } from "../../lab/machines";

/** Every site's. */
export const DOCUMENT_ROOT = "/srv/www/bench";

/** A stack's configuration with sites s0, s1, … on 30 host numbers: beyond that, they share VIPs by name. */
export function farmConfig(count: number): string {
  const hosts = 30;
  return config(count, "{ block: 192.0.2.0/24, subnetPrefix: 27, vipSubnets: 4 }", "", (i) =>
    i < hosts ? `hostNumber: ${i + 1}` : `shareVipsWith: s${i % hosts}`,
  );
}

/** Room for up to 1,001 sites. The machines' addresses lie in the first subnet, 192.0.0.0/22. */
export const WIDE_BLOCK = { block: "192.0.0.0/19", subnetPrefix: 22, vipSubnets: 4 };
/** Site s0's. */
export const WIDE_FIRST_HOST = 21;

/** The same with VIPs of its own for each of up to 1,001 sites, in subnets that have room for them and are bound whole. */
export function wideFarmConfig(count: number): string {
  // 1,022 VIPs a subnet need ten bits of the mark.
  return config(
    count,
    JSON.stringify({ ...WIDE_BLOCK, binding: "subnet" }),
    ', pinning: { markMask: "0xffc00000" }',
    (i) => `hostNumber: ${i + WIDE_FIRST_HOST}`,
  );
}

function config(count: number, network: string, router: string, vipsOf: (i: number) => string): string {
  const sites = Array.from(
    { length: count },
    (_, i) =>
      `    s${i}: { serverName: s${i}.widgetco.example, documentRoot: ${DOCUMENT_ROOT}, ${vipsOf(i)} }\n`,
  );
  return `config:
  loopback-ha:network: ${network}
  loopback-ha:servers:
    web1: { address: 192.0.2.2 }
    web2: { address: 192.0.2.3 }
    web3: { address: 192.0.2.4 }
    web4: { address: 192.0.2.5 }
  loopback-ha:routers: { r1: { address: 192.0.2.1${router} } }
  loopback-ha:nameServers: { ns1: { address: 192.0.2.10 } }
  loopback-ha:zones:
    widgetco.example: { contact: hostmaster@widgetco.example, ttl: 60 }
  loopback-ha:sites:
${sites.join("")}`;
}

/** Ten sites with four VIPs each, one by one at home on so many of the lab's servers. */
export function manyServersConfig(servers: number): string {
  const sites = 10;
  const all = [...machines.filter(({ role }) => role === "web"), ...furtherServers].slice(0, servers);
  const vips = [32, 64, 96, 128].flatMap((subnet) =>
    Array.from({ length: sites }, (_, i) => `192.0.2.${subnet + i + 1}`),
  );
  return `config:
  loopback-ha:network: { block: 192.0.2.0/24, subnetPrefix: 27, vipSubnets: 4, granularity: host }
  loopback-ha:servers:
${all.map((server) => `    ${server.name}: { address: ${addressOf(server)} }\n`).join("")}  loopback-ha:routers: { r1: { address: 192.0.2.1 } }
  loopback-ha:nameServers: { ns1: { address: 192.0.2.10 } }
  loopback-ha:zones:
    widgetco.example: { contact: hostmaster@widgetco.example, ttl: 60 }
  loopback-ha:homes:
${vips.map((vip, i) => `    "${vip}/32": ${all[i % servers].name}\n`).join("")}  loopback-ha:sites:
${Array.from(
  { length: sites },
  (_, i) =>
    `    s${i}: { serverName: s${i}.widgetco.example, documentRoot: ${DOCUMENT_ROOT}, hostNumber: ${i + 1} }\n`,
).join("")}`;
}

/** A farm of up to some 250 servers and 15,000 sites with VIPs of their own, which nobody is asked to look at. */
export function largeFarm(servers: number, sites: number): { config: string; sitesFile: string } {
  // The servers' subnet is 192.0.0.0/18: 14 bits of the mark, and machines in 192.0.2.0/24.
  const machines = Array.from(
    { length: servers },
    (_, i) => `    web${i + 1}: { address: 192.0.2.${i + 3} }\n`,
  );
  const named = Array.from({ length: sites }, (_, i): [string, object] => [
    `s${i}`,
    { serverName: `s${i}.widgetco.example`, documentRoot: DOCUMENT_ROOT, hostNumber: i + 1001 },
  ]);
  return {
    config: `config:
  loopback-ha:network: { block: 192.0.0.0/15, subnetPrefix: 18, vipSubnets: 4, binding: subnet }
  loopback-ha:detectDrift: false
  loopback-ha:servers:
${machines.join("")}  loopback-ha:routers: { r1: { address: 192.0.2.1, pinning: { markMask: "0xfffc0000" } } }
  loopback-ha:nameServers: { ns1: { address: 192.0.2.2 } }
  loopback-ha:zones:
    widgetco.example: { contact: hostmaster@widgetco.example, ttl: 60 }
  loopback-ha:sitesFile: sites.json
`,
    sitesFile: JSON.stringify(Object.fromEntries(named)),
  };
}
