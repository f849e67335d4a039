/** What names, domains, paths and users may look like. Nothing here needs quoting in a shell or a config file. */
import { posix } from "path";
import { z } from "zod";
import { IssueOf } from "./leaf";

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const MAX_NAME = 40;

/** Names of servers, sites, routers and name servers: part of resource names and of file names on hosts. */
export const nameIssue: IssueOf = (name) => {
  if (name.length > MAX_NAME) return `is longer than ${MAX_NAME} characters`;
  if (!NAME.test(name)) return "has other characters than a-z, 0-9 and, inside, -";
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

function lengthIssue(labels: string[], rest = 0): string | undefined {
  const length = labels.join(".").length + rest;
  if (length > 253) return `is ${length} characters long, and DNS allows 253`;
  const long = labels.find((label) => label.length > 63);
  return long && `has a label of ${long.length} characters, and DNS allows 63`;
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

/** The slashes of RFC 2317, which stand between digits. */
export const SLASHES = /(?<=[0-9])\/(?=[0-9])/g;

/** Underscores, but in the last label, which no domain has; and such slashes, but there. */
const OF_NO_HOST = /_(?=.*\.)|(?<=[0-9])\/(?=[0-9].*\.)/g;

/** A name that DNS has beside those of hosts: `_msdcs.example.org`, `0/25.2.0.192.in-addr.arpa`. */
export const dnsNameIssue: IssueOf = (name) => hostNameIssue(name.replace(OF_NO_HOST, "a"));

/** A zone: such a name in lower case. */
export const zoneIssue: IssueOf = (name) =>
  dnsNameIssue(name) ?? (name === name.toLowerCase() ? undefined : "has upper case letters");

/** The name of a site: a domain. */
export const siteNameIssue: IssueOf = (name) =>
  name.startsWith("*.") ? "is a wildcard, and a site needs a name that visitors can type" : domainIssue(name);

/** Says to use the name below a wildcard, or the domain that was probably meant. */
export const siteNameInstead = (name: string): string =>
  name.startsWith("*.") && siteNameIssue(name.slice(2)) === undefined
    ? `use ${name.slice(2).toLowerCase()}, and put ${name.toLowerCase()} into aliases`
    : domainInstead("www.example.org")(name);

/** A further name of a site, or all names below a domain: `*.example.org` (RFC 4592). */
export const aliasIssue: IssueOf = (name) => {
  const bare = name.replace(/^\*\./, "");
  if (bare.includes("*")) return "has a * elsewhere than as its whole first label";
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

const OWNER = /^(\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$/i;

/** The owner of a record: a name relative to its zone, or `@`. */
export function ownerIssue(name: string, zone: string): string | undefined {
  if (name === "@") return undefined;
  if (name.endsWith(".")) return "ends in a dot, and names are relative to the zone";
  if (!OWNER.test(name.replace(SLASHES, "a"))) return "is not a record's name";
  if (name.toLowerCase() === zone || name.toLowerCase().endsWith(`.${zone}`))
    return "ends in the zone's name, which is appended to it anyway";
  return lengthIssue(name.split("."), zone.length + 1);
}

/** A mail address whose local part needs no quoting in a zone file other than of its dots. */
export const mailIssue: IssueOf = (mail) => {
  const [local, domain] = mail.split("@");
  if (!z.email().safeParse(mail).success || local.includes("'") || local.length > 63)
    return "is not a mail address";
  return domainIssue(domain);
};

/** Trees that belong to the system: a web server there would publish or lose what is in them. */
const SYSTEM_TREES = (
  "/bin /boot /dev /etc /lib /lib32 /lib64 /libx32 /lost+found /proc /root /run /sbin /sys /tmp /usr/bin /usr/include " +
  "/usr/lib /usr/lib32 /usr/lib64 /usr/libexec /usr/sbin /usr/src /var/backups /var/cache /var/lock /var/log /var/mail " +
  "/var/run /var/spool /var/tmp"
).split(" ");
/** Directories below which a document root may be, but which are none themselves. */
const SYSTEM_DIRECTORIES = "/ /home /media /mnt /opt /srv /usr /usr/local /usr/share /var /var/lib".split(
  " ",
);

/** A directory for a web site's files: an absolute, normalised path. */
export const documentRootIssue: IssueOf = (path) => {
  if (!path.startsWith("/")) return "is not an absolute path";
  if (!/^[A-Za-z0-9._/+@-]+$/.test(path)) return "has other characters than letters, digits and . _ / + @ -";
  if (path !== normalised(path)) return "is not in its shortest form";
  if (path.length > 400 || path.split("/").some((part) => part.length > 255)) return "is too long";
  if (SYSTEM_TREES.some((tree) => path === tree || path.startsWith(`${tree}/`)))
    return "is in a directory of the system";
  if (SYSTEM_DIRECTORIES.includes(path)) return "is a directory of the system";
  return undefined;
};

/** Says to use the path that was probably meant, or one that is usual. */
export function documentRootInstead(path: string): string {
  const clean = normalised(path);
  return `use ${documentRootIssue(clean) === undefined ? clean : "a path such as /var/www/widgetco"}`;
}

function normalised(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, "$1");
}

/** A file of the project, by its path from there: none of another folder, and no hidden one, such as those of git. */
export const projectFileIssue: IssueOf = (path) => {
  if (path.startsWith("/")) return "is no path from the project's folder";
  if (!/^[A-Za-z0-9._/+@-]+$/.test(path) || path.startsWith("-"))
    return "has other characters than letters, digits and . _ / + @ -";
  if (
    posix
      .normalize(path)
      .split("/")
      .some((part) => part.startsWith("."))
  )
    return "leads out of the project's folder, or to a hidden file";
  return undefined;
};

/** A path of a site that is asked for, as it stands in a request. */
export const checkPathIssue: IssueOf = (path) =>
  /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,500}$/.test(path)
    ? undefined
    : "is no path of a site, with a / first and without blanks";

/** A user to log in as. */
export const userIssue: IssueOf = (user) =>
  /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(user) ? undefined : "is not a user name";

/** An ssh_config file: ssh gets it as an argument, so it can't begin with a dash, and nobody expands a `~`. */
export const configFileIssue: IssueOf = (path) => {
  if (path.startsWith("~")) return "begins with ~, which ssh -F does not expand";
  return /^[A-Za-z0-9._/][A-Za-z0-9._/+@-]*$/.test(path)
    ? undefined
    : "is not a path that ssh takes as it is";
};
