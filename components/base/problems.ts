import { distance } from "fastest-levenshtein";
import { UserError } from "../base/userError";

/** One thing that is wrong in the configuration. */
export interface Problem {
  /** Where: the config path as `pulumi config set --path` takes it, such as `servers.web1.address`. */
  path: string;
  /** The whole line for the user: path, offending value, and a value that would work. */
  text: string;
}

/** The configuration can't be used. The message has one line for each problem. */
export class ConfigError extends UserError {
  /** All problems, in the order of the message's lines. */
  readonly problems: Problem[];

  /** The same for a caller that knows what the fields are part of. @internal */
  issues: readonly Issue[] = [];

  constructor(problems: Problem[]) {
    super(problems.map((problem) => problem.text).join("\n"));
    this.problems = problems;
  }
}

/** Keys, and indexes of lists, from the top of what is checked down to a value. */
export type Path = readonly (string | number)[];

/** What is wrong with one field: below the configuration's top, or of a function's arguments. */
export interface Issue {
  field: Path;
  /** The sentence behind the field: value, issue, and what would work. */
  text: string;
}

/** Collects problems, so that the user sees all of them at once. */
export class Problems {
  constructor(
    private readonly part: Path = [],
    private readonly found: Issue[] = [],
  ) {}

  /** The same collection for a part, whose paths begin there. */
  at(part: Path): Problems {
    return new Problems([...this.part, ...part], this.found);
  }

  /** Where a path of this collection is, from the top. */
  whereIs(path: Path): string {
    return pathText([...this.part, ...path]);
  }

  /**
   * Adds a problem.
   * @param path keys down to the value
   * @param value the offending value; undefined: it is missing, and `issue` is not used
   * @param issue what is wrong, as the rest of a sentence that begins with the value
   * @param instead what would work
   */
  add(path: Path, value: unknown, issue: string, instead: string): void {
    const what = value === undefined ? "is missing" : `${show(value)} ${issue}`;
    this.say(path, `${what}; ${instead}`);
  }

  /** Adds a problem in words of its own. */
  say(path: Path, text: string): void {
    this.found.push({ field: [...this.part, ...path], text });
  }

  /**
   * Takes over the issues of an error thrown by a function of a lower floor; any other error is thrown again.
   * @param pathOf where the configuration has a field of that function's arguments
   */
  take(error: unknown, pathOf: (field: Path) => Path = (field) => field): void {
    if (!(error instanceof ConfigError)) throw error;
    for (const { field, text } of error.issues) this.say(pathOf(field), text);
  }

  /** How many problems there are so far. */
  get count(): number {
    return this.found.length;
  }

  /** @throws ConfigError, or the kind of it, when there is a problem. */
  throwIfAny(kind: new (problems: Problem[]) => ConfigError = ConfigError): void {
    if (this.found.length === 0) return;
    const problems = this.found.map(({ field, text }): Problem => {
      const path = pathText(field);
      return { path, text: `${path}: ${text}` };
    });
    throw Object.assign(new kind(problems), { issues: this.found });
  }
}

/** The path as `pulumi config set --path` takes it: below the top, a key with dots or brackets is quoted. */
export function pathText(path: Path): string {
  return path
    .map((key, i) => {
      if (typeof key === "number") return `[${key}]`;
      const plain = i === 0 ? /^[\x21-\x7e]+$/ : /^[A-Za-z0-9_-]+$/;
      if (!plain.test(key)) return `[${show(key)}]`;
      return i === 0 ? key : `.${key}`;
    })
    .join("");
}

/** A value on one printable line, shortened. */
export function show(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = typeof value;
  }
  // JSON leaves DEL, C1 controls, bidirectional marks and line separators as they are.
  text = text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The candidate most like what was written, or undefined when there is none. */
export function nearest(written: unknown, candidates: readonly string[]): string | undefined {
  // A word longer than any key or name is no typing error, and comparing it is slow.
  const word = (typeof written === "string" ? written : show(written)).slice(0, 100);
  const far = new Map(candidates.map((candidate) => [candidate, distance(word, candidate)]));
  return [...candidates].sort((a, b) => far.get(a)! - far.get(b)!)[0];
}

/** "use A" for the nearest candidate, with all of them where they are few. */
export function useNearest(written: unknown, candidates: readonly string[], kind: string): string {
  const best = nearest(written, candidates);
  if (best === undefined) return `no ${kind} exists yet`;
  if (candidates.length === 1) return `use ${best}`;
  const rest = candidates.length <= 12 ? ` (known: ${candidates.join(", ")})` : "";
  return `did you mean ${best}?${rest}`;
}
