/** CAA records by which no other CA, and no other account, may issue for the farm's zones (RFC 8659, RFC 8657). */
import { FarmModel, SiteModel, zoneOf } from "../../components/config";
import { CliError } from "../terminal/exit";
import type { Edit } from "../pulumi/stackFile";
import { namesOf } from "./plan";
import { listed } from "./listed";

/** A record as the config has it. */
interface RawRecord {
  name: string;
  type: string;
  value: string;
}

/** Who may issue, and how. */
export interface Issuer {
  /** The CA's own name in CAA records. */
  domain: string;
  /** The account's URI. */
  account: string;
}

/** The record's value. */
export const caaValue = ({ domain, account }: Issuer): string =>
  `0 issue "${domain}; accounturi=${account}; validationmethods=http-01"`;

/** What it takes to write them, and what could not be. */
export interface CaaPlan {
  edits: Edit[];
  notes: string[];
}

/**
 * One record at the top of each zone in which a site has its certificate from us. What others have put there stays.
 * @param zones the config's own key `zones`
 * @param sites those that we order for
 */
export function planCaa(
  farm: Pick<FarmModel, "zones">,
  zones: Record<string, { records?: RawRecord[] } | null>,
  sites: SiteModel[],
  issuer: Issuer,
): CaaPlan {
  const known = farm.zones.map(({ zone }) => zone);
  const names = sites.flatMap((site) => namesOf(site));
  const zoneNames = names.map((name) => ({ name, zone: zoneOf(name, known) }));
  const outside = zoneNames.filter(({ zone }) => zone === undefined).map(({ name }) => name);
  const own = [...new Set(zoneNames.flatMap(({ zone }) => zone ?? []))].sort();
  const result: CaaPlan = {
    edits: [],
    notes:
      outside.length > 0
        ? [
            `not in a zone of this stack, so add the record at their DNS provider: ${listed(outside)}: CAA ${caaValue(issuer)}`,
          ]
        : [],
  };
  for (const zone of own) {
    const records = zones[zone]?.records ?? [];
    const atTop = (record: RawRecord): boolean =>
      record.type.toUpperCase() === "CAA" && (record.name === "@" || record.name === `${zone}.`);
    const ours = (record: RawRecord): boolean =>
      atTop(record) && record.value.startsWith(`0 issue "${issuer.domain}; accounturi=`);
    if (records.some((record) => ours(record) && record.value === caaValue(issuer))) continue;
    const theirs = records.find(
      (record) => atTop(record) && !ours(record) && !/^\d+ iodef /.test(record.value),
    );
    if (theirs) {
      result.notes.push(
        `${zone} already has a CAA record (${theirs.value}), which is kept; the one for this account would be ${caaValue(issuer)}`,
      );
      continue;
    }
    result.edits.push({
      path: ["zones", zone, "records"],
      value: [
        ...records.filter((record) => !ours(record)),
        { name: "@", type: "CAA", value: caaValue(issuer) },
      ],
    });
  }
  return result;
}

/**
 * The name that the CA has in CAA records.
 * @throws CliError when its directory can't be read, or does not say
 */
export async function caaDomainOf(server: string): Promise<string> {
  const why = await fetch(server, { signal: AbortSignal.timeout(15_000) })
    .then(async (response) => {
      const { meta } = (await response.json()) as { meta?: { caaIdentities?: unknown } };
      const [domain] = Array.isArray(meta?.caaIdentities) ? (meta.caaIdentities as unknown[]) : [];
      if (typeof domain === "string" && /^[A-Za-z0-9.-]+$/.test(domain)) return { domain };
      return "it has no caaIdentities";
    })
    .catch((error: Error) => (error.cause as Error | undefined)?.message ?? error.message);
  if (typeof why === "object") return why.domain;
  throw new CliError(
    `--caa: ${server} does not say which CA domain belongs into CAA records (${why}); nothing was ordered. Pass the one from the CA's documentation, such as --caa-issuer letsencrypt.org`,
  );
}
