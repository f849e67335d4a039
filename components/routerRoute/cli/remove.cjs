// @ts-check
"use strict";
// Takes a router's routes away. A router that is gone for good must not stop the rest from being removed.
const { printableLines } = require("../../host/foreignText.cjs");
const { NoLogin, Session } = require("./session.cjs");
const { bringTo, env, named, thisRouter } = require("./router.cjs");

/** @typedef {import("./driver").Driver} Driver */

const SECONDS = 100;

/** @param {Driver} driver */
async function removeRoutes(driver) {
  const router = thisRouter(driver, SECONDS);
  const session = await Session.open(router);
  try {
    await bringTo(session, driver, [], router.tag);
    // Not saved by a run before that took them out, either.
    if (!(await driver.isSaved(session))) await driver.save(session);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new Error(`${message}; check there for what is left: ${driver.commandToShow(router.tag)}`);
  } finally {
    session.close();
  }
}

/** The command. @param {Driver} driver */
function remove(driver) {
  removeRoutes(driver).catch((error) => {
    const machine = env("MACHINE");
    if (error instanceof NoLogin && error.unreachable) {
      const { tag } = thisRouter(driver, 0);
      process.stderr.write(
        `warning: ${machine} does not answer, so its routes stay. If it comes back, remove them there: ${driver.commandToShow(tag)}\n`,
      );
      return;
    }
    process.stderr.write(`${printableLines(named(error))}\n`);
    process.exitCode = 1;
  });
}

module.exports = { remove };
