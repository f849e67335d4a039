// @ts-check
"use strict";
// Routes as all command lines have them: whose they are, and what they lead where. Pure.
const { createHash } = require("node:crypto");
const { isInside } = require("../../network/address.cjs");

/** @typedef {import("./driver").Route} Route @typedef {import("./driver").WantedRoute} WantedRoute */

const [FIRST_TAG, TAGS] = [760_000_000, 10_000_000];

/**
 * Marks the routes of an instance on the router, so that all others are left alone.
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
          (!isTagOfOurs(route.tag) && route.hop !== hop && isInside(route.prefix, prefix)),
      ),
  );
}

module.exports = { findForeign, tagOf };
