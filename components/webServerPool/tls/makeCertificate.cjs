// @ts-check
"use strict";
// Certificates of our own making (RFC 5280, 4.1): for names that no site has, and for tests. Node's crypto reads certificates
// and makes none, and openssl is not on every machine.

const {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} = require("node:crypto");
const { elementAt, elementsIn } = require("./der.cjs");

/**
 * @typedef {object} CertificateRequest
 * @property {string} subject its common name
 * @property {string[]} [names] its DNS names. Default: none
 * @property {string} privateKey PEM; EC or RSA
 * @property {{ subject: string, privateKey: string }} [issuer] Default: itself
 * @property {Date} from
 * @property {Date} to
 * @property {boolean} [isAuthority] Default: false
 * @property {"sha256" | "sha1"} [hash] Default: sha256
 * @property {boolean} [hasKeyIds] an authority names its key, and what it issues names that one. Default: true
 */

/** @param {number} tag @param {...Buffer} contents @returns {Buffer} an element (X.690, 8.1) */
function element(tag, ...contents) {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

/** @param {...Buffer} contents */
const sequence = (...contents) => element(0x30, ...contents);
/** @param {string} hex */
const oid = (hex) => element(0x06, Buffer.from(hex, "hex"));
const TRUE = element(0x01, Buffer.from([0xff]));
const NULL = element(0x05);

/** @param {string} commonName */
const nameOf = (commonName) =>
  sequence(element(0x31, sequence(oid("550403"), element(0x0c, Buffer.from(commonName)))));

/** @param {Date} date UTCTime up to 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5) */
function timeOf(date) {
  const digits = `${date.toISOString().replace(/[-:T]|\.\d+/g, "")}`;
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2)))
    : element(0x18, Buffer.from(digits));
}

/** @param {string} id @param {Buffer} value @param {boolean} [isCritical] */
const extension = (id, value, isCritical = false) =>
  sequence(oid(id), ...(isCritical ? [TRUE] : []), element(0x04, value));

/** @param {string} privateKey PEM @returns {Buffer} its public key's name (RFC 5280, 4.2.1.2, method 1) */
function keyIdOf(privateKey) {
  const info = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const [, bits] = elementsIn(info, elementAt(info, 0), 2);
  return createHash("sha1")
    .update(info.subarray(bits.start + 1, bits.end))
    .digest();
}

const SIGNATURES = {
  ec: { sha256: [oid("2a8648ce3d040302")], sha1: [oid("2a8648ce3d0401")] },
  rsa: { sha256: [oid("2a864886f70d01010b"), NULL], sha1: [oid("2a864886f70d010105"), NULL] },
};

/** @param {CertificateRequest} request @returns {string} PEM */
function makeCertificate({
  subject,
  names = [],
  privateKey,
  issuer,
  from,
  to,
  isAuthority,
  hash = "sha256",
  hasKeyIds = true,
}) {
  const signer = createPrivateKey(issuer?.privateKey ?? privateKey);
  const type = /** @type {"ec" | "rsa"} */ (signer.asymmetricKeyType);
  const algorithm = sequence(...SIGNATURES[type][hash]);
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40; // positive, and never shorter
  const extensions = [
    ...(isAuthority ? [extension("551d13", sequence(TRUE), true)] : []),
    ...(hasKeyIds && isAuthority ? [extension("551d0e", element(0x04, keyIdOf(privateKey)))] : []),
    ...(hasKeyIds && issuer
      ? [extension("551d23", sequence(element(0x80, keyIdOf(issuer.privateKey))))]
      : []),
    ...(names.length > 0
      ? [extension("551d11", sequence(...names.map((name) => element(0x82, Buffer.from(name)))))]
      : []),
  ];
  const signed = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, serial),
    algorithm,
    nameOf(issuer?.subject ?? subject),
    sequence(timeOf(from), timeOf(to)),
    nameOf(subject),
    createPublicKey(privateKey).export({ type: "spki", format: "der" }),
    ...(extensions.length > 0 ? [element(0xa3, sequence(...extensions))] : []),
  );
  const der = sequence(
    signed,
    algorithm,
    element(0x03, Buffer.concat([Buffer.from([0]), sign(hash, signed, signer)])),
  );
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** @returns {string} a new key on P-256, PEM */
const makeKey = () =>
  String(
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }),
  );

/** For clients that ask for a name that no site has; it says so. @returns {string} key and certificate, PEM */
function selfMade() {
  const privateKey = makeKey();
  const subject = "unknown.loopback-ha.invalid";
  const [from, to] = [new Date("2020-01-01T00:00:00Z"), new Date("2099-12-31T23:59:59Z")];
  return privateKey + makeCertificate({ subject, names: [subject], privateKey, from, to });
}

module.exports = { makeCertificate, makeKey, selfMade };
