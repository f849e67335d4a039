/** Reads the file that `sitesFile` names. */
import * as fs from "node:fs";
import * as path from "node:path";
import { Problems, show } from "../base/problems";

/**
 * All sites: those of the file and those of the configuration. The engine hands a configuration to a program in one
 * variable of its environment, for which Linux has room for 128 KiB: some 1,300 sites.
 *
 * @param name of the file, from the project's folder
 * @param sites what the configuration has below `sites`
 * @throws ConfigError when the file has no JSON object, or a site is in both
 */
export function withSitesFile(name: unknown, folder: string, sites: unknown): unknown {
  const problems = new Problems();
  const listed = readSitesFile(name, folder, problems);
  const own = typeof sites === "object" && sites !== null ? (sites as Record<string, unknown>) : {};
  for (const site of Object.keys(own).filter((key) => Object.hasOwn(listed, key)))
    problems.say(["sites", site], `is also in ${show(name)}; keep it in only one of the two`);
  problems.throwIfAny();
  // What is no object is refused with all other problems.
  return sites === undefined || Object.keys(own).length > 0 ? { ...listed, ...own } : sites;
}

function readSitesFile(name: unknown, folder: string, problems: Problems): Record<string, unknown> {
  const instead = "use a JSON file in the project's folder, such as sites.json";
  if (typeof name !== "string" || name === "") {
    problems.add(["sitesFile"], name, "is not a file name", instead);
    return {};
  }
  try {
    const value: unknown = JSON.parse(fs.readFileSync(path.resolve(folder, name), "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    problems.add(["sitesFile"], name, "does not contain an object with sites by name", instead);
  } catch (error) {
    // Its message repeats the name, or the text, as it is.
    const { code } = error as NodeJS.ErrnoException;
    problems.add(["sitesFile"], name, code ? `can't be read (${code})` : "is not valid JSON", instead);
  }
  return {};
}
