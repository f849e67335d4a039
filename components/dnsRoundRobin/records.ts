/** Checks a zone's own records: what named would refuse, and what it would take as something else than meant. */
import { isIpv6 } from "../network/address.cjs";
import { isAddress } from "../network/addressPlan";
import { Path, Problems, useNearest } from "../base/problems";
import { SLASHES, hostNameIssue } from "../base/names";
import { ownerIssue } from "./names";

/** One record that is the user's own. */
export interface ZoneRecordModel {
  /** Owner, relative to the zone: `mail`, `*.dev`, or `@` for the zone itself. */
  name: string;
  /**
   * Type: A, AAAA, CAA, CNAME, DNAME, DS, HTTPS, MX, NS, PTR, SRV, SSHFP, SVCB, TLSA or TXT, whose values are checked; another
   * that BIND knows, such as NAPTR; or `TYPE` and a number (RFC 3597), such as TYPE65280.
   */
  type: string;
  /** Time to live in seconds. Default: the zone's. */
  ttl?: number;
  /**
   * Value as in a zone file, except TXT: there it is the bare text, without quotes or escapes and of any length.
   * A host name in it is relative to the zone unless it ends in a dot.
   */
  value: string;
}

/** What a type's value looks like. */
interface RecordType {
  /** What is wrong with a value, as the rest of a sentence that begins with it; undefined: nothing. */
  issueOf(value: string, zone: string): string | undefined;
  /** A value that would work. */
  example: string;
  /** Its number, by which it may not be written (RFC 3597): its values would not be checked, nor seen. */
  number?: number;
}

const host: RecordType = { issueOf: hostIssue, example: "mail or mail.example.net." };
/** Targets of aliases need not be hosts: those of DKIM keys and of RFC 2317 are none. */
const OF_NO_HOST = new RegExp(`_|${SLASHES.source}`, "g");
const alias = {
  ...host,
  issueOf: (value: string, zone: string) => hostIssue(value, zone, OF_NO_HOST),
};
/** Only of addresses named asks that a pointer leads to a host. */
const pointer = {
  ...host,
  issueOf: (value: string, zone: string) => (/\.arpa$/.test(zone) ? host : alias).issueOf(value, zone),
};
/** Types whose owner is a host: named refuses others (check-names). */
const OF_HOSTS = ["A", "AAAA", "MX"];
/** Types whose value ends in a name. */
const WITH_HOST = ["CNAME", "DNAME", "HTTPS", "MX", "NS", "PTR", "SRV", "SVCB"];

/** A value as a pattern; named-checkzone checks whether its numbers fit. */
const shaped = (pattern: RegExp, number: number, example: string): RecordType => ({
  issueOf: (value) =>
    rdataIssue(value) ?? (pattern.test(value) ? undefined : "is not a valid value for this type"),
  example,
  number,
});
/** Whole numbers, and then bytes in hexadecimal digits with or without blanks. */
const numbersAndHex = (count: number): RegExp =>
  new RegExp(`^(\\d{1,5} ){${count}}[0-9a-f]{2}[0-9a-f ]*$`, "i");
const service = (number: number): RecordType => ({
  issueOf: serviceIssue,
  example: '1 . alpn="h2"',
  number,
});

const TYPES = new Map<string, RecordType>([
  [
    "A",
    {
      issueOf: (value) => (isAddress(value) ? undefined : "is not an IPv4 address"),
      example: "192.0.2.30",
      number: 1,
    },
  ],
  [
    "AAAA",
    {
      issueOf: (value) => (isIpv6(value) ? undefined : "is not an IPv6 address"),
      example: "2001:db8::30",
      number: 28,
    },
  ],
  // Whatever the tag (RFC 8659, 4.1).
  [
    "CAA",
    shaped(
      /^(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]) [a-z0-9]+ "[\x20\x21\x23-\x5b\x5d-\x7e]*"$/i,
      257,
      '0 issue "ca.example.net"',
    ),
  ],
  ["CNAME", { ...alias, number: 5 }],
  ["DNAME", { ...alias, number: 39 }],
  ["DS", shaped(numbersAndHex(3), 43, `60485 8 2 ${"5f".repeat(32)}`)],
  ["HTTPS", service(65)],
  ["MX", { issueOf: (value, zone) => numbersAndHost(value, 1, zone), example: "10 mail", number: 15 }],
  ["NS", { ...host, number: 2 }],
  ["PTR", { ...pointer, number: 12 }],
  ["SRV", { issueOf: (value, zone) => numbersAndHost(value, 3, zone), example: "0 5 5060 sip", number: 33 }],
  ["SSHFP", shaped(numbersAndHex(2), 44, `4 2 ${"5f".repeat(32)}`)],
  ["SVCB", service(64)],
  ["TLSA", shaped(numbersAndHex(3), 52, `3 1 1 ${"5f".repeat(32)}`)],
  ["TXT", { issueOf: textIssue, example: "v=spf1 -all", number: 16 }],
]);

