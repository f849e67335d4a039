#!/usr/bin/env node
// @ts-check
"use strict";
// In a checkout the sources run, translated as they are loaded; the package has what was built of them.
const fs = require("fs");
const path = require("path");

const root = path.join(__dirname, "..");
const source = path.join(root, "cli", "main.ts");
const isCheckout = fs.existsSync(source);

try {
  require(path.join(root, isCheckout ? "." : "dist", "components", "startup", "needs.cjs"));
} catch (error) {
  const { message } = /** @type {Error} */ (error);
  const exit = 2;
  process.stderr.write(`${message}\n`);
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ error: message, exit })}\n`);
  process.exit(exit);
}

if (isCheckout) {
  require("ts-node").register({ dir: root });
  require(source);
} else {
  require(path.join(root, "dist", "cli", "main.js"));
}
