/** Text from machines, configs and files, as a reader may see it. Pure. */

const LONGEST_LINE = 300;

/** Control characters and marks that turn the direction of text would show another text than the one that is there. */
export function printable(text: string): string {
  return text.replace(
    /(?!\t)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}

/** A line of foreign text, on one line and not too long. */
export function shownLine(line: string): string {
  const text = printable(line);
  return text.length > LONGEST_LINE ? `${shorten(text, LONGEST_LINE)} (${text.length} characters)` : text;
}

/** The beginning of a text that is longer than so many characters. */
export function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…` : text;
}
