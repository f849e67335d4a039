/**
 * `npm run build`: dist/, the library's built form, unless it is there already for these sources. With `--package`, as
 * npm's prepack: the same, with types checked and the schema for other languages. See docs/decisions/0007 and 0033.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { FOLDERS, MADE_FROM, isBuilt, sumOf } from "../components/startup/built.cjs";

const root = path.join(__dirname, "..");
const dist = path.join(root, "dist");
const project = path.join(root, "tsconfig.build.json");

/** What else, apart from the sources, decides how they are built; a program that starts does not check it. */
const MADE_BY = ["tsconfig.json", "tsconfig.build.json", "package-lock.json"];
const madeBy = (): string =>
  MADE_BY.reduce(
    (hash, file) => hash.update(fs.readFileSync(path.join(root, file))),
    createHash("sha256"),
  ).digest("hex");

function tsc(...args: string[]): void {
  execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "--project", project, ...args], {
    stdio: "inherit",
  });
}

function isCurrent(): boolean {
  if (isBuilt() !== true) return false;
  return JSON.parse(fs.readFileSync(path.join(root, MADE_FROM), "utf8")).madeBy === madeBy();
}

/** In a folder beside, which then takes dist's place: others may be running from that. */
function build(): void {
  const beside = path.join(root, `dist.${process.pid}`);
  const before = `${beside}.before`;
  try {
    const sums = Object.fromEntries(FOLDERS.map((folder) => [folder, sumOf(root, folder)]));
    // A third of the time. Types are checked by npm run check, and below before a package is made.
    tsc("--noCheck", "--outDir", beside);
    for (const folder of FOLDERS) copyScripts(folder, beside);
    fs.writeFileSync(
      path.join(beside, path.basename(MADE_FROM)),
      `${JSON.stringify({ ...sums, madeBy: madeBy() }, undefined, 2)}\n`,
    );
    if (fs.existsSync(dist)) fs.renameSync(dist, before);
    fs.renameSync(beside, dist);
  } finally {
    for (const folder of [beside, before]) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** As they are: they find each other by their folders, and the text of some is in state files. */
function copyScripts(folder: string, into: string): void {
  fs.cpSync(path.join(root, folder), path.join(into, folder), {
    recursive: true,
    filter: (file) => !file.endsWith(".ts"),
  });
}

async function main(args: string[]): Promise<void> {
  if (!isCurrent()) build();
  if (!args.includes("--package")) return;
  tsc("--noEmit");
  // It needs the SDK's analyzer, which takes as long again as the build.
  const { readSchema } = await import("./schema");
  const schema = JSON.stringify(await readSchema(), undefined, 2);
  fs.writeFileSync(path.join(dist, "schema.json"), `${schema}\n`);
}

void main(process.argv.slice(2));
