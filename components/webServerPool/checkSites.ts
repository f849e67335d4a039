import { checkUnique, refuse } from "../base/argumentChecks";
import { aliasComplaint, nameComplaint, siteNameComplaint } from "../base/names";
import { isAddress } from "../network/addressPlan";
import { lineProblems } from "./directives";
import { documentRootComplaint } from "./documentRoot";
import type { SiteArgs } from "./vhost";

/** Sites of a pool: names, domain names, document roots and VIPs, and no name twice. */
export function checkSites(sites: SiteArgs[], secrets: string[] = []): void {
  sites.forEach((site, i) => {
    const path = `sites[${i}]`;
    refuse(`${path}.name`, site.name, nameComplaint(site.name));
    refuse(`${path}.serverName`, site.serverName, siteNameComplaint(site.serverName));
    (site.aliases ?? []).forEach((alias, j) => refuse(`${path}.aliases[${j}]`, alias, aliasComplaint(alias)));
    refuse(`${path}.documentRoot`, site.documentRoot, documentRootComplaint(site.documentRoot));
    lineProblems(site.apache ?? [], secrets).forEach(({ line, complaint, instead }) =>
      refuse(`${path}.apache[${line}]`, site.apache?.[line], `${complaint}; ${instead}`),
    );
    site.vips.forEach((vip, j) =>
      refuse(`${path}.vips[${j}]`, vip, isAddress(vip) ? undefined : "is not an IPv4 address"),
    );
  });
  checkUnique(
    "sites",
    sites.map(({ name }) => name),
  );
}
