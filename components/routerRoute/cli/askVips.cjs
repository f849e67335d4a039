// @ts-check
"use strict";
// Asks VIPs from the operator's side, as far as it reaches them. A router of this kind can't ask one server.
const dns = require("node:dns");
const http = require("node:http");
const net = require("node:net");

/** How many VIPs are asked, spread over all of them, and for how long each. */
const MOST = 64;
const MS = 1500;

/**
 * @typedef {{ vip: string, site: string, kind: string, rest: string, host?: string, path?: string, port?: number,
 *   greeting?: string }} Check
 * @typedef {(answer?: string) => void} Finish
 */

/** @param {string} text lines as of renderChecks @returns {Check[]} */
function parseChecks(text) {
  const all = text
    .split("\n")
    .filter(Boolean)
    .map((line) => /^(\S+) (\S+) (\S+) ?(.*)$/.exec(line) ?? [])
    .filter(([, , , kind]) => kind !== "ping")
    .flatMap(([, vips, site, kind, rest]) => {
      const [first, ...others] = rest.split(" ");
      const second = others.join(" ");
      return vips.split(",").map((vip) => {
        if (kind === "http") return { vip, site, kind, rest, host: first, path: others[0] };
        if (kind === "tcp") return { vip, site, kind, rest, port: Number(first), greeting: second };
        return { vip, site, kind, rest };
      });
    });
  return all.filter(
    (_, i) => Math.floor((i * MOST) / all.length) !== Math.floor(((i - 1) * MOST) / all.length),
  );
}

/** How each kind is asked: says once what came, and returns how to end it. @type {Record<string, (check: Check, finish: Finish) => () => void>} */
const ASK = {
  http({ vip, path, host }, finish) {
    const request = http.get({ host: vip, path, headers: { Host: host }, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => (body = (body + text).slice(0, 4096)));
      response.on("error", () => finish());
      response.on("end", () => finish(response.statusCode === 200 ? body.trim() : undefined));
    });
    request.on("error", () => finish());
    return () => request.destroy();
  },
  tcp({ vip, port, greeting = "" }, finish) {
    let said = "";
    const socket = net.connect(/** @type {number} */ (port), vip, () => greeting === "" && finish("yes"));
    socket.setEncoding("latin1").on("data", (text) => {
      said += text;
      if (said.length >= greeting.length) finish(said.startsWith(greeting) ? "yes" : said.split("\r")[0]);
    });
    socket.on("error", () => finish()).on("end", () => finish());
    return () => socket.destroy();
  },
  dns({ vip, rest: zone }, finish) {
    const resolver = new dns.Resolver({ timeout: MS, tries: 1 });
    resolver.setServers([vip]);
    resolver.resolveSoa(zone, (error) => finish(error ? undefined : "yes"));
    return () => resolver.cancel();
  },
};

/** Who answers a check: `SERVER SITE` for http, "yes" for the others. @param {Check} check @returns {Promise<string | undefined>} */
function ask(check) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(), MS);
    const end = ASK[check.kind](check, finish);
    /** @param {string} [answer] */
    function finish(answer) {
      clearTimeout(timer);
      resolve(answer);
      end();
    }
  });
}

/** @param {Check[]} checks @returns {Promise<Map<string, string>>} answers by keyOf, of those that answer */
async function askAll(checks) {
  const answers = await Promise.all(checks.map(ask));
  return new Map(
    checks.flatMap((check, i) => {
      const answer = answers[i];
      return answer === undefined ? [] : [/** @type {[string, string]} */ ([keyOf(check), answer])];
    }),
  );
}

/** A VIP may have several. @param {Check} check */
const keyOf = ({ vip, site, kind, rest }) => `${vip} ${site} ${kind} ${rest}`;

module.exports = { askAll, keyOf, parseChecks };
