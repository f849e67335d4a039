/**
 * A site's own lines for Apache: what would reach beyond the site's virtual host is refused. They run as root's
 * configuration all the same (SECURITY.md); Apache's own test and a trial start judge the rest.
 */

/** Something wrong with one of the lines. */
export interface LineProblem {
  /** Its index. */
  line: number;
  /** What, as the rest of a sentence that begins with it. */
  issue: string;
  /** What would work. */
  instead: string;
}

/** A reference to a secret of the configuration in a line. */
const SECRET = /\$\{secret:([^}]*)\}/g;
const SECRET_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** The names of all secrets in the lines, each once. */
export function secretsIn(lines: readonly string[]): string[] {
  return [...new Set(lines.flatMap((line) => [...line.matchAll(SECRET)].map(([, name]) => name)))].sort();
}

/** The line, with a replacement for each secret, given by its name. */
export const withSecrets = (line: string, valueOf: (name: string) => string): string =>
  line.replace(SECRET, (_, name: string) => valueOf(name));

const APACHE_FOLDER = "/etc/apache2";

/** What may not be there, by its name in small letters: why, and what to do. Apache does not care for case. */
const REFUSED: Record<string, [issue: string, instead: string]> = {
  ...all(
    "virtualhost",
    "begins or ends a virtual host, but these lines are inside one",
    "put it into a site of its own, or into your own file in sites-enabled",
  ),
  ...all(
    "listen listenbacklog",
    "sets ports of the whole server",
    "put it into /etc/apache2/ports.conf on the servers",
  ),
  ...all("servername serveralias serverpath", "sets names of the site", "use serverName and aliases"),
  ...all("macro use undefmacro", "generates lines that can't be checked beforehand", "write the lines out"),
  ...all(
    "define undefine",
    "affects all sites of the server",
    "write the value itself, or put it into /etc/apache2/envvars or conf-enabled",
  ),
  ...all(
    "loadmodule loadfile",
    "affects all sites of the server",
    "enable the module on the servers: a2enmod",
  ),
  ...all(
    "perl perlmodule perlrequire luahookquickhandler",
    "runs a program that could change the configuration in unknown ways",
    "use a plain directive, or your own file in conf-enabled",
  ),
  ...all(
    "serverroot user group pidfile defaultruntimedir mutex scoreboardfile coredumpdirectory mpmprotect chrootdir accessconfig resourceconfig",
    "affects the whole server",
    "put it into your own file in conf-enabled",
  ),
};

function all(names: string, issue: string, instead: string): Record<string, [string, string]> {
  return Object.fromEntries(names.split(" ").map((name) => [name, [issue, instead]]));
}

const LONGEST = 8000;

/**
 * What is wrong with a site's lines; empty: nothing that can be known here.
 * @param secrets the names of those that there are
 */
