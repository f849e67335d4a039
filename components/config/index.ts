/** Stack configuration in, the checked model of the farm out. Imports no Pulumi: see program.ts for the reading. */
import { NetworkPlan, VipBinding, planNetwork } from "../network/addressPlan";
import { Problems } from "../base/problems";
import { Hosts, namesIn, readHosts } from "./hosts";
import { bareKey, checkKeys, siteSecrets } from "./keys";
import { entries, flag, parse } from "./leaf";
import { FarmModel, Granularity, ServerState } from "./model";
import { refuseRenamed } from "./renamed";
import { networkSchema } from "./schema";
import { boundVips, readSites } from "./sites";
import { readTls } from "./tls";
import { readZones } from "./zones";
import { fallbacks } from "../network/fallbacks";
import { Placement, place } from "../network/placement";
import { PlacementOptions } from "../network/homes";

export { VipBinding } from "../network/addressPlan";
export { ConfigError, Problem } from "../base/problems";
export { checkSecrets, enableSecretKey, isSecretKey, siteSecretKey } from "./keys";
export * from "./model";
export { boundAliases, boundVips } from "./sites";
export { zoneOf } from "./zones";

/**
 * Reads the configuration.
 * @param input value by key, without namespace; objects are parsed, scalars may be text
 * @param keys all keys that are set, with or without namespace, to find stray ones. Default: those of `input`
 * @throws ConfigError with one line for each problem: config path, offending value, and one that would work
 */
export function readFarm(input: Record<string, unknown>, keys: string[] = []): FarmModel {
  const problems = new Problems();
  const values = refuseRenamed(input, keys.map(bareKey), problems);
  checkKeys([...Object.keys(input), ...keys], namesIn(values.routers), problems);
  const { network, binding, granularity } = readNetwork(values.network, problems);
  const hosts = readHosts(values, network, problems);
  const tls = readTls(values.tls, problems);
  const before = problems.count;
  const secrets = siteSecrets([...Object.keys(values), ...keys]);
  const sites = readSites(values.sites, network, tls, secrets, problems);
  const sitesAreSound = problems.count === before;
  const known = namesIn(values.nameServers);
  const zones = readZones(values.zones, hosts.nameServers, known, sites, problems);
  const wanted = readPlacementInput(values, problems);
  // Units are the sites' VIPs, and a VIP that is missing because of another problem is not a mistake of its own.
  const single = granularity === Granularity.Host;
  if (single) wanted.vips = sites.flatMap(boundVips);
  const placement = single && !sitesAreSound ? [] : readPlacement(values, network, hosts, wanted, problems);
  const detectDrift = readDetectDrift(values.detectDrift, problems);
  problems.throwIfAny();
  const farm = {
    network: network!,
    binding,
    ...hosts,
    sites,
    zones,
    placement,
    fallbacks: hosts.routers.some(({ guard }) => guard)
      ? fallbacks(network!.vipSubnets, hosts.servers, wanted)
      : [],
    homes: wanted.homes,
    detectDrift,
  };
  return tls ? { ...farm, tls: tls.model } : farm;
}

interface Network {
  network?: NetworkPlan;
  binding: VipBinding;
  granularity: Granularity;
}

function readNetwork(value: unknown, problems: Problems): Network {
  const input = parse(networkSchema, value, ["network"], problems);
  if (!input) return { binding: VipBinding.Alias, granularity: Granularity.Subnet };
  const { binding, granularity } = input;
  try {
    return { network: planNetwork(input), binding, granularity };
  } catch (error) {
    problems.take(error, (field) => ["network", ...field]);
    return { binding, granularity };
  }
}

function readDetectDrift(value: unknown, problems: Problems): boolean {
  // A top-level value is text when it was set by `pulumi config set`.
  const parsed = value === "true" ? true : value === "false" ? false : value;
  return parse(flag().default(true), parsed, ["detectDrift"], problems) ?? true;
}

type PlacementInput = PlacementOptions & { homes: Record<string, string> };

function readPlacementInput(values: Record<string, unknown>, problems: Problems): PlacementInput {
  const example = '{"192.0.2.32/27": "web1"}';
  const read = (key: string): Record<string, string> =>
    Object.fromEntries(
      entries(values[key], [key], example, () => undefined, String, problems) as [string, string][],
    );
  return { homes: read("homes"), overrides: read("overrides") };
}

function readPlacement(
  values: Record<string, unknown>,
  plan: NetworkPlan | undefined,
  { servers }: Hosts,
  wanted: PlacementInput,
  problems: Problems,
): Placement[] {
  const names = namesIn(values.servers);
  if (!plan || names.length === 0) return [];
  // A server with a problem has been reported: here it counts as active, so that nothing is said about it again.
  const broken = names.filter((name) => !servers.some((server) => server.name === name));
  const all = [
    ...servers,
    ...broken.map((name) => ({ name, address: "0.0.0.0", state: ServerState.Active })),
  ];
  try {
    return place(plan.vipSubnets, all, wanted);
  } catch (error) {
    problems.take(error);
    return [];
  }
}
