// @ts-check
"use strict";
// A certificate with its chain and private key, as ACME clients write them. Plain JavaScript because deliver.cjs shares it.

const { X509Certificate, createHash, createPrivateKey } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { holdsPublicKey, publicKeyInfo, signatureAlgorithm } = require("./der.cjs");

/** What certbot, lego, dehydrated and acme.sh write. */
const CHAIN_FILE = "fullchain.pem";
const KEY_FILE = "privkey.pem";

/**
 * Where pairs lie on the operator's machine, as the configuration has it: relative to the project's folder, or absolute.
 * @typedef {object} PairFolders
 * @property {string} [folder] has a folder for each site, by its name
 * @property {string} [keys] the same for the keys. Default: beside the certificates
 * @property {Record<string, { folder?: string, keys?: string }>} [sites] the folder of a site's own pair, by site
 */

/**
 * A pair that was read. `source` names its files in messages. Without a key only the certificate was, or the key is known to be its.
 * @typedef {{ chain: import("node:crypto").X509Certificate[], chainText: string, key?: import("node:crypto").KeyObject, keyText: string, source: { chain: string, key: string } }} Pair
 */

/**
 * missing: a file is not there. broken: it can't be read, or is no certificate or key.
 * @typedef {{ pair: Pair } | { missing: string } | { broken: string }} Reading
 */

/**
 * @param {PairFolders} folders
 * @param {string} site
 * @returns {{ chain: string, key: string }} the files of a site's pair
 */
function filesOfPair({ folder = "", keys, sites = {} }, site) {
  const own = Object.hasOwn(sites, site) ? sites[site] : {};
  const chain = own.folder ?? path.join(folder, site);
  const key = own.keys ?? (own.folder === undefined && keys !== undefined ? path.join(keys, site) : chain);
  return { chain: path.join(chain, CHAIN_FILE), key: path.join(key, KEY_FILE) };
}

/**
 * @param {{ chain: string, key: string }} files
 * @param {string} [from] the folder that they are relative to. Default: the working folder, as Pulumi starts programs
 * @returns {Reading}
 */
function readPair(files, from = ".") {
  const texts = { chain: "", key: "" };
  for (const part of /** @type {const} */ (["chain", "key"])) {
    try {
      texts[part] = fs.readFileSync(path.resolve(from, files[part]), "utf8");
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code === "ENOENT" || code === "ENOTDIR") return { missing: files[part] };
      return { broken: `${files[part]} can't be read (${code})` };
    }
  }
  return parsePair(texts, files);
}

/**
 * @param {{ chain: string }} files of a pair
 * @param {string} [from] as for readPair
 * @returns {boolean} whether the folder is there in which sites have theirs: a pair that is missing has gone then
 */
function hasPlace({ chain }, from = ".") {
  return fs.existsSync(path.resolve(from, path.dirname(path.dirname(chain))));
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * @param {{ chain: string, key: string }} texts
 * @param {{ chain: string, key: string }} source
 * @returns {Reading}
 */
function parsePair(texts, source) {
  const reading = parseChain(texts.chain, source);
  if (!("pair" in reading)) return reading;
  const [leaf] = reading.pair.chain;
  try {
    if (holdsPublicKey(texts.key, publicKeyInfo(leaf.raw)))
      return { pair: { ...reading.pair, keyText: texts.key } };
    return { pair: { ...reading.pair, key: createPrivateKey(texts.key), keyText: texts.key } };
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    return {
      broken:
        code === "ERR_MISSING_PASSPHRASE" || /ENCRYPTED/.test(texts.key)
          ? `${source.key} has a passphrase, which Apache has no way to ask for`
          : `${source.key} has no private key in PEM form`,
    };
  }
}

/**
 * @param {string} text
 * @param {{ chain: string, key: string }} source
 * @returns {Reading} without a key
 */
function parseChain(text, source) {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) return { broken: `${source.chain} has no certificate in PEM form` };
  try {
    const chain = blocks.map((block, i) => (i === 0 ? new X509Certificate(block) : issuerIn(block)));
    return { pair: { chain, chainText: `${blocks.join("\n")}\n`, keyText: "", source } };
  } catch {
    return { broken: `${source.chain} has a certificate that can't be read` };
  }
}

/** Of a thousand sites a few are by another issuer. @type {Map<string, import("node:crypto").X509Certificate>} */
const issuers = new Map();
/** @param {string} block */
function issuerIn(block) {
  const known = issuers.get(block) ?? new X509Certificate(block);
  issuers.set(block, known);
  return known;
}

/** @param {Pair} pair @returns {boolean} whether the key, where there is one, is the certificate's */
const fits = ({ chain: [leaf], key }) => !key || leaf.checkPrivateKey(key);

/** @param {Date | string} date */
const dayOf = (date) => new Date(date).toISOString().slice(0, 10);
/** @param {Buffer} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** @param {Pair} pair @returns {import("../lineFormats.cjs").Facts} */
function factsOf({ chain: [leaf] }) {
  return {
    expires: dayOf(leaf.validTo),
    issued: dayOf(leaf.validFrom),
    certificate: sha256(leaf.raw),
    key: sha256(publicKeyInfo(leaf.raw)),
  };
}

/**
 * What would keep browsers from a site with this pair, or end Apache: a sentence each, with what to do.
 * @param {Pair} pair
 * @param {string[]} names all that the site answers to
 * @param {Date} now
 * @returns {string[]}
 */
