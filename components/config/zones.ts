/** Reads `zones`. */
import { HostModel, SiteModel, ZoneModel } from "./model";
import { SOA_TIMERS } from "../dnsRoundRobin/soa";
import { ZoneRecordModel } from "../dnsRoundRobin/records";
import { Problems, useNearest } from "../base/problems";
import { entries, field, parse } from "./leaf";
import { domainInstead, hostNameIssue } from "../base/names";
import { zoneIssue } from "../dnsRoundRobin/names";
import { checkRecords, relative } from "../dnsRoundRobin/records";
import { ZoneInput, zoneSchema } from "./schema";

/** The zone a domain name belongs to: of those it ends in, the longest. Undefined: it is in none of them. */
export function zoneOf(name: string, zones: readonly string[]): string | undefined {
  return zones
    .filter((zone) => name === zone || name.endsWith(`.${zone}`))
    .sort((a, b) => b.length - a.length)[0];
}

/**
 * Reads all zones.
 * @param known all name servers' names in the configuration, including those with a problem
 */
export function readZones(
  value: unknown,
  nameServers: HostModel[],
  known: string[],
  sites: SiteModel[],
  problems: Problems,
): ZoneModel[] {
  const example = '{"example.org": {"contact": "hostmaster@example.org"}}';
  const sound = entries(value, ["zones"], example, zoneIssue, domainInstead("example.org"), problems);
  const zones = sound.map(([zone]) => zone);
  // A retiring site is no longer in DNS: its name may be the user's own already.
  const served = sites.filter(({ retiring }) => !retiring);
  const siteNames = new Map<string | undefined, string[]>();
  for (const name of served.flatMap(({ serverName, aliases }) => [serverName, ...aliases])) {
    const zone = zoneOf(name, zones);
    const here = siteNames.get(zone);
    if (here) here.push(name);
    else siteNames.set(zone, [name]);
  }
  return sound.flatMap(([zone, raw]): ZoneModel[] => {
    const input = parse(zoneSchema, withTextNames(raw), ["zones", zone], problems);
    if (!input) return [];
    const here = (siteNames.get(zone) ?? []).map((name) => relative(name, zone));
    const servers = serversOf(zone, input.nameServers ?? known, known, problems);
    const nsRecords = input.nsRecords?.length ? input.nsRecords : servers.map((name) => `${name}.${zone}`);
    if (!input.nsRecords?.length && hostNameIssue(zone) !== undefined)
      problems.say(
        ["zones", zone, "nsRecords"],
        `is missing, and no host can be named in ${zone}; use names in another zone, such as ["ns1.example.org"]`,
      );
    const records = [
      ...input.records,
      ...glue(zone, nsRecords, nameServers, [...here, ...addressed(input.records)]),
    ];
    checkRecords(zone, input.records, here, nsRecords, problems.at(["zones", zone]));
    // A name server that is unknown or has a problem got no glue, which is no problem of the zone.
    checkNsRecords(zone, nsRecords, [...here, ...addressed(records), ...known, ...servers], problems);
    return [
      {
        zone,
        nameServers: servers,
        ...(input.primary && { primary: input.primary }),
        contact: input.contact,
        ...timersOf(input),
        ...(input.serialAtLeast !== undefined && { serialAtLeast: input.serialAtLeast }),
        nsRecords,
        records,
      },
    ];
  });
}

/** Of addresses' zones names are numbers, which `pulumi config set --path` and YAML take for such. */
function withTextNames(raw: unknown): unknown {
  const records = field(raw, "records");
  if (!Array.isArray(records)) return raw;
  const named = records.map((record: unknown) => {
    const name = field(record, "name");
    return typeof name === "number" ? { ...(record as object), name: String(name) } : record;
  });
  return { ...(raw as object), records: named };
}

function timersOf({
  preset,
  ttl,
  refresh,
  retry,
  expire,
  minimum,
}: ZoneInput): Pick<ZoneModel, "timers" | "ttl"> {
  const base = SOA_TIMERS[preset];
  return {
    timers: {
      refresh: refresh ?? base.refresh,
      retry: retry ?? base.retry,
      expire: expire ?? base.expire,
      minimum: minimum ?? base.minimum,
    },
    ttl: ttl ?? base.ttl,
  };
}

function serversOf(zone: string, names: string[], known: string[], problems: Problems): string[] {
  const path = ["zones", zone, "nameServers"];
  if (names.length === 0)
    problems.say(
      path,
      `the zone has no name server; ${known.length > 0 ? `use ${JSON.stringify(known)}` : "add one, such as nameServers.ns1.address 192.0.2.30, or remove the zone"}`,
    );
  names.forEach((name, i) => {
    if (!known.includes(name))
      problems.add(
        [...path, i],
        name,
        "is not a name server in this config",
        useNearest(name, known, "name server"),
      );
    else if (names.indexOf(name) < i)
      problems.add([...path, i], name, "is listed twice", "remove one of them");
  });
  return names;
}

/** Addresses for NS names in the zone that are made of a name server's name: named refuses NS names without. */
function glue(
  zone: string,
  nsRecords: string[],
  nameServers: HostModel[],
  taken: string[],
): ZoneRecordModel[] {
  return nameServers
    .filter(({ name }) => nsRecords.includes(`${name}.${zone}`) && !taken.includes(name))
    .map(({ name, address }) => ({ name, type: "A", value: address }));
}

function addressed(records: ZoneRecordModel[]): string[] {
  return records.filter(({ type }) => type === "A" || type === "AAAA").map(({ name }) => name.toLowerCase());
}

function checkNsRecords(zone: string, nsRecords: string[], withAddress: string[], problems: Problems): void {
  nsRecords.forEach((name, i) => {
    if (zoneOf(name, [zone]) === undefined || withAddress.includes(relative(name, zone))) return;
    problems.add(
      ["zones", zone, "nsRecords", i],
      name,
      "has no address in the zone",
      `add a record such as {"name": "${relative(name, zone)}", "type": "A", "value": "192.0.2.30"}`,
    );
  });
}
