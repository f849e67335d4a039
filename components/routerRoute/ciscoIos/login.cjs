// @ts-check
"use strict";
const { LIMITS, NoLogin } = require("../cli/session.cjs");
const { failureIn, lastLine, plain, promptIn } = require("../cli/screen.cjs");

/** @typedef {import("../cli/session.cjs").Session} Session */

/** Becomes privileged, and turns paging off. @param {Session} session @param {string | undefined} secret */
async function open(session, secret) {
  await enable(session, secret);
  // Without these two a long answer comes in pages and a long line scrolls; both are coped with.
  for (const command of ["terminal length 0", "terminal width 0"]) await session.run(command, { may: /./ });
}

/** @param {Session} session @param {string | undefined} secret */
async function enable(session, secret) {
  if (session.prompt.endsWith("#")) return;
  const { machine } = session;
  session.send("enable\n");
  const asked = () => /pass(word|code): ?$/i.test(lastLine(plain(session.screen)));
  const answered = () => session.answerTo("enable") !== undefined;
  await session.until(LIMITS.command, "'enable'", () => asked() || answered());
  if (asked()) {
    if (!secret) {
      throw new NoLogin(
        `${machine} asks for an enable secret, but none is set: pulumi config set --secret enableSecret-${machine}`,
        false,
      );
    }
    session.send(`${secret}\n`);
    const back = () => promptIn(session.screen) !== undefined && plain(session.screen).includes("\n");
    await session.until(LIMITS.command, "the enable secret", () => asked() || back());
  }
  const prompt = promptIn(session.screen);
  if (!prompt?.endsWith("#")) {
    const why = asked() ? "" : ` ('${failureIn(plain(session.screen), session.dialect) ?? prompt}')`;
    throw new NoLogin(`${machine} refuses the enable secret${why}; check enableSecret-${machine}`, false);
  }
  session.prompt = prompt;
}

module.exports = { open };
