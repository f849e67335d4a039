// @ts-check
"use strict";
// What is needed of certificates and keys in DER (X.690) without having OpenSSL take each apart, which takes a third of a
// millisecond for a key: a farm may have thousands.

/** @typedef {{ at: number, start: number, end: number }} Element `at`: its tag; from `start` to `end`: its content */

/** @param {Buffer} der @param {number} at @returns {Element} (X.690, 8.1.3) */
function elementAt(der, at) {
  const first = der[at + 1];
  if (first < 0x80) return { at, start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  const start = at + 2 + count;
  return { at, start, end: start + der.readUIntBE(at + 2, count) };
}

/** @param {Buffer} der @param {Element} of @param {number} count @returns {Element[]} the first of what it consists of */
function elementsIn(der, of, count) {
  const elements = [];
  for (let at = of.start; elements.length < count; at = elements[elements.length - 1].end)
    elements.push(elementAt(der, at));
  return elements;
}

/** @param {Buffer} der of a Certificate @returns {Element[]} the signed part, the signature's algorithm (RFC 5280, 4.1) */
const partsOf = (der) => elementsIn(der, elementAt(der, 0), 2);

/** @param {Buffer} der of a Certificate @returns {string} the object identifier of its signature's algorithm, in hex */
function signatureAlgorithm(der) {
  const [oid] = elementsIn(der, partsOf(der)[1], 1);
  return der.subarray(oid.start, oid.end).toString("hex");
}

/** @param {Buffer} der of a Certificate @returns {Buffer} its SubjectPublicKeyInfo */
function publicKeyInfo(der) {
  const [signed] = partsOf(der);
  // The version field may be left out.
  const before = der[signed.start] === 0xa0 ? 6 : 5;
  const info = elementsIn(der, signed, before + 1)[before];
  return der.subarray(info.at, info.end);
}

const PRIVATE_KEY =
  /^-----BEGIN ((?:EC |RSA )?PRIVATE KEY)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\s*$/;

/**
 * @param {string} text of a private key, in PEM
 * @param {Buffer} info a SubjectPublicKeyInfo
 * @returns {boolean} whether it surely is the key of that, as it has the public one in it, which is all that OpenSSL compares. False: it is
 * another one's, or of a form that has none
 */
function holdsPublicKey(text, info) {
  const [, , base64] = PRIVATE_KEY.exec(text) ?? [];
  if (base64 === undefined) return false;
  const der = Buffer.from(base64, "base64");
  if (der.length < 4 || der[0] !== 0x30 || elementAt(der, 0).end !== der.length) return false;
  const [, bits] = elementsIn(info, elementAt(info, 0), 2);
  // Behind the count of unused bits: the point of an elliptic curve, or the number of RSA, in a sequence (RFC 8017, A.1.1).
  const value = info.subarray(bits.start + 1, bits.end);
  const { start, end } =
    value[0] === 0x30 ? elementAt(value, elementAt(value, 0).start) : { start: 0, end: value.length };
  return end - start > 64 && der.includes(value.subarray(start, end));
}

module.exports = { elementAt, elementsIn, holdsPublicKey, publicKeyInfo, signatureAlgorithm };
