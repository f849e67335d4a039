/** Which sites need a certificate, from what is in the operator's folder and what was ordered before. Pure. */
import { X509Certificate } from "node:crypto";
import { SiteModel, boundAliases } from "../../components/config";
import { Reading, problemsOf } from "../../components/webServerPool/tls/pair.cjs";
import { Journal, countSince, failuresOf, keyOf, successOf } from "./journal";

/** Let's Encrypt takes 300 orders of an account in three hours; what is left is for a person in need. */
export const MOST_ORDERS = 250;
export const ORDERS_WINDOW_MS = 3 * 3_600_000;
/** A name that failed so often is left alone for a day. */
export const MOST_FAILURES = 2;
export const REST_MS = 24 * 3_600_000;
/** A site that has none comes before all that expire later than this. */
const MISSING_MS = 7 * 24 * 3_600_000;

/** What to do about a site. */
export enum Step {
  /** Order a certificate. */
  Order = "order",
  /** Its certificate is good for a while. */
  Keep = "keep",
  /** Not ordered by certs. */
  Skip = "skip",
  /** It has failed too often. */
  Stopped = "stopped",
  /** There were too many orders; a later run continues. */
  Later = "later",
}

/** A site, and what to do about it. */
export interface PlannedSite {
  site: string;
  step: Step;
  /** All that its certificate must have, the server's own first. */
  names: string[];
  /** Why, in words. */
  why: string;
  /** Until when the present certificate is good; absent: there is none that could be read. */
  expires?: Date;
}

/** The names of a site's certificate: also those that are on their way out of DNS, as servers still answer to them. */
export const namesOf = (site: SiteModel): string[] => [
  ...new Set([site.serverName, ...boundAliases(site)].map((name) => name.toLowerCase())),
];

/** What the operator asked for in addition. */
export interface Asked {
  /** These sites, which don't rest then. */
  named?: Set<string>;
  /** Also what is good for a while. */
  renew?: boolean;
}

/**
 * What to do about each site, the most urgent order first.
 * @param pairs what is in the folder, by site
 */
export function plan(
  sites: SiteModel[],
  pairs: Map<string, Reading>,
  now: Date,
  journal: Journal,
  { named = new Set(), renew = false }: Asked = {},
): PlannedSite[] {
  let left = MOST_ORDERS - countSince(journal, new Date(now.getTime() - ORDERS_WINDOW_MS));
  return sites
    .map((site) => {
      const planned = planSite(site, pairs.get(site.name), now);
      return renew && planned.step === Step.Keep
        ? { ...planned, step: Step.Order, why: "a renewal was requested" }
        : planned;
    })
    .sort((a, b) => urgency(a, now) - urgency(b, now))
    .map(({ isDue, ...planned }) => {
      if (planned.step !== Step.Order) return planned;
      const why = named.has(planned.site) ? undefined : restOf(planned, isDue, journal, now);
      if (why !== undefined) return { ...planned, step: Step.Stopped, why };
      if (left-- > 0) return planned;
      return {
        ...planned,
        step: Step.Later,
        why: `${planned.why}; ${MOST_ORDERS} orders in three hours are the limit, to stay below the CA's: a later run continues`,
      };
    });
}

/** Why a site is left alone for now; undefined: it is not. */
function restOf(
  { site, names, why }: PlannedSite,
  isDue: boolean | undefined,
  journal: Journal,
  now: Date,
): string | undefined {
  const key = keyOf(journal.server, names);
  const rests = (since: Date): boolean => now.getTime() - since.getTime() < REST_MS;
  const again = (since: Date): string =>
    `It is retried when its names change, or after ${minuteOf(new Date(since.getTime() + REST_MS))}; to retry now: loopback-ha certs ${site}`;
  const { count, last } = failuresOf(journal, key);
  if (last !== undefined && count >= MOST_FAILURES && rests(last.at))
    return `failed ${count} times, last on ${minuteOf(last.at)}: ${last.text}. ${again(last.at)}`;
  // Or a pair that is never to our liking would be ordered by every run.
  const success = successOf(journal, key);
  return success !== undefined && !isDue && rests(success)
    ? `was ordered on ${minuteOf(success)}, but still: ${why}. ${again(success)}`
    : undefined;
}

const minuteOf = (at: Date): string => at.toISOString().replace(/:\d\d\.\d+Z$/, "Z");
const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

const urgency = ({ expires }: PlannedSite, now: Date): number =>
  (expires ?? new Date(now.getTime() + MISSING_MS)).getTime();

/** A site with whether its certificate nears its end. */
type Judged = PlannedSite & { isDue?: boolean };

function planSite(site: SiteModel, reading: Reading | undefined, now: Date): Judged {
  const { name, tls, retiring } = site;
  const names = namesOf(site);
  const skip = (why: string): PlannedSite => ({ site: name, step: Step.Skip, names, why });
  if (!tls) return skip("served by http only (tls: false)");
  const elsewhere = tls.folder ?? tls.keys;
  if (elsewhere !== undefined) return skip(`its certificate comes from elsewhere (${elsewhere})`);
  if (retiring) return skip("being removed from DNS");
  const wildcards = names.filter((each) => each.startsWith("*."));
  if (wildcards.length > 0)
    return skip(
      `${wildcards.join(", ")} is a wildcard, for which a CA requires a DNS challenge (dns-01): run an ACME client with a hook for your name servers, and set sites.${name}.tls.folder`,
    );
  return { site: name, names, ...need(reading, names, now) };
}

function need(
  reading: Reading | undefined,
  names: string[],
  now: Date,
): Pick<Judged, "step" | "why" | "expires" | "isDue"> {
  if (!reading || "missing" in reading) return { step: Step.Order, why: "no certificate yet" };
  if ("broken" in reading) return { step: Step.Order, why: reading.broken };
  const [leaf] = reading.pair.chain;
  const expires = new Date(leaf.validTo);
  const added = names.filter((name) => !namesIn(leaf).includes(name));
  const gone = namesIn(leaf).filter((name) => !names.includes(name));
  const changed = [...added.map((name) => `+${name}`), ...gone.map((name) => `-${name}`)];
  if (changed.length > 0)
    return { step: Step.Order, why: `its names have changed: ${changed.join(" ")}`, expires };
  if (now >= dueOn(leaf)) return { step: Step.Order, why: `expires ${dayOf(expires)}`, expires, isDue: true };
  const [problem] = problemsOf(reading.pair, names, now);
  if (problem !== undefined) return { step: Step.Order, why: problem, expires };
  return { step: Step.Keep, why: `valid until ${dayOf(expires)}, due on ${dayOf(dueOn(leaf))}`, expires };
}

const namesIn = ({ subjectAltName }: X509Certificate): string[] =>
  (subjectAltName ?? "")
    .toLowerCase()
    .split(", ")
    .flatMap((text) => (text.startsWith("dns:") ? [text.slice("dns:".length)] : []));

/** When a third of its life is left. */
export function dueOn({ validFrom, validTo }: Pick<X509Certificate, "validFrom" | "validTo">): Date {
  const [from, to] = [new Date(validFrom).getTime(), new Date(validTo).getTime()];
  return new Date(to - (to - from) / 3);
}
