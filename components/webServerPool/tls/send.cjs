// @ts-check
"use strict";
// The supplier of the vhosts role: certificates that a machine lacks, read where they lie, for the ssh pipe that is open.

const { selfMade } = require("./makeCertificate.cjs");
const { parseCertificate, parseSite, renderCertificate, splitLine } = require("../lineFormats.cjs");
const { factsOf, filesOfPair, fits, parsePair, problemsOf, readPair } = require("./pair.cjs");

/** What a machine asks for: numbers of lines of the wanted file `certificates`, and the certificate for unknown names. */
const LACKS = /^([0-9,-]*)( unknown)?$/;

/**
 * @typedef {object} Source
 * @property {string} certificates the wanted file
 * @property {import("./pair.cjs").PairFolders} folders where pairs lie
 * @property {Record<string, { certificate: string, privateKey: string }>} given pairs that came with the command, by site
 */

/**
 * @param {string} asked as the machine says it
 * @param {Source} source
 * @param {Date} [now]
 * @returns {{ files: [string, string][] } | { refusal: string }} PEM files, a key and its certificate with the chain each. A
 *   pair that is not here, or that no run would deliver, is left out: the machine knows whether it can do without
 */
function certificatesFor(asked, { certificates, folders, given }, now = new Date()) {
  const [, numbers = "", unknown] = LACKS.exec(asked) ?? [];
  /** @type {[string, string][]} */
  const files = unknown ? [["unknown.pem", selfMade()]] : [];
  const lines = certificates.split("\n").filter(Boolean);
  for (const line of within(numbers, lines)) {
    const [site, rest] = splitLine(line);
    const wanted = parseCertificate(rest);
    const own = Object.hasOwn(given, site) ? given[site] : undefined;
    const reading = own
      ? parsePair(
          { chain: own.certificate, key: own.privateKey },
          { chain: "certificate", key: "privateKey" },
        )
      : readPair(filesOfPair(folders, site));
    if (!wanted || !("pair" in reading)) continue;
    const { chainText, keyText, source } = reading.pair;
    if (renderCertificate(factsOf(reading.pair)) === renderCertificate(wanted)) {
      // Of one that is in force elsewhere all else may be wrong; this would end Apache.
      if (fits(reading.pair)) files.push([`${wanted.certificate}.pem`, `${keyText.trim()}\n${chainText}`]);
    } else if (problemsOf(reading.pair, [], now).length === 0) {
      return {
        refusal: `Site ${site}: ${source.chain} has changed since the preview; run 'pulumi up' again`,
      };
    }
  }
  return { files };
}

/** @param {string} numbers such as 1-3,17 @param {string[]} lines @returns {string[]} of the lines those, once */
function within(numbers, lines) {
  const wanted = numbers
    .split(",")
    .filter(Boolean)
    .map((range) => range.split("-").map(Number));
  return lines.filter((_, i) => wanted.some(([from, to = from]) => from <= i + 1 && i + 1 <= to));
}

/** Of a command's environment has room for 128 KiB each. */
const LARGEST_ENTRY = 100_000;
const MOST_ENTRIES = 10;

/**
 * Pairs that come with a command, as values of few entries of its environment.
 * @param {Record<string, { certificate: string, privateKey: string }>} pairs by site
 * @returns {string[] | undefined} undefined: they are more than a command can have
 */
function packPairs(pairs) {
  /** @type {string[]} */
  const entries = [];
  let rest = "";
  for (const pair of Object.entries(pairs)) {
    const text = JSON.stringify(pair);
    if (rest && rest.length + text.length + 2 > LARGEST_ENTRY) {
      entries.push(`[${rest}]`);
      rest = "";
    }
    rest += (rest ? "," : "") + text;
    if (rest.length + 2 > LARGEST_ENTRY) return undefined;
  }
  if (rest) entries.push(`[${rest}]`);
  return entries.length > MOST_ENTRIES ? undefined : entries;
}

/** @param {(string | undefined)[]} entries @returns {Source["given"]} */
const unpackPairs = (entries) =>
  Object.fromEntries(entries.flatMap((entry) => (entry ? JSON.parse(entry) : [])));

/** What a machine asks for after a change: LINE@VIP, a number of a line of `certificates` each. */
const SHOW = /^show(( \d+@[\d.]+)+)$/;

/** @type {import("../../host/delivery/bundle.cjs").Supplier} */
async function supply(asked, { want, sources, secret, ssh }) {
  const certificates = want.certificates ?? "";
  const [, places] = SHOW.exec(asked) ?? [];
  if (places !== undefined) {
    const { showVerdicts } = require("./show.cjs");
    return {
      files: [["verdicts", await showVerdicts(questionsIn(places, certificates, want.sites ?? ""), ssh)]],
    };
  }
  return certificatesFor(asked, {
    certificates,
    folders: /** @type {import("./pair.cjs").PairFolders} */ (sources ?? {}),
    given: unpackPairs(Array.from({ length: MOST_ENTRIES }, (_, i) => secret(`pairs${i}`))),
  });
}

/** @param {string} places @param {string} certificates @param {string} sites */
function questionsIn(places, certificates, sites) {
  const lines = certificates.split("\n");
  const names = new Map(
    sites
      .split("\n")
      .map(parseSite)
      .map((site) => [site.name, site.names[0]]),
  );
  return places
    .trim()
    .split(" ")
    .flatMap((place) => {
      const [number, vip] = place.split("@");
      const [site, rest] = splitLine(lines[Number(number) - 1] ?? "");
      const facts = parseCertificate(rest);
      const name = names.get(site);
      return facts && name ? [{ site, vip, name, certificate: facts.certificate }] : [];
    });
}

module.exports = { MOST_ENTRIES, certificatesFor, packPairs, questionsIn, supply };
