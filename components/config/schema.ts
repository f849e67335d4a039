/** What each part of the configuration may contain. Checks that need several parts are in the other files. */
import { z } from "zod";
import { VipBinding, isAddress } from "../network/addressPlan";
import { IPV6_ISSUE, looksLikeIpv6 } from "../network/ipv4Only";
import { flag, list, object, oneOf, text, whole } from "./leaf";
import { DEFAULT_ROUTER_KIND, routerKindNames } from "../routerRoute/kindRegistry";
import { GUARD, GUARD_RANGES, intervalInstead, intervalIssue } from "../routerRoute/guard";
import { PINNING, helperIssue, helperInstead, markMaskIssue } from "../routerRoute/pinning";
import { CONFIRM_SECONDS, CHECK_SECONDS } from "../routerRoute/routes";
import { Granularity, ServerState } from "./model";
import { MOST_SERIAL, SoaPreset } from "../dnsRoundRobin/soa";
import { aliasIssue, domainInstead, hostNameIssue, siteNameIssue, siteNameInstead } from "../base/names";
import { checkPathIssue, textfileInstead, textfileIssue } from "../routerRoute/routes";
import { configFileIssue, userIssue } from "../host/login";
import { documentRootIssue, documentRootInstead } from "../webServerPool/documentRoot";
import { mailIssue } from "../dnsRoundRobin/names";
import { projectFileIssue } from "./projectFile";

/** An IPv4 address. The example is one that would work. */
function address(example: string) {
  const issueOf = (value: string) =>
    isAddress(value) ? undefined : looksLikeIpv6(value) ? IPV6_ISSUE : "is not an IPv4 address";
  return text(issueOf, () => `use one such as ${example}`);
}

/** Any text: the reader of the part checks it. */
const anyText = (instead: string) =>
  text(
    () => undefined,
    () => instead,
  );

const alias = text(aliasIssue, domainInstead("example.org")).transform((name) => name.toLowerCase());

/** The key `network`. Ranges are checked by planNetwork. */
export const networkSchema = object({
  block: anyText("use a block such as 192.0.2.0/24"),
  subnetPrefix: whole(9, 30, 27),
  vipSubnets: whole(1, 256, 4),
  retiringVipSubnets: whole(0, 255, 1).optional(),
  serverSubnet: anyText("use a subnet such as 192.0.2.0/27").optional(),
  strictSubnets: flag().optional(),
  binding: oneOf(VipBinding).default(VipBinding.Alias),
  granularity: oneOf(Granularity).default(Granularity.Subnet),
});

/** The key `ssh`, and `ssh` of a host. */
export const sshSchema = object({
  user: text(userIssue, () => "use a login name such as root").optional(),
  port: whole(1, 65535, 22).optional(),
  configFile: text(configFileIssue, () => "use one such as ./ssh_config or /etc/ssh/farm_config").optional(),
  sudo: flag().optional(),
});

/** An entry of `nameServers`. */
export const hostSchema = (example: string) =>
  object({ address: address(example), ssh: sshSchema.optional() });

/** An entry of `servers`. */
export const serverSchema = (example: string) =>
  object({
    address: address(example),
    ssh: sshSchema.optional(),
    state: oneOf(ServerState).default(ServerState.Active),
    weight: whole(1, 1000, 1).default(1),
  });

/** The key `pinning` of a router. Whether its numbers fit the servers' subnet is checked with the plan. */
const pinningSchema = object({
  markMask: text(markMaskIssue, () => `use one such as ${PINNING.markMask}`).optional(),
  tableBase: whole(1, 4_000_000_000, PINNING.tableBase).optional(),
  rulePriority: whole(1, 32765, PINNING.rulePriority).optional(),
  helpers: list(
    text(helperIssue, () => helperInstead),
    '["ftp"]',
  ).optional(),
  trackOnlyVips: flag().optional(),
});

