/** npm's prepack: what the package has besides checked-in files, made of the sources. See docs/decisions/0007. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { readSchema } from "./schema";

const root = path.join(__dirname, "..");
const dist = path.join(root, "dist");

async function build(): Promise<void> {
  fs.rmSync(dist, { recursive: true, force: true });
  const tsc = [require.resolve("typescript/bin/tsc"), "--project", path.join(root, "tsconfig.build.json")];
  execFileSync(process.execPath, tsc, { stdio: "inherit" });
  for (const folder of ["components", "cli"]) copyScripts(folder);
  const schema = JSON.stringify(await readSchema(), undefined, 2);
  fs.writeFileSync(path.join(dist, "schema.json"), `${schema}\n`);
}

/** As they are: they find each other by their folders, and the text of some is in state files. */
function copyScripts(folder: string): void {
  fs.cpSync(path.join(root, folder), path.join(dist, folder), {
    recursive: true,
    filter: (file) => !file.endsWith(".ts"),
  });
}

void build();
