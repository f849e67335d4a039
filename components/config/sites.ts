/** Reads `sites`. */
import { z } from "zod";
import { NetworkPlan, maxHostNumber, vipsOf } from "../addressPlan";
import { Path, Problems, pathText, useNearest } from "./error";
import { entries, parse, whole } from "./leaf";
import { SiteModel } from "./model";
import { nameComplaint, nameInstead } from "./names";
import { siteSchema } from "./schema";

type SiteInput = z.output<typeof siteSchema> & { name: string };

/** Reads all sites; those with a problem are left out. Without a plan, nothing is checked that needs one. */
export function readSites(value: unknown, plan: NetworkPlan | undefined, problems: Problems): SiteModel[] {
  const example = '{"widgetco": {"serverName": "www.widgetco.example", ...}}';
  const numbers = new HostNumbers(value, plan);
  const sites = entries(value, ["sites"], example, nameComplaint, nameInstead, problems).flatMap(
    ([name, raw]): SiteInput[] => {
      const site = parse(siteSchema, raw, ["sites", name], problems);
      return site ? [{ ...site, name }] : [];
    },
  );
  checkDomains(sites, problems);

  const own = new Map<string, number>();
  for (const site of sites.filter((site) => site.shareVipsWith === undefined)) {
    const number = numbers.claim(site, problems);
    if (number !== undefined) own.set(site.name, number);
  }
  return sites.flatMap(({ shareVipsWith, ...site }): SiteModel[] => {
    if (shareVipsWith !== undefined) checkShare({ ...site, shareVipsWith }, sites, problems);
    const hostNumber = own.get(shareVipsWith ?? site.name);
    return hostNumber && plan ? [{ ...site, hostNumber, vips: vipsOf(plan, hostNumber) }] : [];
  });
}

function checkDomains(sites: SiteInput[], problems: Problems): void {
  const owners = new Map<string, Path>();
  for (const { name, serverName, aliases } of sites) {
    const own: [Path, string][] = [
      [["serverName"], serverName],
      ...aliases.map((alias, i): [Path, string] => [["aliases", i], alias]),
    ];
    for (const [key, domain] of own) {
      const path = ["sites", name, ...key];
      const owner = owners.get(domain);
      if (owner)
        problems.add(
          path,
          domain,
          `is also ${pathText(owner)}`,
          "use a name that no other site has, or remove one",
        );
      else owners.set(domain, path);
    }
  }
}

function checkShare(
  site: Omit<SiteInput, "shareVipsWith"> & { shareVipsWith: string },
  sites: SiteInput[],
  problems: Problems,
): void {
  const path = ["sites", site.name, "shareVipsWith"];
  const target = sites.find(({ name }) => name === site.shareVipsWith);
  const owners = sites.filter(({ name, shareVipsWith }) => shareVipsWith === undefined && name !== site.name);
  const instead = useNearest(
    target?.shareVipsWith ?? site.shareVipsWith,
    owners.map(({ name }) => name),
    "other site with a hostNumber",
  );
  if (site.hostNumber !== undefined)
    problems.add(
      [...path.slice(0, 2), "hostNumber"],
      site.hostNumber,
      "is given beside shareVipsWith",
      "remove one of both",
    );
  if (site.shareVipsWith === site.name) problems.add(path, site.name, "is the site itself", instead);
  else if (!target) problems.add(path, site.shareVipsWith, "is no site", instead);
  else if (target.shareVipsWith !== undefined)
    problems.add(path, target.name, "has no hostNumber of its own", instead);
}

/** Which site has which host number. */
class HostNumbers {
  private readonly owners = new Map<number, string>();
  private readonly suggested = new Set<number>();
  private readonly max: number | undefined;

  constructor(sites: unknown, plan: NetworkPlan | undefined) {
    this.max = plan && maxHostNumber(plan.ethernet);
    const raw = typeof sites === "object" && sites !== null ? Object.values(sites) : [];
    raw.forEach((site) => typeof site?.hostNumber === "number" && this.suggested.add(site.hostNumber));
  }

  /** The site's host number; undefined, and the problem noted, when it can't have it. */
  claim({ name, hostNumber }: SiteInput, problems: Problems): number | undefined {
    const path = ["sites", name, "hostNumber"];
    if (this.max === undefined) return undefined;
    const sound = whole(1, this.max, 1).safeParse(hostNumber);
    const owner = sound.success && this.owners.get(sound.data);
    if (sound.success && !owner) {
      this.owners.set(sound.data, name);
      return sound.data;
    }
    if (owner)
      problems.add(
        path,
        hostNumber,
        `is also sites.${owner}.hostNumber`,
        `${this.free()}, or shareVipsWith ${owner} in its place`,
      );
    else parse(whole(1, this.max, 1), hostNumber, path, problems);
    return undefined;
  }

  private free(): string {
    for (let number = 1; number <= this.max!; number++) {
      if (this.suggested.has(number)) continue;
      this.suggested.add(number);
      return `use ${number}, the next free one`;
    }
    return "no number is free: use a shorter network.subnetPrefix";
  }
}
