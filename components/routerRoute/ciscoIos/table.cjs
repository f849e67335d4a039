// @ts-check
"use strict";
// Static routes as IOS writes them, and the lines that lead from one table to another. Pure.
const { createHash } = require("node:crypto");

/**
 * A static route. Null0 as a hop drops what nothing more specific takes.
 * @typedef {{ prefix: string, hop: string, distance: number, tag?: number, line: string }} Route
 * @typedef {{ prefix: string, hop: string, distance?: number }} Wish
 * @typedef {{ prefix: string, command: string }} Change
 */

/**
 * Marks the routes of an instance on the router, so that everybody else's are left alone: IOS and FRR both keep a tag.
 * @param {string} instance
 */
function tagOf(instance) {
  return 760_000_000 + (createHash("sha256").update(instance).digest().readUInt32BE(0) % 10_000_000);
}

/** @param {number} length */
function maskOf(length) {
  return [24, 16, 8, 0].map((shift) => (((2 ** 32 - 2 ** (32 - length)) / 2 ** shift) & 255) >>> 0).join(".");
}

/** @param {string} mask @returns {number | undefined} */
function lengthOf(mask) {
  for (let length = 0; length <= 32; length++) if (maskOf(length) === mask) return length;
  return undefined;
}

const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}$/;

/**
 * The routes of the main table among the lines of a configuration: IOS writes a mask, FRR a length, and either may
 * put its options in any order.
 * @param {string} text
 * @returns {Route[]}
 */
function parseRoutes(text) {
  return text.split("\n").flatMap((raw) => {
    const line = raw.trim();
    const words = line.split(/\s+/);
    if (!line.startsWith("ip route ") || !/^[\x21-\x7e ]+$/.test(line)) return [];
    let [, , destination, ...rest] = words;
    if (ADDRESS.test(destination)) {
      const length = lengthOf(rest.shift() ?? "");
      if (length === undefined) return [];
      destination += `/${length}`;
    }
    if (!/^[\d.]+\/\d+$/.test(destination)) return [];
    const target = rest.shift() ?? "";
    // An interface may stand before the next hop.
    const hop = !ADDRESS.test(target) && ADDRESS.test(rest[0] ?? "") ? `${target} ${rest.shift()}` : target;
    const tag = rest.indexOf("tag");
    const distance = rest.find(
      (word, i) => /^\d+$/.test(word) && !["tag", "name", "track"].includes(rest[i - 1]),
    );
    return [
      {
        prefix: destination,
        hop,
        distance: distance === undefined ? 1 : Number(distance),
        ...(tag < 0 ? {} : { tag: Number(rest[tag + 1]) }),
        line,
      },
    ];
  });
}

/** The line that makes a route, in the article's own form. @param {Wish} wish @param {number} tag */
function lineOf({ prefix, hop, distance = 1 }, tag) {
  const [address, length] = prefix.split("/");
  const far = distance === 1 ? "" : ` ${distance}`;
  return `ip route ${address} ${maskOf(Number(length))} ${hop}${far} tag ${tag}`;
}

/** Packets end there. FRR has three words for it. @param {string} hop */
const isDrop = (hop) => /^(null0|reject|blackhole)$/i.test(hop);

/**
 * The lines that make our part of the table the wanted one. A prefix gets its new next hop before it loses the old
 * one; for the moment between, IOS uses both. What is not ours stays, and where it drops what we would, as the line for
 * the whole block may, ours is not needed: the same prefix and hop is the same line to IOS, and ours would replace it.
 * @param {Route[]} live
 * @param {Wish[]} wanted
 * @param {number} tag
 * @param {number} [formerTag] of lines that are ours, too: each gets the other tag
 * @returns {Change[]}
 */
function planChanges(live, wanted, tag, formerTag = tag) {
  const ours = live.filter((route) => route.tag === tag || route.tag === formerTag);
  const needed = wanted.filter(
    ({ prefix, hop }) =>
      !live.some(
        (route) => !ours.includes(route) && route.prefix === prefix && isDrop(route.hop) && isDrop(hop),
      ),
  );
  /** @param {Wish} a @param {Wish} b */
  const same = (a, b) => a.prefix === b.prefix && a.hop === b.hop && (a.distance ?? 1) === (b.distance ?? 1);
  /** @param {Route} route */
  const removal = ({ prefix, line }) => ({ prefix, command: `no ${line}` });
  const known = new Set(wanted.map(({ prefix }) => prefix));
  return [
    ...needed.flatMap((wish) => {
      const made = ours.some((route) => route.tag === tag && same(route, wish));
      // The same next hop with another distance is the same line to IOS: it is replaced, and to remove it loses both.
      const stale = ours.filter((route) => route.prefix === wish.prefix && route.hop !== wish.hop);
      return [...(made ? [] : [{ prefix: wish.prefix, command: lineOf(wish, tag) }]), ...stale.map(removal)];
    }),
    ...ours.filter(({ prefix }) => !known.has(prefix)).map(removal),
  ];
}