export function lineProblems(lines: readonly string[], secrets: readonly string[]): LineProblem[] {
  const problems: LineProblem[] = [];
  const say = (line: number, issue: string, instead: string): void => {
    if (!problems.some((problem) => problem.line === line)) problems.push({ line, issue, instead });
  };
  lines.forEach((text, i) => textProblem(text, (issue, instead) => say(i, issue, instead)));
  lines.forEach((text, i) => {
    for (const name of secretsIn([text]).filter((each) => !secrets.includes(each)))
      say(
        i,
        `uses the secret ${name}, which is not set`,
        `set it: pulumi config set --secret secret-${name}`,
      );
  });
  // Of a comment, too: Apache would take the end of our virtual host for more of it.
  if (lines.at(-1)?.endsWith("\\"))
    say(
      lines.length - 1,
      "ends in a backslash, but no line follows",
      "remove the backslash, or add the line",
    );
  const open: { name: string; line: number }[] = [];
  for (const { text, line } of joined(lines)) {
    const directive = directiveOf(text);
    if (directive === "none") continue;
    if (directive === undefined) {
      say(
        line,
        "does not begin with a directive's name",
        'begin with its plain name, without quotes or variables, as in Header set X-Name "value"',
      );
      continue;
    }
    const { kind, name, rest } = directive;
    if (kind === "end") {
      if (open.at(-1)?.name === name) open.pop();
      else
        say(
          line,
          `ends a section that these lines do not begin${name === "virtualhost" ? ": the site's own virtual host" : ""}`,
          "remove it, or begin the section first",
        );
      continue;
    }
    if (kind === "begin") open.push({ name, line });
    const refused = Object.hasOwn(REFUSED, name) ? REFUSED[name] : refusedWith(name, rest);
    if (refused) say(line, ...refused);
  }
  for (const { name, line } of open)
    say(line, "begins a section that these lines do not end", `add </${name}> at the end`);
  // A directive in the middle of what Apache takes for one line is none, unless we are wrong about where lines end.
  lines.forEach((text, i) => {
    const directive = directiveOf(text);
    if (typeof directive === "object" && directive.kind !== "end" && Object.hasOwn(REFUSED, directive.name))
      say(i, ...REFUSED[directive.name]);
  });
  return problems.sort((a, b) => a.line - b.line);
}

function textProblem(text: string, say: (issue: string, instead: string) => void): void {
  // Formatting characters are what hides text in a review.
  if (/[^\t\P{C}]|[\u2028\u2029]/u.test(text))
    say(
      "has invisible characters or line breaks",
      "use one entry for each line, with visible characters only",
    );
  else if (text.length > LONGEST) say(`is longer than ${LONGEST} characters`, "use several lines");
  else if (/\\\\\s*$/.test(text))
    say(
      "ends in two backslashes, which is ambiguous: the line may or may not continue",
      "end it differently",
    );
  else if (text.includes("@SECRET:")) say("has @SECRET:, which is reserved", "write ${secret:NAME}");
  for (const [reference, name] of text.matchAll(SECRET))
    if (!SECRET_NAME.test(name))
      say(
        `has ${reference}, which is not a valid secret name`,
        "use letters, digits, - and _, as in ${secret:db-password}",
      );
}

/** As Apache joins them: by a backslash at the very end, of comments, too. */
function* joined(lines: readonly string[]): Generator<{ text: string; line: number }> {
  let text = "";
  let line = 0;
  for (const [i, part] of lines.entries()) {
    if (text === "") line = i;
    text += part.replace(/\\$/, "");
    if (part.endsWith("\\") && i < lines.length - 1) continue;
    yield { text, line };
    text = "";
  }
}

interface Directive {
  kind: "begin" | "end" | "plain";
  /** In small letters. */
  name: string;
  rest: string;
}

/** Undefined: it begins with something that Apache would have to unquote or look up first. */
function directiveOf(text: string): Directive | "none" | undefined {
  const line = text.trim();
  if (line === "" || line.startsWith("#")) return "none";
  const [, bracket, name, rest] = /^(<\/?)?([A-Za-z][A-Za-z0-9_]*)(?=[\s>]|$)(.*)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  return { kind: bracket === "<" ? "begin" : bracket ? "end" : "plain", name: name.toLowerCase(), rest };
}

function refusedWith(name: string, rest: string): [issue: string, instead: string] | undefined {
  const words = rest
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
  if (name !== "include" && name !== "includeoptional") return undefined;
  return words.every(isOfApache)
    ? undefined
    : [
        `includes a file outside ${APACHE_FOLDER}`,
        `write the lines out, or use Include ${APACHE_FOLDER}/snippets/shop.conf`,
      ];
}

/** From Apache's folder, which is where relative ones begin; no way up, no variable. */
const isOfApache = (file: string): boolean =>
  /^[A-Za-z0-9._*?/+@[\]-]+$/.test(file) &&
  (!file.startsWith("/") || file.startsWith(`${APACHE_FOLDER}/`)) &&
  !file.split("/").includes("..");
