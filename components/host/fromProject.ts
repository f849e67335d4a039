import * as fs from "node:fs";
import * as path from "node:path";

/**
 * A file of a package as a path from the project's folder. It stands in the state, where another one shows as a change of
 * every machine: so it is no absolute path, which each checkout has another of, and no folder that is named by versions,
 * where pnpm and workspaces keep what `node_modules` only links to.
 */
export function fromProject(file: string, project = process.cwd()): string {
  return path.relative(project, throughLink(file, project)).split(path.sep).join("/");
}

function throughLink(file: string, project: string): string {
  const found = packageOf(path.dirname(file));
  if (found === undefined) return file;
  const source = sourceOf(file, found.folder);
  if (source !== undefined) return source;
  for (const folder of upwards(project)) {
    const link = path.join(folder, "node_modules", found.name);
    if (realPath(link) === found.folder) return path.join(link, path.relative(found.folder, file));
  }
  return file;
}

/** In a checkout scripts are named by their sources, which are the same: or each build would change every machine. */
function sourceOf(file: string, folder: string): string | undefined {
  const inDist = path.relative(path.join(folder, "dist"), file);
  if (inDist.startsWith("..")) return undefined;
  const source = path.join(folder, inDist);
  return fs.existsSync(source) ? source : undefined;
}

/** Folders of scripts are few, and asked for by each command of each machine. */
const packages = new Map<string, Package | undefined>();

interface Package {
  name: string;
  folder: string;
}

function packageOf(inside: string): Package | undefined {
  if (!packages.has(inside)) packages.set(inside, findPackage(inside));
  return packages.get(inside);
}

/** The package that a folder is in. */
function findPackage(inside: string): Package | undefined {
  for (const folder of upwards(inside)) {
    const manifest = path.join(folder, "package.json");
    if (!fs.existsSync(manifest)) continue;
    const { name } = JSON.parse(fs.readFileSync(manifest, "utf8")) as { name?: string };
    if (name !== undefined) return { name, folder: realPath(folder)! };
  }
  return undefined;
}

function* upwards(folder: string): Generator<string> {
  for (; ; folder = path.dirname(folder)) {
    yield folder;
    if (folder === path.dirname(folder)) return;
  }
}

function realPath(file: string): string | undefined {
  try {
    return fs.realpathSync(file);
  } catch {
    return undefined;
  }
}
