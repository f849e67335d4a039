// @ts-check
"use strict";
// Static routes as IOS writes them, and the lines that lead from one table to another. Pure.
const { isInside, lengthOfMask, parse, withMask } = require("../../network/address.cjs");

/**
 * @typedef {import("../cli/driver").Change} Change @typedef {import("../cli/driver").Route} Route
 * @typedef {import("../cli/driver").WantedRoute} WantedRoute
 */

/** @param {string} word */
const isAddress = (word) => !word.includes("/") && parse(word)?.family === 4;

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
    if (isAddress(destination)) {
      const length = lengthOfMask(rest.shift() ?? "");
      if (length === undefined) return [];
      destination += `/${length}`;
    }
    if (!destination.includes("/") || parse(destination) === undefined) return [];
    const target = rest.shift() ?? "";
    // There may be an interface before the next hop.
    const hop = !isAddress(target) && isAddress(rest[0] ?? "") ? `${target} ${rest.shift()}` : target;
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

/** The line that makes a route. @param {WantedRoute} wanted @param {number} tag */
function lineOf({ prefix, hop, distance = 1 }, tag) {
  const far = distance === 1 ? "" : ` ${distance}`;
  return `ip route ${withMask(prefix)} ${hop}${far} tag ${tag}`;
}

/** The line that takes one out. @param {{ line: string }} route */
const removalOf = ({ line }) => `no ${line}`;

/** Packets end there. FRR has three words for it. @param {string} hop */
const isDrop = (hop) => /^(null0|reject|blackhole)$/i.test(hop);

/**
 * The lines that make our part of the table the wanted one. A prefix gets its new next hop before it loses the old
 * one; for the moment between, IOS uses both. What is not ours stays, and where it drops what we would, as the line for
 * the whole block may, ours is not needed: the same prefix and hop is the same line to IOS, and ours would replace it.
 * @param {Route[]} live
 * @param {WantedRoute[]} wanted
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
  /** @param {WantedRoute} a @param {WantedRoute} b */
  const same = (a, b) => a.prefix === b.prefix && a.hop === b.hop && (a.distance ?? 1) === (b.distance ?? 1);
  /** @param {Route} route */
  const removal = ({ prefix, line }) => ({ prefix, command: removalOf({ line }) });
  const known = new Set(wanted.map(({ prefix }) => prefix));
  return [
    ...needed.flatMap((route) => {
      const made = ours.some((other) => other.tag === tag && same(other, route));
      // The same next hop with another distance is the same line to IOS: it is replaced, and to remove it loses both.
      const stale = ours.filter(({ prefix, hop }) => prefix === route.prefix && hop !== route.hop);
      const addition = { prefix: route.prefix, command: lineOf(route, tag) };
      return [...(made ? [] : [addition]), ...stale.map(removal)];
    }),
    ...ours.filter(({ prefix }) => !known.has(prefix)).map(removal),
  ];
}

/**
 * The routes of `show ip route … longer-prefixes` that lead a part of a wanted prefix elsewhere, and whose part it is. IOS
 * writes the length once where all of a network have the same; FRR marks those in force.
 * @template {WantedRoute} W
 * @param {string} text @param {W[]} wanted
 */
function findLonger(text, wanted) {
  /** @type {import("../cli/driver").LongerRoute<W>[]} */
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
    const around = wanted.find((each) => isInside(prefix, each.prefix) && hop !== each.hop);
    if (around && !wanted.some((each) => each.prefix === prefix))
      found.push({ wanted: around, prefix, line: line.trim() });
  }
  return found;
}

/**
 * What `show ip route ADDRESS` says against a route, as the rest of a sentence; undefined: packets go as wanted.
 * @param {string} text @param {WantedRoute} wanted
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

module.exports = { findLonger, lineOf, parseRoutes, planChanges, removalOf, tableIssue };
