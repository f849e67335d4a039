/** Checks the top-level keys: unknown ones, paths that were set without `--path`, and secrets. */
import { Problems } from "./error";
import { unknownKey } from "./leaf";

/** All keys of the configuration. */
export const KEYS = [
  "network",
  "servers",
  "sites",
  "routers",
  "nameServers",
  "zones",
  "placement",
  "pins",
  "ssh",
  "observe",
] as const;

const NAMESPACE = "loopback-ha:";

/** Checks the keys that are set. Keys of other namespaces (`aws:region`) are somebody else's. */
export function checkKeys(keys: string[], problems: Problems): void {
  const own = keys
    .map((key) => (key.startsWith(NAMESPACE) ? key.slice(NAMESPACE.length) : key))
    .filter((key) => !key.includes(":"));
  for (const key of [...new Set(own)].sort()) {
    if ((KEYS as readonly string[]).includes(key)) continue;
    const first = key.split(/[.[]/)[0];
    if (first !== key)
      problems.say(
        [key],
        `is a key of its own and no path, because it was set without --path; run: ` +
          `pulumi config rm '${key}' && pulumi config set --path '${key}' VALUE`,
      );
    else unknownKey([key], KEYS, problems);
  }
}

/**
 * Refuses secrets inside of objects: such an object would be in the state file in clear text.
 * @param secretKeys keys of the configuration whose value is a secret or contains one, with or without namespace
 * @throws ConfigError with a line for each
 */
export function refuseSecretsInside(secretKeys: string[]): void {
  const problems = new Problems();
  for (const key of secretKeys)
    problems.say(
      [key.replace(NAMESPACE, "")],
      "contains a secret, and no value here is one; secrets are top-level keys of their own: " +
        "set the value inside again with --plaintext",
    );
  problems.throwIfAny();
}
