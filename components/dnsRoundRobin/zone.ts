import { isAddress } from "../network/addressPlan";
import { orderByAddress } from "../network/ipv4Only";
import { assertValid } from "../base/argumentChecks";
import { SoaTimers } from "./soa";
import { ZoneRecordModel } from "./records";
import { hostNameIssue } from "../base/names";
import { mailIssue, ownerIssue, zoneIssue } from "./names";
import { rdataIssue, relative } from "./records";

/** A name that resolvers find all the addresses of, in turning order. */
export interface NameArgs {
  /** Full domain name, in the zone or the zone itself: `www.example.org`. */
  name: string;
  /** Its IPv4 addresses: for a site, its VIPs. At least one. */
  addresses: string[];
}

/** What is in a zone. */
export interface ZoneArgs {
  /** The zone's domain, without a trailing dot: `example.org`. */
  zone: string;
  /** SOA MNAME, without a trailing dot. Default: the first of `nsRecords`. */
  primary?: string;
  /** Host names of the NS records, without trailing dots; at least one. One that is in the zone needs an address there. */
  nsRecords: string[];
  /** Mail address of the person responsible: `hostmaster@example.org`. */
  contact: string;
  /** The SOA record's refresh, retry, expire and minimum, in seconds. */
  timers: SoaTimers;
  /** `$TTL`: how long a resolver may keep a record, in seconds. */
  ttl: number;
  /** Sites' names and VIPs; a site's aliases are names of their own with the same addresses. */
  sites: NameArgs[];
  /** Further records. Default: none. */
  records?: ZoneRecordModel[];
}

/** Stands for the serial, which the name servers find out: it changes when anything else in the text does. */
export const SERIAL = "@SERIAL@";

// Fixed columns: aligned to the longest name, a new one would be a change in every line.
const NAME_WIDTH = 24;
/** A character-string in a record holds 255 bytes (RFC 1035, 3.3). */
const MAX_STRING = 255;

/**
 * The text of a zone file. Equal arguments give equal texts, whatever the order of sites and addresses.
 *
 * @throws UserError when a name is not in the zone, or a value can't be in a zone file.
 */
export function renderZone(args: ZoneArgs): string {
  checkZone(args);
  const { zone, nsRecords, timers, ttl, records = [] } = args;
  return [
    `$ORIGIN ${zone}.`,
    `$TTL ${ttl}`,
    `${"@".padEnd(NAME_WIDTH)}IN SOA ${args.primary ?? nsRecords[0]}. ${mailbox(args.contact)} (`,
    renderTimer(SERIAL, "serial"),
    renderTimer(`${timers.refresh}`, "refresh"),
    renderTimer(`${timers.retry}`, "retry"),
    renderTimer(`${timers.expire}`, "expire"),
    renderTimer(`${timers.minimum} )`, "minimum"),
    ...nsRecords.map((name) => renderRecord({ name: "@", type: "NS", value: `${name}.` })),
    ...renderSites(args.sites, zone),
    ...records.map(renderRecord),
    "",
  ].join("\n");
}

function renderTimer(value: string, meaning: string): string {
  return `${" ".repeat(NAME_WIDTH + 7)}${value.padEnd(10)} ; ${meaning}`;
}

/** A mail address as a domain name: dots before the @ are part of one label (RFC 1035, 8). */
function mailbox(contact: string): string {
  const [local, domain] = contact.split("@");
  return `${local.replace(/[.\\]/g, "\\$&")}.${domain}.`;
}

// Names with the same addresses are grouped: a new site with its aliases is one group of lines in a preview.
function renderSites(sites: NameArgs[], zone: string): string[] {
  const groups = new Map<string, string[]>();
  const names = sites.map((site) => ({
    name: relativeName(site.name, zone),
    addresses: orderByAddress([...new Set(site.addresses)], (address) => address),
  }));
  for (const { name, addresses } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const group = groups.get(addresses.join()) ?? [];
    group.push(...addresses.map((value) => renderRecord({ name, type: "A", value })));
    groups.set(addresses.join(), group);
  }
  return [...groups.values()].flat();
}

