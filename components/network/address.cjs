// @ts-check
"use strict";
// IPv4 and IPv6 addresses and prefixes: the only file that reads or writes their text. Pure; plain JavaScript for the sake of the
// routers' drivers, which run beside ssh.

/**
 * An address, or a prefix whose host bits may be set. An address by itself has the length of its family.
 * @typedef {{ family: 4 | 6, value: bigint, length: number }} Address
 */

/** How many bits an address of a family has. @param {Pick<Address, "family">} address */
const bitsOf = ({ family }) => (family === 4 ? 32 : 128);

/**
 * @param {string} text `192.0.2.5`, `192.0.2.64/27`, `2001:db8::5` or `2001:db8::/64`
 * @returns {Address | undefined} undefined: it is none of these
 */
function parse(text) {
  if (!text.includes(":")) return ipv4In(text);
  const [address, digits = "128", more] = text.split("/");
  const [value, length] = [ipv6In(address), lengthIn(digits, 128)];
  if (value === undefined || length === undefined || more !== undefined) return undefined;
  return { family: 6, value, length };
}

/** Whether a text is an IPv6 address, without a length. @param {string} text */
const isIpv6 = (text) => !text.includes("/") && parse(text)?.family === 6;

/** @param {string} digits of a prefix length @param {number} most @returns {number | undefined} */
function lengthIn(digits, most) {
  const length = Number(digits);
  return /^(0|[1-9]\d{0,2})$/.test(digits) && length <= most ? length : undefined;
}

/**
 * Four numbers without leading zeros, which some programs read as octal. With many sites it is called so often that its time counts.
 * @param {string} text @returns {Address | undefined}
 */
function ipv4In(text) {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (parts === null) return undefined;
  let value = 0;
  for (let i = 1; i <= 4; i++) {
    const octet = Number(parts[i]);
    if (octet > 255 || (parts[i].length > 1 && parts[i].startsWith("0"))) return undefined;
    value = value * 256 + octet;
  }
  const length = parts[5] === undefined ? 32 : lengthIn(parts[5], 32);
  return length === undefined ? undefined : { family: 4, value: BigInt(value), length };
}

/** RFC 4291, 2.2, without a zone. @param {string} text @returns {bigint | undefined} */
function ipv6In(text) {
  const tail = text.slice(text.lastIndexOf(":") + 1);
  if (tail.includes(".")) {
    const last = ipv4In(tail)?.value;
    if (last === undefined) return undefined;
    const [high, low] = [last >> 16n, last & 0xffffn].map((group) => group.toString(16));
    return ipv6In(`${text.slice(0, -tail.length)}${high}:${low}`);
  }
  const halves = text.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const [head, rest = []] = halves;
  const missing = 8 - head.length - rest.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) return undefined;
  const groups = [...head, ...Array(missing).fill("0"), ...rest];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return BigInt(`0x${groups.map((group) => group.padStart(4, "0")).join("")}`);
}

/** The address without its length, in its one canonical form. @param {Pick<Address, "family" | "value">} address */
const textOf = ({ family, value }) => (family === 4 ? ipv4Text(Number(value)) : ipv6Text(value));

/** The prefix in CIDR form; host bits stay. @param {Address} prefix */
const cidrOf = (prefix) => `${textOf(prefix)}/${prefix.length}`;

/** @param {number} value */
function ipv4Text(value) {
  return `${Math.floor(value / 2 ** 24)}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** RFC 5952: lower case, the first of the longest runs of zeros shortened, an IPv4 address in its own form. @param {bigint} value */
function ipv6Text(value) {
  if (value >> 32n === 0xffffn) return `::ffff:${ipv4Text(Number(value & 0xffffffffn))}`;
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  let run = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > run.length) run = { start, length: end - start };
  }
  const text = (/** @type {number[]} */ part) => part.map((group) => group.toString(16)).join(":");
  if (run.length === 1) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

/** How many addresses a prefix has. @param {Address} prefix */
const sizeOf = (prefix) => 1n << BigInt(bitsOf(prefix) - prefix.length);

/** The prefix without host bits, so its network address. @param {Address} prefix @returns {Address} */
function networkOf({ family, value, length }) {
  const bits = BigInt((family === 4 ? 32 : 128) - length);
  return { family, value: (value >> bits) << bits, length };
}

/** Whether an address or a whole prefix is in a prefix. @param {Address} outer @param {Address} inner */
function holds(outer, inner) {
  if (inner.family !== outer.family || inner.length < outer.length) return false;
  const bits = BigInt(bitsOf(outer) - outer.length);
  return inner.value >> bits === outer.value >> bits;
}

/** Order by family, then by address as a number, then wider prefix first. @param {Address} a @param {Address} b */
function compare(a, b) {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.length - b.length;
}

/** The prefix of one address: `192.0.2.5/32`. @param {string} address */
const hostPrefix = (address) => `${address}/${address.includes(":") ? 128 : 32}`;

/** The length of a prefix in CIDR form, without reading the rest. @param {string} prefix */
const lengthOf = (prefix) => Number(prefix.slice(prefix.indexOf("/") + 1));

/** Whether a prefix in CIDR form has one address. @param {string} prefix */
const isHostPrefix = (prefix) => prefix.endsWith(prefix.includes(":") ? "/128" : "/32");

/** Whether an address or prefix is in a prefix; false for what is neither. @param {string} prefix @param {string} address */
function isIn(prefix, address) {
  const [outer, inner] = [parse(prefix), parse(address)];
  return outer !== undefined && inner !== undefined && holds(outer, inner);
}

/** Whether a prefix is a part of another, and not all of it. @param {string} part @param {string} prefix */
function isInside(part, prefix) {
  const [outer, inner] = [parse(prefix), parse(part)];
  return outer !== undefined && inner !== undefined && inner.length > outer.length && holds(outer, inner);
}

/** An address in the prefix, the first host's where it has hosts. @param {string} prefix */
function sampleOf(prefix) {
  const parsed = /** @type {Address} */ (parse(prefix));
  return textOf({ ...parsed, value: parsed.value + (sizeOf(parsed) > 2n ? 1n : 0n) });
}

/** IPv4's other way to write a prefix length: 27 is `255.255.255.224`. @param {number} length */
const maskOf = (length) => ipv4Text(2 ** 32 - 2 ** (32 - length));

/** An IPv4 prefix with its mask: `192.0.2.64 255.255.255.224`. @param {string} prefix */
function withMask(prefix) {
  const address = /** @type {Address} */ (parse(prefix));
  return `${textOf(address)} ${maskOf(address.length)}`;
}

/** @param {string} mask @returns {number | undefined} undefined: it is no mask */
function lengthOfMask(mask) {
  for (let length = 0; length <= 32; length++) if (maskOf(length) === mask) return length;
  return undefined;
}

module.exports = {
  bitsOf,
  cidrOf,
  compare,
  holds,
  hostPrefix,
  isHostPrefix,
  isIn,
  isInside,
  isIpv6,
  lengthOf,
  lengthOfMask,
  maskOf,
  networkOf,
  parse,
  sampleOf,
  sizeOf,
  textOf,
  withMask,
};
