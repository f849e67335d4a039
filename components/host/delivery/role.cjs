// @ts-check
"use strict";
// What the role has a say in when its files are delivered.

const fs = require("node:fs");
const path = require("node:path");
const { env } = require("./environment.cjs");

/**
 * What a role decides on the operator's side when its files are delivered: atDelivery.cjs in one of the role's folders. Each is
 * optional, and a refusal is a sentence without the machine's name.
 * @typedef {object} AtDelivery
 * @property {(environment: NodeJS.ProcessEnv) => string[] | { refusal: string }} [wordsForRun] what the operator asks for in this run
 *   only, as words for receive.sh
 * @property {(want: Record<string, string>) => number} [confirmSeconds] after how many seconds the machine undoes a change that no
 *   new connection has confirmed; 0: it never does
 * @property {(name: string, value: string) => string | undefined} [refusalOfSecret] why a secret can't be put into the files
 * @property {(name: string) => boolean} [isQuoted] whether an error of the machine's programs may quote this secret
 * @property {(now: Date) => string} [ownAnswer] the first line of the answers of peers
 * @property {(line: string) => boolean} [isAnswer] whether a line that a peer says is an answer
 */

/** @returns {AtDelivery} */
function role() {
  const folders = (process.env.LOOPBACK_HA_SCRIPTS ?? "").split(":").filter(Boolean);
  const file = folders
    .map((folder) => path.resolve(folder, "atDelivery.cjs"))
    .find((name) => fs.existsSync(name));
  return file === undefined ? {} : require(file);
}

/** @param {string} secret */
function valueOf(secret) {
  const value = env(`SECRET_${secret}`);
  const refusal = role().refusalOfSecret?.(secret, value);
  if (refusal !== undefined) throw new Error(`${env("MACHINE")}: ${refusal}`);
  return value;
}

/** A program quotes the line that it refuses. @param {string} text */
function withoutValues(text) {
  const { isQuoted = () => false } = role();
  const values = Object.entries(process.env).flatMap(([key, value]) => {
    const [, name] = /^LOOPBACK_HA_SECRET_(.*)$/.exec(key) ?? [];
    return name !== undefined && value && isQuoted(name) ? [value] : [];
  });
  return values.reduce((rest, value) => rest.replaceAll(value, "[secret]"), text);
}

module.exports = { role, valueOf, withoutValues };
