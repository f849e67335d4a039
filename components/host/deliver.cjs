// @ts-check
"use strict";
// The local side of every host command: JSON on stdin (what Pulumi diffs) becomes a tar bundle on the ssh pipe.
// Plain JavaScript: it runs once per command, and compiling it each time would cost more than the whole transfer.

const { randomBytes } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { withInstance } = require("./appliedAs.cjs");
const { makeBundle, MACHINE, readPayload, supply, withLength } = require("./delivery/bundle.cjs");
const { Confirmation } = require("./delivery/confirmation.cjs");
const { CONFIRM, LIMIT_SECONDS, MOST_TEXT, run, withoutMarks } = require("./delivery/conversation.cjs");
const { env, sudo, takesTurns } = require("./delivery/environment.cjs");
const { role, withoutValues } = require("./delivery/role.cjs");
const { printableLines } = require("./foreignText.cjs");
const { ancestors } = require("./processOf.cjs");
const { stand } = require("./queue.cjs");
const { NOBODY, explainSshFailure } = require("./sshFailure.cjs");
const { sshHere } = require("./sshHere.cjs");
const { Turn } = require("./turns.cjs");

/** @typedef {import("./delivery/conversation.cjs").Ended} Ended */

/** stdin can be read once; what was wrong with it stays so. @template T @param {() => T} work @returns {() => T} */
function once(work) {
  /** @type {{ result: T } | { error: unknown } | undefined} */
  let done;
  return () => {
    if (!done) {
      try {
        done = { result: work() };
      } catch (error) {
        done = { error };
      }
    }
    if ("error" in done) throw done.error;
    return done.result;
  };
}

async function main() {
  const engine = ancestors();
  const payload = once(readPayload);
  const turn = takesTurns() ? new Turn(env("MACHINE")) : undefined;
  const place = await stand({
    machine: env("MACHINE"),
    address: env("ADDRESS"),
    ssh: env("SSH"),
    name: env("INSTANCE"),
    isWanted: () => ancestors() === engine,
    meanwhile: payload,
  });
  /** @type {string | undefined} */
  let said;
  try {
    said = await bring(engine, payload, turn, place.unreachable);
  } finally {
    place.end(said);
  }
}

/**
 * @param {string} engine
 * @param {() => ReturnType<typeof readPayload>} payload
 * @param {Turn | undefined} turn
 * @param {string | undefined} unreachable why a process before this one had no answer, in ssh's words
 * @returns {Promise<string | undefined>} the same of us
 */
async function bring(engine, payload, turn, unreachable) {
  if (ancestors() !== engine) {
    fail(`${env("MACHINE")}: pulumi has ended; nothing was changed`);
    return unreachable;
  }
  if (unreachable !== undefined) {
    fail(explainSshFailure(env("MACHINE"), unreachable));
    return unreachable;
  }
  const token = randomBytes(12).toString("hex");
  const words = role().wordsForRun?.(process.env) ?? [];
  if ("refusal" in words) {
    fail(`${env("MACHINE")}: ${words.refusal}`);
    return undefined;
  }
  const receive = fs.readFileSync(path.join(MACHINE, "receive.sh"), "utf8");
  // The machine gets ready while the bundle is made.
  const made = makeBundle(payload);
  const input = made.then(({ bundle }) => withLength(bundle, "LOOPBACK-HA-1"));
  // These words are all that sudo sees and logs: examples/sudoers allows exactly them.
  const command = [...sudo(), "bash", "-s", "loopback-ha", LIMIT_SECONDS, token, ...words];
  const confirmation = new Confirmation(made, token, engine);
  try {
    const first = await run(
      sshHere(),
      command.join(" "),
      [receive, input],
      engine,
      turn,
      (asked) => supply(payload(), asked),
      () => confirmation.connect(),
    );
    return await conclude(first, engine, made, confirmation);
  } finally {
    confirmation.drop();
  }
}

/**
 * What becomes of a change that the machine has made, or refused.
 * @param {Ended} first
 * @param {string} engine
 * @param {Promise<{ seconds: number }>} made
 * @param {Confirmation} confirmation
 * @returns {Promise<string | undefined>} as bring
 */
async function conclude(first, engine, made, confirmation) {
  if (first.refusal !== undefined) {
    fail(`${first.errors}${env("MACHINE")}: untouched. ${first.refusal}`);
    return undefined;
  }
  const asked = CONFIRM.test(first.end);
  const report = withoutValues(printableLines(withoutMarks(first.out).slice(0, MOST_TEXT)));
  if (first.code !== 0 || !asked) {
    process.stdout.write(first.code === 0 ? withInstance(report, env("INSTANCE")) : report);
    tell(first, (await made).seconds > 0 ? "; it undoes by itself whatever it had changed by then" : "");
    if (first.code === null) return `Timeout, server: nothing for ${LIMIT_SECONDS + 25} s`;
    return first.code === 255 && NOBODY.test(first.errors) ? first.errors : undefined;
  }
  process.stderr.write(first.errors);
  const { seconds } = await made;
  if (seconds === 0) {
    fail(
      `${env("MACHINE")} asks for a confirmation that this change does not use, so loopback-ha's scripts are not what answers there. The machine may be compromised; nothing was confirmed, and the other machines are not affected`,
    );
    return undefined;
  }
  if (ancestors() !== engine) {
    fail(
      `${env("MACHINE")}: pulumi has ended, so this change was not recorded; it will be undone within ${seconds} s`,
    );
    return undefined;
  }
  const last = await confirmation.use();
  if (last.code === 255) {
    const cause = explainSshFailure(env("MACHINE"), last.errors);
    const gone = "so the machine went back to its previous state by itself";
    fail(`${env("MACHINE")}: the change worked, but no new connection could confirm it, ${gone}: ${cause}`);
    return undefined;
  }
  if (last.code === 0) process.stdout.write(withInstance(report, env("INSTANCE")));
  tell(last);
  return undefined;
}

/**
 * @param {Ended} ended
 * @param {string} [whenCut] what the machine does when its connection breaks
 */
function tell({ code, errors }, whenCut = "") {
  const machine = env("MACHINE");
  if (code === 0) {
    process.stderr.write(errors);
  } else if (code === 255) {
    fail(explainSshFailure(machine, errors) + whenCut);
  } else if (code === null) {
    fail(
      `${machine} has not answered for ${LIMIT_SECONDS + 25} s; it is in doubt until the next 'pulumi up' succeeds on it`,
    );
  } else if (/^(sudo: |Sorry, user )/m.test(errors)) {
    const user = env("SSH").split(" ").pop()?.split("@")[0];
    fail(
      `${machine}: user ${user} may not run commands as root without a password (${errors.trim()}); nothing was changed. Install its sudoers file (docs/your-own-network.md, ssh), or set ssh.user to root`,
    );
  } else {
    fail(errors.trim() || `${machine}: exit code ${code}`);
  }
}

/** @param {string} message */
function fail(message) {
  const others = process.env.LOOPBACK_HA_ON_FAILURE;
  process.stderr.write(`${message}\n${others ? `${others}\n` : ""}`);
  process.exitCode = 1;
}

main().catch((error) => {
  fail(
    error.code === "ENOENT" && error.path === "ssh"
      ? "ssh is not installed on this computer (apt-get install openssh-client)"
      : String(error.message),
  );
});
