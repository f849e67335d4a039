// @ts-check
"use strict";
// A command on a machine, and what the two say to each other meanwhile: marks, a line each.

const { spawn } = require("node:child_process");
const { printableLines } = require("../foreignText.cjs");
const { ancestors } = require("../processOf.cjs");
const { withoutNoise } = require("../sshFailure.cjs");
const { withoutSecrets } = require("../sshHere.cjs");
const { pack, withLength } = require("./bundle.cjs");
const { env } = require("./environment.cjs");
const { withoutValues } = require("./role.cjs");

/** Seconds apply.sh may take on the machine; ssh itself gets a little longer. */
const LIMIT_SECONDS = 110;
/** The machine has the desired files in force, and waits to hear that this was recorded. */
const APPLIED = "LOOPBACK-HA-APPLIED\n";
const RECORDED = "LOOPBACK-HA-RECORDED\n";
/** The machine would begin, and waits for its turn. Each 0 or 1: its daemon serves now; it has tried the change; such a change ended it. Then which machine was lost to this change before, or -. */
const READY = /LOOPBACK-HA-READY ([01]) ([01]) ([01]) ([A-Za-z0-9][A-Za-z0-9._-]{0,62}|-)\n$/;
const GO = "LOOPBACK-HA-GO\n";
/** @param {string} [lost] the machine that this change has cost, for the machine to remember */
const stay = (lost) => `LOOPBACK-HA-STAY${lost ? ` ${lost}` : ""}\n`;
const BEGUN = "LOOPBACK-HA-BEGUN\n";
/** Of a change that goes back by itself: it is in force, and being verified. */
const ACTIVE = "LOOPBACK-HA-ACTIVE\n";
/** The machine asks for what is no part of the bundle, as it may have it; in words of its role, for its supplier. */
const LACKS = /LOOPBACK-HA-LACKS (.*)\n$/;
/** The machine goes back by itself after so many seconds, which we know better, unless a second, fresh connection confirms. */
const CONFIRM = /LOOPBACK-HA-CONFIRM \d+\n$/;
/** A compromised machine can't fill our memory. */
const MOST_TEXT = 16_384;
const LONGEST_MARK = 1100;

/** @typedef {import("../turns.cjs").Turn} Turn */
/** @typedef {import("./bundle.cjs").Supply} Supply */
/** @typedef {{ code: number | null, out: string, end: string, errors: string, refusal?: string }} Ended the beginning and the end of what it said, and why it must not begin */

/**
 * Runs a command on the machine and gives it its input; when it says that the desired files are in force, it hears that this is
 * recorded, unless the engine, which records it, has died meanwhile.
 * @param {string[]} options of ssh
 * @param {string} command
 * @param {(string | Promise<Buffer>)[]} input
 * @param {string} engine
 * @param {Turn} [turn]
 * @param {(asked: string) => Promise<Supply>} [supplied] for what the machine may lack
 * @param {() => void} [active] once, when a change that must be confirmed is in force
 * @returns {Promise<Ended>}
 */
async function run(options, command, input, engine, turn, supplied, active) {
  const ssh = spawn("ssh", [...options, ...env("SSH").split(" "), command], {
    env: withoutSecrets(process.env),
    stdio: "pipe",
  });
  const closed = new Promise((resolve, reject) => ssh.on("error", reject).on("close", resolve));
  closed.catch(() => {}); // awaited below
  const limited = () => setTimeout(() => ssh.kill("SIGKILL"), (LIMIT_SECONDS + 25) * 1000);
  let deadline = limited();
  let hasAsked = false;
  let isOver = false;
  /** @type {string | undefined} */
  let refusal;
  /** @param {{ serves: boolean, tried: boolean, lost: boolean, after: string }} machine */
  const takeTurn = async (machine) => {
    hasAsked = true;
    clearTimeout(deadline);
    /** @type {{ refusal: string, lost?: string } | undefined} */
    const refused = await turn
      ?.wait(machine, () => isOver)
      .catch((error) => ({ refusal: String(error.message) }));
    refusal = refused?.refusal;
    if (isOver) return;
    deadline = limited();
    ssh.stdin.write(refused ? stay(refused.lost) : GO);
  };
  /** @param {(asked: string) => Promise<Supply>} from @param {string} asked */
  const sendLacking = async (from, asked) => {
    const found = await from(asked);
    if ("refusal" in found) refusal = found.refusal;
    ssh.stdin.write("refusal" in found ? stay() : withLength(await pack(found.files), "LOOPBACK-HA-SUPPLY"));
  };
  let out = "";
  let end = "";
  let errors = "";
  ssh.stdout.setEncoding("utf8").on("data", (text) => {
    if (out.length < MOST_TEXT) out += text.slice(0, MOST_TEXT);
    end = (end + text).slice(-LONGEST_MARK);
    const [isReady, serves, tried, lost, after] = READY.exec(end) ?? [];
    if (turn && out.includes(BEGUN)) turn.begun();
    if (out.includes(ACTIVE)) {
      active?.();
      active = undefined;
    }
    const [, asked] = LACKS.exec(end) ?? [];
    if (supplied && asked !== undefined) {
      end = "";
      sendLacking(supplied, asked).catch((error) => {
        refusal = String(error.message);
        ssh.stdin.write(stay());
      });
    }
    if (turn && !hasAsked && isReady)
      void takeTurn({
        ...{ serves: serves === "1", tried: tried === "1", lost: lost === "1" },
        after: after === "-" ? "" : String(after),
      });
    else if (end.endsWith(APPLIED)) {
      turn?.applied();
      ssh.stdin.end(ancestors() === engine ? RECORDED : "");
    } else if (CONFIRM.test(end)) ssh.stdin.end();
  });
  ssh.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-MOST_TEXT)));
  ssh.stdin.on("error", () => {}); // ssh's exit code says more
  try {
    for (const part of input) ssh.stdin.write(await part);
  } catch (error) {
    clearTimeout(deadline);
    ssh.kill();
    throw error;
  }
  const code = await closed;
  isOver = true;
  clearTimeout(deadline);
  errors = withoutValues(printableLines(withoutNoise(errors).slice(-8192)));
  if (code !== 255 && code !== null) turn?.refused();
  return { code, out, end, errors, refusal };
}

/** @param {string} out */
const withoutMarks = (out) =>
  out
    .replace(/^LOOPBACK-HA-(READY [01] [01] [01] \S+|BEGUN|ACTIVE|LACKS .*)\n/gm, "")
    .replace(APPLIED, "")
    .replace(CONFIRM, "");

module.exports = { CONFIRM, LIMIT_SECONDS, MOST_TEXT, run, withoutMarks };
