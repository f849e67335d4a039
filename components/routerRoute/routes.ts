import { ServerState } from "../network/serverState";
import { cidrOf, networkOf } from "../network/address.cjs";
import { contains, isAddress } from "../network/addressPlan";
import { prefixIn, orderByAddress } from "../network/ipv4Only";
import { firstRepeated, assertValid } from "../base/argumentChecks";
import { IssueOf, dnsNameIssue, nameIssue, siteNameIssue } from "../base/names";
import { UserError } from "../base/userError";
import { Route, routeLine } from "./lineFormats";
import { GuardArgs, guardSettings } from "./guard";
import { PINNING, CHECK_RULE_PRIORITY, PinningArgs, renderHelpers } from "./pinning";

/** How long a router waits for the confirmation of new routes where nothing is configured. */
export const CONFIRM_SECONDS = 20;
/** How long a router asks servers before it refuses to move to them, in seconds. */
export const CHECK_SECONDS = 30;

/** A prefix and the server that carries it. */
export interface RouteArgs {
  /** The VIP prefix, in CIDR form. */
  prefix: string;
  /** Name of the server that carries it. */
  server: string;
  /** The next hop: the server's address in the servers' subnet. Default: its address in the router's `servers`. */
  nextHop?: string;
}

/** How a VIP is asked whether it is served. */
export enum CheckKind {
  /** The health path of a web pool must name the server. */
  Http = "http",
  /** A TCP connection to `port` must come about, and begin with `greeting` where there is one. */
  Tcp = "tcp",
  /** A name server must answer for `zone` with authority, over UDP. */
  Dns = "dns",
  /** An echo request must be answered. */
  Ping = "ping",
}

/** A path of a site to ask for, as written in a request. */
export const checkPathIssue: IssueOf = (path) =>
  /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,500}$/.test(path)
    ? undefined
    : "is not a URL path that begins with / and has no blanks";

/** A folder of the router, where node_exporter reads files. */
export const textfileIssue: IssueOf = (folder) =>
  /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}){1,20}$/.test(folder)
    ? undefined
    : "is not the absolute path of a folder, in letters, digits, dots, - and _";

/** What may be written in place of a wrong one. */
export const textfileInstead = "use one such as /var/lib/prometheus/node-exporter";

/** What the server must answer on one VIP before its prefix moves there. */
export interface VipCheckArgs {
  /** The VIP. */
  vip: string;
  /** What is served there: the site's name, in messages. */
  site: string;
  /** How it is asked. Default: ping. */
  kind?: CheckKind;
  /** TCP port, for kind tcp. */
  port?: number;
  /**
   * What the server says first begins with this, for kind tcp: `220` for SMTP and FTP. Without it a listener that turns
   * all clients away would pass. Default: it may be silent.
   */
  greeting?: string;
  /** The zone whose SOA record is asked for, for kind dns. */
  zone?: string;
  /** DNS name to ask for, for kind http. */
  serverName?: string;
  /** Which of the router's `healthPaths` to ask for, for kind http. */
  pool?: string;
  /** The site's own page that the new server must answer as well as the present one does, for kind http. Default: `/`. */
  checkPath?: string;
  /**
   * Whether the site is served by https: then that page is asked for there, and the certificate is compared, too. For kind
   * http. Default: false.
   */
  https?: boolean;
}

/**
 * Routes with their next hops.
 *
 * @throws UserError when neither a route nor the servers have it.
 */
export function completeRoutes(routes: RouteArgs[], servers?: { name: string; address: string }[]): Route[] {
  return routes.map(({ prefix, server, nextHop }) => {
    const hop = nextHop ?? servers?.find(({ name }) => name === server)?.address;
    if (hop !== undefined) return { prefix, server, nextHop: hop };
    const issue = servers ? "is not one of the servers" : "has no address: give nextHop, or servers";
    throw new UserError(`routes: ${JSON.stringify(server)} ${issue}`);
  });
}

