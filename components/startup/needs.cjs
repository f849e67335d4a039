// @ts-check
"use strict";
// No trick, and it saves nothing. Loaded before everything else, including the SDK: something missing is reported in one sentence, and not by a
// stack trace of the first line that did not run. In the words of old versions of Node.

/**
 * @param {{ node: string, oldest: number, has(name: string): boolean }} here
 * @returns {string | undefined} what is missing; undefined: nothing
 */
function missing({ node, oldest, has }) {
  if (Number(node.split(".")[0]) < oldest)
    return `pulumi-loopback-ha needs Node ${oldest} or newer, but ${process.execPath} is Node ${node}: install a newer one, or put it first on PATH`;
  if (!has("@pulumi/pulumi"))
    return "pulumi-loopback-ha needs Pulumi's SDK installed next to it, but it is missing: npm install --ignore-scripts @pulumi/pulumi (or the same with pnpm or yarn)";
  return undefined;
}

/** @param {string} name */
function has(name) {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch (error) {
    return false;
  }
}

// By name: sources and package have it at other distances.
const { engines } = require("module").createRequire(__filename)("pulumi-loopback-ha/package.json");
const oldest = Number(/\d+/.exec(engines.node));
const reason = missing({ node: process.versions.node, oldest, has });
// Pulumi prints an error with this mark as its message alone, and the command line does too.
if (reason !== undefined)
  throw Object.assign(new Error(reason), { __pulumiRunError: true, stack: `Error: ${reason}` });

module.exports = { missing };
