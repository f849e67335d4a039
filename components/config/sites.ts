/** Reads `sites`. */
import { z } from "zod";
import { NetworkPlan, maxHostNumber, vipsOf } from "../network/addressPlan";
import { lineProblems } from "../webServerPool/directives";
import { Path, Problems, pathText, show, useNearest } from "../base/problems";
import { entries, field, parse } from "./leaf";
import { SiteModel } from "./model";
import { nameIssue, nameInstead } from "../base/names";
import { siteSchema } from "./schema";
import { TlsInput, readSiteTls } from "./tls";

type SiteInput = Omit<z.output<typeof siteSchema>, "tls"> & Pick<SiteModel, "name" | "tls">;

/**
 * Reads all sites; those with a problem are left out. Without a plan, nothing is checked that needs one.
 * @param tls what the stack has for all sites
 * @param secrets the names of those that lines for Apache may have
 */
export function readSites(
  value: unknown,
  plan: NetworkPlan | undefined,
  tls: TlsInput | undefined,
  secrets: readonly string[],
  problems: Problems,
): SiteModel[] {
  const example = '{"widgetco": {"serverName": "www.widgetco.example", ...}}';
  const raws = entries(value, ["sites"], example, nameIssue, nameInstead, problems);
  const sites = raws.flatMap(([name, raw]): SiteInput[] => {
    const site = parse(siteSchema, raw, ["sites", name], problems);
    if (!site) return [];
    const { tls: own, ...rest } = site;
    const served = readSiteTls(own, name, tls, problems);
    return [{ ...rest, name, ...(served ? { tls: served } : {}) }];
  });
  checkDomains(sites, problems);
  for (const site of sites) checkDirectives(site, secrets, problems);
  const numbers = readHostNumbers(raws, plan, problems);
  const retiring = readRetiringNumbers(raws, numbers, plan, problems);
  return sites.flatMap(({ shareVipsWith, retiringHostNumber: _, apacheFile: __, ...site }): SiteModel[] => {
    const owner = shareVipsWith ?? site.name;
    const hostNumber = numbers.get(owner);
    if (!hostNumber || !plan) return [];
    const all = vipsOf(plan, hostNumber);
    const vips = all.slice(0, all.length - plan.retiringSubnets.length);
    const before = [site.name, owner].flatMap((name) => vipsOf(plan, retiring.get(name)));
    const retiringVips = [...new Set([...all, ...before])].filter((vip) => !vips.includes(vip));
    return [{ ...site, hostNumber, vips, retiringVips }];
  });
}

/** All addresses a site answers on: those in DNS, and those on the way out. */
export function boundVips(site: SiteModel): string[] {
  return [...site.vips, ...site.retiringVips];
}

/** All names a site answers to in addition to its serverName: those in DNS, and those on the way out. */
export function boundAliases(site: SiteModel): string[] {
  return [...site.aliases, ...site.retiringAliases];
}

function checkDirectives(
  { name, apache = [], apacheFile }: SiteInput,
  secrets: readonly string[],
  problems: Problems,
): void {
  for (const { line, issue, instead } of lineProblems(apache, secrets)) {
    if (apacheFile === undefined) problems.add(["sites", name, "apache", line], apache[line], issue, instead);
    else
      problems.say(
        ["sites", name, "apacheFile"],
        `${apacheFile}, line ${line + 1}: ${show(apache[line])} ${issue}; ${instead}`,
      );
  }
}

function checkDomains(sites: SiteInput[], problems: Problems): void {
  const owners = new Map<string, Path>();
  for (const { name, serverName, aliases, retiringAliases } of sites) {
    const own: [Path, string][] = [
      [["serverName"], serverName],
      ...aliases.map((alias, i): [Path, string] => [["aliases", i], alias]),
      ...retiringAliases.map((alias, i): [Path, string] => [["retiringAliases", i], alias]),
    ];
    for (const [key, domain] of own) {
      const path = ["sites", name, ...key];
      const owner = owners.get(domain);
      if (owner)
        problems.add(
          path,
          domain,
          `is already used by ${pathText(owner)}`,
          "use a name that no other site has, or remove one of them",
        );
      else owners.set(domain, path);
    }
  }
}

