#!/usr/bin/env node
// @ts-check
"use strict";
// The package has what was built from the sources. A checkout has the sources, and runs its built form only where that is
// of these sources.
const fs = require("fs");
const path = require("path");

const root = path.join(__dirname, "..");
const isCheckout = fs.existsSync(path.join(root, "cli", "main.ts"));
const startup = path.join(root, isCheckout ? "." : "dist", "components", "startup");

try {
  require(path.join(startup, "needs.cjs"));
} catch (error) {
  const { message } = /** @type {Error} */ (error);
  const exit = 2;
  process.stderr.write(`${message}\n`);
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ error: message, exit })}\n`);
  process.exit(exit);
}

const main = isCheckout
  ? require(path.join(startup, "built.cjs")).fileOf("cli/main")
  : path.join(root, "dist", "cli", "main.js");
if (main.endsWith(".ts")) require("ts-node").register({ dir: root });
require(main);
