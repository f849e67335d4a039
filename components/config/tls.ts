/** Reads `tls`, and `tls` of a site. */
import { z } from "zod";
import { Path, Problems } from "../base/problems";
import { IssueOf } from "../base/names";
import { flag, object, oneOf, parse, text, whole } from "./leaf";
import { SiteTlsModel, TlsModel } from "./model";
import { TlsVersion } from "../webServerPool/tls/defaults";
import { SITE_TLS } from "../webServerPool/tls/defaults";

/** A folder; a `~` is not expanded. */
const folderIssue: IssueOf = (folder) => {
  if (folder.startsWith("~")) return "begins with ~, which is not expanded";
  return /^[A-Za-z0-9._/][A-Za-z0-9._/+@-]*$/.test(folder)
    ? undefined
    : "is not a path of letters, digits and . _ / + @ -";
};

const folder = (example: string) => text(folderIssue, () => `use a folder such as ${example}`);

/** base64url of a SHA-256 (RFC 7638, 3.1). */
const thumbprint = text(
  (value) => (/^[A-Za-z0-9_-]{43}$/.test(value) ? undefined : "is not an ACME account thumbprint"),
  () =>
    "use the 43 letters, digits, - and _ that your ACME client prints (RFC 7638), such as LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ",
);

const isOff = (value: unknown): boolean => value === "off" || value === false;

const MOST_HSTS = 63_072_000;
/** Seconds, or off. */
const hsts = z
  .preprocess((value) => (isOff(value) ? 0 : value), whole(0, MOST_HSTS, 31_536_000, "of seconds "))
  .optional();

const ofSite = {
  keys: folder("/root/keys").optional(),
  redirect: flag().optional(),
  hsts,
  minimum: oneOf(TlsVersion).optional(),
};

/** The key `tls`. */
export const tlsSchema = object({
  folder: folder("certs").optional(),
  acmeThumbprint: thumbprint.optional(),
  tickets: z.preprocess((value) => (isOff(value) ? false : value), flag().default(true)),
  ...ofSite,
});

/** The key `tls` of a site, where it is no flag. */
export const siteTlsSchema = object({
  folder: folder("/etc/letsencrypt/live/www.example.org").optional(),
  ...ofSite,
});

/** The key `tls`, and what it gives each site. */
export interface TlsInput {
  model: TlsModel;
  site: SiteTlsModel;
}

/** Reads the key `tls`; undefined: there is none. */
export function readTls(value: unknown, problems: Problems): TlsInput | undefined {
  if (value === undefined) return undefined;
  const input = parse(tlsSchema, value, ["tls"], problems);
  if (!input) return { model: { tickets: true }, site: SITE_TLS };
  const { folder: pairs, keys, acmeThumbprint, tickets, ...site } = input;
  return {
    model: given({ folder: pairs, keys, acmeThumbprint, tickets }),
    site: { ...SITE_TLS, ...given(site) },
  };
}

/**
 * Reads `sites.NAME.tls`.
 * @param stack the key `tls`
 * @returns how the site is served by https; undefined: it is not
 */
export function readSiteTls(
  value: unknown,
  site: string,
  stack: TlsInput | undefined,
  problems: Problems,
): SiteTlsModel | undefined {
  const path: Path = ["sites", site, "tls"];
  if (value === false || (value === undefined && stack?.model.folder === undefined)) return undefined;
  if (typeof value !== "object" && typeof value !== "boolean" && value !== undefined) {
    problems.add(
      path,
      value,
      "must be true, false or an object",
      "use true, false, or an object with folder",
    );
    return undefined;
  }
  const own = typeof value === "object" ? parse(siteTlsSchema, value, path, problems) : {};
  if (!own) return undefined;
  if (own.folder === undefined && stack?.model.folder === undefined) {
    problems.say(
      path,
      `no folder is set for its certificate; set tls.folder, such as certs, with certs/${site}/fullchain.pem and privkey.pem in it, or set sites.${site}.tls.folder`,
    );
    return undefined;
  }
  return { ...(stack?.site ?? SITE_TLS), ...given(own) };
}

/** Without the keys that have no value. */
function given<T extends object>(input: T): T {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as T;
}
