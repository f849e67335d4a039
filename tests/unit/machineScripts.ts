/** Host scripts for tests that source one of them without an installed bundle. */
import * as fs from "node:fs";
import * as path from "node:path";
import { isMachineFile } from "../../components/host/payload.cjs";

const COMPONENTS = path.join(__dirname, "../../components");

/** @returns the files that a bundle of these rooms has in `scripts/`, by name */
export function machineScripts(...rooms: string[]): Record<string, string> {
  return Object.fromEntries(
    ["host/machine", ...rooms].flatMap((room) =>
      fs
        .readdirSync(path.join(COMPONENTS, room))
        .filter(isMachineFile)
        .map((file) => [file, fs.readFileSync(path.join(COMPONENTS, room, file), "utf8")]),
    ),
  );
}

/** @returns those of the scripts that are awk programs */
export const awkOf = (scripts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(scripts).filter(([name]) => name.endsWith(".awk")));

const NEEDED = ["awk_file", "first_few", "listed", "warn_each"];

/**
 * What lib.sh sets and defines before it reads a role's script, as far as a test without a bundle needs it: text of bash, after
 * which the test sets `scripts` and whatever it has otherwise.
 */
export const asLib = (): string => `${NEEDED.map(libFunction).join("")}say() { printf '%s\\n' "$*"; }
root=/nowhere run=/nowhere/run units=/nowhere/units unit=unit instance=i machine=machine role=role stack=a/b version=2
bundle=/nowhere/bundle state=/nowhere/i scripts=/nowhere/scripts previous='' doubted='' lock=''
`;

/** The same on a router `r1`, with all that there is in the folder `$0`. */
export const asRoutersLib = (): string => `${asLib()}instance=r1 machine=r1 protocol=76
bundle=$0 run=$0 root=$0 state=$0 scripts=$0
`;

/** Writes them into a folder, which is created. A test may overwrite some of them. */
export function installScripts(folder: string, ...rooms: string[]): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(machineScripts(...rooms)))
    fs.writeFileSync(path.join(folder, name), text);
}

/** @returns the text of one of lib.sh's functions of several lines */
export function libFunction(name: string): string {
  const text = fs.readFileSync(path.join(COMPONENTS, "host/machine/lib.sh"), "utf8");
  const [found] = new RegExp(`^${name}\\(\\) \\{\\n[^]*?\\n\\}\\n`, "m").exec(text) ?? [];
  if (found === undefined) throw new Error(`lib.sh has no function ${name}`);
  return found;
}
