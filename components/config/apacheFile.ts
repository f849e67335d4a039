/** Reads the files that `sites.NAME.apacheFile` names. */
import * as fs from "node:fs";
import * as path from "node:path";
import { Path, Problems } from "../base/problems";
import { field } from "./leaf";
import { projectFileIssue } from "./projectFile";

const MOST_BYTES = 256 * 1024;

/**
 * The sites with the lines of their files, as `apache`. A file must be in the project: who may change the configuration, such as by
 * a pull request, must not make a preview print other files.
 *
 * @param folder the project's
 * @throws ConfigError when a file can't be read, or is outside the project
 */
export function withApacheFiles(sites: unknown, folder: string): unknown {
  if (typeof sites !== "object" || sites === null || Array.isArray(sites)) return sites;
  const problems = new Problems();
  const read = Object.entries(sites).map(([name, site]): [string, unknown] => {
    const file = field(site, "apacheFile");
    // What is no path of a file is refused with all other problems.
    if (typeof file !== "string" || projectFileIssue(file) !== undefined) return [name, site];
    if (field(site, "apache") !== undefined)
      problems.add(
        ["sites", name, "apacheFile"],
        file,
        "can't be combined with apache",
        "remove one of them",
      );
    const apache = linesOf(file, folder, ["sites", name, "apacheFile"], problems);
    return [name, { ...(site as object), apache }];
  });
  problems.throwIfAny();
  return Object.fromEntries(read);
}

function linesOf(file: string, folder: string, at: Path, problems: Problems): string[] {
  const refuse = (issue: string): string[] => {
    problems.add(at, file, issue, "use a file in the project's folder, such as apache/shop.conf");
    return [];
  };
  let handle: number | undefined;
  try {
    const real = fs.realpathSync(path.resolve(folder, file));
    if (isHidden(path.relative(fs.realpathSync(folder), real)))
      return refuse("is a link that leads out of the project's folder, or into a hidden one");
    // Does not wait for a pipe, and follows no link that was made meanwhile.
    handle = fs.openSync(real, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW);
    const { size, ...stats } = fs.fstatSync(handle);
    if ((stats.mode & fs.constants.S_IFMT) !== fs.constants.S_IFREG) return refuse("is not a regular file");
    if (size > MOST_BYTES) return refuse(`is larger than ${MOST_BYTES / 1024} KiB`);
    const lines = fs.readFileSync(handle, "utf8").split(/\r?\n/);
    return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  } catch (error) {
    // Its message repeats the name as it is.
    return refuse(`can't be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
  } finally {
    if (handle !== undefined) fs.closeSync(handle);
  }
}

/** Git's folder and files such as .env may hold secrets. */
const isHidden = (file: string): boolean =>
  path.isAbsolute(file) || file.split(path.sep).some((part) => part.startsWith("."));
