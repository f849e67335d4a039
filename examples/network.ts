/** The lab's network, for the examples of single services. Put in your own addresses. */
import * as pulumi from "@pulumi/pulumi";
import { ServerState, SOA_TIMERS, SoaPreset, SshOptions, place, planNetwork, vipsOf } from "../components";

export const plan = planNetwork({ block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4 });
/** The service's addresses, one in each VIP subnet. */
export const vips = vipsOf(plan, 10);
export const zone = "widgetco.example";

const config = new pulumi.Config();
/** `pulumi config set --path ssh.user deploy`, if root can't log in. */
const ssh = config.getObject<SshOptions>("ssh");
export const nameServer = { name: "ns1", address: "192.0.2.10", ssh };
/** `pulumi config set web2 maintenance` takes a server out, `active` brings it back, `down` marks it as dead. */
export const servers = [
  { name: "web1", address: "192.0.2.2" },
  { name: "web2", address: "192.0.2.3" },
  { name: "web3", address: "192.0.2.4" },
  { name: "web4", address: "192.0.2.5" },
].map((server) => {
  const state = config.get<ServerState>(server.name);
  return { ...server, ssh, state };
});

/** For the RouterRoute: which server carries which subnet. */
export const routing = {
  router: { name: "r1", address: "192.0.2.1", ssh },
  block: plan.block,
  serverSubnet: plan.serverSubnet,
  servers,
  routes: place(plan.vipSubnets, servers),
};

/** For the DnsRoundRobin. */
export const soa = { contact: `hostmaster@${zone}`, timers: SOA_TIMERS[SoaPreset.Modern], ttl: 300 };
