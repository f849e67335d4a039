/** The building blocks of the configuration's schema. Every message says what would work. */
import { z } from "zod";
import { Path, Problems, show, useNearest } from "../base/problems";
import type { IssueOf } from "../base/names";

type Instead = (text: string) => string;

function message(issue: string, instead: string) {
  return {
    error: (wrong: { input?: unknown }) =>
      wrong.input === undefined ? `is missing; ${instead}` : `${issue}; ${instead}`,
  };
}

/** A text that passes a check. */
export function text(issueOf: IssueOf, instead: Instead) {
  return z.string(message("must be a string", instead(""))).superRefine((value, context) => {
    const issue = issueOf(value);
    if (issue !== undefined) context.addIssue(`${issue}; ${instead(value)}`);
  });
}

/** A whole number in a range. */
export function whole(min: number, max: number, example: number, unit = "") {
  const instead = `use a whole number ${unit}from ${min} to ${max}, such as ${example}`;
  const error = {
    error: ({ input }: { input?: unknown }) => {
      if (input === undefined) return `is missing; ${instead}`;
      const number = typeof input === "string" && input.trim() !== "" ? Number(input) : NaN;
      if (Number.isInteger(number) && number >= min && number <= max)
        return `must be a number, not a string; write ${number}`;
      return `is not a whole number from ${min} to ${max}; ${instead}`;
    },
  };
  return z.int(error).min(min, error).max(max, error);
}

/** True or false. */
export function flag() {
  return z.boolean(message("must be true or false", "use true or false, without quotes"));
}

/** One of an enum's values. */
export function oneOf<E extends Record<string, string>>(values: E) {
  const names = Object.values(values);
  const instead = `use ${names.slice(0, -1).join(", ")} or ${names[names.length - 1]}`;
  return z.enum(values, {
    error: ({ input }) => `${input === undefined ? "is missing" : "is not known"}; ${instead}`,
  });
}

/** A list. */
export function list<S extends z.ZodType>(item: S, example: string) {
  return z.array(item, message("must be a list", `use a list such as ${example}`));
}

/** An object with these keys and no others. */
export function object<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (wrong) => {
      // parse() makes one problem of each unknown key, and takes the known ones from here.
      if (wrong.code === "unrecognized_keys") return JSON.stringify(known);
      const what = wrong.input === undefined ? "is missing" : "must be an object";
      return `${what}; use an object with ${known.join(", ")}`;
    },
  });
}

/** A key's value in what may be an object. */
export function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** What the schema makes of the value; undefined, and the problems noted, when it refuses it. */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  path: Path,
  problems: Problems,
): z.output<S> | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const at = issue.path as Path;
    const wrong = at.reduce<unknown>(
      (inside, key) => (inside as Record<string | number, unknown>)?.[key],
      value,
    );
    if (issue.code === "unrecognized_keys") {
      const known = JSON.parse(issue.message) as string[];
      for (const key of issue.keys) unknownKey([...path, ...at, key], known, problems);
    } else {
      problems.say([...path, ...at], wrong === undefined ? issue.message : `${show(wrong)} ${issue.message}`);
    }
  }
  return undefined;
}

/** Reports a key that has no meaning here. */
export function unknownKey(path: Path, known: readonly string[], problems: Problems): void {
  problems.say(path, `unknown key; ${useNearest(path[path.length - 1], known, "key")}`);
}

/** The entries of a map NAME -> something, ordered by name; names that `issueOf` refuses are noted and left out. */
export function entries(
  value: unknown,
  path: Path,
  example: string,
  issueOf: IssueOf,
  instead: Instead,
  problems: Problems,
): [string, unknown][] {
  if (value === undefined) return [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.add(path, value, "must be an object", `use one such as ${example}`);
    return [];
  }
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .filter(([name]) => {
      const issue = issueOf(name);
      if (issue !== undefined) problems.say([...path, name], `the name ${issue}; ${instead(name)}`);
      return issue === undefined;
    });
}
