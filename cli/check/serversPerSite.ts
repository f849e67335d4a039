/** How many servers each site has, and what would give it more. Pure. */
import { contains } from "../../components/network/addressPlan";
import { FarmModel, ServerState } from "../../components/config";
import { pathText } from "../../components/base/problems";
import { StackConfig, readStackConfig } from "../../components/config/stack";
import { UserError } from "../../components/base/userError";
import { Edit, withEditedValues } from "../pulumi/stackFile";

/** A site and the servers that its visitors reach. */
export interface SiteServers {
  site: string;
  /** Its VIPs that are in DNS. */
  vips: string[];
  /** Who serves at least one of them, ordered by address. */
  servers: string[];
}

/** Sites that are not on their way out. */
export function serversPerSite({ sites, placement, servers }: FarmModel): SiteServers[] {
  return sites
    .filter(({ retiring }) => !retiring)
    .map(({ name, vips }) => {
      const serving = new Set(
        vips.map((vip) => placement.find(({ prefix }) => contains(prefix, vip))?.server),
      );
      return {
        site: name,
        vips,
        servers: servers.map((server) => server.name).filter((server) => serving.has(server)),
      };
    });
}

/** Those with fewer. */
export const sitesBelow = (farm: FarmModel, least: number): SiteServers[] =>
  serversPerSite(farm).filter(({ servers }) => servers.length < least);

/** More edits than this are no advice. */
const MOST_EDITS = 8;

/**
 * Edits of the configuration that would give every site enough servers: the one that helps most, again and again, or
 * where no single one helps, everything spread out again.
 * @returns undefined where nothing that could be edited helps: then there are too few servers
 */
export function remedy(config: StackConfig, least: number): Edit[] | undefined {
  const edits: Edit[] = [];
  for (let missing = missingIn(config, edits, least); missing > 0;) {
    const best = bestOf(config, edits, least);
    if (best === undefined || best.missing >= missing || edits.length === MOST_EDITS)
      return spread(config, least);
    edits.push(best.edit);
    missing = best.missing;
  }
  return edits;
}

/** The first that leaves nothing missing, or else the one that leaves least. */
function bestOf(
  config: StackConfig,
  edits: Edit[],
  least: number,
): { edit: Edit; missing: number } | undefined {
  let best: { edit: Edit; missing: number } | undefined;
  for (const edit of candidates(config, edits, least)) {
    const missing = missingIn(config, [...edits, edit], least);
    if (best === undefined || missing < best.missing) best = { edit, missing };
    if (missing === 0) break;
  }
  return best;
}

function farmWith(config: StackConfig, edits: Edit[]): FarmModel {
  return readStackConfig({ ...config, all: withEditedValues(config.all, config.project, edits) });
}

function spread(config: StackConfig, least: number): Edit[] | undefined {
  const { network, servers } = farmWith(config, []);
  // Those that are active already come first.
  const chosen = [...servers]
    .sort((a, b) => Number(b.state === ServerState.Active) - Number(a.state === ServerState.Active))
    .slice(0, least);
  const edits = [
    ...chosen.filter(({ state }) => state !== ServerState.Active).map(({ name }) => activate(name)),
    ...overridesIn(config).map(dropOverride),
    ...network.vipSubnets.map((prefix, i) => home(prefix, chosen[i % chosen.length].name)),
  ];
  return missingIn(config, edits, least) === 0 ? edits : undefined;
}

const activate = (name: string): Edit => ({ path: ["servers", name, "state"], value: ServerState.Active });
const dropOverride = (prefix: string): Edit => ({ path: ["overrides", prefix] });
const home = (prefix: string, name: string): Edit => ({ path: ["homes", prefix], value: name });

const overridesIn = ({ all, project }: StackConfig): string[] =>
  Object.keys(JSON.parse(all[`${project}:overrides`] ?? "{}") as object);

/** How many servers all sites together lack. A configuration that would be refused is no help. */
function missingIn(config: StackConfig, edits: Edit[], least: number): number {
  try {
    return sitesBelow(farmWith(config, edits), least).reduce(
      (sum, { servers }) => sum + least - servers.length,
      0,
    );
  } catch (error) {
    if (error instanceof UserError) return Infinity;
    throw error;
  }
}

/** What an operator would do first comes first. */
function candidates(config: StackConfig, edits: Edit[], least: number): Edit[] {
  const { network, servers } = farmWith(config, edits);
  const isActive = ({ state }: { state: ServerState }): boolean => state === ServerState.Active;
  return [
    ...servers.filter((server) => !isActive(server)).map(({ name }) => activate(name)),
    ...overridesIn(config).map(dropOverride),
    ...network.vipSubnets.flatMap((prefix) => servers.filter(isActive).map(({ name }) => home(prefix, name))),
    ...(network.vipSubnets.length < least ? [{ path: ["network", "vipSubnets"], value: least }] : []),
  ];
}

/** As the operator types it. */
export const commandOf = ({ path, value }: Edit): string =>
  value === undefined
    ? `pulumi config rm --path '${pathText(path)}'`
    : `pulumi config set --path '${pathText(path)}' ${value as string | number}`;
