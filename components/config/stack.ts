/** The engine's key-value pairs in, the checked model of the farm out. */
import { readFarm } from ".";
import { withApacheFiles } from "./apacheFile";
import { checkSecrets, isSecretKey } from "./keys";
import { FarmModel } from "./model";
import { withSitesFile } from "./sitesFile";

/** The configuration of a stack, as the engine hands it to a program. */
export interface StackConfig {
  /** Values by key: `project:key`, or `project:config:key` as the environment has it. Objects are JSON. */
  all: Record<string, string>;
  /** The keys whose values are secret. */
  secretKeys: string[];
  /** The project's name, which is the namespace. */
  project: string;
  /** The project's folder. Default: the working folder, as Pulumi starts programs. */
  folder?: string;
}

/** @throws ConfigError as readFarm does, and for a secret where none may be */
export function readStackConfig({ all, secretKeys, project, folder = "." }: StackConfig): FarmModel {
  const prefix = `${project}:`;
  const shorten = (key: string): string =>
    key.startsWith(`${prefix}config:`) ? prefix + key.slice(`${prefix}config:`.length) : key;
  const own = (key: string): boolean => key.startsWith(prefix);
  // Whatever the project is called, its own keys have no namespace here.
  const bare = (names: string[]): string[] =>
    names
      .map(shorten)
      .filter(own)
      .map((key) => key.slice(prefix.length));
  const keys = bare(Object.keys(all));
  checkSecrets(keys, bare(secretKeys));
  const values: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(all)) {
    const name = shorten(key).slice(prefix.length);
    if (!own(key) || isSecretKey(name)) continue;
    values[name] = valueOf(text);
  }
  if (values.sitesFile !== undefined) values.sites = withSitesFile(values.sitesFile, folder, values.sites);
  values.sites = withApacheFiles(values.sites, folder);
  if (values.sites === undefined) delete values.sites;
  const input = JSON.stringify([values, keys]);
  if (last?.input !== input) last = { input, farm: readFarm(values, keys) };
  return last.farm;
}

// A program reads the same twice, before and after the SDK is there: half a second with thousands of sites.
let last: { input: string; farm: FarmModel } | undefined;

/** A text that only looks like an object is refused where one is needed, with its key. */
function valueOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
