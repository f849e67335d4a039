// @ts-check
"use strict";
// ssh as a child of this process. Plain JavaScript for the sake of deliver.cjs.
const { spawn } = require("node:child_process");
const { withoutSecrets } = require("./sshHere.cjs");

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/** How long an ssh that is told to end may take before it is killed: it has a control socket and a ProxyCommand to end. */
const LAST_WORDS_MS = 2000;
/** How long what an ssh has left behind, such as a ProxyCommand's child, may still hold its pipes. */
const AFTERMATH_MS = 1000;
const MOST_BYTES = 100 << 20;

/** @type {Set<ChildProcess>} */
const running = new Set();

/**
 * It gets none of our secrets, and ends with this process.
 * @param {string[]} argv
 * @param {import("node:child_process").StdioOptions} stdio
 */
function startSsh(argv, stdio) {
  const ssh = spawn("ssh", argv, { env: withoutSecrets(process.env), stdio });
  if (running.size === 0) process.on("exit", endAll);
  running.add(ssh);
  const gone = () => {
    running.delete(ssh);
    if (running.size === 0) process.removeListener("exit", endAll);
  };
  ssh.on("exit", gone).on("error", gone);
  return ssh;
}

function endAll() {
  for (const ssh of running) ssh.kill();
}

/** Also where it does not listen. @param {ChildProcess} ssh */
function endSsh(ssh) {
  ssh.kill();
  setTimeout(() => ssh.kill("SIGKILL"), LAST_WORDS_MS).unref();
}

/**
 * @param {ChildProcess} ssh
 * @returns {Promise<{ code: number | null, failure?: string }>} how it ended, when all that it said was read; null: by a
 *   signal, or it could not be started, and why
 */
function endOf(ssh) {
  return new Promise((resolve) => {
    ssh.once("error", (error) => resolve({ code: null, failure: notStarted(error) }));
    ssh.once("close", (code) => resolve({ code }));
    ssh.once("exit", (code) => setTimeout(() => resolve({ code }), AFTERMATH_MS).unref());
  });
}

/** Node's words have no arguments in them. @param {unknown} error */
const notStarted = (error) =>
  `ssh could not be started (${/** @type {Error} */ (error).message}): is OpenSSH's client installed and on PATH?`;

/**
 * @typedef {object} Answer
 * @property {number | null} code ssh's own, 255 where there was no connection; null: it has none
 * @property {string} stdout without its last line's end, as stderr
 * @property {string} stderr or why there was no ssh
 * @property {boolean} timedOut it took too long, and was ended
 * @property {boolean} excess it said more than `most`, and was ended
 */

/**
 * Runs ssh until it ends or its time is up.
 * @param {string[]} argv
 * @param {{ seconds: number, stdin?: number, most?: number }} limits stdin: an open file; most: bytes of stdout, and of stderr
 * @returns {Promise<Answer>} never rejected
 */
async function askSsh(argv, { seconds, stdin, most = MOST_BYTES }) {
  /** @type {{ stdout: Buffer[], stderr: Buffer[] }} */
  const said = { stdout: [], stderr: [] };
  /** @type {Answer} */
  const answer = { code: null, stdout: "", stderr: "", timedOut: false, excess: false };
  /** @type {ChildProcess} */
  let ssh;
  try {
    ssh = startSsh(argv, [stdin ?? "ignore", "pipe", "pipe"]);
  } catch (error) {
    return { ...answer, stderr: notStarted(error) };
  }
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const givenUp = new Promise((resolve) => {
    timer = setTimeout(() => resolve((answer.timedOut = true)), seconds * 1000);
    for (const name of /** @type {const} */ (["stdout", "stderr"])) {
      let bytes = 0;
      ssh[name]?.on("data", (/** @type {Buffer} */ chunk) => {
        said[name].push(chunk.subarray(0, Math.max(0, most - bytes)));
        bytes += chunk.length;
        if (bytes >= most) resolve((answer.excess = true));
      });
    }
  });
  const ended = await Promise.race([endOf(ssh), givenUp.then(() => ({ code: null, failure: undefined }))]);
  clearTimeout(timer);
  if (answer.timedOut || answer.excess) endSsh(ssh);
  ssh.stdout?.destroy();
  ssh.stderr?.destroy();
  const text = (/** @type {Buffer[]} */ chunks) => Buffer.concat(chunks).toString().replace(/\n$/, "");
  return {
    ...answer,
    code: ended.code,
    stdout: text(said.stdout),
    stderr: ended.failure ?? text(said.stderr),
  };
}

module.exports = { askSsh, endOf, endSsh, startSsh };
