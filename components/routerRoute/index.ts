import * as pulumi from "@pulumi/pulumi";
import { checkHosts } from "../argumentChecks";
import { hostCommand, instanceName } from "../host/hostCommand";
import { HostArgs } from "../host/ssh";
import { ROUTE_CONCERNS } from "./kinds";
import {
  RouteArgs,
  RouterKind,
  VipCheckArgs,
  checkRoutes,
  describeShares,
  renderChecks,
  renderRoutes,
  secretName,
} from "./routes";

export { CheckKind, RouteArgs, RouterKind, VipCheckArgs } from "./routes";

/** Arguments of {@link RouterRoute}. */
export interface RouterRouteArgs {
  /** The router. */
  router: HostArgs;
  /** What it runs. Default: linux. */
  kind?: RouterKind;
  /** The address block: packets to addresses of it that nobody has end on the router instead of circling. */
  block: string;
  /** The subnet that router and servers share. */
  ethernet: string;
  /** All prefixes and their servers: a prefix that is not here any more is no longer routed. */
  routes: RouteArgs[];
  /** What a server must answer before a prefix moves to it. Default: nothing is asked. */
  checks?: VipCheckArgs[];
  /** Health path of each pool that `checks` name. */
  healthPaths?: Record<string, pulumi.Input<string>>;
  /** The router's address outside the Ethernet from which the checks are asked. Default: found on the router. */
  proofSource?: string;
  /** What observation found different on the router. Default: nothing. */
  drift?: string;
}

/**
 * The routes to VIP prefixes on one router: the whole table in one command. A changed next hop is a failover.
 * It needs no dependency on the servers: a prefix moves only when its new server answers for every VIP that the
 * present one answers for, and that is waited for, half a minute at most.
 *
 * @throws Refusal when a next hop lies outside the Ethernet or a prefix stands twice.
 */
export class RouterRoute extends pulumi.ComponentResource {
  /** One line a prefix: who serves it, read back from the router's forwarding table. */
  public readonly report: pulumi.Output<string>;

  constructor(name: string, args: RouterRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    checkHosts("router", [args.router]);
    checkRoutes(args.routes, args.ethernet);
    const checks = renderChecks(args.checks ?? []);
    const concern = ROUTE_CONCERNS[args.kind ?? RouterKind.Linux];
    instanceName(name, concern);
    // As the component's inputs, so that a preview says "via web2 => web3".
    super(
      "loopback-ha:index:RouterRoute",
      name,
      {
        routes: Object.fromEntries(args.routes.map((route) => [route.prefix, `via ${route.server}`])),
        share: describeShares(args.routes),
      },
      opts,
    );
    const paths = Object.entries(args.healthPaths ?? {});
    const routed = hostCommand(
      `${name}-routes`,
      {
        host: args.router,
        concern,
        component: name,
        want: {
          routes: renderRoutes(args.routes),
          block: `${args.block}\n`,
          settings: `ethernet=${args.ethernet}\nproof_source=${args.proofSource ?? ""}\n`,
          "private/vips": checks,
        },
        secrets: Object.fromEntries(paths.map(([pool, path]) => [`health_${secretName(pool)}`, path])),
        drift: args.drift,
      },
      { parent: this },
    );
    this.report = routed.stdout;
    this.registerOutputs({ report: this.report });
  }
}