/** Other types that BIND knows by a word. Their values go into the zone as written; named-checkzone checks them. */
const OTHERS = (
  "AFSDB AMTRELAY APL AVC CDNSKEY CDS CERT CSYNC DHCID DNSKEY DOA EUI48 EUI64 GPOS HINFO HIP IPSECKEY ISDN KEY KX L32 L64 LOC LP " +
  "MB MD MF MG MINFO MR NAPTR NID NINFO NSAP NSAP-PTR NSEC NSEC3PARAM OPENPGPKEY PX RESINFO RKEY RP RT SINK SMIMEA SPF TA " +
  "TALINK URI WALLET X25 ZONEMD"
).split(" ");
const SOA = 6;
const asIs: RecordType = { issueOf: rdataIssue, example: "\\# 4 c0000201, or as BIND writes it" };

/** What is known of a type: one of those above, or `TYPE` and a number (RFC 3597, 5). Undefined: nothing. */
function typeNamed(type: string): RecordType | undefined {
  if (OTHERS.includes(type)) return asIs;
  const number = /^TYPE(0|[1-9]\d{0,4})$/.exec(type)?.[1];
  if (number === undefined) return TYPES.get(type);
  const known = Number(number) === SOA || [...TYPES.values()].some((kind) => kind.number === Number(number));
  return known || Number(number) > 65535 ? undefined : asIs;
}

/**
 * What would end a record's value, or the record, elsewhere than at the end of its line (RFC 1035, 5.1), as the rest of a
 * sentence; undefined: nothing.
 */
