/** The engine's key-value pairs in, the checked model of the farm out. */
import { readFarm } from "../config";
import { checkSecrets, isSecretKey } from "./keys";
import { FarmModel } from "./model";

/** The configuration of a stack, as the engine hands it to a program. */
export interface StackConfig {
  /** Values by key: `project:key`, or `project:config:key` as the environment has it. Objects are JSON. */
  all: Record<string, string>;
  /** The keys whose values are secret. */
  secretKeys: string[];
  /** The project's name, which is the namespace. */
  project: string;
}

/** @throws ConfigError as readFarm does, and for a secret where none may be */
export function readStackConfig({ all, secretKeys, project }: StackConfig): FarmModel {
  const prefix = `${project}:`;
  const shorten = (key: string): string =>
    key.startsWith(`${prefix}config:`) ? prefix + key.slice(`${prefix}config:`.length) : key;
  const own = (key: string): boolean => key.startsWith(prefix);
  const keys = Object.keys(all).map(shorten).filter(own);
  checkSecrets(keys, secretKeys.map(shorten).filter(own));
  const values: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(all)) {
    const name = shorten(key).slice(prefix.length);
    if (!own(key) || isSecretKey(name)) continue;
    values[name] = /^\s*[[{]/.test(text) ? JSON.parse(text) : text;
  }
  return readFarm(values, keys);
}
