/** Checks the top-level keys: unknown ones, paths that were set without `--path`, and secrets. */
import { Problems, show, useNearest } from "../base/problems";
import { unknownKey } from "./leaf";
import { isRenamed } from "./renamed";

/** All keys of the configuration. */
export const KEYS = [
  "network",
  "servers",
  "sites",
  "sitesFile",
  "tls",
  "routers",
  "nameServers",
  "zones",
  "homes",
  "overrides",
  "ssh",
  "detectDrift",
] as const;

const NAMESPACE = "loopback-ha:";

/** A key without our namespace. */
export const bareKey = (key: string): string =>
  key.startsWith(NAMESPACE) ? key.slice(NAMESPACE.length) : key;

/** What a router's `enable` asks for: of all of them, or of one. */
const ENABLE_SECRET = /^enableSecret(-(?<router>.+))?$/;

/** The values of `${secret:NAME}` in sites' lines for Apache. */
const SITE_SECRET = /^secret-(?<name>[A-Za-z0-9_-]{1,64})$/;

/** The key of such a secret. */
export const siteSecretKey = (name: string): string => `secret-${name}`;

/** The names of those secrets among the keys that are set, with or without namespace. */
export const siteSecrets = (keys: readonly string[]): string[] =>
  keys.flatMap((key) => SITE_SECRET.exec(key.replace(NAMESPACE, ""))?.groups?.name ?? []);

/** The key of a router's enable secret, among those that are set. */
export function enableSecretKey(router: string, keys: string[]): string | undefined {
  return [`enableSecret-${router}`, "enableSecret"].find((key) => keys.includes(key));
}

/** Whether the value of a key is a secret, which is read only where it is needed, never with the others. */
export function isSecretKey(key: string): boolean {
  return ENABLE_SECRET.test(key) || SITE_SECRET.test(key);
}

/** Checks the keys that are set. Keys of other namespaces (`aws:region`) are ignored. */
export function checkKeys(keys: string[], routers: string[], problems: Problems): void {
  const own = keys.map(bareKey).filter((key) => !key.includes(":"));
  for (const key of [...new Set(own)].sort()) {
    if ((KEYS as readonly string[]).includes(key) || isRenamed(key)) continue;
    const router = ENABLE_SECRET.exec(key)?.groups?.router;
    if (router !== undefined && !routers.includes(router)) {
      problems.say(
        [key],
        `there is no router ${show(router)}; ${useNearest(router, routers, "router")}, as in enableSecret-ROUTER`,
      );
    }
    if (isSecretKey(key)) continue;
    const first = key.split(/[.[]/)[0];
    if (first !== key)
      problems.say(
        [key],
        `was set without --path, so it is one key with dots in its name instead of a path; run: ` +
          `pulumi config rm '${key}' && pulumi config set --path '${key}' VALUE`,
      );
    else unknownKey([key], KEYS, problems);
  }
}

/**
 * Refuses secrets inside of objects, which would be in the state file in clear text, and in clear text what must be
 * a secret.
 * @param keys all keys of the configuration, with or without namespace
 * @param secretKeys keys of the configuration whose value is a secret or contains one, with or without namespace
 * @throws ConfigError with a line for each
 */
export function checkSecrets(keys: string[], secretKeys: string[]): void {
  const problems = new Problems();
  const bare = (key: string): string => key.replace(NAMESPACE, "");
  for (const key of keys.map(bare)) {
    if (isSecretKey(key) && !secretKeys.map(bare).includes(key))
      problems.say(
        [key],
        `is stored in clear text; set it again as a secret: pulumi config set --secret ${key}`,
      );
  }
  for (const key of secretKeys.map(bare).filter((name) => !isSecretKey(name)))
    problems.say(
      [key],
      "contains a secret, but values inside objects can't be secret (secrets have top-level keys of their own): " +
        "set the value again with --plaintext",
    );
  problems.throwIfAny();
}