export function rdataIssue(value: string): string | undefined {
  if (!/^[\x20-\x7e]+$/.test(value) || value.trim() === "") return "is not printable ASCII on one line";
  if (value.length > 60_000) return "is longer than a record can be";
  const bare = value.replace(/\\./g, "").replace(/"[^"]*"/g, "");
  if (/["\\]/.test(bare)) return "has an unmatched quote or backslash";
  return /[();]/.test(bare) ? "has a bracket or a semicolon outside quotes" : undefined;
}

/** A priority, a target, and parameters that are kept as written (RFC 9460). */
function serviceIssue(value: string, zone: string): string | undefined {
  const [priority, target = "", ...parameters] = value.split(" ");
  return (
    numbersAndHost(`${priority} ${target}`, 1, zone, alias.issueOf) ?? rdataIssue(`x ${parameters.join(" ")}`)
  );
}

function textIssue(value: string): string | undefined {
  if (/["\\]/.test(value)) return "has quotes or backslashes, which are added automatically where needed";
  return /^[\x20-\x7e]{1,4000}$/.test(value) ? undefined : "is not 1 to 4000 printable ASCII characters";
}

/** A host name in a value. A zone file takes a name without a trailing dot as relative, which is rarely meant. */
function hostIssue(value: string, zone: string, besides?: RegExp): string | undefined {
  if (value === "@") return undefined;
  const name = value.replace(/\.$/, "");
  const asHost = (text: string): string => (besides ? text.replace(besides, "a") : text);
  const issue = hostNameIssue(asHost(name));
  if (issue) return issue;
  if (value !== name) return undefined;
  if (name.includes(".")) return `has no trailing dot, so it means ${name}.${zone}`;
  return hostNameIssue(asHost(`${name}.${zone}`)) && `means ${name}.${zone}, which can't be a host name`;
}

function numbersAndHost(value: string, count: number, zone: string, issueOf = hostIssue): string | undefined {
  const parts = value.split(" ");
  const target = parts.pop()!;
  if (
    parts.length !== count ||
    !parts.every((part) => /^(0|[1-9][0-9]{0,4})$/.test(part) && Number(part) <= 65535)
  )
    return `is not ${count === 1 ? "a number" : `${count} numbers`} from 0 to 65535 and a host name`;
  // "." says that there is no such service (RFC 7505, RFC 2782).
  return target === "." ? undefined : issueOf(target, zone);
}

/** A domain name in the zone as a record's owner: `www`, or `@` for the zone itself. */
export function relative(name: string, zone: string): string {
  return name === zone ? "@" : name.slice(0, -zone.length - 1);
}

/**
 * Checks the records of a zone.
 * @param sites names of the sites in the zone, relative to it: they have A records of their own
 * @param nsRecords the zone's NS names
 * @param problems of this zone
 */
export function checkRecords(
  zone: string,
  records: ZoneRecordModel[],
  sites: string[],
  nsRecords: string[],
  problems: Problems,
): void {
  const seen = new Map<string, Path>();
  records.forEach((record, i) => {
    const path: Path = ["records", i];
    const { name, type, value } = record;
    const issue = ownerIssue(name, zone);
    if (issue) problems.add([...path, "name"], name, issue, `use ${ownerInstead(name, zone)}`);
    const kind = typeNamed(type);
    if (!kind) {
      problems.add(
        [...path, "type"],
        type,
        "is not a supported record type",
        `${useNearest(type, [...TYPES.keys(), ...OTHERS], "type")} For any other type, write TYPE and its number, such as TYPE65280, with "\\\\# 2 abcd"`,
      );
      return;
    }
    const wrong = kind.issueOf(value, zone);
    const dotted = WITH_HOST.includes(type) ? `${value}.` : "";
    const instead = dotted && !kind.issueOf(dotted, zone) ? dotted : `a value such as ${kind.example}`;
    if (wrong) problems.add([...path, "value"], value, wrong, `use ${instead}`);

    const same = JSON.stringify([name.toLowerCase(), type, value]);
    const first = seen.get(same);
    if (first) problems.say(path, `is a duplicate of ${problems.whereIs(first)}; remove one of them`);
    else seen.set(same, path);
    checkOwner(record, path, records, sites, zone, nsRecords, problems);
  });
}

function ownerInstead(name: string, zone: string): string {
  const bare = name.replace(/\.$/, "").toLowerCase();
  const inside = bare === zone || bare.endsWith(`.${zone}`) ? relative(bare, zone) : bare;
  return ownerIssue(inside, zone) === undefined ? inside : "a name relative to the zone, such as mail, or @";
}

/** Two things of one name that can't be together. */
function checkOwner(
  { name, type }: ZoneRecordModel,
  path: Path,
  records: ZoneRecordModel[],
  sites: string[],
  zone: string,
  nsRecords: string[],
  problems: Problems,
): void {
  const owner = name.toLowerCase();
  if (OF_HOSTS.includes(type) && /[_/]/.test(owner) && !ownerIssue(owner, zone))
    problems.add(
      [...path, "name"],
      name,
      `has ${owner.includes("_") ? "an underscore" : "a slash"}, which host names can't have`,
      `use another name, such as ${owner.replace(/[_/]/g, "-").replace(/(^|\.)-+|-+(?=\.|$)/g, "$1") || "host"}`,
    );
  else if (OF_HOSTS.includes(type) && /[_/]/.test(zone) && !/^gc\._msdcs\./.test(`${owner}.${zone}`))
    problems.add(
      [...path, "name"],
      name,
      `is in zone ${zone}, in which no host can be named`,
      "move the record to another zone",
    );
  else if ((type === "A" || type === "CNAME") && sites.includes(owner))
    problems.add(
      [...path, "name"],
      name,
      "is a site, whose A records are added automatically",
      "use another name, or remove the record",
    );
  else if (type === "NS" && owner === "@")
    problems.add(
      [...path, "name"],
      name,
      "is the zone itself, whose NS records come from nsRecords",
      `use ${problems.whereIs(["nsRecords"])}`,
    );
  else if (type === "CNAME" && owner === "@")
    problems.add(
      [...path, "name"],
      name,
      "has SOA and NS records, but a CNAME can't have others beside it",
      "use an A record",
    );
  else if (type === "CNAME" && nsRecords.some((ns) => ns === `${owner}.${zone}`))
    problems.add(
      [...path, "name"],
      name,
      "is a name server, but NS records can't point to a CNAME",
      "use an A record",
    );
  else if (type === "CNAME" && records.filter((other) => other.name.toLowerCase() === owner).length > 1)
    problems.add(
      [...path, "name"],
      name,
      "has other records, but a CNAME can't have others beside it",
      "use another name, or remove the others",
    );
}
