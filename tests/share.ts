/**
 * The test files that CI runs whole after `npm test`: each in one of PARTS commits in a row, by the number of the commit,
 * since CI remembers nothing; and those that the last commits changed. Prints them to stdout, and the others to stderr.
 * Unit tests are in `npm test` whole.
 */
import { execFileSync } from "node:child_process";

export const PARTS = 4;

/** Those of `files` whose turn it is, in their order; `changed` ones are always among them. */
export function shareOf(files: string[], turn: number, changed: string[], parts = PARTS): string[] {
  const mine = (file: string, index: number): boolean =>
    index % parts === turn % parts || changed.includes(file);
  return files.filter(mine);
}

const git = (...args: string[]): string[] =>
  execFileSync("git", args, { encoding: "utf8" }).split("\n").filter(Boolean);

/** How many commits there are, by which tests take turns. */
export const commits = (): number => Number(git("rev-list", "--count", "HEAD")[0]);

function main(): void {
  const ofFolder = (folder: string): string[] => git("ls-files", `${folder}**.test.ts`);
  // In the order of tools/run.sh.
  const [first, last] = [ofFolder("tests/lab/sharedFarm/"), ofFolder("tests/lab/alone/")];
  const others = [...ofFolder("tests/package/"), ...ofFolder("tests/lab/")].filter(
    (file) => ![...first, ...last].includes(file),
  );
  const files = [...first, ...others, ...last];
  // In a shallow clone the oldest commit would have changed everything.
  const shallow = git("rev-parse", "--is-shallow-repository")[0] === "true";
  const changed = shallow ? [] : git("log", `-${PARTS}`, "--format=", "--name-only");
  const share = shareOf(files, commits(), changed);
  const left = files.filter((file) => !share.includes(file));
  console.error(`Left to the next commits, but for their stories: ${left.join(", ")}`);
  console.log(share.join("\n"));
}

if (require.main === module) main();
