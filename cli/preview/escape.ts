/** Foreign text in Markdown, as GitHub and GitLab read it: shown as it is, never understood. Pure. */
import { printable, shorten } from "../../components/host/foreignText.cjs";

const LONGEST = 1000;

/** What could begin markup, HTML, mathematics, a link or, at the beginning, a list. */
const MARKUP = /[\\`*_{}[\]<#&|~$]|:(?=\/\/)|(?<=\bwww)\.|^[-+=>]|(?<=^\d+)[.)](?=\s|$)/gi;
/** What would mention a user or link an issue: broken by an invisible space. */
const REFERENCE = /[@#!$%&~](?=[\w-])/g;

/** Text within a line or a cell of a table; line breaks become spaces, and what is very long is cut. */
export function inline(text: string): string {
  const line = shorten(printable(text.replace(/\s+/g, " ").trim()), LONGEST);
  const safe = line.replace(REFERENCE, "$&\u200b").replace(MARKUP, (c) => `&#${c.charCodeAt(0)};`);
  return safe === "" ? "&nbsp;" : safe;
}

/** A name or an address, as code where it has nothing but what names have. */
export function code(text: string): string {
  return /^[A-Za-z0-9._:/-]+$/.test(text) ? `\`${text}\`` : inline(text);
}

/** A block of text that nothing in it can end. */
export function fence(lines: string[], language = ""): string {
  const longest = Math.max(0, ...lines.flatMap((line) => line.match(/`+/g) ?? []).map((run) => run.length));
  const ticks = "`".repeat(Math.max(3, longest + 1));
  return [`${ticks}${language}`, ...lines, ticks].join("\n");
}
