// @ts-check
"use strict";
/* eslint-disable no-control-regex -- terminals are made of them */
// What a router's terminal shows: prompts, echoes, pages and errors. Pure.
const { withoutSequences } = require("../../host/foreignText.cjs");

/** @typedef {import("./dialect").Dialect} Dialect */

/** Text without what moves a cursor. @param {string} text */
function plain(text) {
  let clean = withoutSequences(text)
    .replace(/ *-+ ?[Mm]ore ?-+ */g, "")
    .replace(/\r/g, "");
  for (let before = ""; before !== clean;)
    [before, clean] = [clean, clean.replace(/[^\n\x08]\x08|^\x08+/gmu, "")];
  return clean;
}

/** The last line, without a newline: where a prompt is. @param {string} text */
const lastLine = (text) => text.slice(text.lastIndexOf("\n") + 1);

const ANY_PROMPT = /^[\w.\-:@/+~[\]]{1,80}(\([^()\s]+\))?[>#] ?$/;

/**
 * The prompt that a screen ends with, of any mode. A banner's line can look like one: ask twice.
 * @param {string} text
 * @returns {string | undefined}
 */
function promptIn(text) {
  const line = lastLine(plain(text));
  return ANY_PROMPT.test(line) ? line.trimEnd() : undefined;
}

/** The host name in a prompt. Some shorten a long one in configuration mode. @param {string} prompt */
const hostOf = (prompt) => prompt.replace(/(\([^()]*\))?[>#]$/, "").slice(0, 16);

/** @param {string} text */
const compact = (text) => text.replace(/\s/g, "");

/** A line longer than the terminal is wide scrolls: then a `$` replaces its beginning. @param {string} line @param {string} command */
const isEcho = (line, command) =>
  line.endsWith(command) ||
  (/\$[^$]{8,}$/.test(line) && command.endsWith(line.slice(line.lastIndexOf("$") + 1)));

/**
 * What a command printed, once its echo and, after it, the prompt of this router have come: log lines and late
 * prompts before the echo are not its output.
 * @param {string} screen @param {string} command @param {string} host @param {Dialect} dialect
 * @returns {{ output: string, prompt: string } | undefined}
 */
function answerIn(screen, command, host, { interjections, behindPrompt }) {
  const lines = plain(screen)
    .replace(new RegExp(`^(\\S{1,80}[>#])(?=${behindPrompt.source})`, "gm"), "$1\n")
    .split("\n");
  const isLater = (/** @type {string} */ line) => line.trim() === "" || interjections.test(line);
  while (lines.length > 1 && isLater(lines[lines.length - 1])) lines.pop();
  const prompt = promptIn(lines[lines.length - 1]);
  if (!prompt || hostOf(prompt) !== host) return undefined;
  const echo = lines.findIndex((line) => isEcho(compact(line), compact(command)));
  return echo < 0 || echo === lines.length - 1
    ? undefined
    : { output: lines.slice(echo + 1, -1).join("\n"), prompt };
}

/** The line in which a router says that it did not run a command. @param {string} output @param {Dialect} dialect */
function failureIn(output, { errors }) {
  return output
    .split("\n")
    .find((line) => errors.some((pattern) => pattern.test(line)))
    ?.trim();
}

module.exports = { answerIn, failureIn, hostOf, lastLine, plain, promptIn };
