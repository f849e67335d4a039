/** What a run of `certs` did, as data, as lines and as an exit code. Pure. */
import { printable, printableLines } from "../../components/host/foreignText.cjs";
import { Exit } from "../terminal/exit";
import { listed } from "./listed";
import { PlannedSite, Step } from "./plan";

/** What became of a site. */
export interface SiteResult extends Omit<PlannedSite, "step"> {
  /** As it was planned, or how it ended. */
  result: Exclude<Step, Step.Order> | "planned" | "ordered" | "refused" | "failed" | "interrupted";
}

/** What a run did. */
export interface CertsResult {
  server: string;
  /** The account; null: there is none yet, with --dry-run. */
  account: { uri: string; thumbprint: string } | null;
  sites: SiteResult[];
  /** Sites with new certificates that every server has now. */
  delivered: string[];
  /** Why a certificate that is here is not on every server. */
  undelivered?: string;
  /** What the operator should know. */
  notes: string[];
}

/** How a run ends. */
export function exitOf({ sites, undelivered }: CertsResult): Exit {
  if (sites.some(({ result }) => result === "interrupted")) return Exit.Interrupted;
  const bad: SiteResult["result"][] = ["refused", "failed", Step.Stopped];
  return undelivered !== undefined || sites.some(({ result }) => bad.includes(result))
    ? Exit.Failed
    : Exit.Ok;
}

/** What a run did, in lines. */
export function describeResult({ sites, delivered, undelivered, notes }: CertsResult): string {
  const of = (...results: SiteResult["result"][]): SiteResult[] =>
    sites.filter(({ result }) => results.includes(result));
  const list = (some: SiteResult[]): string => listed(some.map(({ site }) => site));
  const count = (some: SiteResult[]): string => (some.length === 1 ? "1 site" : `${some.length} sites`);
  const lines = [
    ...notes,
    ...(of("refused", "failed", Step.Stopped).length > 0
      ? [`not ordered, for the reasons above: ${list(of("refused", "failed", Step.Stopped))}`]
      : []),
    ...(of("planned").length > 0 ? [`would be ordered: ${list(of("planned"))}`] : []),
    ...(of(Step.Later).length > 0 ? [`left for a later run: ${list(of(Step.Later))}`] : []),
    ...(of("interrupted").length > 0
      ? [`interrupted before ${list(of("interrupted"))}: to continue, run this again`]
      : []),
    ...(undelivered === undefined
      ? []
      : ["not every server has the new certificates: fix what failed, then run this again"]),
    ...(delivered.length > 0 ? [`https with a new certificate: ${listed(delivered)}`] : []),
    ...(of(Step.Keep).length > 0 ? [`${count(of(Step.Keep))} with a certificate that is not due yet`] : []),
  ];
  return (lines.length > 0 ? lines : ["nothing to do"]).map(printableLines).join("\n");
}

/** What a run is about to do, a line a site. */
export function describePlan(planned: PlannedSite[], named: string[]): string[] {
  // A site without https is mentioned only if it was named, one with a wildcard name always.
  const said = planned.filter(
    ({ site, step, names }) =>
      step === Step.Order ||
      (step === Step.Skip && (named.includes(site) || names.some((name) => name.startsWith("*.")))),
  );
  return said.map(({ site, step, why, names }) =>
    printable(
      step === Step.Order ? `${site}: will be ordered for ${listed(names)}: ${why}` : `${site}: ${why}`,
    ),
  );
}
