import * as pulumi from "@pulumi/pulumi";
import { CheckKind, Concern, RouterRoute, WebServerPool, healthToken, instanceName, shares } from "./components";
import { ConfigError, FarmModel, SiteModel, readFarm, refuseSecretsInside, zoneOf } from "./components/config";
import { driftOf } from "./components/host/observe";
import { healthPath } from "./components/webServerPool/vhost";
import { Findings, look } from "./look";

const POOL = "web";

export = async (): Promise<Record<string, unknown>> => {
  try {
    const farm = readConfig();
    return build(farm, await look(farm));
  } catch (error) {
    // The engine prints a RunError without a stack trace.
    throw error instanceof ConfigError ? new pulumi.RunError(error.message) : error;
  }
};

function readConfig(): FarmModel {
  const values: Record<string, unknown> = {};
  const prefix = `${pulumi.getProject()}:`;
  const keys = Object.keys(pulumi.runtime.allConfig()).filter((key) => key.startsWith(prefix));
  refuseSecretsInside(keys.filter((key) => pulumi.runtime.isConfigSecret(key)));
  const config = new pulumi.Config();
  for (const key of keys.map((name) => name.slice(prefix.length))) {
    const text = config.require(key);
    values[key] = /^\s*[[{]/.test(text) ? JSON.parse(text) : text;
  }
  return readFarm(values, keys);
}

function build(farm: FarmModel, found: Findings): Record<string, unknown> {
  const drift = (machine: string, component: string, concern: Concern): string | undefined =>
    driftOf(found.get(machine), instanceName(component, concern));
  const token = healthToken(POOL);
  const prefixes = farm.network.vipSubnets;
  const addressOf = new Map(farm.servers.map((server) => [server.name, server.address]));

  // Routers first: when the first failure stops what has not begun, the failover has.
  const routers = farm.routers.map(
    (router) =>
      new RouterRoute(router.name, {
        router,
        kind: router.kind,
        block: farm.network.block,
        ethernet: farm.network.ethernet,
        routes: farm.placement.map(({ prefix, server }) => ({
          prefix,
          server,
          nextHop: addressOf.get(server) ?? "",
        })),
        checks: farm.sites.flatMap((site) =>
          site.vips.map((vip) => ({
            vip,
            site: site.name,
            kind: CheckKind.Http,
            serverName: site.serverName,
            pool: POOL,
          })),
        ),
        healthPaths: { [POOL]: token.apply(healthPath) },
        proofSource: router.proofSource,
        drift: drift(router.name, router.name, Concern.LinuxRoutes),
      }),
  );

  const carriers = new Set(farm.placement.map(({ server }) => server));
  const pool = new WebServerPool(POOL, {
    servers: farm.servers.map((server) => ({
      ...server,
      after: carriers.has(server.name) ? [] : routers.map((router) => router.report),
      vipsDrift: drift(server.name, `${POOL}-${server.name}`, Concern.Vips),
      vhostsDrift: drift(server.name, `${POOL}-${server.name}`, Concern.Vhosts),
    })),
    sites: farm.sites,
    prefixes,
    binding: farm.binding,
    healthToken: token,
  });

  return {
    sites: Object.fromEntries(farm.sites.map((site) => [site.name, site.vips])),
    serving: Object.fromEntries(farm.placement.map(({ prefix, server }) => [prefix, server])),
    share: shares(farm.placement, farm.servers.map((server) => server.name)),
    healthPath: pool.healthPath,
  };
}