/** The key `guard` of a router. Whether the router can have one is checked with its kind and the servers. */
const guardSchema = object({
  interval: text(intervalIssue, () => intervalInstead).optional(),
  fall: whole(...GUARD_RANGES.fall, GUARD.fall, "of rounds ").optional(),
  minActive: whole(...GUARD_RANGES.minActive, GUARD.minActive, "of servers ").optional(),
  dryRun: flag().optional(),
  maxMovesPerHour: whole(...GUARD_RANGES.maxMovesPerHour, GUARD.maxMovesPerHour, "of servers ").optional(),
});

const kindIssue = (kind: string) => (routerKindNames().includes(kind) ? undefined : "is not known");

/** An entry of `routers`. */
export const routerSchema = (example: string) =>
  object({
    address: address(example),
    ssh: sshSchema.optional(),
    kind: text(kindIssue, () => `use ${routerKindNames().join(" or ")}`).default(DEFAULT_ROUTER_KIND),
    checkSource: address("198.51.100.1, an address of the router outside the servers' subnet").optional(),
    pinFlows: flag().optional(),
    pinning: pinningSchema.optional(),
    guard: guardSchema.optional(),
    textfile: text(textfileIssue, () => textfileInstead).optional(),
    confirmSeconds: whole(0, 600, CONFIRM_SECONDS, "of seconds ").optional(),
    // An apply is ended after 110 s.
    checkSeconds: whole(5, 60, CHECK_SECONDS, "of seconds ").optional(),
  });

/** An entry of `sites`. The host number's range depends on the network, so it is checked with the plan. */
export const siteSchema = object({
  serverName: text(siteNameIssue, siteNameInstead).transform((name) => name.toLowerCase()),
  aliases: list(alias, '["example.org"]').default([]),
  documentRoot: text(documentRootIssue, documentRootInstead),
  hostNumber: z.unknown().optional(),
  shareVipsWith: anyText("use the name of another site").optional(),
  retiring: flag().default(false),
  retiringHostNumber: z.unknown().optional(),
  retiringAliases: list(alias, '["example.org"]').default([]),
  checkPorts: list(whole(1, 65535, 443), "[443]").default([]),
  checkPath: text(checkPathIssue, () => "use one such as / or /login").optional(),
  // What the lines may be: see directives.ts.
  apache: list(anyText("use a line of Apache's configuration"), '["FallbackResource /index.php"]').optional(),
  apacheFile: text(
    projectFileIssue,
    () => "use a file in the project's folder, such as apache/shop.conf",
  ).optional(),
  // With the key tls: see tls.ts.
  tls: z.unknown().optional(),
});

const seconds = (example: number) => whole(1, 2147483647, example, "of seconds ").optional();

/** An entry of a zone's `records`. Name and value depend on zone and type: see records.ts. */
const recordSchema = object({
  name: anyText("use a name relative to the zone, such as mail, or @"),
  type: anyText("use a type such as A, MX or TXT"),
  value: anyText("use a value as in a zone file"),
  ttl: seconds(300),
});

const nsName = text(hostNameIssue, domainInstead("ns1.example.org")).transform((name) => name.toLowerCase());

/** An entry of `zones`. */
export const zoneSchema = object({
  nameServers: list(anyText("use the name of a name server"), '["ns1"]').optional(),
  contact: text(mailIssue, () => "use a mail address such as hostmaster@example.org"),
  nsRecords: list(nsName, '["ns1.example.org"]').optional(),
  primary: nsName.optional(),
  preset: oneOf(SoaPreset).default(SoaPreset.Modern),
  ttl: seconds(300),
  refresh: seconds(86400),
  retry: seconds(3600),
  expire: seconds(1209600),
  minimum: seconds(300),
  serialAtLeast: whole(1, MOST_SERIAL, 2026112900).optional(),
  records: list(recordSchema, '[{"name": "@", "type": "MX", "value": "10 mail"}]').default([]),
});

/** A zone as its schema gives it. */
export type ZoneInput = z.output<typeof zoneSchema>;
/** ssh options as their schema gives them. */
export type SshInput = z.output<typeof sshSchema>;
