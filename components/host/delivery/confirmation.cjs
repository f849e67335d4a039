// @ts-check
"use strict";
// A change that goes back by itself unless a new connection shows that the machine can still be reached.

const fs = require("node:fs");
const path = require("node:path");
const { newerWords } = require("../sshHere.cjs");
const { MACHINE } = require("./bundle.cjs");
const { run } = require("./conversation.cjs");
const { env, sudo } = require("./environment.cjs");

/** @typedef {import("./conversation.cjs").Ended} Ended */

/**
 * Shows the machine over a new connection that it can still be reached.
 * @param {string} version
 * @param {string} token
 * @param {string} engine
 * @param {Promise<void>} [go] when it may be confirmed; the connection may be made before
 * @returns {Promise<Ended>}
 */
function confirmOnce(version, token, engine, go = Promise.resolve()) {
  const folder = `/var/lib/loopback-ha/${env("INSTANCE")}/versions/${version}`;
  // One line of plain words: a login shell may be any, and reads no other alike.
  const words = ["bash", "-s", "confirm", env("MACHINE"), folder, token, ...sudo()];
  const script = go.then(() => fs.readFileSync(path.join(MACHINE, "confirm.sh")));
  return run(newerWords(), words.join(" "), [script], engine);
}

/**
 * The same, again and again, as long as the machine waits for that.
 * @param {string} version
 * @param {string} token
 * @param {number} seconds
 * @param {string} engine
 * @returns {Promise<Ended>}
 */
async function confirm(version, token, seconds, engine) {
  // A little longer, to learn how it ended.
  for (const end = Date.now() + (seconds + 3) * 1000; ;) {
    const ended = await confirmOnce(version, token, engine);
    if (ended.code !== 255 || Date.now() > end) return ended;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Of a change: over a connection that is made once the change is in force, while the machine verifies it, and used after that. */
class Confirmation {
  /** @param {Promise<{ version: string, seconds: number }>} made @param {string} token @param {string} engine */
  constructor(made, token, engine) {
    this.made = made;
    this.token = token;
    this.engine = engine;
    /** @type {Promise<void>} */
    this.verified = new Promise((resolve, reject) => Object.assign(this, { go: resolve, stop: reject }));
    this.verified.catch(() => {}); // a connection in waiting ends by it
  }

  connect() {
    this.early = this.made.then(({ version, seconds }) => {
      if (seconds === 0) throw new Error("there is nothing to confirm");
      return confirmOnce(version, this.token, this.engine, this.verified);
    });
    this.early.catch(() => {}); // awaited by use
  }

  /** @returns {Promise<Ended>} */
  async use() {
    this.go();
    const { version, seconds } = await this.made;
    const ended = await this.early?.catch(() => undefined);
    // A connection that broke meanwhile says nothing of new ones.
    return ended && ended.code !== 255 ? ended : confirm(version, this.token, seconds, this.engine);
  }

  /** A connection that was not used confirms nothing. */
  drop() {
    this.stop(new Error("there is nothing to confirm"));
  }

  /** @type {() => void} */
  go() {}
  /** @type {(reason: Error) => void} */
  stop() {}
}

module.exports = { Confirmation };
