/** What components refuse before they register anything: their arguments reach shells and files on the machines. */
import { UserError } from "./userError";

/** @throws UserError naming the argument, the value and what is wrong with it */
export function assertValid(path: string, value: unknown, issue: string | false | undefined): void {
  if (issue) throw new UserError(`${path}: ${JSON.stringify(value)} ${issue}`);
}

/** The first that was there before; in a time that grows with their number only. */
export function firstRepeated(names: string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => {
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated;
  });
}

/** @throws UserError when one is there twice */
export function checkUnique(path: string, names: string[]): void {
  const twice = firstRepeated(names);
  if (twice) throw new UserError(`${path}: two are called "${twice}"; give one of them another name`);
}
