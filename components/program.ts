/** The program behind a stack: stack configuration in, components out. */
import "./startup/needs.cjs";
// Before the SDK: the machines answer while it loads.
import { prefetchedLook } from "./startup/prefetch";
import { withShortTraces } from "./startup/shortTraces";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import {
  CheckKind,
  Role,
  DnsRoundRobin,
  HostArgs,
  RouterRoute,
  VipCheckArgs,
  WebServerPool,
  healthToken,
  instanceName,
  shares,
} from "./index";
import {
  FarmModel,
  ServerState,
  SiteModel,
  boundAliases,
  boundVips,
  enableSecretKey,
  siteSecretKey,
  zoneOf,
} from "./config";
import { secretsIn } from "./webServerPool/directives";
import { readStackConfig } from "./config/stack";
import { POOL } from "./preflight/identity";
import { firstServers } from "./preflight/firstServers";
import { isInDoubt } from "./host/drift";
import { Findings, driftOf, inspect } from "./preflight/inspection";
import { withDrift } from "./host/knownDrift";
import { ownInstances } from "./host/observe";
import { zoneComponent } from "./dnsRoundRobin/names";
import { announceOrder } from "./host/turns.cjs";
import { printPreflightReport } from "./preflight/report";
import { commandsOf, httpsSites, planAhead } from "./webServerPool/tls";
import { SiteArgs, healthPath } from "./webServerPool/vhostTemplate";
import { zonesElsewhere } from "./preflight/zonesElsewhere";

/** Beyond, the output of all sites' VIPs is JSON text: the SDK makes a promise of each value of an object. */
const MOST_SITES_AS_OBJECT = 500;

/**
 * The whole farm out of the stack's configuration: looks at the machines, reports what will move, declares all components.
 * A project's program is this and nothing else.
 *
 * @returns the stack's outputs: `sites` (with more than 500, as JSON text), `serving`, `share`, `healthPath` (a secret)
 * @throws ConfigError, UserError before any resource is made
 */
export function program(): Promise<Record<string, unknown>> {
  return withShortTraces(declare);
}

async function declare(): Promise<Record<string, unknown>> {
  const farm = readConfig();
  const stack = `${pulumi.getProject()}/${pulumi.getStack()}`;
  // Both providers start meanwhile: the routers wait for them. What inspect refuses is never a stack's first run.
  const token = healthToken(POOL);
  startCommandProvider();
  // Read while the machines answer.
  const pool = poolOf(farm);
  const certificates = planAhead(pool);
  certificates.catch(() => {}); // awaited below
  const found = await inspect(farm, stack, prefetchedLook);
  // A resolver that does not answer holds up nothing.
  void zonesElsewhere(farm, stack, found).then((lines) =>
    lines.forEach((line) => void pulumi.log.warn(line)),
  );
  await certificates;
  await printPreflightReport(farm, stack, found, pulumi.log);
  return build(farm, stack, found, token, pool);
}

/** The engine loads a provider with its first request. The commands report one that fails. */
function startCommandProvider(): void {
  command.local.run({ command: ":" }).catch(() => {});
}

/**
 * When it is known, or never will be. As a dependency it would be in the state until the next run, and who takes away one
 * server's component would take the routes along.
 */
const settled = (output: pulumi.Output<string>): Promise<unknown> =>
  // Not in the SDK's types: an apply is never called where the output stays unknown.
  (output as unknown as { promise(): Promise<unknown> }).promise();

function readConfig(): FarmModel {
  return readStackConfig({
    project: pulumi.getProject(),
    all: pulumi.runtime.allConfig(),
    // The SDK says which of its keys are secrets in the environment only.
    secretKeys: JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS ?? "[]"),
  });
}

function enableSecret(router: string): pulumi.Output<string> | undefined {
  const config = new pulumi.Config();
  const prefix = `${pulumi.getProject()}:`;
  const key = enableSecretKey(
    router,
    Object.keys(pulumi.runtime.allConfig()).map((name) => name.replace(prefix, "")),
  );
  return key === undefined ? undefined : config.requireSecret(key);
}

function siteSecrets(farm: FarmModel): Record<string, pulumi.Output<string>> {
  const names = secretsIn(farm.sites.flatMap(({ apache = [] }) => apache));
  if (names.length === 0) return {};
  const config = new pulumi.Config();
  return Object.fromEntries(names.map((name) => [name, config.requireSecret(siteSecretKey(name))]));
}

/** The health path, and what else is served there that we did not set up. */
function checksOf(
  { name: site, serverName, checkPorts, checkPath }: SiteModel,
  vip: string,
  https: Set<string>,
): VipCheckArgs[] {
  return [
    { vip, site, kind: CheckKind.Http, serverName, pool: POOL, checkPath, https: https.has(site) },
    ...checkPorts.map((port) => ({ vip, site, kind: CheckKind.Tcp, port })),
  ];
}

