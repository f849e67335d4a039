import { checkUnique, assertValid } from "../base/argumentChecks";
import { aliasIssue, nameIssue, siteNameIssue } from "../base/names";
import { isAddress } from "../network/addressPlan";
import { lineProblems } from "./directives";
import { documentRootIssue } from "./documentRoot";
import type { SiteArgs } from "./vhostTemplate";

/** Sites of a pool: names, domain names, document roots and VIPs, and no name twice. */
export function checkSites(sites: SiteArgs[], secrets: string[] = []): void {
  sites.forEach((site, i) => {
    const path = `sites[${i}]`;
    assertValid(`${path}.name`, site.name, nameIssue(site.name));
    assertValid(`${path}.serverName`, site.serverName, siteNameIssue(site.serverName));
    (site.aliases ?? []).forEach((alias, j) =>
      assertValid(`${path}.aliases[${j}]`, alias, aliasIssue(alias)),
    );
    assertValid(`${path}.documentRoot`, site.documentRoot, documentRootIssue(site.documentRoot));
    lineProblems(site.apache ?? [], secrets).forEach(({ line, issue, instead }) =>
      assertValid(`${path}.apache[${line}]`, site.apache?.[line], `${issue}; ${instead}`),
    );
    site.vips.forEach((vip, j) =>
      assertValid(`${path}.vips[${j}]`, vip, isAddress(vip) ? undefined : "is not an IPv4 address"),
    );
  });
  checkUnique(
    "sites",
    sites.map(({ name }) => name),
  );
}
