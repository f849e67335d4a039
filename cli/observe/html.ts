/** HTML with foreign text in it as text only. Pure. */
import { xml } from "../diagram/elements";

/** Markup that was made here. A string is always foreign text. */
export class Html {
  constructor(readonly text: string) {}
}

export type Part = Html | string | number | Part[];

/** Markup of a template; what is put into it is escaped, unless it is markup itself. */
export function markup(texts: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(texts.reduce((all, text, i) => all + markupOf(parts[i - 1]) + text));
}

function markupOf(part: Part): string {
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map(markupOf).join("");
  return xml(String(part));
}
