/** Stack configuration in, the checked model of the farm out. Imports no Pulumi: see index.ts for the reading. */
import { NetworkPlan, VipBinding, planNetwork } from "./addressPlan";
import { Problems } from "./config/error";
import { Hosts, namesIn, readHosts } from "./config/hosts";
import { checkKeys } from "./config/keys";
import { entries, flag, parse } from "./config/leaf";
import { FarmModel, ServerState } from "./config/model";
import { networkSchema } from "./config/schema";
import { readSites } from "./config/sites";
import { readZones } from "./config/zones";
import { Placement, place } from "./placement";

export { VipBinding } from "./addressPlan";
export { ConfigError, Problem } from "./config/error";
export { refuseSecretsInside } from "./config/keys";
export * from "./config/model";
export { boundAliases, boundVips } from "./config/sites";
export { zoneOf } from "./config/zones";

/**
 * Reads the configuration.
 * @param values value by key, without namespace; objects are parsed, scalars may be text
 * @param keys all keys that are set, with or without namespace, to find stray ones. Default: those of `values`
 * @throws ConfigError with one line for each problem: config path, offending value, and one that would work
 */
export function readFarm(values: Record<string, unknown>, keys: string[] = []): FarmModel {
  const problems = new Problems();
  checkKeys([...Object.keys(values), ...keys], problems);
  const [network, binding] = readNetwork(values.network, problems);
  const hosts = readHosts(values, network, problems);
  const sites = readSites(values.sites, network, problems);
  const known = namesIn(values.nameServers);
  const zones = readZones(values.zones, hosts.nameServers, known, sites, problems);
  const placement = readPlacement(values, network, hosts, problems);
  const observe = readObserve(values.observe, problems);
  problems.throwIfAny();
  return { network: network!, binding, ...hosts, sites, zones, placement, observe };
}

function readNetwork(value: unknown, problems: Problems): [NetworkPlan | undefined, VipBinding] {
  const network = parse(networkSchema, value, ["network"], problems);
  if (!network) return [undefined, VipBinding.Alias];
  try {
    return [planNetwork(network), network.binding];
  } catch (error) {
    problems.take(error);
    return [undefined, network.binding];
  }
}

function readObserve(value: unknown, problems: Problems): boolean {
  // A top-level value is text when it was set by `pulumi config set`.
  const parsed = value === "true" ? true : value === "false" ? false : value;
  return parse(flag().default(true), parsed, ["observe"], problems) ?? true;
}

function readPlacement(
  values: Record<string, unknown>,
  plan: NetworkPlan | undefined,
  { servers }: Hosts,
  problems: Problems,
): Placement[] {
  const example = '{"192.0.2.32/27": "web1"}';
  const homes = entries(values.placement, ["placement"], example, () => undefined, String, problems);
  const names = namesIn(values.servers);
  if (!plan || names.length === 0) return [];
  // A server with a problem has been reported: here it counts as active, so that nothing is said about it again.
  const broken = names.filter((name) => !servers.some((server) => server.name === name));
  const all = [
    ...servers,
    ...broken.map((name) => ({ name, address: "0.0.0.0", state: ServerState.Active })),
  ];
  try {
    return place(plan.vipSubnets, all, Object.fromEntries(homes) as Record<string, string>);
  } catch (error) {
    problems.take(error);
    return [];
  }
}
