// @ts-check
"use strict";
// Routes as all command lines have them: whose they are, and what they lead where. Pure.
const { createHash } = require("node:crypto");

/** @typedef {import("./driver").Route} Route @typedef {import("./driver").WantedRoute} WantedRoute */

const [FIRST_TAG, TAGS] = [760_000_000, 10_000_000];

/**
 * Marks the routes of an instance on the router, so that everybody else's are left alone.
 * @param {string} instance
 */
function tagOf(instance) {
  return FIRST_TAG + (createHash("sha256").update(instance).digest().readUInt32BE(0) % TAGS);
}

/** @param {number | undefined} tag */
const isTagOfOurs = (tag) => tag !== undefined && tag >= FIRST_TAG && tag < FIRST_TAG + TAGS;

/**
 * Another line for one of the prefixes, or for a part of one that leads elsewhere. What other stacks have is tagged as ours is.
 * @param {Route[]} live @param {WantedRoute[]} wanted @param {number} tag
 */
function findForeign(live, wanted, tag) {
  return live.find(
    (route) =>
      route.tag !== tag &&
      wanted.some(
        ({ prefix, hop }) =>
          route.prefix === prefix ||
          (!isTagOfOurs(route.tag) && isInside(route.prefix, prefix) && route.hop !== hop),
      ),
  );
}

/** Whether a prefix is a part of another, and not all of it. @param {string} part @param {string} prefix */
function isInside(part, prefix) {
  const [address, length] = part.split("/");
  return Number(length) > Number(prefix.split("/")[1]) && isIn(prefix, address);
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

module.exports = { findForeign, isIn, isInside, sampleOf, tagOf };
