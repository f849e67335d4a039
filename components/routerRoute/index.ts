import * as pulumi from "@pulumi/pulumi";
import { checkHosts } from "../host/checkHosts";
import { assertValid } from "../base/argumentChecks";
import { hostCommand, instanceName, resourcesBehind } from "../host/hostCommand";
import { HostArgs, ServerArgs } from "../host/ssh";
import { FallbackArgs, GuardArgs, fallbacksOf, renderFallbacks } from "./guard";
import { guardIssue, routerKind } from "./kindRegistry";
import { PinningArgs, renderServers } from "./pinning";
import { Route } from "./lineFormats";
import {
  RouteArgs,
  VipCheckArgs,
  checkRoutes,
  completeRoutes,
  describeShares,
  renderChecks,
  renderRoutes,
  renderSettings,
  secretName,
  textfileInstead,
  textfileIssue,
} from "./routes";

export { FallbackArgs, GuardArgs } from "./guard";
export { PinningArgs } from "./pinning";
export { CheckKind, RouteArgs, VipCheckArgs } from "./routes";

/** Arguments of {@link RouterRoute}. */
export interface RouterRouteArgs {
  /** The router. */
  router: HostArgs;
  /** What it runs: linux, or a name given to `registerRouterKind`. Default: linux. */
  kind?: string;
  /** The address block: packets to unused addresses of it are dropped by the router instead of looping. */
  block: string;
  /** The subnet that router and servers share. */
  serverSubnet: string;
  /** All prefixes and their servers. A prefix that is removed from here is no longer routed. */
  routes: RouteArgs[];
  /**
   * All servers, including those that carry nothing now: open connections of a server that is missing here break. Default: those
   * of `routes`.
   */
  servers?: ServerArgs[];
  /**
   * Whether open connections stay with the server where they began until they end, while new ones follow the routes.
   * Default: true where the kind can (linux); true is refused where it can't.
   */
  pinFlows?: boolean;
  /** The numbers that pinning uses on the router, and what it must read in connections. */
  pinning?: PinningArgs;
  /**
   * The router restores its former routes by itself unless a second, new connection confirms the new ones within
   * this time. In seconds; 0 turns it off. Default: 20.
   */
  confirmSeconds?: number;
  /**
   * How long the router keeps checking a server that is to get a prefix before it refuses the move. In seconds, 5 to 60. Not for
   * kind cisco-ios, which can't ask. Default: 30.
   */
  checkSeconds?: number;
  /** What a server must answer before a prefix moves to it. Default: nothing is asked. */
  checks?: VipCheckArgs[];
  /** Health path of each pool that `checks` name. */
  healthPaths?: Record<string, pulumi.Input<string>>;
  /** The router's address outside the servers' subnet from which it sends the checks. Default: found on the router. */
  checkSource?: string;
  /**
   * A guard on the router, which moves the prefixes of a dead server at once and by itself. For kind linux with pinned flows;
   * refused elsewhere. Default: none.
   */
  guard?: GuardArgs;
  /**
   * Which servers take a prefix over when the one that carries it is dead, for the guard. Default: what `place` would do, taking
   * each prefix to be at home where `routes` has it.
   */
  fallbacks?: FallbackArgs[];
  /**
   * A folder on the router where node_exporter reads files (its `--collector.textfile.directory`), such as
   * `/var/lib/prometheus/node-exporter`: the router writes there what it does. For kind linux; refused elsewhere. Default: none.
   */
  textfile?: string;
  /** Names of the other routers with the same routes: a failure of this one says what that means. Default: none. */
  others?: string[];
  /** What `enable` asks for, on a router of kind cisco-ios whose login is not privileged. Default: none. */
  enableSecret?: pulumi.Input<string>;
  /**
   * The router is not touched before these are known. For a stack's first run only: what makes the servers answer,
   * which may take longer than the router waits for them; a failover must wait for no server. Default: nothing to wait for.
   */
  after?: pulumi.Input<string>[];
}