/** One line a route, ordered by address. */
export function renderRoutes(routes: Route[]): string {
  return lines(orderByAddress(routes, ({ prefix }) => prefix).map(routeLine));
}

/**
 * What a router must know besides, as `name=value` lines.
 *
 * @throws UserError when the rules' priority is the one that checks use, a helper is none or has no flows to help, or a guard has
 * none by which to ask, or is told what it can't do.
 */
export function renderSettings(settings: {
  serverSubnet: string;
  checkSource?: string;
  pinFlows: boolean;
  pinning?: PinningArgs;
  confirmSeconds?: number;
  checkSeconds?: number;
  guard?: GuardArgs;
  textfile?: string;
}): string {
  const { markMask, rulePriority, helpers, trackOnlyVips } = { ...PINNING, ...settings.pinning };
  assertValid(
    "pinning.rulePriority",
    rulePriority,
    rulePriority === CHECK_RULE_PRIORITY &&
      "is reserved for the rule that routes health checks before a move",
  );
  assertValid(
    "pinning.trackOnlyVips",
    trackOnlyVips,
    trackOnlyVips && !settings.pinFlows && "needs pinned flows; remove it, or set pinFlows",
  );
  return lines([
    `server_subnet=${settings.serverSubnet}`,
    `check_source=${settings.checkSource ?? ""}`,
    `pin_flows=${settings.pinFlows ? "yes" : "no"}`,
    `mark_mask=${markMask}`,
    `rule_priority=${rulePriority}`,
    `helpers=${renderHelpers(helpers, settings.pinFlows)}`,
    `track_only_vips=${trackOnlyVips ? "yes" : "no"}`,
    `confirm_seconds=${settings.confirmSeconds ?? CONFIRM_SECONDS}`,
    `check_seconds=${settings.checkSeconds ?? CHECK_SECONDS}`,
    ...(settings.textfile === undefined ? [] : [`textfile=${settings.textfile}`]),
    ...(settings.guard ? guardSettings(settings.guard, settings.pinFlows) : []),
  ]);
}

/**
 * One line for each check of a site, with all its VIPs.
 *
 * @throws UserError when a check lacks what its kind needs.
 */
export function renderChecks(checks: VipCheckArgs[]): string {
  const vips = new Map<string, string[]>();
  // The VIPs of a site are grouped, and checked alike.
  let last: { check: VipCheckArgs; of: string[] } | undefined;
  for (const check of checks) {
    const { vip } = check;
    assertValid("checks", vip, isAddress(vip) ? undefined : "is not an IPv4 address");
    if (!last || !isSameBut("vip", last.check, check)) {
      const what = renderCheck(check);
      const of = vips.get(what) ?? [];
      vips.set(what, of);
      last = { check, of };
    }
    last.of.push(vip);
  }
  return lines([...vips].map(([what, of]) => `${of.join(",")} ${what}`));
}

function isSameBut<T extends object>(left: keyof T, a: T, b: T): boolean {
  const keys = Object.keys(b) as (keyof T)[];
  return (
    keys.length === Object.keys(a).length && keys.every((key) => key === left || Object.is(a[key], b[key]))
  );
}

/** All but the VIP. */
function renderCheck(check: VipCheckArgs): string {
  assertValid("checks", check.site, nameIssue(check.site));
  if (check.serverName !== undefined)
    assertValid("checks", check.serverName, siteNameIssue(check.serverName));
  const { vip, site, kind = CheckKind.Ping, port, greeting, zone, serverName, pool } = check;
  const { checkPath = "/", https = false } = check;
  assertValid("checks", checkPath, checkPathIssue(checkPath));
  if (greeting !== undefined) assertValid("checks", greeting, greetingIssue(greeting));
  if (zone !== undefined) assertValid("checks", zone, dnsNameIssue(zone));
  const require = (value: unknown, name: string): void => {
    if (value === undefined) throw new UserError(`checks: ${kind} for ${vip} (${site}) needs ${name}`);
  };
  if (kind === CheckKind.Http) {
    require(serverName, "serverName");
    require(pool, "pool");
    const own = https ? ` ${checkPath} https` : checkPath === "/" ? "" : ` ${checkPath}`;
    return `${site} http ${serverName} @SECRET:health_${secretName(pool ?? "")}@${own}`;
  }
  if (kind === CheckKind.Tcp) {
    require(port, "port");
    return [site, "tcp", port, ...(greeting === undefined ? [] : [greeting])].join(" ");
  }
  if (kind === CheckKind.Dns) {
    require(zone, "zone");
    return `${site} dns ${zone}`;
  }
  return `${site} ping`;
}

