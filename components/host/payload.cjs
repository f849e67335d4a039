// @ts-check
"use strict";

const { brotliCompressSync, brotliDecompressSync, constants } = require("node:zlib");

/**
 * The desired files of a host command, by name: a text, or lines by their first word.
 * @typedef {Record<string, string | Record<string, string>>} DesiredFiles
 */

/**
 * Desired files as the command's stdin and thus Pulumi's state have them: `scripts` is which scripts go with it, `packed` has the
 * large ones, `sources` is where a role's supplier finds what a machine may lack.
 * @typedef {{ scripts: string, want: DesiredFiles, packed?: Record<string, string>, sources?: unknown }} Payload
 */

/** In characters. Below, the engine shows each line that changes; the lines of some 350 sites. */
const LARGE = 1 << 15;

/**
 * Every machine's command holds its files, in the program, the engine, the provider and the state: the same megabyte for
 * each of forty servers was half a minute and a gigabyte, and the state is written before and after each step.
 * @param {string} scripts
 * @param {DesiredFiles} want
 * @returns {Payload}
 */
function packLarge(scripts, want) {
  const entries = Object.entries(want).map(([name, content]) => ({ name, content, packed: pack(content) }));
  if (entries.every(({ packed }) => packed === undefined)) return { scripts, want };
  return {
    scripts,
    want: Object.fromEntries(
      entries.filter(({ packed }) => packed === undefined).map(({ name, content }) => [name, content]),
    ),
    packed: Object.fromEntries(
      entries.flatMap(({ name, packed }) => (packed === undefined ? [] : [[name, packed]])),
    ),
  };
}

/** Each once: all servers of a pool have the same. @type {Map<DesiredFiles[string], string | undefined>} */
const seen = new Map();

/**
 * Brotli, whose result does not depend on the processor as that of zlib does.
 * @param {DesiredFiles[string]} content
 * @returns {string | undefined} undefined: it is not large
 */
function pack(content) {
  if (typeof content === "string" && content.length <= LARGE) return undefined;
  if (seen.has(content)) return seen.get(content);
  const text = textOf(content);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5 };
  const packed = text.length > LARGE ? brotliCompressSync(text, { params }).toString("base64") : undefined;
  seen.set(content, packed);
  return packed;
}

/** @param {DesiredFiles[string]} content @returns {boolean} whether packLarge packs it */
const isLarge = (content) => pack(content) !== undefined;

/** @param {DesiredFiles[string]} content */
const textOf = (content) =>
  typeof content === "string"
    ? content
    : Object.entries(content)
        .map(([word, rest]) => `${word} ${rest}\n`)
        .join("");

/**
 * Plain JavaScript because deliver.cjs shares it with the TypeScript side.
 * @param {Pick<Payload, "want" | "packed">} payload
 * @returns {Record<string, string>} the texts of the files, as they lie on the machine
 */
function filesOf({ want, packed = {} }) {
  return Object.fromEntries([
    ...Object.entries(want).map(([name, content]) => [name, textOf(content)]),
    ...Object.entries(packed).map(([name, text]) => [
      name,
      brotliDecompressSync(Buffer.from(text, "base64")).toString(),
    ]),
  ]);
}

/** Whether a file of a role's folder goes to machines. @param {string} file its name */
const isMachineFile = (file) => /\.(sh|pl|awk|service)$/.test(file);

module.exports = { filesOf, isLarge, isMachineFile, packLarge };