/** Host number by site, for those that have a sound one of their own. `raws`: all sites, sound or not. */
function readHostNumbers(
  raws: [string, unknown][],
  plan: NetworkPlan | undefined,
  problems: Problems,
): Map<string, number> {
  const numbers = new HostNumbers(raws, plan);
  const byName = new Map(raws);
  for (const [name, raw] of raws) {
    const share = field(raw, "shareVipsWith");
    if (typeof share === "string") checkShare(name, share, byName, problems);
    else if (share === undefined) numbers.claim(name, field(raw, "hostNumber"), problems);
  }
  return numbers.byName;
}

/** The host number that a site had before, by site; those that share its VIPs had it too. */
function readRetiringNumbers(
  raws: [string, unknown][],
  numbers: Map<string, number>,
  plan: NetworkPlan | undefined,
  problems: Problems,
): Map<string, number> {
  const found = new Map<string, number>();
  const max = plan && maxHostNumber(plan.serverSubnet);
  for (const [name, raw] of raws) {
    const number = field(raw, "retiringHostNumber");
    if (number === undefined || max === undefined) continue;
    const refuse = (issue: string): void =>
      problems.add(
        ["sites", name, "retiringHostNumber"],
        number,
        issue,
        "use the host number that the site had before, or remove this key",
      );
    if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > max)
      refuse(`is not a whole number from 1 to ${max}`);
    else if (numbers.get(name) === number) refuse("is the site's hostNumber");
    else found.set(name, number);
  }
  return found;
}

function checkShare(name: string, share: string, sites: Map<string, unknown>, problems: Problems): void {
  const shareOf = (site: string): unknown => field(sites.get(site), "shareVipsWith");
  const number = field(sites.get(name), "hostNumber");
  if (number !== undefined)
    problems.add(
      ["sites", name, "hostNumber"],
      number,
      "can't be combined with shareVipsWith",
      "remove one of them",
    );
  const refuse = (issue: string, meant: unknown): void => {
    const owners = [...sites.keys()].filter((site) => site !== name && shareOf(site) === undefined);
    const instead = useNearest(meant, owners, "other site with a hostNumber");
    problems.add(["sites", name, "shareVipsWith"], share, issue, instead);
  };
  if (share === name) refuse("is the site itself", share);
  else if (!sites.has(share)) refuse("is not a site in this config", share);
  else if (shareOf(share) !== undefined) refuse("has no hostNumber of its own", shareOf(share));
}

/** Which site has which host number. */
class HostNumbers {
  readonly byName = new Map<string, number>();
  private readonly owners = new Map<unknown, string>();
  private readonly taken: Set<unknown>;
  private readonly max: number | undefined;

  constructor(raws: [string, unknown][], plan: NetworkPlan | undefined) {
    this.max = plan && maxHostNumber(plan.serverSubnet);
    this.taken = new Set(raws.map(([, raw]) => field(raw, "hostNumber")));
  }

  /** Gives the site its host number, or notes the problem. */
  claim(name: string, number: unknown, problems: Problems): void {
    const path = ["sites", name, "hostNumber"];
    if (this.max === undefined) return;
    const owner = this.owners.get(number);
    if (owner !== undefined)
      problems.add(
        path,
        number,
        `is already used by sites.${owner}.hostNumber`,
        `${this.free()}, or set shareVipsWith to ${owner} instead`,
      );
    else if (this.inRange(number)) {
      this.owners.set(number, name);
      this.byName.set(name, number);
    } else if (number === undefined) problems.add(path, number, "", this.free());
    else if (typeof number === "string" && this.inRange(Number(number)) && !this.taken.has(Number(number)))
      problems.add(path, number, "must be a number, not a string", `write ${Number(number)}`);
    else problems.add(path, number, `is not a whole number from 1 to ${this.max}`, this.free());
  }

  private inRange(number: unknown): number is number {
    return typeof number === "number" && Number.isInteger(number) && number >= 1 && number <= this.max!;
  }

  private free(): string {
    for (let number = 1; number <= this.max!; number++) {
      if (this.taken.has(number)) continue;
      this.taken.add(number);
      return `use ${number}, the next free number`;
    }
    return "no number is free: use a shorter network.subnetPrefix";
  }
}