function greetingIssue(greeting: string): string | undefined {
  return /^[\x21-\x7e]([\x20-\x7e]{0,78}[\x21-\x7e])?$/.test(greeting)
    ? undefined
    : "is not the start of a line in printable ASCII, such as 220";
}

/** A pool's name as part of an environment variable; two pools never get one name. */
export function secretName(pool: string): string {
  return pool.replace(/[^A-Za-z0-9]/g, (character) => `_${character.charCodeAt(0).toString(16)}_`);
}

/** Each server's share of the prefixes, such as `2 of 4 (50 %)`. */
export function describeShares(routes: RouteArgs[]): Record<string, string> {
  const counts = new Map<string, number>();
  for (const route of routes) counts.set(route.server, (counts.get(route.server) ?? 0) + 1);
  return Object.fromEntries(
    [...counts]
      .sort()
      .map(([server, count]) => [
        server,
        `${count} of ${routes.length} prefixes (${Math.round((100 * count) / routes.length)} %)`,
      ]),
  );
}

/** What a table of routes goes with. */
interface RoutesContext {
  block: string;
  serverSubnet: string;
  servers?: { name: string; address: string; state?: ServerState }[];
}

/**
 * @throws UserError when the block, the servers' subnet or a prefix is not a prefix, a name is not valid, a next hop is outside the
 * servers' subnet, a prefix is listed twice, or a route's server is unknown or down.
 */
export function checkRoutes(routes: Route[], { block, serverSubnet, servers }: RoutesContext): void {
  assertValid("block", block, prefixIssue(block));
  assertValid("serverSubnet", serverSubnet, prefixIssue(serverSubnet));
  for (const { prefix, server, nextHop } of routes) {
    assertValid("routes", prefix, prefixIssue(prefix));
    assertValid("routes", server, nameIssue(server));
    assertValid("routes", nextHop, !isAddress(nextHop) && "is not an IPv4 address");
    const known = servers?.find(({ name }) => name === server);
    assertValid("routes", server, servers !== undefined && !known && "is not one of the servers");
    assertValid("routes", server, known?.state === ServerState.Down && "is down, so it can't take traffic");
    assertValid(
      "routes",
      nextHop,
      known && known.address !== nextHop && `is not the address of ${server}, ${known.address}`,
    );
  }
  const shared = firstRepeated((servers ?? []).map(({ address }) => address));
  assertValid("servers", shared, shared !== undefined && "is the address of two servers");
  const stray = routes.find((route) => !contains(serverSubnet, route.nextHop));
  if (stray) {
    throw new UserError(
      `routes: next hop ${stray.nextHop} of ${stray.prefix} is outside the servers' subnet ${serverSubnet}`,
    );
  }
  const twice = firstRepeated(routes.map((route) => route.prefix));
  if (twice) throw new UserError(`routes: ${twice} is listed twice; a prefix has one next hop`);
}

function prefixIssue(text: string): string | undefined {
  const prefix = prefixIn(text);
  if (prefix === undefined) return "is not a prefix in CIDR form, such as 192.0.2.64/27";
  const network = cidrOf(networkOf(prefix));
  return network === text ? undefined : `is not a network address; use ${network}`;
}

function lines(items: string[]): string {
  return items.map((item) => `${item}\n`).join("");
}
