/** A stack's configuration file, changed as an operator would change it: lines that nothing changes stay as they are. */
import { isDeepStrictEqual } from "node:util";
import { diffArrays } from "diff";
import { Alias, Document, Node, isAlias, isMap, isScalar, parse, parseDocument, visit } from "yaml";
import { pathText } from "../components/config/error";
import { UsageError } from "./failure";

/** One change of the configuration. */
export interface Edit {
  /** Keys from the top, without the namespace: `["servers", "web2", "state"]`. */
  path: string[];
  /** The new value; undefined takes the key out. */
  value?: unknown;
}

/** As Pulumi reads it. */
const YAML = { merge: true } as const;

/**
 * The file's text after the edits. What others share with it by an anchor stays theirs.
 * @param project the project's name, which is the namespace of its keys
 * @throws UsageError when the file is no YAML, or a key that is to be changed is set elsewhere or as a secret
 */
export function withEdits(text: string, project: string, edits: Edit[]): string {
  const document = readDocument(text);
  if (!hasShared(text)) {
    edit(document, project, edits);
    return asWritten(text, document.toString(styleOf(text)));
  }
  const wanted = new Document(document.toJS(), { aliasDuplicateObjects: false });
  edit(wanted, project, edits);
  for (const prepare of [ownAliasesOn, ownAllAliases]) {
    const shared = readDocument(text);
    for (const { path } of edits) prepare(shared, keysOf(project, path));
    edit(shared, project, edits);
    const result = asWritten(text, shared.toString(styleOf(text)));
    if (isDeepStrictEqual(parse(result, YAML), parse(wanted.toString()))) return result;
  }
  throw new UsageError(
    `${edits.map(({ path }) => pathText(path)).join(", ")} can't be changed: it is shared by an anchor (<<: or *) in the stack's configuration file; write it out there`,
  );
}

/** Whether there may be anchors: all else takes a third of the time. */
export const hasShared = (text: string): boolean => /(^|[\s[{,:])[*&][^\s,[\]{}]/.test(text);

function readDocument(text: string): Document {
  const document = parseDocument(text, YAML);
  if (document.errors.length > 0)
    throw new UsageError(`the stack's configuration file is no YAML: ${document.errors[0].message}`);
  return document;
}

const keysOf = (project: string, path: string[]): string[] => [
  "config",
  `${project}:${path[0]}`,
  ...path.slice(1),
];

function edit(document: Document, project: string, edits: Edit[]): void {
  for (const { path, value } of edits) {
    const at = keysOf(project, path);
    objectAt(document, at.slice(0, 2), path);
    if (value === undefined) remove(document, at);
    else document.setIn(at, value);
  }
}

/** Where what is edited is another's by an alias, it gets a copy of its own. */
function ownAliasesOn(document: Document, at: string[]): void {
  for (let length = 1; length < at.length; length++) {
    const node = document.getIn(at.slice(0, length), true);
    if (isAlias(node)) document.setIn(at.slice(0, length), copyOf(document, node));
    else if (!isMap(node)) return;
  }
}

/** Others have what is edited by an alias: each gets a copy. */
function ownAllAliases(document: Document): void {
  visit(document, { Alias: (_, alias) => copyOf(document, alias) });
}

function copyOf(document: Document, alias: Alias): Node | undefined {
  const copy = alias.resolve(document)?.clone() as Node | undefined;
  if (copy !== undefined) visit(copy, { Node: (_, node) => void ("anchor" in node && delete node.anchor) });
  return copy;
}

/** How its writer indents, and writes what stands in braces. */
function styleOf(text: string): { lineWidth: 0; indent: number; flowCollectionPadding: boolean } {
  const indent = /^( +)\S/m.exec(text)?.[1].length ?? 2;
  return { lineWidth: 0, indent: Math.min(indent, 8), flowCollectionPadding: !/[:,[] *\{[^\s}]/.test(text) };
}

/** The edited text, with the lines of `text` in place of those that differ from them in blanks only. */
function asWritten(text: string, edited: string): string {
  const own = text.split("\n");
  let at = 0;
  const sameBut = (a: string, b: string): boolean => a.replace(/\s/g, "") === b.replace(/\s/g, "");
  const lines = diffArrays(own, edited.split("\n"), { comparator: sameBut }).flatMap(
    ({ added, removed, value }) => {
      if (added) return own[0].endsWith("\r") ? value.map((line) => `${line.trimEnd()}\r`) : value;
      at += value.length;
      return removed ? [] : own.slice(at - value.length, at);
    },
  );
  const result = lines.join("\n");
  return meansTheSame(result, edited) ? result : edited;
}

function meansTheSame(a: string, b: string): boolean {
  try {
    return isDeepStrictEqual(parse(a), parse(b));
  } catch {
    return false;
  }
}

/** `pulumi config set servers '{…}'` leaves an object as text. */
function objectAt(document: Document, at: string[], path: string[]): void {
  const node = document.getIn(at, true);
  if (node === undefined || path.length === 1) return;
  if (isScalar(node) && typeof node.value === "string") {
    try {
      document.setIn(at, document.createNode(JSON.parse(node.value)));
      return;
    } catch {
      // Told below.
    }
  }
  if (!isMap(node) || node.has("secure"))
    throw new UsageError(
      `${pathText(path)} can't be set: ${path[0]} is no object in the stack's configuration file`,
    );
}

/** With what is empty afterwards, but for the key at the top. */
function remove(document: Document, at: string[]): void {
  if (!document.hasIn(at)) return;
  document.deleteIn(at);
  const parent = document.getIn(at.slice(0, -1), true);
  if (at.length > 2 && isMap(parent) && parent.items.length === 0) remove(document, at.slice(0, -1));
}

/**
 * The same edits on the engine's key-value pairs.
 * @throws UsageError when a key that is to be changed is not set in this file: its value there would hide the other
 */
export function withEditedValues(
  all: Record<string, string>,
  project: string,
  edits: Edit[],
): Record<string, string> {
  const result = { ...all };
  for (const { path, value } of edits) {
    const key = `${project}:${path[0]}`;
    if (path.length === 1) {
      if (value === undefined) delete result[key];
      else result[key] = typeof value === "string" ? value : JSON.stringify(value);
      continue;
    }
    const top = new Document(result[key] === undefined ? {} : JSON.parse(result[key]));
    if (value === undefined) remove(top, path.slice(1));
    else top.setIn(path.slice(1), value);
    const object = (top.toJS() ?? {}) as Record<string, unknown>;
    if (value === undefined && Object.keys(object).length === 0) delete result[key];
    else result[key] = JSON.stringify(object);
  }
  return result;
}
