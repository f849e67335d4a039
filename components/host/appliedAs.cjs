// @ts-check
"use strict";
// Under which name a machine has what a resource applied. It ends the command's stdout, so it is in the stack's state, and
// an update gets it back, a create does not: what a renamed stack had is its own still, and a new stack with a copy of the
// config owns nothing.

const INSTANCE = /\[([A-Za-z0-9][A-Za-z0-9._-]{0,250})\]\n?$/;

/**
 * @param {string} report what the machine says: a name in there is a foreign text
 * @param {string} instance
 */
function withInstance(report, instance) {
  const text = report.replace(/\n+$/, "");
  return `${text}${text ? " " : ""}[${instance}]\n`;
}

/** @param {string | undefined} stdout @returns {string | undefined} */
const instanceOf = (stdout) => INSTANCE.exec(stdout ?? "")?.[1];

/**
 * @param {string} instance as the config has it now
 * @returns {string | undefined} under which other name the state has it; undefined: it is new, or has the same
 */
function formerInstance(instance) {
  const former = instanceOf(process.env.PULUMI_COMMAND_STDOUT);
  return former === instance ? undefined : former;
}

module.exports = { formerInstance, instanceOf, withInstance };
