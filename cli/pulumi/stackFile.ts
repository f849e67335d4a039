/** A stack's configuration file, changed as an operator would change it: lines that nothing changes stay as they are. */
import { isDeepStrictEqual } from "node:util";
import { diffArrays } from "diff";
import { Alias, Document, Node, isAlias, isMap, isScalar, parse, parseDocument, visit } from "yaml";
import { pathText } from "../../components/base/problems";
import { UsageError } from "../terminal/exit";

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
 * @throws UsageError when the file is no YAML, or a key to change is set elsewhere or as a secret
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
    `${edits.map(({ path }) => pathText(path)).join(", ")} can't be changed: the stack's config file shares it through a YAML anchor (<<: or *); write the value out there`,
  );
}

/** Whether there may be anchors: all else takes a third of the time. */
export const hasShared = (text: string): boolean => /(^|[\s[{,:])[*&][^\s,[\]{}]/.test(text);

function readDocument(text: string): Document {
  const document = parseDocument(text, YAML);
  if (document.errors.length > 0)
    throw new UsageError(`the stack's config file is not valid YAML: ${document.errors[0].message}`);
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

/** How its writer indents, and writes values in braces. */
function styleOf(text: string): { lineWidth: 0; indent: number; flowCollectionPadding: boolean } {
  const indent = /^( +)\S/m.exec(text)?.[1].length ?? 2;
  return { lineWidth: 0, indent: Math.min(indent, 8), flowCollectionPadding: !/[:,[] *\{[^\s}]/.test(text) };
}

/** The edited text, with the lines of `text` for all that was not edited: the library writes some of them its own way. */
function asWritten(text: string, edited: string): string {
  const own = text.split("\n");
  const library = readDocument(text).toString(styleOf(text)).split("\n");
  const { kept, before } = changes(library, edited.split("\n"));
  const crlf = own[0].endsWith("\r");
  const written = (lines: string[]): string[] => (crlf ? lines.map((line) => `${line.trimEnd()}\r`) : lines);
  const lines = chunks(own, library).flatMap(({ from, to, as }) => {
    const its = library.slice(from, to);
    const inside = its.slice(1).some((_, i) => before[from + 1 + i].length > 0);
    if (!inside && its.every((_, i) => kept[from + i]))
      return [...written(to > from ? before[from] : []), ...as];
    return written(its.flatMap((line, i) => [...before[from + i], ...(kept[from + i] ? [line] : [])]));
  });
  const result = [...lines, ...written(before[library.length])].join("\n");
  return meansTheSame(result, edited) ? result : edited;
}

/** Which lines of `a` are in `b`, too, and what `b` has before each of them, and after the last. */
function changes(a: string[], b: string[]): { kept: boolean[]; before: string[][] } {
  const kept: boolean[] = [];
  const before: string[][] = [...a, ""].map(() => []);
  for (const { added, removed, value } of diffArrays(a, b)) {
    if (added) before[kept.length].push(...value);
    else kept.push(...value.map(() => !removed));
  }
  return { kept, before };
}

/** Lines `from` to `to` of `b`, and what they are in `a`: one each, but where the two differ in more than blanks. */
function chunks(a: string[], b: string[]): { from: number; to: number; as: string[] }[] {
  const result: { from: number; to: number; as: string[] }[] = [];
  const sameBut = (x: string, y: string): boolean => x.replace(/\s/g, "") === y.replace(/\s/g, "");
  let [at, from] = [0, 0];
  let open: (typeof result)[number] | undefined;
  for (const { added, removed, value } of diffArrays(a, b, { comparator: sameBut })) {
    if (added || removed) {
      if (open === undefined) result.push((open = { from, to: from, as: [] }));
      if (removed) open.as.push(...a.slice(at, at + value.length));
      else open.to += value.length;
    } else {
      open = undefined;
      result.push(...value.map((_, i) => ({ from: from + i, to: from + i + 1, as: [a[at + i]] })));
    }
    if (!added) at += value.length;
    if (!removed) from += value.length;
  }
  return result;
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
      `${pathText(path)} can't be set: ${path[0]} is not an object in the stack's config file`,
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
 * @throws UsageError when a key to change is not set in this file: its value there would hide the other
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
