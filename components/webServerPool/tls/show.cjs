// @ts-check
"use strict";
// Which certificate a server shows by TLS 1.3, which hides it from onlookers: asked from here, over ssh's own forwarding, as
// a server with nothing but perl-base and Apache can't ask itself.

const { createHash } = require("node:crypto");
const { Duplex } = require("node:stream");
const { connect } = require("node:tls");
const { endSsh, startSsh } = require("../../host/runSsh.cjs");

const SECONDS = 10;

/**
 * @param {string[]} ssh arguments for the server
 * @param {string} vip
 * @param {string} name
 * @returns {Promise<{ certificate: string } | { unknown: string }>} its SHA-256; unknown: why it could not be asked
 */
function shownBy(ssh, vip, name) {
  const child = startSsh(["-W", `${vip}:443`, ...ssh], "pipe");
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error("ssh has no pipes");
  let errors = "";
  stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-1000)));
  return new Promise((resolve) => {
    /** @param {{ certificate: string } | { unknown: string }} answer */
    const end = (answer) => {
      clearTimeout(deadline);
      endSsh(child);
      resolve(answer);
    };
    const deadline = setTimeout(() => end({ unknown: `no handshake within ${SECONDS} s` }), SECONDS * 1000);
    const failed = (/** @type {Error} */ error) => end({ unknown: errors.trim() || error.message });
    child.on("error", failed);
    stdin.on("error", () => {}); // the reader's error says more
    const socket = Duplex.from({ readable: stdout, writable: stdin });
    socket.on("error", failed);
    // It is compared with the very certificate; who issued it is no question here.
    const session = connect({ socket, servername: name, rejectUnauthorized: false, minVersion: "TLSv1.3" });
    session.on("error", failed);
    session.on("secureConnect", () => {
      const { raw } = session.getPeerCertificate();
      session.destroy();
      end({ certificate: createHash("sha256").update(raw).digest("hex") });
    });
  });
}

/**
 * @param {{ site: string, vip: string, name: string, certificate: string }[]} questions
 * @param {string[]} ssh
 * @returns {Promise<string>} a line each: `ok`, `unknown TAB SITE TAB REASON` or `other TAB SITE TAB VIP`
 */
async function showVerdicts(questions, ssh) {
  const verdicts = await Promise.all(
    questions.map(async ({ site, vip, name, certificate }) => {
      const shown = await shownBy(ssh, vip, name);
      if ("unknown" in shown) return `unknown\t${site}\t${shown.unknown.replace(/[^\x20-\x7e]+/g, " ")}`;
      return shown.certificate === certificate ? "ok" : `other\t${site}\t${vip}`;
    }),
  );
  return verdicts.map((verdict) => `${verdict}\n`).join("");
}

module.exports = { showVerdicts };
