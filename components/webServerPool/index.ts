import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { VipBinding } from "../network/addressPlan";
import { checkHosts } from "../host/checkHosts";
import { checkSites } from "./checkSites";
import { secretsIn } from "./directives";
import { hostCommand, instanceName } from "../host/hostCommand";
import { ServerArgs } from "../host/ssh";
import { VHOSTS } from "./role";
import { isLarge } from "../host/payload.cjs";
import { LoopbackVip } from "../loopbackVip";
import {
  PoolTlsArgs,
  commandsOf,
  plannedCertificates,
  shownCertificates,
  tlsParts,
  vhostsCommand,
  withCertificates,
} from "./tls";
import {
  SiteArgs,
  healthPath,
  renderDirectives,
  renderSites,
  renderVhosts,
  secretOfSite,
} from "./vhostTemplate";

export { PoolTlsArgs, SiteTlsArgs } from "./tls";
export { SiteArgs } from "./vhostTemplate";

/**
 * Apache looks each address of a vhost up by getaddrinfo with AI_ADDRCONFIG, for which the C library lists all addresses of
 * the machine.
 */
const MANY_ALIASES = 1000;

/** A server of a pool. */
export interface PoolServerArgs extends ServerArgs {
  /**
   * Nothing is done on this server before these outputs are known. For a server that carries nothing: the routers'
   * reports, so that traffic has left it first. Default: nothing to wait for.
   */
  after?: pulumi.Input<string>[];
}

/** Arguments of {@link WebServerPool}. */
export interface WebServerPoolArgs {
  /** The servers; each gets all VIPs and all sites. */
  servers: PoolServerArgs[];
  /** The sites. */
  sites: SiteArgs[];
  /** The VIP subnets, in CIDR form. */
  prefixes: string[];
  /** How the VIPs are bound. Default: alias. */
  binding?: VipBinding;
  /** The values of `${secret:NAME}` in sites' `apache`, by name: one line each. They are secrets of the state. Default: none. */
  secrets?: Record<string, pulumi.Input<string>>;
  /** What sites have in common for https. Default: only sites with a `tls` of their own are served by it. */
  tls?: PoolTlsArgs;
  /** The unguessable part of the health path. Default: a random one of the pool's own; see `healthToken`. */
  healthToken?: pulumi.Input<string>;
}

/**
 * The secret token of a pool's health path. Made apart from the pool by a program that registers its routers, which
 * ask for the path, before its servers.
 */
export function healthToken(name: string, opts?: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return new random.RandomPassword(`${name}-health`, { length: 32, special: false }, opts).result;
}

/**
 * Web servers that all serve all sites: a `LoopbackVip` and the vhosts on each. The router decides which server
 * gets a site's traffic.
 *
 * @throws UserError when two sites have one name, or a name can't be part of a file name.
 */
export class WebServerPool extends pulumi.ComponentResource {
  /** Path on every site that answers `SERVER SITE`. Unguessable, and a secret. */
  public readonly healthPath: pulumi.Output<string>;
  /** What each server said after it had the sites, by server name. */
  public readonly reports: Record<string, pulumi.Output<string>>;

  constructor(name: string, args: WebServerPoolArgs, opts?: pulumi.ComponentResourceOptions) {
    checkHosts("servers", args.servers);
    checkSites(args.sites, Object.keys(args.secrets ?? {}));
    for (const server of args.servers) instanceName(`${name}-${server.name}`, VHOSTS.name);
    const lines = renderSites(args.sites);
    // Packed in each server's command: here a preview shows which ones change.
    const directives = renderDirectives(args.sites);
    const https = { sites: args.sites, tls: args.tls, commands: commandsOf(name, args.servers) };
    const plan = plannedCertificates(https);
    const certificates = shownCertificates(plan);
    const shown = {
      ...(isLarge(lines) ? { sites: JSON.stringify(lines) } : {}),
      ...(isLarge(directives) ? { directives } : {}),
      ...(certificates ? { certificates } : {}),
    };
    super("loopback-ha:index:WebServerPool", name, shown, opts);
    const { servers, sites, prefixes, binding = VipBinding.Alias } = args;
    const token = args.healthToken ?? healthToken(name, { parent: this });
    const vips = [...new Set(sites.flatMap((site) => site.vips))];
    if (binding === VipBinding.Alias && vips.length > MANY_ALIASES)
      void pulumi.log.warn(
        `${vips.length} VIPs are bound one by one, and the time that Apache needs to read its configuration at every reload and boot grows with the square of that number (1 s for 1,000 VIPs, 30 s for 4,000). Bind whole subnets instead: network.binding: subnet`,
        this,
      );

    const tls = tlsParts(name, https, plan, { parent: this });
    const want = renderVhosts(lines, { prefixes, binding, tls: tls?.context }, directives);
    const secrets = Object.fromEntries(
      secretsIn(sites.flatMap(({ apache = [] }) => apache)).map((name) => [
        secretOfSite(name),
        pulumi.secret(args.secrets![name]),
      ]),
    );
    this.reports = {};
    for (const server of servers) {
      const bound = new LoopbackVip(
        `${name}-${server.name}`,
        { server, vips, prefixes, binding, after: server.after },
        { parent: this },
      );
      const vhosts = hostCommand(
        vhostsCommand(name, server.name),
        {
          host: server,
          role: VHOSTS.name,
          oneFirst: VHOSTS.oneFirst,
          ifDead: VHOSTS.ifDead(server.name),
          scripts: [__dirname],
          // With the server's name: a renamed server is set up from scratch before the old one is removed.
          component: `${name}-${server.name}`,
          want: tls ? withCertificates(want, tls, server.name) : want,
          secrets: { health: token, ...secrets, ...tls?.secrets },
          ...(tls?.supplier ? { supplier: tls.supplier } : {}),
        },
        { parent: this, dependsOn: [bound] },
      );
      this.reports[server.name] = vhosts.stdout;
    }
    this.healthPath = pulumi.output(token).apply(healthPath);
    this.registerOutputs({ healthPath: this.healthPath });
  }
}
