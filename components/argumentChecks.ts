/** What components refuse before they register anything: their arguments reach shells and files on the machines. */
import { isAddress } from "./network/addressPlan";
import { aliasIssue, documentRootIssue, nameIssue, siteNameIssue } from "./config/names";
import { lineProblems } from "./config/directives";
import type { ServerArgs } from "./host/ssh";
import { ServerState } from "./network/placement";
import { UserError } from "./base/userError";
import type { SiteArgs } from "./webServerPool/vhost";

/** @throws UserError naming the argument, the value and what is wrong with it */
export function assertValid(path: string, value: unknown, issue: string | false | undefined): void {
  if (issue) throw new UserError(`${path}: ${JSON.stringify(value)} ${issue}`);
}

/** What is wrong with a state, as the rest of a sentence; undefined: nothing. A program in another language has it as text. */
export const stateIssue = (state: string): string | undefined =>
  (Object.values(ServerState) as string[]).includes(state)
    ? undefined
    : "is not known; use active, maintenance or down";

/** Machines: names, addresses and states, and no name twice. */
export function checkHosts(path: string, hosts: ServerArgs[]): void {
  hosts.forEach(({ name, address, state = ServerState.Active }, i) => {
    assertValid(`${path}[${i}].name`, name, nameIssue(name));
    assertValid(`${path}[${i}].address`, address, isAddress(address) ? undefined : "is not an IPv4 address");
    assertValid(`${path}[${i}].state`, state, stateIssue(state));
  });
  checkUnique(
    path,
    hosts.map(({ name }) => name),
  );
}

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

/** The first that was there before; in a time that grows with their number only. */
export function firstRepeated(names: string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => {
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated;
  });
}

function checkUnique(path: string, names: string[]): void {
  const twice = firstRepeated(names);
  if (twice) throw new UserError(`${path}: two are called "${twice}"; give one of them another name`);
}
