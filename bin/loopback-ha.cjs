#!/usr/bin/env node
// @ts-check
"use strict";
// In a checkout the sources run, translated as they are loaded; the package has what was built of them.
const fs = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..");
const source = path.join(root, "cli", "main.ts");
if (fs.existsSync(source)) {
  require("ts-node").register({ dir: root });
  require(source);
} else {
  require(path.join(root, "dist", "cli", "main.js"));
}
