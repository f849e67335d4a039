// @ts-check
"use strict";
// The commands of IOS. FRR's vtysh as a login shell takes the same.
const { LIMITS, Refused } = require("../cli/session.cjs");
const { sampleOf, withMask } = require("../../network/address.cjs");
const { open } = require("./login.cjs");
const { dialect } = require("./screen.cjs");
const { findLonger, parseRoutes, planChanges, removalOf, tableIssue } = require("./table.cjs");

/** @typedef {import("../cli/session.cjs").Session} Session */

const NO_TIMER = /\bno rollback confirmed change pending/i;
const lookUp = (/** @type {string} */ address) => `show ip route ${address}`;

/**
 * The routes of a configuration. An old router takes its time for a long one.
 * @param {Session} session @param {"running" | "startup"} which @param {RegExp} [may]
 */
const showRoutes = async (session, which, may) =>
  parseRoutes(await session.run(`show ${which}-config | include ^ip route`, { seconds: LIMITS.save, may }));

/** @type {import("../cli/driver").Driver} */
const driver = {
  dialect,
  // Behind every other route for the same block.
  lastResort: { hop: "Null0", distance: 254 },
  open,
  routes: (session) => showRoutes(session, "running"),
  compare: planChanges,
  removalOf,
  handOver: (tag) => `adding 'tag ${tag}' at its end`,
  commandToShow: (tag) => `show running-config | include tag ${tag}`,
  commandToLookUp: lookUp,

  // Other boxes' ping never ends.
  async ping(session, hop) {
    if (!/Cisco IOS|IOS-XE/i.test(await session.run("show version"))) return undefined;
    return /Success rate is [1-9]/.test(await session.run(`ping ${hop} repeat 3 timeout 1`));
  },

  async revert(session) {
    const pending = await session.run("show archive config rollback timer", { may: /./ });
    if (NO_TIMER.test(pending)) {
      const archive = await session.run("show archive", { may: /./ });
      if (!/not enabled|^\s*% /im.test(archive)) return "able";
    } else if (/timer (type|value)|time configured/i.test(pending)) {
      throw new Refused(
        `a change on ${session.machine} is waiting for its confirmation (show archive config rollback timer). It is undone by itself, or confirm it there with 'configure confirm'; then run pulumi up again`,
      );
    }
    return { unable: "that needs IOS with 'archive' and a 'path' in it configured" };
  },

  async leave(session) {
    await session.run("end");
  },

  async load(session, changes, minutes) {
    const begin = minutes === undefined ? "configure terminal" : `configure terminal revert timer ${minutes}`;
    if (!session.configuring) await session.run(begin, { seconds: LIMITS.save });
    if (!session.configuring) throw new Refused(`${session.machine} does not enter configuration mode`);
    for (const { command } of changes) await session.run(command);
    await driver.leave(session);
  },

  async confirm(session) {
    return !NO_TIMER.test(await session.run("configure confirm", { may: NO_TIMER }));
  },

  async check(session, wanted) {
    const answer = await session.run(lookUp(sampleOf(wanted.prefix)), { may: /not in table/i });
    return tableIssue(answer, wanted);
  },

  async longer(session, block, wanted) {
    const isUserError = /^ *%(?!.*not in table)/im;
    // IOS takes a mask, FRR a length.
    for (const which of [withMask(block), block]) {
      const answer = await session.run(`${lookUp(which)} longer-prefixes`, {
        may: /./,
        seconds: LIMITS.save,
      });
      if (!isUserError.test(answer)) return findLonger(answer, wanted);
    }
    return undefined;
  },

  async isSaved(session) {
    const [saved, running] = [
      await showRoutes(session, "startup", /./),
      await showRoutes(session, "running"),
    ].map((routes) => JSON.stringify(routes.map(({ line }) => line).sort()));
    return saved === running;
  },

  async save(session) {
    const output = await session.run("write memory", { seconds: LIMITS.save, confirm: true });
    if (!/\[OK\]/.test(output)) {
      const words = output.trim().split("\n").pop();
      throw new Refused(
        `${session.machine} does not say [OK] to 'write memory'${words ? `, but '${words}'` : ""}`,
      );
    }
  },
};

module.exports = { driver };
