/** Whether a stack's configuration can be used, and keeps the rules it is asked to keep. Pure. */
import type { FarmModel } from "../../components/config";
import { readStackConfig } from "../../components/config/stack";
import { UserError } from "../../components/base/userError";
import { pairProblems } from "../../components/webServerPool/tls/inFolder";
import { SiteServers, commandOf, remedy, serversPerSite, sitesBelow } from "./serversPerSite";
import type { StackFile } from "./stackFiles";

/** Rules. */
export interface Rules {
  /** How many servers every site must have at least, over all its VIPs. Default: none is asked for. */
  minServersPerSite?: number;
}

/** What was found in one stack's configuration. */
export interface Finding {
  stack: string;
  file: string;
  /** Why the configuration can't be used; null: it can. */
  refused: string | null;
  /** Which rules it breaks, one sentence each. */
  broken: string[];
  /** What is wrong with certificates where the folder is, or soon will be; one sentence each. */
  warnings: string[];
  /** What would mend it, as commands or in words; empty: nothing is broken. */
  remedy: string[];
  sites: SiteServers[];
}

const MOST_SITES = 10;

/** Checks one stack. */
export function check(
  { stack, file, config, imports }: StackFile,
  { minServersPerSite: least }: Rules,
): Finding {
  const finding: Finding = { stack, file, refused: null, broken: [], warnings: [], remedy: [], sites: [] };
  let farm: FarmModel;
  try {
    farm = readStackConfig(config);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const elsewhere = imports ? ["what it imports by environment: is not read here"] : [];
    return { ...finding, refused: [error.message, ...elsewhere].join("\n") };
  }
  const sites = serversPerSite(farm);
  const warnings = pairProblems(farm, config.folder ?? ".", new Date(), new Set());
  const below = least === undefined ? [] : sitesBelow(farm, least);
  if (least === undefined || below.length === 0) return { ...finding, warnings, sites };
  const commands = remedy(config, least)?.map(commandOf);
  return {
    ...finding,
    warnings,
    sites,
    broken: describeBelow(below, least),
    remedy: commands ?? describeShortage(farm, least),
  };
}

function describeBelow(below: SiteServers[], least: number): string[] {
  const more = below.length - MOST_SITES;
  return [
    ...below
      .slice(0, MOST_SITES)
      .map(
        ({ site, servers, vips }) =>
          `site ${site} would be served by ${servers.join(", ") || "nobody"} only, on all of ${vips.join(", ")}; at least ${least} servers are asked for`,
      ),
    ...(more > 0 ? [`and ${more} more sites like that`] : []),
  ];
}

function describeShortage({ servers, network }: FarmModel, least: number): string[] {
  const vips = network.vipSubnets.length;
  return [
    ...(servers.length < least
      ? [`at least ${least} servers below servers; there are ${servers.length}`]
      : []),
    ...(vips < least
      ? [`network.vipSubnets ${least}: with ${vips}, a site has ${vips} VIPs and no more servers than that`]
      : []),
    ...(servers.length >= least && vips >= least ? ["fewer overrides, and more servers in homes"] : []),
  ];
}

/** A finding as lines. */
export function describeFinding({
  file,
  refused,
  broken,
  warnings,
  remedy: mending,
  sites,
}: Finding): string[] {
  if (refused !== null) return refused.split("\n").map((line) => `${file}: ${line}`);
  const fewest = Math.min(...sites.map(({ servers }) => servers.length));
  const count = sites.length === 1 ? "1 site" : `${sites.length} sites`;
  const warned = warnings.map((text) => `${file}: warning: ${text}`);
  if (broken.length === 0)
    return [
      ...warned,
      `${file}: ${sites.length > 0 ? `${count}, each served by ${fewest === 1 ? "1 server" : `${fewest} servers`} or more` : "no site"}`,
    ];
  return [
    ...warned,
    ...broken.map((text) => `${file}: ${text}`),
    "what would work:",
    ...mending.map((text) => `  ${text}`),
  ];
}
