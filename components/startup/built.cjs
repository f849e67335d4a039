// @ts-check
"use strict";
/**
 * In a checkout: the library's built form where it was made from just these sources, else the sources. Processor time,
 * measured on 2026-11-30 with 2 cores, medians in turn: a preview's program takes 90 ms less (of 1,230), `loopback-ha check`
 * 280 ms less (of 520). Comparing contents takes 8 ms of that. Times of files would take 1 ms, but a clone, another branch
 * and a copied project change them without changing a line. The package has no sources, and nothing in it asks.
 */
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const checkout = path.join(__dirname, "..", "..");
/** @typedef {"components" | "cli"} Folder */
/** @type {Folder[]} */
const FOLDERS = ["components", "cli"];
/** Written last by a build: what it was made from. */
const MADE_FROM = path.join("dist", "sources.json");

/**
 * The files below a folder, sorted.
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(file) : [file];
    });
}

/**
 * The sum of a folder's sources: names and contents, of scripts too.
 * @param {string} root
 * @param {Folder} folder
 */
function sumOf(root, folder) {
  const hash = createHash("sha256");
  for (const file of filesBelow(path.join(root, folder))) {
    const content = fs.readFileSync(file);
    hash.update(`${path.relative(root, file)}\n${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

/**
 * Whether a build was made from these sources; undefined: there is no build.
 * @param {string} root
 * @param {Folder[]} folders
 * @returns {boolean | undefined}
 */
function isBuilt(root = checkout, folders = FOLDERS) {
  /** @type {Record<string, string>} */
  let sums;
  try {
    sums = JSON.parse(fs.readFileSync(path.join(root, MADE_FROM), "utf8"));
  } catch {
    return undefined;
  }
  return folders.every((folder) => sums[folder] === sumOf(root, folder));
}

/**
 * The file to load for a module of the library, by its path in the checkout without an ending.
 * @param {string} module
 * @param {(line: string) => void} [warn] gets one line when there is a build of other sources
 */
function fileOf(module, warn) {
  const built = isBuilt(checkout, module.startsWith("components/") ? ["components"] : FOLDERS);
  if (built) return path.join(checkout, "dist", `${module}.js`);
  if (built === false)
    warn?.(
      "pulumi-loopback-ha: dist/ was built from other sources, so the sources run, which start more slowly. To build it again: npm run build",
    );
  return path.join(checkout, `${module}.ts`);
}

/**
 * Loads a module of the library in a program. Its type is the source's: `import type * as it from "…"; const { … }: typeof it = load("…")`.
 * @param {string} module
 * @returns {any}
 */
const load = (module) => require(fileOf(module, (line) => process.stderr.write(`${line}\n`)));

module.exports = { FOLDERS, MADE_FROM, fileOf, isBuilt, load, sumOf };