/**
 * Somebody else's line for one of the prefixes, or for a part of one that leads elsewhere. What other stacks have is tagged as ours is.
 * @param {Route[]} live @param {Wish[]} wanted @param {number} tag
 */
function findForeign(live, wanted, tag) {
  return live.find(
    (route) =>
      route.tag !== tag &&
      wanted.some(
        (wish) =>
          route.prefix === wish.prefix ||
          (!isTagOfOurs(route.tag) && isInside(route.prefix, wish.prefix) && route.hop !== wish.hop),
      ),
  );
}

/** @param {number | undefined} tag */
const isTagOfOurs = (tag) => tag !== undefined && tag >= 760_000_000 && tag < 770_000_000;

/** Whether a prefix is a part of another, and not all of it. @param {string} part @param {string} prefix */
function isInside(part, prefix) {
  const [address, length] = part.split("/");
  return Number(length) > Number(prefix.split("/")[1]) && isIn(prefix, address);
}

/**
 * The routes of `show ip route … longer-prefixes` that lead a part of a wanted prefix elsewhere, and whose part it is. IOS
 * writes the length once where all of a network have the same; FRR marks those in force.
 * @template {Wish} W
 * @param {string} text @param {W[]} wanted
 */
function findLonger(text, wanted) {
  /** @type {{ wish: W, prefix: string, line: string }[]} */
  const found = [];
  let length = "32";
  const isMarked = /^[A-Z]\S*>/m.test(text);
  for (const line of text.split("\n")) {
    const same = /^\s+[\d.]+\/(\d+) is subnetted/.exec(line);
    if (same) length = same[1];
    const entry = /^[A-Za-z]\S*(?: ?[A-Za-z*>%]\S*)*\s+(\d+(?:\.\d+){3})(?:\/(\d+))?[ ,](.*)$/.exec(line);
    if (!entry || (isMarked && !/^\S+>/.test(line))) continue;
    const prefix = `${entry[1]}/${entry[2] ?? length}`;
    const hop = / via (\d+(?:\.\d+){3})/.exec(entry[3])?.[1];
    const wish = wanted.find((each) => isInside(prefix, each.prefix) && hop !== each.hop);
    if (wish && !wanted.some((each) => each.prefix === prefix))
      found.push({ wish, prefix, line: line.trim() });
  }
  return found;
}

/** @param {string} prefix @param {string} address */
function isIn(prefix, address) {
  const number = (/** @type {string} */ text) =>
    text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const [first, length] = prefix.split("/");
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(address) / size) === Math.floor(number(first) / size);
}

/** An address in the prefix, the first host's where it has hosts. @param {string} prefix */
function sampleOf(prefix) {
  const [address, length] = prefix.split("/");
  const parts = address.split(".").map(Number);
  if (Number(length) < 31) parts[3]++;
  return parts.join(".");
}

/**
 * What `show ip route ADDRESS` says against a wish, as the rest of a sentence; undefined: the table does as wished.
 * @param {string} text @param {Wish} wish
 */
function tableIssue(text, { prefix, hop }) {
  const entries = text
    .split(/^(?=Routing entry for )/m)
    .filter((part) => part.startsWith("Routing entry for "));
  if (entries.length === 0) return "is not in its routing table";
  const lines = text.split("\n");
  for (const line of lines) {
    const entry = /^Routing entry for ([\d.]+\/\d+)/.exec(line);
    if (entry && entry[1] !== prefix) return `is shadowed by a route for ${entry[1]}`;
    const source = /Known via "([^"]*)"/.exec(line);
    if (source && source[1] !== "static") return `is shadowed by a ${source[1]} route`;
  }
  const hops = lines.flatMap(
    (line) => /^\s*(?:\* ?)?(\d+(?:\.\d+){3})\b(?!.*\binactive\b)/.exec(line)?.[1] ?? [],
  );
  if (hops.length === 1 && hops[0] === hop) return undefined;
  return hops.length === 0 ? "has no next hop that works" : `goes to ${[...new Set(hops)].join(" and ")}`;
}

module.exports = {
  tagOf,
  maskOf,
  parseRoutes,
  lineOf,
  planChanges,
  findForeign,
  findLonger,
  isIn,
  sampleOf,
  tableIssue,
};
