/** What names and domains may look like. Nothing here needs quoting in a shell or a config file. */

/** Says what is wrong with a text, as the rest of a sentence that begins with it; undefined: nothing. */
export type IssueOf = (text: string) => string | undefined;

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const MAX_NAME = 40;

/** Names of servers, sites, routers and name servers: part of resource names and of file names on hosts. */
export const nameIssue: IssueOf = (name) => {
  if (name.length > MAX_NAME) return `is longer than ${MAX_NAME} characters`;
  if (!NAME.test(name)) return "may contain only a-z, 0-9 and - (not first or last)";
  return undefined;
};

/** A name like the one given that is allowed. */
export function nameInstead(name: string): string {
  const clean = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_NAME)
    .replace(/^-+|-+$/g, "");
  return `use one such as ${clean || "web1"}`;
}

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i;

export function lengthIssue(labels: string[], rest = 0): string | undefined {
  const length = labels.join(".").length + rest;
  if (length > 253) return `is ${length} characters long, but DNS allows at most 253`;
  const long = labels.find((label) => label.length > 63);
  return long && `has a label of ${long.length} characters, but DNS allows at most 63`;
}

/** A host name of one label or more (RFC 1123), without a trailing dot. */
export const hostNameIssue: IssueOf = (name) => {
  if (name.endsWith(".")) return "ends in a dot";
  const labels = name.split(".");
  if (!labels.every((label) => LABEL.test(label))) return "is not a domain name";
  if (/^[0-9]+$/.test(labels[labels.length - 1])) return "is an address or a number";
  return lengthIssue(labels);
};

/** A host name of two labels or more. */
export const domainIssue: IssueOf = (name) =>
  hostNameIssue(name) ?? (name.includes(".") ? undefined : "is not a full domain name");

/** The slashes of RFC 2317, between digits. */
export const SLASHES = /(?<=[0-9])\/(?=[0-9])/g;

/** Underscores, but in the last label, which no domain has; and such slashes, but there. */
const OF_NO_HOST = /_(?=.*\.)|(?<=[0-9])\/(?=[0-9].*\.)/g;

/** A name that DNS has beside those of hosts: `_msdcs.example.org`, `0/25.2.0.192.in-addr.arpa`. */
export const dnsNameIssue: IssueOf = (name) => hostNameIssue(name.replace(OF_NO_HOST, "a"));

/** The name of a site: a domain. */
export const siteNameIssue: IssueOf = (name) =>
  name.startsWith("*.") ? "is a wildcard, but a site needs a name that visitors can type" : domainIssue(name);

/** Says to use the name below a wildcard, or the domain that was probably meant. */
export const siteNameInstead = (name: string): string =>
  name.startsWith("*.") && siteNameIssue(name.slice(2)) === undefined
    ? `use ${name.slice(2).toLowerCase()}, and put ${name.toLowerCase()} into aliases`
    : domainInstead("www.example.org")(name);

/** A further name of a site, or all names below a domain: `*.example.org` (RFC 4592). */
export const aliasIssue: IssueOf = (name) => {
  const bare = name.replace(/^\*\./, "");
  if (bare.includes("*")) return "has a * that is not its whole first label";
  return siteNameIssue(bare) ?? lengthIssue(name.split("."));
};

/** Says to use the domain that was probably meant, or the example. */
export function domainInstead(example: string): (name: string) => string {
  return (name) => {
    const clean = name
      .trim()
      .toLowerCase()
      .replace(/^https?:\/\//, "")
      .replace(/[./]+$/, "");
    return `use ${domainIssue(clean) === undefined ? clean : `one such as ${example}`}`;
  };
}
