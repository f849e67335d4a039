// @ts-check
"use strict";

/**
 * The wanted files of a host command by name, as its stdin and thus Pulumi's state have them: a text, or lines by their
 * first word.
 * @typedef {Record<string, string | Record<string, string>>} Wish
 */

/**
 * Plain JavaScript because deliver.cjs shares it with the TypeScript side.
 * @param {Wish} want
 * @returns {Record<string, string>} the texts of the files, as they lie on the machine
 */
function filesOf(want) {
  return Object.fromEntries(
    Object.entries(want).map(([name, content]) => [
      name,
      typeof content === "string"
        ? content
        : Object.entries(content)
            .map(([word, rest]) => `${word} ${rest}\n`)
            .join(""),
    ]),
  );
}

module.exports = { filesOf };
