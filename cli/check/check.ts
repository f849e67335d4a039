/** Whether a stack's configuration can be used, and keeps the rules it is asked to keep. Pure. */
import { firstFew } from "../../components/base/firstFew";
import type { FarmModel } from "../../components/config";
import { readStackConfig } from "../../components/config/stack";
import { UserError } from "../../components/base/userError";
import { pairProblems } from "../../components/preflight/pairsInFolder";
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
  /** What would fix it, as commands or in words; empty: nothing is broken. */
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
    const elsewhere = imports ? ["values that it imports through environment: are not read here"] : [];
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
  return firstFew(
    below.map(
      ({ site, servers, vips }) =>
        `site ${site} would be served only by ${servers.join(", ") || "no server"}, on ${vips.join(", ")} together; at least ${least} servers are required`,
    ),
    MOST_SITES,
    (more) => `and ${more} more such sites`,
  );
}

function describeShortage({ servers, network }: FarmModel, least: number): string[] {
  const vips = network.vipSubnets.length;
  return [
    ...(servers.length < least
      ? [`add servers: at least ${least} are needed under servers, there are ${servers.length}`]
      : []),
    ...(vips < least
      ? [
          `set network.vipSubnets to ${least}: with ${vips}, a site has ${vips} VIPs and at most as many servers`,
        ]
      : []),
    ...(servers.length >= least && vips >= least
      ? ["use fewer overrides, and spread homes over more servers"]
      : []),
  ];
}

/** A finding as lines. */
export function describeFinding({
  file,
  refused,
  broken,
  warnings,
  remedy: remedies,
  sites,
}: Finding): string[] {
  if (refused !== null) return refused.split("\n").map((line) => `${file}: ${line}`);
  const fewest = Math.min(...sites.map(({ servers }) => servers.length));
  const count = sites.length === 1 ? "1 site" : `${sites.length} sites`;
  const warned = warnings.map((text) => `${file}: warning: ${text}`);
  if (broken.length === 0)
    return [
      ...warned,
      `${file}: ${sites.length > 0 ? `${count}, each served by ${fewest === 1 ? "1 server" : `${fewest} servers`} or more` : "no sites"}`,
    ];
  return [
    ...warned,
    ...broken.map((text) => `${file}: ${text}`),
    "to fix this:",
    ...remedies.map((text) => `  ${text}`),
  ];
}
