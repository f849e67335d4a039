/**
 * Directives at the end of a virtual host that no directive of a site's own or of the whole server undoes: Apache merges
 * `<If>` behind `<Location>`, and what is in `<Location>` behind what is not (https://httpd.apache.org/docs/2.4/sections.html).
 * Twice, as an `<If>` in an `<If>` is merged behind both.
 */
export function lastWord(section: string, directives: string[]): string[] {
  return indented(within(section, within("If true", [...directives, ...within("If true", directives)])));
}

const indented = (lines: string[]): string[] => lines.map((line) => `    ${line}`);
const within = (section: string, lines: string[]): string[] => [
  `<${section}>`,
  ...indented(lines),
  `</${section.split(" ")[0]}>`,
];
