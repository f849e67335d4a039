// @ts-check
"use strict";
// Text from machines, configs and files, as a reader may see it: the one filter on every way to a terminal, a log or a hook.
// Pure; plain JavaScript for the sake of deliver.cjs.
/* eslint-disable no-control-regex -- terminals are made of them */

const LONGEST_LINE = 300;

/**
 * Control characters and marks that turn the direction of text would show another text than the one that is there.
 * @param {string} text
 */
function printable(text) {
  return text.replace(
    /(?!\t)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u{${/** @type {number} */ (c.codePointAt(0)).toString(16)}}`,
  );
}

/** The same for a text of several lines, which stay apart. @param {string} text */
const printableLines = (text) => text.replaceAll("\r\n", "\n").split("\n").map(printable).join("\n");

/** A line of foreign text, on one line and not too long. @param {string} line */
function shownLine(line) {
  const text = printable(line);
  return text.length > LONGEST_LINE ? `${shorten(text, LONGEST_LINE)} (${text.length} characters)` : text;
}

/** The beginning of a text that is longer than so many characters. @param {string} text @param {number} most */
function shorten(text, most) {
  return text.length > most ? `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…` : text;
}

/**
 * What a terminal was sent without what it would not show: colours, cursors, titles, the clipboard. Line ends and
 * backspaces stay.
 * @param {string} text
 */
function withoutSequences(text) {
  return text
    .replace(/(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]/g, "") // CSI
    .replace(/(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?/g, "") // OSC, DCS and their kin
    .replace(/\x1b[ -/]*[0-~]/g, "")
    .replace(/(?![\t\n\r\x08])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "");
}

module.exports = { printable, printableLines, shorten, shownLine, withoutSequences };
