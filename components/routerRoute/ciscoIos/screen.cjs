// @ts-check
"use strict";
/* eslint-disable no-control-regex -- terminals are made of them */
// What a router's terminal shows: prompts, echoes, pages and errors. Pure.
const { withoutSequences } = require("../../host/foreignText.cjs");

/** Text without what moves a cursor. @param {string} text */
function plain(text) {
  let clean = withoutSequences(text)
    .replace(/ *-+ ?[Mm]ore ?-+ */g, "")
    .replace(/\r/g, "");
  for (let before = ""; before !== clean;)
    [before, clean] = [clean, clean.replace(/[^\n\x08]\x08|^\x08+/gmu, "")];
  return clean;
}

/** The last line, which no newline ends: where a prompt stands. @param {string} text */
const lastLine = (text) => text.slice(text.lastIndexOf("\n") + 1);

const ANY_PROMPT = /^[\w.\-:@/+~[\]]{1,80}(\([^()\s]+\))?[>#] ?$/;

/**
 * The prompt that a screen ends with, whoever's it is. A banner's line can look like one: ask twice.
 * @param {string} text
 * @returns {string | undefined}
 */
function promptIn(text) {
  const line = lastLine(plain(text));
  return ANY_PROMPT.test(line) ? line.trimEnd() : undefined;
}

/** The host name in a prompt. IOS shortens a long one in configuration mode. @param {string} prompt */
const hostOf = (prompt) => prompt.replace(/(\([^()]*\))?[>#]$/, "").slice(0, 16);

/** What may come behind a prompt without another one: nothing, the log, and the rollback timer's reminder. */
const LATER = /^\s*$|%\w+(-\w+)*-\d-\w+:|^\s*(Rollback Confirmed Change:|Enter "configure confirm")/;

/** @param {string} text */
const compact = (text) => text.replace(/\s/g, "");

/** A line longer than the terminal is wide scrolls: then a `$` stands for its beginning. @param {string} line @param {string} command */
const isEcho = (line, command) =>
  line.endsWith(command) ||
  (/\$[^$]{8,}$/.test(line) && command.endsWith(line.slice(line.lastIndexOf("$") + 1)));

/**
 * What a command printed, once its echo and, after it, the prompt of this router have come: log lines and late
 * prompts before the echo are not its output.
 * @param {string} screen @param {string} command @param {string} host
 * @returns {{ output: string, prompt: string } | undefined}
 */
function answerIn(screen, command, host) {
  const lines = plain(screen)
    .replace(/^(\S{1,80}[>#])(?=Rollback Confirmed Change:)/gm, "$1\n")
    .split("\n");
  while (lines.length > 1 && LATER.test(lines[lines.length - 1])) lines.pop();
  const prompt = promptIn(lines[lines.length - 1]);
  if (!prompt || hostOf(prompt) !== host) return undefined;
  const echo = lines.findIndex((line) => isEcho(compact(line), compact(command)));
  return echo < 0 || echo === lines.length - 1
    ? undefined
    : { output: lines.slice(echo + 1, -1).join("\n"), prompt };
}

const ERRORS = [
  // All of IOS's errors begin so; %SYS-5-CONFIG_I: and the like are the log's.
  /^\s*%(?!\w+(-\w+)*-\d-\w+:)/,
  /\b(invalid input|incomplete command|ambiguous command|unknown command|command not found)\b/i,
  /\b(authorization failed|command rejected|access denied|permission denied|bad secrets?|bad mask)\b/i,
  /\b(connection refused|connection timed out)\b/i,
  /^\s*error\b/i,
];

/** The line in which a router says that it did not do as told. @param {string} output */
function failureIn(output) {
  return output
    .split("\n")
    .find((line) => ERRORS.some((pattern) => pattern.test(line)))
    ?.trim();
}

module.exports = { answerIn, failureIn, hostOf, lastLine, plain, promptIn };
