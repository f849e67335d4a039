// @ts-check
"use strict";
// Asks VIPs from the operator's side, as far as it reaches them. A router of this kind can't ask one server.
const http = require("node:http");
const net = require("node:net");

/** How many VIPs are asked, spread over all of them, and for how long each. */
const MOST = 64;
const MS = 1500;

/** @typedef {{ vip: string, site: string, kind: string, host?: string, path?: string, port?: number }} Check */

/** @param {string} text lines `VIP SITE http HOST PATH`, `VIP SITE tcp PORT`, `VIP SITE ping` @returns {Check[]} */
function parseChecks(text) {
  const all = text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" "))
    .filter(([, , kind]) => kind !== "ping")
    .map(([vip, site, kind, first, second]) =>
      kind === "tcp"
        ? { vip, site, kind, port: Number(first) }
        : { vip, site, kind, host: first, path: second },
    );
  return all.filter(
    (_, i) => Math.floor((i * MOST) / all.length) !== Math.floor(((i - 1) * MOST) / all.length),
  );
}

/** Who answers a check: `SERVER SITE` for http, "yes" for tcp. @param {Check} check @returns {Promise<string | undefined>} */
function ask({ vip, kind, host, path, port }) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(undefined), MS);
    const request =
      kind === "tcp"
        ? net.connect(/** @type {number} */ (port), vip, () => finish("yes"))
        : http.get({ host: vip, path, headers: { Host: host }, agent: false }, (response) => {
            let body = "";
            response.setEncoding("utf8").on("data", (text) => (body = (body + text).slice(0, 4096)));
            response.on("error", () => finish(undefined));
            response.on("end", () => finish(response.statusCode === 200 ? body.trim() : undefined));
          });
    request.on("error", () => finish(undefined));
    /** @param {string | undefined} answer */
    function finish(answer) {
      clearTimeout(timer);
      request.destroy();
      resolve(answer);
    }
  });
}

/** @param {Check[]} checks @returns {Promise<Map<string, string>>} answers by VIP and site, of those that answer */
async function askAll(checks) {
  const answers = await Promise.all(checks.map(ask));
  return new Map(
    checks.flatMap((check, i) => {
      const answer = answers[i];
      return answer === undefined ? [] : [/** @type {[string, string]} */ ([keyOf(check), answer])];
    }),
  );
}

/** @param {Check} check */
const keyOf = ({ vip, site }) => `${vip} ${site}`;

module.exports = { askAll, keyOf, parseChecks };
