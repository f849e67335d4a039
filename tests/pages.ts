import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.join(__dirname, "..");

/** Code blocks of a page of the docs, in order, by what they are written in. */
export function blocks(page: string, language = ""): string[] {
  const text = fs.readFileSync(path.join(root, page), "utf8");
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => match[2]);
}

/** The block that has this text; a page that lost it fails here. */
export function block(page: string, text: string, language = ""): string {
  const found = blocks(page, language).filter((candidate) => candidate.includes(text));
  assert.equal(found.length, 1, `${page} has ${found.length} blocks with "${text}"`);
  return found[0];
}
