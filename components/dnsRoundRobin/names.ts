/** What zones, owners of records and contacts may be called. */
import { z } from "zod";
import { IssueOf, SLASHES, dnsNameIssue, domainIssue, lengthIssue } from "../base/names";

/** A zone: such a name in lower case. */
export const zoneIssue: IssueOf = (name) =>
  dnsNameIssue(name) ?? (name === name.toLowerCase() ? undefined : "has uppercase letters");

const OWNER = /^(\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$/i;

/** The owner of a record: a name relative to its zone, or `@`. */
export function ownerIssue(name: string, zone: string): string | undefined {
  if (name === "@") return undefined;
  if (name.endsWith(".")) return "ends in a dot, but names are relative to the zone";
  if (!OWNER.test(name.replace(SLASHES, "a"))) return "is not a valid record name";
  if (name.toLowerCase() === zone || name.toLowerCase().endsWith(`.${zone}`))
    return "ends in the zone's name, which is appended automatically";
  return lengthIssue(name.split("."), zone.length + 1);
}

/** A mail address whose local part needs no quoting in a zone file other than of its dots. */
export const mailIssue: IssueOf = (mail) => {
  const [local, domain] = mail.split("@");
  if (!z.email().safeParse(mail).success || local.includes("'") || local.length > 63)
    return "is not a mail address";
  return domainIssue(domain);
};

/**
 * A zone's component, whose name is part of file names and begins with a letter or a digit. Zones have no capitals, so no
 * two get one name.
 */
export function zoneComponent(zone: string): string {
  return `${zone.startsWith("_") ? "ZONE-" : ""}${zone.replaceAll("/", "-SLASH-")}`;
}
