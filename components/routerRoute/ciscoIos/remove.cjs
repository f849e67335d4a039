// @ts-check
"use strict";
// The delete of an IOS router's routes. A router that is gone for good must not stop the rest from being removed.
const { printableLines } = require("../../host/foreignText.cjs");
const { NoLogin, Session } = require("./session.cjs");
const { bringTo, env, isSaved, named, save, thisRouter } = require("./router.cjs");

async function main() {
  const router = thisRouter(100);
  const session = await Session.open(router);
  try {
    await bringTo(session, [], router.tag);
    // Not saved by a run before that took them out, either.
    if (!(await isSaved(session))) await save(session);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new Error(
      `${message}; check there for what is left: show running-config | include tag ${router.tag}`,
    );
  } finally {
    session.close();
  }
}

main().catch((error) => {
  const machine = env("MACHINE");
  if (error instanceof NoLogin && error.unreachable) {
    const { tag } = thisRouter(0);
    process.stderr.write(
      `warning: ${machine} does not answer, so its routes stay. If it comes back, remove them there: show running-config | include tag ${tag}\n`,
    );
    return;
  }
  process.stderr.write(`${printableLines(named(error))}\n`);
  process.exitCode = 1;
});
