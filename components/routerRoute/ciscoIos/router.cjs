// @ts-check
"use strict";
// One router: which one it is, how to log in, and what is read from it and written to it.
const { formerInstance } = require("../../host/appliedAs.cjs");
const { LIMITS, Refused, Session } = require("./session.cjs");
const { parseRoutes, planChanges, tagOf } = require("./table.cjs");

/** @typedef {import("./table.cjs").Route} Route @typedef {import("./table.cjs").Wish} Wish */

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

/** @param {number} seconds for all that is done in sessions of it */
function thisRouter(seconds) {
  const former = formerInstance(env("INSTANCE"));
  return {
    machine: env("MACHINE"),
    ssh: env("SSH").split(" "),
    secret: process.env.LOOPBACK_HA_SECRET_enable,
    deadline: Date.now() + seconds * 1000,
    tag: tagOf(env("INSTANCE")),
    // After pulumi stack rename.
    formerTag: former === undefined ? undefined : tagOf(former),
  };
}

const ROUTES = "| include ^ip route";

/** @param {Session} session */
const liveRoutes = async (session) => parseRoutes(await showConfig(session, "running"));

/**
 * Its routes. An old router takes its time for a long configuration.
 * @param {Session} session @param {"running" | "startup"} which @param {RegExp} [may]
 */
const showConfig = (session, which, may) =>
  session.run(`show ${which}-config ${ROUTES}`, { seconds: LIMITS.save, may });

/** @param {Session} session */
async function isSaved(session) {
  const read = (/** @type {string} */ text) =>
    JSON.stringify(
      parseRoutes(text)
        .map(({ line }) => line)
        .sort(),
    );
  const saved = await showConfig(session, "startup", /./);
  return read(saved) === read(await showConfig(session, "running"));
}

/** @param {Session} session */
async function save(session) {
  const output = await session.run("write memory", { seconds: LIMITS.save, confirm: true });
  if (!/\[OK\]/.test(output)) {
    const words = output.trim().split("\n").pop();
    throw new Refused(
      `${session.machine} does not say [OK] to 'write memory'${words ? `, but '${words}'` : ""}`,
    );
  }
}

/**
 * @param {Session} session
 * @param {{ command: string }[]} changes
 * @param {string} how the command that begins
 */
async function configure(session, changes, how = "configure terminal") {
  if (!session.configuring) await session.run(how, { seconds: LIMITS.save });
  if (!session.configuring) throw new Refused(`${session.machine} does not enter configuration mode`);
  for (const { command } of changes) await session.run(command);
  await session.run("end");
}

/**
 * Brings our part of the table to what is wanted, from whatever it is now.
 * @param {Session} session @param {Wish[]} wanted @param {number} tag @param {number} [formerTag] see planChanges
 * @returns {Promise<boolean>} whether anything was to be done
 */
async function bringTo(session, wanted, tag, formerTag) {
  if (session.configuring) await session.run("end");
  const changes = planChanges(await liveRoutes(session), wanted, tag, formerTag);
  session.deadline += changes.length * LINE_MS;
  if (changes.length > 0) await configure(session, changes);
  if (planChanges(await liveRoutes(session), wanted, tag, formerTag).length > 0) {
    throw new Refused(`${session.machine} did not take the lines`);
  }
  return changes.length > 0;
}

module.exports = { LINE_MS, bringTo, configure, env, isSaved, liveRoutes, named, save, thisRouter };
