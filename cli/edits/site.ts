/** What `site add` and `site remove` write into the config. Pure. */
import { contains, hostNumberOf, maxHostNumber } from "../../components/network/addressPlan";
import { orderByAddress } from "../../components/network/ipv4Only";
import { FarmModel, SiteModel, zoneOf } from "../../components/config";
import { describeHidden, HiddenVhost } from "../../components/preflight/hiddenVhosts";
import { show, useNearest } from "../../components/base/problems";
import { UsageError } from "../terminal/exit";
import type { Edit } from "../pulumi/stackFile";

/** A new site. */
export interface NewSite {
  serverName: string;
  aliases?: string[];
  documentRoot: string;
  /** Default: the next free one. */
  hostNumber?: number;
  /** Another site, whose VIPs it takes in place of own ones. */
  shareVipsWith?: string;
  /** For a new zone: the mail address of the person responsible. */
  contact?: string;
  /** The new zone. Default: the server name without its first label. */
  zone?: string;
}

/** @throws UsageError when the site would hide a virtual host not managed by this stack */
export function refuseHidden(name: string, hidden: HiddenVhost[]): void {
  const own = hidden.filter(({ site }) => site === name);
  if (own.length === 0) return;
  throw new UsageError(
    `${describeHidden(own).join("\n")}. Nothing was touched. Copy the directives that you need, or remove it; to add the site anyway: --hide-existing`,
  );
}

/** The lowest host number that no site has, on its way in or out. @throws UsageError when all are taken */
export function nextHostNumber({ network, sites }: FarmModel): number {
  const numbers = sites.flatMap(({ vips, retiringVips }) =>
    [...vips, ...retiringVips].map((vip) => {
      const prefix = network.vipSubnets.find((candidate) => contains(candidate, vip));
      return prefix === undefined ? 0 : hostNumberOf(prefix, vip);
    }),
  );
  const taken = new Set([...numbers, ...sites.map(({ hostNumber }) => hostNumber)]);
  const most = Math.min(...[network.serverSubnet, ...network.vipSubnets].map(maxHostNumber));
  for (let number = 1; number <= most; number++) if (!taken.has(number)) return number;
  throw new UsageError(
    `no host number is free: 1 to ${most} are all taken. Share another site's VIPs (--share-vips-with SITE), or use a shorter network.subnetPrefix`,
  );
}

/** @throws UsageError when the name is taken */
export function additionOf(farm: FarmModel, name: string, site: NewSite): Edit[] {
  if (farm.sites.some((other) => other.name === name))
    throw new UsageError(`site ${show(name)} already exists; use another name. Nothing was touched`);
  const { serverName, aliases = [], documentRoot, shareVipsWith } = site;
  const hostNumber = shareVipsWith === undefined ? (site.hostNumber ?? nextHostNumber(farm)) : undefined;
  return [
    {
      path: ["sites", name],
      value: {
        serverName,
        ...(aliases.length > 0 ? { aliases } : {}),
        documentRoot,
        ...(hostNumber === undefined ? { shareVipsWith } : { hostNumber }),
      },
    },
    ...newZone(farm, site),
  ];
}

function newZone({ zones, nameServers }: FarmModel, { serverName, contact, zone }: NewSite): Edit[] {
  const known = zones.map((candidate) => candidate.zone);
  if (nameServers.length === 0 || zoneOf(serverName, known) !== undefined) return [];
  const wanted = zone ?? serverName.split(".").slice(1).join(".");
  if (contact === undefined) {
    throw new UsageError(
      `${serverName} is not in any of the zones${known.length > 0 ? ` (${known.join(", ")})` : ""}; pass --contact hostmaster@${wanted} to create the zone ${wanted} (or --zone for another one). Nothing was touched`,
    );
  }
  return [{ path: ["zones", wanted], value: { contact } }];
}

/** @throws UsageError with the nearest name */
export function siteNamed({ sites }: FarmModel, name: string): SiteModel {
  const site = sites.find((candidate) => candidate.name === name);
  if (site) return site;
  throw new UsageError(
    `there is no site ${show(name)}; ${useNearest(
      name,
      sites.map((candidate) => candidate.name),
      "site",
    )}`,
  );
}

/** First out of DNS; when that is so, all of it. */
export function removalOf(farm: FarmModel, name: string): Edit[] {
  const { retiring } = siteNamed(farm, name);
  if (!retiring) return [{ path: ["sites", name, "retiring"], value: true }];
  if (farm.sites.length === 1)
    throw new UsageError(
      `${name} is the last site; to remove the whole farm, run pulumi destroy. Nothing was touched`,
    );
  return [{ path: ["sites", name] }];
}

/** The addresses of a site in order, for a line. */
export const addressesText = ({ vips }: SiteModel): string => orderByAddress(vips, (vip) => vip).join(", ");
