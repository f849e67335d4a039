/** What is wrong with the pairs in the operator's folder, for who plans nothing. Without Pulumi. */
import { FarmModel, boundAliases } from "../config";
import { renderCertificate } from "../webServerPool/lineFormats.cjs";
import { filesOfPair, factsOf, hasPlace, problemsOf, readPair } from "../webServerPool/tls/pair.cjs";
import { expiryWarnings } from "../webServerPool/tls/plan";

/**
 * @param project the project's folder
 * @param inForce sites that have a certificate on a server: of those a pair that is gone is a problem, where the folder is
 * @returns a sentence each
 */
export function pairProblems(farm: FarmModel, project: string, now: Date, inForce: Set<string>): string[] {
  const sites = farm.sites.filter(({ tls }) => tls);
  const folders = { ...farm.tls, sites: Object.fromEntries(sites.map(({ name, tls }) => [name, tls!])) };
  const lines: Record<string, string> = {};
  const problems = sites.flatMap((site) => {
    const { name } = site;
    const files = filesOfPair(folders, name);
    const reading = readPair(files, project);
    if ("broken" in reading) return [`site ${name}: ${reading.broken}`];
    if ("missing" in reading) {
      return inForce.has(name) && hasPlace(files, project)
        ? [`site ${name}: ${reading.missing} is missing; the certificate in force stays`]
        : [];
    }
    lines[name] = renderCertificate(factsOf(reading.pair));
    const names = [site.serverName, ...boundAliases(site)];
    // When it expires is said below.
    return problemsOf(reading.pair, names, now)
      .filter((text) => !/^\S+ expired on /.test(text))
      .map((text) => `site ${name}: ${text}`);
  });
  return [...problems, ...expiryWarnings([lines], now)];
}
