/**
 * Directives at the end of a virtual host that no directive of a site's own or of the whole server undoes: Apache merges
 * `<If>` behind `<Location>`, and what is in `<Location>` behind what is not (https://httpd.apache.org/docs/2.4/sections.html).
 * Twice, as an `<If>` in an `<If>` is merged behind both.
 */
export function lastWord(section: string, directives: string[]): string[] {
  const inIf = (depth: number): string[] => [
    "<If true>",
    ...directives.map((line) => `    ${line}`),
    ...(depth > 1 ? inIf(depth - 1).map((line) => `    ${line}`) : []),
    "</If>",
  ];
  return [`<${section}>`, ...inIf(2).map((line) => `    ${line}`), `</${section.split(" ")[0]}>`].map(
    (line) => `    ${line}`,
  );
}