function problemsOf(pair, names, now) {
  const { chain, key, source } = pair;
  const [leaf, ...rest] = chain;
  if (key && !fits(pair)) {
    const place = rest.findIndex((other) => other.checkPrivateKey(key));
    return [
      place < 0
        ? `${source.key} is not the key of ${source.chain}, and Apache would stop: put the key there that the certificate was ordered with`
        : `${source.chain} is in the wrong order: the site's certificate is number ${place + 2}; put it first, followed by the one that issued it, and so on`,
    ];
  }
  return [
    ...namesMissing(leaf, names, source.chain),
    ...chainProblems(chain, source.chain),
    ...timeProblems(chain, source.chain, now),
    ...weaknesses(chain, source.chain),
  ];
}

/**
 * @param {import("node:crypto").X509Certificate} leaf
 * @param {string[]} names
 * @param {string} file
 */
function namesMissing(leaf, names, file) {
  const covered = new Set((leaf.subjectAltName ?? "").toLowerCase().split(", "));
  const lacking = names.filter((name) =>
    name.startsWith("*.")
      ? !covered.has(`dns:${name.toLowerCase()}`)
      : leaf.checkHost(name, { subject: "never", partialWildcards: false }) === undefined,
  );
  return lacking.length === 0
    ? []
    : [`${file} does not cover ${lacking.join(", ")}: order one for ${names.join(", ")}`];
}

/**
 * @param {import("node:crypto").X509Certificate[]} chain
 * @param {string} file
 */
function chainProblems(chain, file) {
  for (let i = 0; i + 1 < chain.length; i++) {
    if (!isIssuedBy(chain[i], chain[i + 1]))
      return [
        `${file} is in the wrong order: certificate ${i + 2} did not issue number ${i + 1}; put the site's first, then the one that issued it, and so on`,
      ];
  }
  // An unknown one may be a new root's, or the operator's private one.
  const [leaf] = chain;
  if (chain.length === 1 && !isIssuedBy(leaf, leaf) && !isIssuedByRoot(leaf))
    return [
      `${file} lacks the certificate that issued the site's (${oneLine(leaf.issuer)}), so clients may not trust it: append it (ACME clients write it as ${CHAIN_FILE})`,
    ];
  return [];
}

/** Of extensions: the issuer's key, and the own one, by their names (RFC 5280, 4.2.1.1 and 4.2.1.2). */
const [ISSUERS_KEY, OWN_KEY] = ["0603551d23", "0603551d0e"].map((oid) => Buffer.from(oid, "hex"));
/** @param {import("node:crypto").X509Certificate} one @param {import("node:crypto").X509Certificate} other */
const isIssuedBy = (one, other) =>
  // Where both name the key, checkIssued has compared it, and the signature says nothing more about their order.
  one.checkIssued(other) &&
  ((one.raw.includes(ISSUERS_KEY) && other.raw.includes(OWN_KEY)) || one.verify(other.publicKey));

/** @type {import("node:crypto").X509Certificate[] | undefined} */
let roots;
/** @param {import("node:crypto").X509Certificate} certificate */
function isIssuedByRoot(certificate) {
  // Only where it is asked for: they are many.
  roots ??= require("node:tls").rootCertificates.map((text) => new X509Certificate(text));
  return roots.some((root) => isIssuedBy(certificate, root));
}

/** @param {string} name as X509Certificate has it: a part a line */
const oneLine = (name) => (name ?? "").replace(/[^\x20-\x7e]+/g, ", ").slice(0, 120);

/**
 * @param {import("node:crypto").X509Certificate[]} chain
 * @param {string} file
 * @param {Date} now
 */
function timeProblems(chain, file, now) {
  return chain.flatMap((certificate, i) => {
    const which = i === 0 ? file : `certificate ${i + 1} of ${file}`;
    if (new Date(certificate.validTo) <= now)
      return [`${which} expired on ${dayOf(certificate.validTo)}: order a new one`];
    if (new Date(certificate.validFrom) > now)
      return [
        `${which} is not valid before ${new Date(certificate.validFrom).toISOString()}: wait for that, or set this machine's clock`,
      ];
    return [];
  });
}

const LEAST_RSA_BITS = 2048;
const CURVES = ["prime256v1", "secp384r1", "secp521r1"];
/** Signatures with MD5 and SHA-1, which OpenSSL and browsers refuse (RFC 8017, A.2.4; RFC 3279, 2.2). */
const WEAK_SIGNATURES = {
  "2a864886f70d010104": "MD5",
  "2a864886f70d010105": "SHA-1",
  "2a8648ce3d0401": "SHA-1",
};

/**
 * @param {import("node:crypto").X509Certificate[]} chain
 * @param {string} file
 */
function weaknesses(chain, file) {
  return chain.flatMap((certificate, i) => {
    const which = i === 0 ? file : `certificate ${i + 1} of ${file}`;
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
    const bits = details?.modulusLength ?? LEAST_RSA_BITS;
    const instead = "order one with an EC key on P-256, or an RSA key of 2048 bits or more";
    if (type === "dsa" || bits < LEAST_RSA_BITS)
      return [`${which} is too weak: its ${type?.toUpperCase()} key has ${bits} bits; ${instead}`];
    if (type === "ec" && !CURVES.includes(String(details?.namedCurve)))
      return [
        `${which} is too weak or unknown to browsers: its key is on ${details?.namedCurve}; ${instead}`,
      ];
    const hash = isIssuedBy(certificate, certificate) ? undefined : weakHash(certificate.raw);
    if (hash) return [`${which} is too weak: it is signed with ${hash}; order a new one`];
    return [];
  });
}

/** @param {Buffer} der */
function weakHash(der) {
  const word = signatureAlgorithm(der);
  return Object.hasOwn(WEAK_SIGNATURES, word)
    ? WEAK_SIGNATURES[/** @type {keyof typeof WEAK_SIGNATURES} */ (word)]
    : undefined;
}

module.exports = {
  factsOf,
  filesOfPair,
  fits,
  hasPlace,
  parseChain,
  parsePair,
  problemsOf,
  readPair,
};