/**
 * The routes to VIP prefixes on one router: the whole table in one command. A changed next hop is a failover.
 * It needs no dependency on the servers: a prefix moves only when its new server answers for every VIP that the
 * present one answers for, and that is waited for, `checkSeconds` at most.
 *
 * @throws UserError when a next hop is outside the servers' subnet, a prefix is listed twice, the kind can't pin flows, or no guard
 * can run on it.
 */
export class RouterRoute extends pulumi.ComponentResource {
  /** One line a prefix: who serves it, read back from the router's forwarding table. */
  public readonly report: pulumi.Output<string>;

  constructor(name: string, args: RouterRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    checkHosts("router", [args.router]);
    const routes = completeRoutes(args.routes, args.servers);
    checkRoutes(routes, args);
    const all = args.servers ?? serversOf(routes);
    const servers = renderServers(all, args.serverSubnet, args.pinning);
    const checks = renderChecks(args.checks ?? []);
    const kind = routerKind(args.kind);
    instanceName(name, kind.role);
    const pinFlows = args.pinFlows ?? kind.pinsFlows;
    assertValid("pinFlows", pinFlows, pinFlows && !kind.pinsFlows && cannotPin(args.kind));
    const guardless = args.guard && guardIssue(args.kind);
    assertValid(
      "guard",
      args.guard,
      guardless &&
        `is not supported by routers of kind ${args.kind}: ${guardless.unable}; ${guardless.instead}`,
    );
    if (args.textfile !== undefined) {
      const issue = kind.textfile
        ? textfileIssue(args.textfile)
        : `is not supported by routers of kind ${args.kind}`;
      assertValid(
        "textfile",
        args.textfile,
        issue && `${issue}; ${kind.textfile ? textfileInstead : "remove it"}`,
      );
    }
    const lists = args.guard
      ? renderFallbacks(args.fallbacks ?? fallbacksOf(routes, all), routes, all)
      : undefined;
    const settings = renderSettings({ ...args, pinFlows });
    // As the component's inputs, so that a preview says "via web2 => web3".
    super(
      "loopback-ha:index:RouterRoute",
      name,
      {
        routes: Object.fromEntries(routes.map((route) => [route.prefix, `via ${route.server}`])),
        share: describeShares(routes),
      },
      opts,
    );
    if (kind.notice) void pulumi.log.info(`${args.router.name}: ${kind.notice}`, this);
    const paths = Object.entries(args.healthPaths ?? {});
    const routed = hostCommand(
      `${name}-routes`,
      {
        host: args.router,
        ...kind,
        component: name,
        want: {
          routes: renderRoutes(routes),
          servers,
          block: `${args.block}\n`,
          settings,
          ...(lists === undefined ? {} : { fallbacks: lists }),
          "private/vips": checks,
        },
        secrets: {
          ...Object.fromEntries(paths.map(([pool, path]) => [`health_${secretName(pool)}`, path])),
          ...(args.enableSecret === undefined ? {} : { enable: args.enableSecret }),
        },
        onFailure: args.others?.length ? splitTables(args.router.name, args.others) : undefined,
      },
      { parent: this, dependsOn: resourcesBehind(args.after) },
    );
    this.report = routed.stdout;
    this.registerOutputs({ report: this.report });
  }
}

function splitTables(router: string, others: string[]): string {
  return `${router} keeps its former routes, unless it is reported to be in doubt. ${others.join(", ")} may already have the new ones: each router is changed independently and reports for itself. Repair ${router} and run pulumi up again, or undo the config change and run pulumi up`;
}

function cannotPin(kind?: string): string {
  return `is not possible: kind "${kind}" cannot pin open connections to their server; use false, or kind "linux"`;
}

function serversOf(routes: Route[]): ServerArgs[] {
  return [
    ...new Map(routes.map(({ server, nextHop }) => [server, { name: server, address: nextHop }])).values(),
  ];
}