/** The pool's sites, and what its certificates depend on. */
function poolOf(farm: FarmModel) {
  const sites = farm.sites.map((site): SiteArgs => ({
    ...site,
    aliases: boundAliases(site),
    vips: boundVips(site),
    ...(farm.tls?.folder !== undefined && !site.tls ? { tls: { enabled: false } } : {}),
  }));
  return { sites, tls: farm.tls, commands: commandsOf(POOL, farm.servers) };
}

function build(
  farm: FarmModel,
  stack: string,
  found: Findings,
  token: pulumi.Output<string>,
  { sites, tls }: ReturnType<typeof poolOf>,
): Record<string, unknown> {
  const seen = <H extends HostArgs>(host: H): H =>
    withDrift(host, (instance) => driftOf(found.get(host.name), instance));
  const prefixes = farm.network.vipSubnets;

  const https = new Set(httpsSites({ sites, tls }).map(({ name }) => name));
  const carriers = new Set(farm.placement.map(({ server }) => server));
  let tellServed: () => void;
  const served = pulumi.output(new Promise<string>((resolve) => (tellServed = () => resolve(""))));
  const isFirstRun =
    found.size > 0 && [...found.values()].every((seen) => ownInstances(seen, stack).length === 0);

  // Routers first: when the first failure stops what has not begun, the failover has.
  const routers = farm.routers.map(
    (router) =>
      new RouterRoute(router.name, {
        router: seen(router),
        kind: router.kind,
        block: farm.network.block,
        serverSubnet: farm.network.serverSubnet,
        routes: farm.placement,
        servers: farm.servers,
        pinFlows: router.pinFlows,
        pinning: router.pinning,
        textfile: router.textfile,
        guard: router.guard,
        ...(router.guard ? { fallbacks: farm.fallbacks } : {}),
        confirmSeconds: router.confirmSeconds,
        checkSeconds: router.checkSeconds,
        checks: farm.sites.flatMap((site) => boundVips(site).flatMap((vip) => checksOf(site, vip, https))),
        healthPaths: { [POOL]: token.apply(healthPath) },
        checkSource: router.checkSource,
        others: farm.routers.filter((other) => other !== router).map(({ name }) => name),
        enableSecret: enableSecret(router.name),
        // Nothing fails over by it yet, and all of many servers together take longer than it waits for one.
        after: isFirstRun ? [served] : [],
      }),
  );

  if (!pulumi.runtime.isDryRun())
    announceOrder(
      firstServers(
        farm.servers.filter(({ state }) => state !== ServerState.Down).map(({ name }) => name),
        farm.placement,
        (name) => found.get(name)?.failure === undefined,
        (name) => isInDoubt(found.get(name), instanceName(`${POOL}-${name}`, Role.Vhosts)),
      ),
    );
  const pool = new WebServerPool(POOL, {
    servers: farm.servers.map((server) =>
      seen({ ...server, after: carriers.has(server.name) ? [] : routers.map((router) => router.report) }),
    ),
    sites,
    tls,
    prefixes,
    binding: farm.binding,
    healthToken: token,
    secrets: siteSecrets(farm),
  });

  const carrying = farm.servers
    .filter(({ name }) => carriers.has(name))
    .map(({ name }) => pool.reports[name]);
  void Promise.all(carrying.map(settled)).then(tellServed!, tellServed!);

  // Names last: no visitor is sent where nothing answers yet. Servers that only stand by must not delay them.
  const after = [...routers.map((router) => router.report), ...carrying];
  const zones = farm.zones.map(({ zone }) => zone);
  const published = farm.sites.filter((site) => !site.retiring);
  for (const zone of farm.zones) {
    new DnsRoundRobin(zoneComponent(zone.zone), {
      ...zone,
      after,
      nameServers: farm.nameServers.filter(({ name }) => zone.nameServers.includes(name)).map(seen),
      sites: published.flatMap((site) =>
        [site.serverName, ...site.aliases]
          .filter((name) => zoneOf(name, zones) === zone.zone)
          .map((name) => ({ name, addresses: site.vips })),
      ),
    });
  }

  const vipsBySite = Object.fromEntries(farm.sites.map((site) => [site.name, site.vips]));
  return {
    sites: farm.sites.length > MOST_SITES_AS_OBJECT ? JSON.stringify(vipsBySite) : vipsBySite,
    serving: Object.fromEntries(farm.placement.map(({ prefix, server }) => [prefix, server])),
    share: shares(
      farm.placement,
      farm.servers.map((server) => server.name),
    ),
    healthPath: pool.healthPath,
  };
}
