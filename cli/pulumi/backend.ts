/** Where a stack's state is; and a state in a folder (`file://`), which Pulumi has no command to look at. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parse } from "yaml";
import { PROJECT_FILES } from "./project";

/**
 * Where the state is, as Pulumi finds it, without a second for asking it.
 * @param project the project's folder
 * @returns undefined: Pulumi's own service, or there is no login
 */
export function backendUrl(project: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env.PULUMI_BACKEND_URL || ofProject(project) || whereLoggedIn(env);
}

function ofProject(folder: string): string | undefined {
  const file = PROJECT_FILES.map((name) => path.join(folder, name)).find((name) => fs.existsSync(name));
  if (file === undefined) return undefined;
  try {
    return (parse(fs.readFileSync(file, "utf8")) as { backend?: { url?: string } }).backend?.url;
  } catch {
    // Pulumi says what is wrong with it.
    return undefined;
  }
}

function whereLoggedIn(env: NodeJS.ProcessEnv): string | undefined {
  const folder = env.PULUMI_CREDENTIALS_PATH || env.PULUMI_HOME || path.join(os.homedir(), ".pulumi");
  try {
    const text = fs.readFileSync(path.join(folder, "credentials.json"), "utf8");
    return (JSON.parse(text) as { current?: string }).current;
  } catch {
    return undefined;
  }
}

/**
 * The folder of a backend; undefined: it is not one in a folder.
 * @param project the project's folder, from which a relative path is taken
 */
export function backendFolder(url: string | undefined, project = process.cwd()): string | undefined {
  if (!url?.startsWith("file://")) return undefined;
  const place = url.slice("file://".length).split("?")[0];
  const folder = place.startsWith("~") ? path.join(os.homedir(), place.slice(1)) : place;
  return path.join(path.resolve(project, folder), ".pulumi");
}

/**
 * Replaces a checkpoint that a kill during a write left empty by the former one, which is next to it.
 * @returns whether it was empty
 */
export function repairCheckpoint(folder: string, project: string, stack: string): boolean {
  const checkpoint = path.join(folder, "stacks", project, `${stack}.json`);
  const [now, before] = [checkpoint, `${checkpoint}.bak`];
  if (!fs.existsSync(before) || (fs.existsSync(now) && fs.statSync(now).size > 0)) return false;
  fs.copyFileSync(before, now);
  return true;
}
