// @ts-check
"use strict";
// The router of this command: which one it is, how to log in, and bringing its routes to what is wanted.
const { formerInstance } = require("../../host/appliedAs.cjs");
const { Refused } = require("./session.cjs");
const { tagOf } = require("./routes.cjs");

/** @typedef {import("./driver").Driver} Driver @typedef {import("./driver").WantedRoute} WantedRoute */
/** @typedef {import("./session.cjs").Session} Session */

/** How long a slow router takes for a line of many. */
const LINE_MS = 150;

/** @param {string} name */
function env(name) {
  const value = process.env[`LOOPBACK_HA_${name}`];
  if (value === undefined) throw new Error(`LOOPBACK_HA_${name} is not set`);
  return value;
}

/** What is said of a failure; it begins with the router's name. @param {Error} error */
const named = ({ message }) =>
  message.startsWith(`${env("MACHINE")} `) ? message : `${env("MACHINE")}: ${message}`;

/** @param {Driver} driver @param {number} seconds for all that is done in sessions of it */
function thisRouter(driver, seconds) {
  const former = formerInstance(env("INSTANCE"));
  return {
    driver,
    machine: env("MACHINE"),
    ssh: env("SSH").split(" "),
    secret: process.env.LOOPBACK_HA_SECRET_enable,
    deadline: Date.now() + seconds * 1000,
    tag: tagOf(env("INSTANCE")),
    // After pulumi stack rename.
    formerTag: former === undefined ? undefined : tagOf(former),
  };
}

/** @typedef {ReturnType<typeof thisRouter>} Router */

/**
 * Brings our part of the table to what is wanted, from whatever it is now.
 * @param {Session} session @param {Driver} driver @param {WantedRoute[]} wanted @param {number} tag
 * @param {number} [formerTag] see Driver.compare
 * @returns {Promise<boolean>} whether anything was to be done
 */
async function bringTo(session, driver, wanted, tag, formerTag) {
  if (session.configuring) await driver.leave(session);
  const differences = async () => driver.compare(await driver.routes(session), wanted, tag, formerTag);
  const changes = await differences();
  session.deadline += changes.length * LINE_MS;
  if (changes.length > 0) await driver.load(session, changes);
  if ((await differences()).length > 0) throw new Refused(`${session.machine} did not take the lines`);
  return changes.length > 0;
}

module.exports = { LINE_MS, bringTo, env, named, thisRouter };
