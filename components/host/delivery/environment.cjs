// @ts-check
"use strict";
// What hostCommand.ts tells deliver.cjs by its environment.

/** @param {string} name */
function env(name) {
  const value = process.env[`LOOPBACK_HA_${name}`];
  if (value === undefined) throw new Error(`LOOPBACK_HA_${name} is not set`);
  return value;
}

/** The prefix of a command that needs root. */
const sudo = () => env("SUDO").split(" ").filter(Boolean);

/** Whether the machines of this role are changed one before the others. */
const takesTurns = () => process.env.LOOPBACK_HA_ONE_FIRST !== undefined;

module.exports = { env, sudo, takesTurns };
