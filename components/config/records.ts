/** Checks a zone's own records: what named would refuse, and what it would take as something else than meant. */
import { z } from "zod";
import { isAddress } from "../addressPlan";
import { Path, Problems, pathText, useNearest } from "./error";
import { hostNameComplaint, ownerComplaint } from "./names";
import { RecordInput } from "./schema";

/** What a type's value looks like. */
interface RecordType {
  /** What is wrong with a value, as the rest of a sentence that begins with it; undefined: nothing. */
  complain(value: string, zone: string): string | undefined;
  /** A value that would work. */
  example: string;
}

const host: RecordType = { complain: hostComplaint, example: "mail or mail.example.net." };
/** Targets of aliases may have underscores: those of DKIM keys do. */
const alias: RecordType = { ...host, complain: (value, zone) => hostComplaint(value, zone, /_/g) };
/** Types whose owner is a host: named refuses others (check-names). */
const OF_HOSTS = ["A", "AAAA", "MX"];

const TYPES = new Map<string, RecordType>([
  [
    "A",
    { complain: (value) => (isAddress(value) ? undefined : "is not an IPv4 address"), example: "192.0.2.30" },
  ],
  [
    "AAAA",
    {
      complain: (value) => (z.ipv6().safeParse(value).success ? undefined : "is not an IPv6 address"),
      example: "2001:db8::30",
    },
  ],
  [
    "CAA",
    {
      complain: (value) =>
        /^(0|128) (issue|issuewild|iodef) "[\x20-\x21\x23-\x5b\x5d-\x7e]*"$/.test(value)
          ? undefined
          : "is no CAA value",
      example: '0 issue "ca.example.net"',
    },
  ],
  ["CNAME", alias],
  ["MX", { complain: (value, zone) => numbersAndHost(value, 1, zone), example: "10 mail" }],
  ["NS", host],
  ["PTR", host],
  ["SRV", { complain: (value, zone) => numbersAndHost(value, 3, zone), example: "0 5 5060 sip" }],
  ["TXT", { complain: textComplaint, example: "v=spf1 -all" }],
]);

function textComplaint(value: string): string | undefined {
  if (/["\\]/.test(value)) return "has quotes or backslashes, which are added where needed";
  return /^[\x20-\x7e]{1,4000}$/.test(value) ? undefined : "is not 1 to 4000 printable ASCII characters";
}

/** A host name in a value. A zone file takes a name without a trailing dot as relative, which is rarely meant. */
function hostComplaint(value: string, zone: string, besides?: RegExp): string | undefined {
  if (value === "@") return undefined;
  const name = value.replace(/\.$/, "");
  const complaint = hostNameComplaint(besides ? name.replace(besides, "a") : name);
  if (complaint) return complaint;
  if (value === name && name.includes("."))
    return `is relative to the zone without a dot at its end, that is ${name}.${zone}`;
  return undefined;
}

function numbersAndHost(value: string, count: number, zone: string): string | undefined {
  const parts = value.split(" ");
  const target = parts.pop()!;
  if (
    parts.length !== count ||
    !parts.every((part) => /^(0|[1-9][0-9]{0,4})$/.test(part) && Number(part) <= 65535)
  )
    return `is not ${count === 1 ? "a number" : `${count} numbers`} from 0 to 65535 and a host name`;
  // "." says that there is no such service (RFC 7505, RFC 2782).
  return target === "." ? undefined : hostComplaint(target, zone);
}

/** A domain name in the zone as a record's owner: `www`, or `@` for the zone itself. */
export function relative(name: string, zone: string): string {
  return name === zone ? "@" : name.slice(0, -zone.length - 1);
}

/**
 * Checks the records of a zone.
 * @param sites names of the sites in the zone, relative to it: they have A records of their own
 * @param nsNames the zone's NS names
 */
export function checkRecords(
  zone: string,
  records: RecordInput[],
  sites: string[],
  nsNames: string[],
  problems: Problems,
): void {
  const seen = new Map<string, Path>();
  records.forEach((record, i) => {
    const path = ["zones", zone, "records", i];
    const { name, type, value } = record;
    const complaint = ownerComplaint(name, zone);
    if (complaint) problems.add([...path, "name"], name, complaint, `use ${ownerInstead(name, zone)}`);
    const kind = TYPES.get(type);
    if (!kind) {
      problems.add(
        [...path, "type"],
        type,
        "is not a type for a record here",
        useNearest(type, [...TYPES.keys()], "type"),
      );
      return;
    }
    const wrong = kind.complain(value, zone);
    const dotted = kind === host || kind === alias || type === "MX" || type === "SRV" ? `${value}.` : "";
    const instead = dotted && !kind.complain(dotted, zone) ? dotted : `a value such as ${kind.example}`;
    if (wrong) problems.add([...path, "value"], value, wrong, `use ${instead}`);

    const same = JSON.stringify([name.toLowerCase(), type, value]);
    const first = seen.get(same);
    if (first) problems.say(path, `is ${pathText(first)} again; remove one of both`);
    else seen.set(same, path);
    checkOwner(record, path, records, sites, zone, nsNames, problems);
  });
}

function ownerInstead(name: string, zone: string): string {
  const bare = name.replace(/\.$/, "").toLowerCase();
  const inside = bare === zone || bare.endsWith(`.${zone}`) ? relative(bare, zone) : bare;
  return ownerComplaint(inside, zone) === undefined
    ? inside
    : "a name relative to the zone, such as mail, or @";
}

/** Two things of one name that can't be together. */
function checkOwner(
  { name, type }: RecordInput,
  path: Path,
  records: RecordInput[],
  sites: string[],
  zone: string,
  nsNames: string[],
  problems: Problems,
): void {
  const owner = name.toLowerCase();
  if (OF_HOSTS.includes(type) && owner.includes("_") && !ownerComplaint(owner, zone))
    problems.add(
      [...path, "name"],
      name,
      "has an underscore, which the name of a host can't have",
      `use another name, such as ${owner.replace(/_/g, "-").replace(/(^|\.)-+|-+(?=\.|$)/g, "$1") || "host"}`,
    );
  else if ((type === "A" || type === "CNAME") && sites.includes(owner))
    problems.add(
      [...path, "name"],
      name,
      "is a site, which has its own A records",
      "use another name, or remove the record",
    );
  else if (type === "NS" && owner === "@")
    problems.add(
      [...path, "name"],
      name,
      "is the zone itself, whose NS records come from nsNames",
      `use zones[${JSON.stringify(zone)}].nsNames`,
    );
  else if (type === "CNAME" && owner === "@")
    problems.add(
      [...path, "name"],
      name,
      "has SOA and NS records, and a CNAME stands alone",
      "use an A record",
    );
  else if (type === "CNAME" && nsNames.some((ns) => ns === `${owner}.${zone}`))
    problems.add(
      [...path, "name"],
      name,
      "is a name server, and NS records can't point to a CNAME",
      "use an A record",
    );
  else if (type === "CNAME" && records.filter((other) => other.name.toLowerCase() === owner).length > 1)
    problems.add(
      [...path, "name"],
      name,
      "has other records, and a CNAME stands alone",
      "use another name, or remove the others",
    );
}
