import { NetworkPlan, VipBinding } from "../network/addressPlan";
import { SshOptions } from "../host/ssh";
import type { Fallbacks } from "../network/fallbacks";
import { Placement } from "../network/placement";
import { ServerState } from "../network/serverState";
import type { ZoneRecordModel } from "../dnsRoundRobin/records";
import type { SoaTimers } from "../dnsRoundRobin/soa";
import type { GuardArgs } from "../routerRoute/guard";
import { PinningArgs } from "../routerRoute/pinning";
import type { TlsVersion } from "../webServerPool/tls/defaults";

export { SshOptions } from "../host/ssh";
export { ServerState } from "../network/serverState";

/** What is placed as a whole. */
export enum Granularity {
  /** A VIP subnet: one route each. */
  Subnet = "subnet",
  /** A VIP: one host route each, so that the sites of a lost server spread over all others. */
  Host = "host",
}

/** A machine to manage. */
export interface HostModel {
  /** Its name: the key in the configuration. */
  name: string;
  /** Its IPv4 address. */
  address: string;
  /** How to reach it, with the defaults filled in. */
  ssh: SshOptions;
}

/** A web server of the pool. */
export interface ServerModel extends HostModel {
  /** Its wanted state. */
  state: ServerState;
  /** How much it takes of what others can't carry, against the others' weights: 1 to 1000. */
  weight: number;
}

/** A router. */
export interface RouterModel extends HostModel {
  /** How its routes are set: a name that routerRoute/kindRegistry.ts knows. */
  kind: string;
  /**
   * Source address of the router's health checks: one of its own addresses, outside the servers' subnet. Default: the router
   * finds one.
   */
  checkSource?: string;
  /** Whether open connections stay where they began. Default: where the kind can. */
  pinFlows?: boolean;
  /** How flows are pinned. */
  pinning?: PinningArgs;
  /** The folder where it writes a file for node_exporter. Absent: it writes none. */
  textfile?: string;
  /** How its guard works. Absent: it has none. */
  guard?: GuardArgs;
  /** How long it waits for a confirmation of new routes before it goes back, in seconds; 0: it does not. Default: 20. */
  confirmSeconds?: number;
  /** How long it asks the new servers before it refuses to move to them, in seconds, 5 to 60. Default: 30. */
  checkSeconds?: number;
}

/** How a site is served by https. */
export interface SiteTlsModel {
  /** Folder of the site's own pair, fullchain.pem and privkey.pem. Default: the one by the site's name in `tls.folder`. */
  folder?: string;
  /** Folder of privkey.pem. Default: beside the certificate. */
  keys?: string;
  /** Whether port 80 redirects to 443, but for the health path and ACME's challenge. */
  redirect: boolean;
  /** For how many seconds browsers must insist on https (RFC 6797); 0: not at all. */
  hsts: number;
  /** The oldest version that is spoken. */
  minimum: TlsVersion;
}

/** What all sites have in common for https. */
export interface TlsModel {
  /** Has a folder for each site by its name, with fullchain.pem and privkey.pem; on the operator's machine. */
  folder?: string;
  /** The same for privkey.pem alone. */
  keys?: string;
  /** By which every server answers ACME's http-01 (RFC 8555, 8.3): the account's public thumbprint (RFC 7638). */
  acmeThumbprint?: string;
  /** Whether sessions are resumed by tickets (RFC 5077), on all servers by one key. */
  tickets: boolean;
}

/** A web site: one address out of each VIP subnet. */
export interface SiteModel {
  /** Its name: the key in the configuration. */
  name: string;
  /** Its domain name, lower case, without a trailing dot. */
  serverName: string;
  /** More domain names of it, as `serverName`, or all names below a domain: `*.example.org`. */
  aliases: string[];
  /** Directory on each server that holds its files: an absolute path. */
  documentRoot: string;
  /** Its host number in each VIP subnet. */
  hostNumber: number;
  /** Its VIPs, one for each VIP subnet that is in DNS, in their order. */
  vips: string[];
  /** VIPs on the way out: bound, routed and answered, but no longer in DNS. */
  retiringVips: string[];
  /** Names on the way out: answered, but no longer in DNS. */
  retiringAliases: string[];
  /** On the way out: no longer in DNS, while VIP and virtual host stay. */
  retiring: boolean;
  /** TCP ports on which a server must accept connections, in addition to the health path, before a VIP moves to it. */
  checkPorts: number[];
  /** Its page that a server must answer as well as the present one, before a VIP moves to it. Default: `/`. */
  checkPath?: string;
  /** Its own lines in its virtual hosts, with `${secret:NAME}` in place of secrets. Default: none. */
  apache?: string[];
  /** How it is served by https. Absent: it is not. */
  tls?: SiteTlsModel;
}

/** A DNS zone. */
export interface ZoneModel {
  /** Its domain, lower case, without a trailing dot: the key in the configuration. */
  zone: string;
  /** Names of the name servers (keys of `nameServers`) that serve it; at least one. */
  nameServers: string[];
  /** SOA MNAME without a trailing dot. Default: the first of `nsRecords`. */
  primary?: string;
  /** Mail address of the person responsible: `hostmaster@example.org`. */
  contact: string;
  /** The SOA record's timers. */
  timers: SoaTimers;
  /** `$TTL` in seconds. */
  ttl: number;
  /** The serial is this one or a later one, for a zone that was served elsewhere. Default: by the date. */
  serialAtLeast?: number;
  /** Host names of the NS records, without trailing dots; at least one. */
  nsRecords: string[];
  /** The user's own records, and an A record for each name of `nsRecords` in the zone that has none. */
  records: ZoneRecordModel[];
}

/** The whole farm, checked. Every list is ordered, independently of the order of the configuration's keys. */
export interface FarmModel {
  /** The block, cut. */
  network: NetworkPlan;
  /** How servers bind VIPs. */
  binding: VipBinding;
  /** Web servers, ordered by address; at least one of them is active. */
  servers: ServerModel[];
  /** Sites, ordered by name. */
  sites: SiteModel[];
  /** Routers, ordered by address. */
  routers: RouterModel[];
  /** Name servers, ordered by address. */
  nameServers: HostModel[];
  /** Zones, ordered by name. */
  zones: ZoneModel[];
  /** Which server carries which unit, ordered by address. */
  placement: Placement[];
  /** Which servers take a unit over when the one that carries it is dead, ordered by address. */
  fallbacks: Fallbacks[];
  /** The homes that the configuration names, by unit or VIP subnet; the others follow the default order. */
  homes: Record<string, string>;
  /** What all sites have in common for https. Absent: there is no key `tls`. */
  tls?: TlsModel;
  /** Whether to look at the machines for drift before anything else. */
  detectDrift: boolean;
}
