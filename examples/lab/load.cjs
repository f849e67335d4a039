// @ts-check
"use strict";
// Keeps requesting until its stdin ends, at most two minutes; then prints what happened as JSON. Run on the client.
//   node load.cjs HOST PATH-FILE VIP...     (the health path is a secret: it comes by file)
const fs = require("node:fs");
const http = require("node:http");

const [host, pathFile, ...vips] = process.argv.slice(2);
const path = fs.readFileSync(pathFile, "utf8").trim();
const WORKERS = 8;
const PAUSE_MS = 5;
const MAX_MS = 120_000;

/** @typedef {{ requests: number, failures: number, longestGapMs: number, firstFailure?: string, servers: Record<string, number>, last: string }} Stats */
/** @type {Record<string, Stats & { lastAnswer: number }>} */
const stats = {};
let running = true;

/** @param {string} vip @returns {Promise<string>} */
function ask(vip) {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { host: vip, path, headers: { Host: host }, agent: false, timeout: 3000 },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text) => (body += text));
        response.on("end", () =>
          response.statusCode === 200
            ? resolve(body.split(" ")[0])
            : reject(new Error(`status ${response.statusCode}`)),
        );
        response.on("error", reject);
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer within 3 s")));
    request.on("error", reject);
  });
}

/** @param {number} number */
async function work(number) {
  for (let i = number; running; i++) {
    const vip = vips[i % vips.length];
    const stat = (stats[vip] ??= {
      requests: 0,
      failures: 0,
      longestGapMs: 0,
      servers: {},
      last: "",
      lastAnswer: Date.now(),
    });
    stat.requests++;
    try {
      const server = await ask(vip);
      const now = Date.now();
      stat.longestGapMs = Math.max(stat.longestGapMs, now - stat.lastAnswer);
      stat.lastAnswer = now;
      stat.servers[server] = (stat.servers[server] ?? 0) + 1;
      stat.last = server;
    } catch (error) {
      stat.failures++;
      stat.firstFailure ??= String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

process.stdin.resume().on("end", () => (running = false));
setTimeout(() => (running = false), MAX_MS).unref();
void Promise.all(Array.from({ length: WORKERS }, (_, i) => work(i))).then(() => {
  for (const stat of Object.values(stats)) delete (/** @type {any} */ (stat).lastAnswer);
  console.log(JSON.stringify(stats));
  process.exit(0);
});