function relativeName(name: string, zone: string): string {
  return relative(name.toLowerCase(), zone);
}

function renderRecord({ name, ttl, type, value }: ZoneRecordModel): string {
  const owner = ttl === undefined ? name.padEnd(NAME_WIDTH - 1) : `${name} ${ttl}`.padEnd(NAME_WIDTH - 1);
  return `${owner} IN ${type.padEnd(3)} ${type === "TXT" ? quoteText(value) : value}`;
}

/** Long texts are several strings of one record, which readers join without a space (RFC 7208, 3.3). */
function quoteText(text: string): string {
  const parts = text.match(new RegExp(`.{1,${MAX_STRING}}`, "g")) ?? [""];
  return parts.map((part) => `"${part.replace(/["\\]/g, "\\$&")}"`).join(" ");
}

// What named would not assertValid by itself, or only on the machine. An issue is the rest of a sentence about the value.
function checkZone({ zone, primary, nsRecords, contact, timers, ttl, sites, records = [] }: ZoneArgs): void {
  assertValid("zone", zone, zoneIssue(zone));
  assertValid(
    "nsRecords",
    nsRecords,
    nsRecords.length === 0 && `are none: zone ${zone} needs one, such as ns1.${zone}`,
  );
  nsRecords.forEach((name, i) => assertValid(`nsRecords[${i}]`, name, hostNameIssue(name)));
  if (primary !== undefined) assertValid("primary", primary, hostNameIssue(primary));
  assertValid("contact", contact, mailIssue(contact));
  for (const [name, seconds] of Object.entries({ ...timers, ttl })) assertSeconds(name, seconds);
  const first = new Map<string, number>();
  sites.forEach((site, i) => {
    checkSite(site, `sites[${i}]`, zone, first);
    first.set(site.name.toLowerCase(), i);
  });
  records.forEach((record, i) => checkRecord(record, `records[${i}]`, zone));
}

function checkSite(
  { name, addresses }: NameArgs,
  path: string,
  zone: string,
  before: Map<string, number>,
): void {
  const lower = name.toLowerCase();
  const inside = lower === zone || lower.endsWith(`.${zone}`);
  assertValid(`${path}.name`, name, !inside && `is not in zone ${zone}`);
  assertValid(`${path}.name`, name, ownerIssue(relativeName(name, zone), zone));
  assertValid(
    `${path}.name`,
    name,
    /[_/]/.test(lower) && "has an underscore or a slash, which host names can't have",
  );
  const first = before.get(lower);
  assertValid(
    `${path}.name`,
    name,
    first !== undefined && `is a duplicate of sites[${first}].name; list its addresses once`,
  );
  assertValid(`${path}.addresses`, addresses, addresses.length === 0 && `are none: ${name} needs one`);
  addresses.forEach((address, i) =>
    assertValid(`${path}.addresses[${i}]`, address, !isAddress(address) && "is not an IPv4 address"),
  );
}

function checkRecord({ name, ttl, type, value }: ZoneRecordModel, path: string, zone: string): void {
  assertValid(`${path}.name`, name, ownerIssue(name, zone));
  if (ttl !== undefined) assertSeconds(`${path}.ttl`, ttl);
  assertValid(`${path}.type`, type, !/^[A-Z0-9-]+$/.test(type) && "is not a record type");
  assertValid(
    `${path}.value`,
    value,
    type === "TXT"
      ? !/^[\x20-\x7e]*$/.test(value) && "is not printable ASCII on one line"
      : rdataIssue(value),
  );
}

function assertSeconds(path: string, value: number): void {
  assertValid(
    path,
    value,
    !(Number.isInteger(value) && value >= 0 && value < 2 ** 31) && "is not a number of seconds",
  );
}
