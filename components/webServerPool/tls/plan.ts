/** Which certificate each server must have for each site, from the operator's folder and the state. Pure. */
import { firstFew, listed } from "../../base/firstFew";
import { parseCertificate, renderCertificate } from "../lineFormats.cjs";
import { Reading, factsOf, fits, problemsOf } from "./pair.cjs";

/** Lines of the wanted file `certificates`, by site. */
export type CertificateLines = Record<string, string>;

/** A site that is served by https. */
export interface TlsSite {
  name: string;
  /** All names that it answers to. */
  names: string[];
}

export interface CertificatePlan {
  /** What each server must have, by its name. A site that is missing there is served by http only. */
  lines: Map<string, CertificateLines>;
  /** Why the run must not begin, by site. */
  refusals: { site: string; text: string }[];
  /** What the operator must see to, a sentence each. */
  warnings: string[];
  /** What stays as it is, as no pair is here. */
  notes: string[];
}

/** What was read of a site's pair, and what is wrong with it; see problemsOf. */
export interface Judged {
  reading: Reading;
  problems: string[];
  /** Missing although the folder of all pairs is here. */
  isGone?: boolean;
}

export function judge(site: TlsSite, reading: Reading, now: Date): Judged {
  return { reading, problems: "pair" in reading ? problemsOf(reading.pair, site.names, now) : [] };
}

/** Whether anything depends on what the state has: everything else is wanted as it is in the folder. */
export function dependsOnState(judged: Iterable<Judged>): boolean {
  return [...judged].some(({ reading, problems }) => !("pair" in reading) || problems.length > 0);
}

/**
 * A certificate that a run would deliver must be sound. One that is in force already stops nothing: it stays, with a warning.
 * @param sites by their names
 * @param held the lines that the state has, by server
 */
export function planCertificates(
  sites: Map<string, Judged>,
  held: Map<string, CertificateLines>,
  servers: string[],
  now: Date,
): CertificatePlan {
  const plan: CertificatePlan = {
    lines: new Map(servers.map((server) => [server, {}])),
    refusals: [],
    warnings: [],
    notes: [],
  };
  const kept: string[] = [];
  const without: string[] = [];
  let lacking = "";
  for (const [name, { reading, problems, isGone }] of sites) {
    const holders = [...held.values()].filter((lines) => Object.hasOwn(lines, name));
    const keep = (): void => {
      for (const [server, lines] of plan.lines) {
        const line = held.get(server)?.[name];
        if (line !== undefined) lines[name] = line;
      }
    };
    if ("missing" in reading) {
      keep();
      if (isGone && holders.length > 0)
        plan.warnings.push(`site ${name}: ${reading.missing} is missing. The certificate in force stays`);
      else {
        lacking ||= reading.missing;
        (holders.length > 0 ? kept : without).push(name);
      }
    } else if ("broken" in reading) {
      keep();
      if (holders.length > 0)
        plan.warnings.push(`site ${name}: ${reading.broken}. The certificate in force stays`);
      else plan.refusals.push({ site: name, text: reading.broken });
    } else {
      const { pair } = reading;
      const facts = factsOf(pair);
      const isInForce = holders.some(
        (lines) => parseCertificate(lines[name])?.certificate === facts.certificate,
      );
      if (problems.length > 0 && !isInForce)
        plan.refusals.push(...problems.map((text) => ({ site: name, text })));
      else plan.warnings.push(...problems.map((text) => `site ${name}: already in force: ${text}`));
      if (problems.length > 0 && !(isInForce && fits(pair))) keep();
      else for (const lines of plan.lines.values()) lines[name] = renderCertificate(facts);
    }
  }
  const of = (lack: string[]): string =>
    `this computer has no certificate and key (${lacking}) for ${list(lack)}`;
  if (kept.length > 0) plan.notes.push(`${of(kept)}: the certificates in force stay`);
  if (without.length > 0) plan.notes.push(`${of(without)}: http only until it does`);
  plan.warnings.push(...expiryWarnings([...plan.lines.values()], now));
  return plan;
}

const MOST_NAMES = 3;
/** One more name is no longer than its count. */
const list = (names: string[]): string =>
  listed(
    names,
    names.length === MOST_NAMES + 1 ? names.length : MOST_NAMES,
    (more) => `and ${more} more sites`,
  );

/** From so many days before it expires, a certificate is a matter for the operator. */
export const WARN_DAYS = 21;
const DAY_MS = 86_400_000;
const MOST_WARNINGS = 10;

/** A site's certificate, and when it expires. */
export interface Expiry {
  site: string;
  /** As 2027-03-04. */
  expires: string;
}

/** Each site's certificate that expires first, on any server; the soonest first. */
export function soonestExpiries(servers: CertificateLines[]): Expiry[] {
  const soonest = new Map<string, string>();
  for (const lines of servers)
    for (const [site, line] of Object.entries(lines)) {
      const expires = parseCertificate(line)?.expires;
      const known = soonest.get(site);
      if (expires && (!known || expires < known)) soonest.set(site, expires);
    }
  return [...soonest]
    .map(([site, expires]) => ({ site, expires }))
    .sort((a, b) => (a.expires < b.expires ? -1 : a.expires > b.expires ? 1 : a.site < b.site ? -1 : 1));
}

/** A sentence for each site whose certificate expires soon, on any server, the soonest first. */
export function expiryWarnings(servers: CertificateLines[], now: Date): string[] {
  const due = soonestExpiries(servers)
    .map(({ site, expires }) => ({ site, expires, days: daysUntil(expires, now) }))
    .filter(({ days }) => days <= WARN_DAYS);
  return firstFew(
    due.map(({ site, expires, days }) =>
      days < 0
        ? `site ${site}: its certificate expired on ${expires}; renew it, then run pulumi up`
        : `site ${site}: its certificate expires on ${expires}, ${days === 0 ? "today" : days === 1 ? "tomorrow" : `in ${days} days`}; renew it, then run pulumi up`,
    ),
    MOST_WARNINGS,
    (more) => `and ${more} more certificates that expire within ${WARN_DAYS} days`,
  );
}

/** @param day as 2027-03-04 */
export const daysUntil = (day: string, now: Date): number =>
  Math.round((Date.parse(day) - Date.parse(now.toISOString().slice(0, 10))) / DAY_MS);

/** The day when the newest of these certificates was issued; undefined: there is none. */
export function newestIssue(servers: Iterable<CertificateLines>): string | undefined {
  return [...servers]
    .flatMap((lines) => Object.values(lines).map((line) => parseCertificate(line)?.issued ?? ""))
    .sort()
    .at(-1);
}
