// @ts-check
"use strict";
/** What a shell offers after Tab. Plain JavaScript: the library is an ES module, which only a real import() gets. */
const fs = require("node:fs");
const path = require("node:path");
const { parse } = require("yaml");

/** Which names each command takes as its first and second argument. */
const NAMES = /** @type {const} */ ([
  ["drain", "server", "servers"],
  ["restore", "server", "servers"],
  ["down", "server", "servers"],
  ["move", "prefix", "prefixes"],
  ["move", "server", "servers"],
  ["adopt", "servers", "servers"],
  ["release", "server", "servers"],
  ["site remove", "name", "sites"],
  ["certs", "sites", "sites"],
]);

/** @typedef {(name: string, about: string) => void} Offer */

/**
 * Adds `complete SHELL`, which prints a shell's script.
 * @param {import("commander").Command} program
 */
async function addCompletion(program) {
  // @ts-expect-error moduleResolution "node", which our packages need, knows no export maps
  const { default: tab } = await import("@bomb.sh/tab/commander");
  /** @type {{ commands: Map<string, { argument(name: string, offer: (complete: Offer) => void): unknown }> }} */
  const root = tab(program);
  for (const [command, argument, kind] of NAMES) {
    root.commands.get(command)?.argument(argument, (complete) => {
      for (const name of namesOf(kind)) complete(name, "");
    });
  }
}

/**
 * Out of all stacks' files in this folder: asking Pulumi would take too long for a key.
 * @param {"servers" | "sites" | "prefixes"} kind
 * @returns {string[]}
 */
function namesOf(kind) {
  const names = new Set();
  for (const file of fs.readdirSync(".").filter((name) => /^Pulumi\..+\.ya?ml$/.test(name))) {
    for (const [key, value] of Object.entries(configIn(file))) {
      const topic = key.split(":").pop();
      if (kind === "prefixes" && topic === "network")
        for (const prefix of prefixesOf(value)) names.add(prefix);
      else if (topic === kind) for (const name of Object.keys(value ?? {})) names.add(name);
    }
  }
  return [...names];
}

/** @param {string} file @returns {Record<string, Record<string, unknown>>} */
function configIn(file) {
  try {
    return parse(fs.readFileSync(path.resolve(file), "utf8"))?.config ?? {};
  } catch {
    return {};
  }
}

/** @param {Record<string, unknown>} network @returns {string[]} */
function prefixesOf(network) {
  try {
    const { planNetwork } = require("../../components/network/addressPlan");
    return planNetwork(/** @type {any} */ (network)).vipSubnets;
  } catch {
    return [];
  }
}

module.exports = { addCompletion };
