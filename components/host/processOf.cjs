// @ts-check
"use strict";
// A process of this machine, as the kernel describes it.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

/** @typedef {{ parent: number, name: string, start: string, state: string }} Process `start`: another process of the same number has another, in ticks since the boot where there is a /proc; `state`: the kernel's letter, empty where that is not known */

/** @param {number} pid @returns {Process} @throws Error when it is gone, or there is no /proc */
function inProc(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  const rest = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  return { parent: Number(rest[1]), name, start: String(rest[19]), state: String(rest[0]) };
}

/** @param {number} pid @returns {Process | undefined} undefined: it is gone */
function processOf(pid) {
  try {
    return inProc(pid);
  } catch {
    if (fs.existsSync("/proc/self/stat")) return undefined;
  }
  try {
    // Where there is no /proc (macOS).
    const text = execFileSync("ps", ["-o", "ppid=,lstart=,comm=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [, parent, start, command] = /^\s*(\d+)\s+((?:\S+\s+){5})(\S.*?)\s*$/.exec(text) ?? [];
    if (parent === undefined || start === undefined || command === undefined) return undefined;
    return {
      parent: Number(parent),
      name: path.basename(command),
      start: start.replace(/\W/g, ""),
      state: "",
    };
  } catch {
    return undefined;
  }
}

/**
 * Processes from here up to the engine. When it has changed, the engine died: nothing records the result.
 * @returns {string}
 */
function ancestors() {
  const pids = [];
  try {
    for (let pid = process.ppid; pid > 1 && pids.length < 4;) {
      pids.push(pid);
      pid = inProc(pid).parent;
    }
  } catch {
    // No /proc (macOS): then only a broken pipe shows that the caller is gone.
  }
  return pids.join(" ");
}

module.exports = { ancestors, inProc, processOf };
