// @ts-check
"use strict";
/**
 * The lines of the files that a pool writes on its servers, each format rendered and parsed in one place. role.sh, tls.sh and their
 * awk programs read the same lines. Plain JavaScript because tls/send.cjs shares it, which runs once per command.
 */

/**
 * A site, as a line of `sites` has it: `NAME SERVER-NAME,ALIAS,... VIP,VIP,... DOCUMENT-ROOT`.
 * @typedef {{ name: string, names: string[], vips: string[], documentRoot: string }} SiteLine
 */

/**
 * A site's certificate, as a line of `certificates` has it: `NAME expires DAY issued DAY certificate SHA256 key SHA256`.
 * @typedef {{ expires: string, issued: string, certificate: string, key: string }} Facts
 */

/** @typedef {{ minimum: import("./tls/defaults").TlsVersion, redirect: boolean, hsts: number }} HttpsLine how a site is served by https */

/** @param {string} line @returns {[string, string]} its first word, which in these files names the site, and the rest */
function splitLine(line) {
  const [first] = line.split(" ", 1);
  return [first, line.slice(first.length + 1)];
}

/** @param {string[]} lines @returns {Record<string, string>} the rest of each line, by site */
const bySite = (lines) => Object.fromEntries(lines.map(splitLine));

/** @param {Omit<SiteLine, "name">} site @returns {string} after its name */
const renderSite = ({ names, vips, documentRoot }) =>
  [names.join(","), vips.join(","), documentRoot].join(" ");

/** @param {string} line from a machine, where words may be missing @returns {SiteLine} */
function parseSite(line) {
  const [name = "", names = "", vips = "", documentRoot = ""] = line.split(" ");
  return { name, names: names.split(","), vips: vips.split(","), documentRoot };
}

/** @param {string} line of `sites` @returns {import("../network/nameAddress").NameAddress[]} where its names are served */
function namesOf(line) {
  const { names, vips } = parseSite(line);
  return names.flatMap((name) => vips.map((address) => ({ name, address })));
}

/** @param {HttpsLine} site @returns {string} of `https`, after the site's name: `MINIMUM redirect|plain HSTS-SECONDS` */
const renderHttps = ({ minimum, redirect, hsts }) =>
  [minimum, redirect ? "redirect" : "plain", hsts].join(" ");

/** @param {Facts} facts @returns {string} after the site's name */
const renderCertificate = ({ expires, issued, certificate, key }) =>
  `expires ${expires} issued ${issued} certificate ${certificate} key ${key}`;

const CERTIFICATE =
  /^expires (\d{4}-\d\d-\d\d) issued (\d{4}-\d\d-\d\d) certificate ([0-9a-f]{64}) key ([0-9a-f]{64})$/;

/** @param {string} rest of a line, after the site's name @returns {Facts | undefined} undefined: it is no such line */
function parseCertificate(rest) {
  const [all, expires, issued, certificate, key] = CERTIFICATE.exec(rest) ?? [];
  return all === undefined ? undefined : { expires, issued, certificate, key };
}

/**
 * @param {string} site
 * @param {string} line one of its own directives
 * @param {boolean} isSecret whether a secret is in it, so that it must never be shown
 * @returns {string} a line of `private/directives`: `NAME -|* LINE`
 */
const renderDirective = (site, line, isSecret) => `${site} ${isSecret ? "*" : "-"} ${line}`;

module.exports = {
  bySite,
  namesOf,
  parseCertificate,
  parseSite,
  renderCertificate,
  renderDirective,
  renderHttps,
  renderSite,
  splitLine,
};
