/** Config keys and values that have been renamed: an old one is refused with its new name, and its value is checked as the new key's. */
import { Path, Problems, pathText, show } from "../base/problems";

/** Old path, and the key's new name. `*`: any name. */
export const RENAMED_KEYS: readonly (readonly [path: string, now: string])[] = [
  ["placement", "homes"],
  ["pins", "overrides"],
  ["observe", "detectDrift"],
  ["network.ethernet", "serverSubnet"],
  ["routers.*.proofSource", "checkSource"],
  ["routers.*.proofSeconds", "checkSeconds"],
  ["routers.*.pinning.rulePreference", "rulePriority"],
  ["zones.*.nsNames", "nsRecords"],
];

/** Path of the key, its old value and the new one. */
export const RENAMED_VALUES: readonly (readonly [path: string, before: string, now: string])[] = [
  ["zones.*.preset", "article", "classic"],
];

/**
 * The values with today's names, so that all else in them is checked in the same run.
 * @param keys those that are set at the top, without namespace, whether they have a value here or not
 */
export function refuseRenamed(
  values: Record<string, unknown>,
  keys: readonly string[],
  problems: Problems,
): Record<string, unknown> {
  for (const [key, now] of RENAMED_KEYS)
    if (!Object.hasOwn(values, key) && keys.includes(key)) sayRenamed([key], now, problems);
  let current: unknown = values;
  for (const [path, now] of RENAMED_KEYS)
    current = change(current, path.split("."), [], (holder, key, at) => {
      sayRenamed(at, now, problems);
      const { [key]: value, ...others } = holder;
      // A value under the new name wins.
      return { [now]: value, ...others };
    });
  for (const [path, before, now] of RENAMED_VALUES)
    current = change(current, path.split("."), [], (holder, key, at) => {
      if (holder[key] !== before) return holder;
      problems.add(at, before, `is now called ${show(now)}`, `use ${now}`);
      return { ...holder, [key]: now };
    });
  return current as Record<string, unknown>;
}

/** Whether a top-level key has been renamed. */
export const isRenamed = (key: string): boolean => RENAMED_KEYS.some(([path]) => path === key);

function sayRenamed(at: Path, now: string, problems: Problems): void {
  problems.say(
    at,
    `the key ${String(at.at(-1))} is now called ${now}; write ${pathText([...at.slice(0, -1), now])}, with the same value`,
  );
}

type Holder = Record<string, unknown>;

/** The value with what `edit` makes of each object that has the path's last key; the same one where none has. */
function change(
  value: unknown,
  [key, ...rest]: string[],
  path: Path,
  edit: (holder: Holder, key: string, at: Path) => Holder,
): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const holder = value as Holder;
  const names = Object.keys(holder).filter((name) => key === "*" || name === key);
  if (rest.length === 0) return names.reduce((now, name) => edit(now, name, [...path, name]), holder);
  const changed = names
    .map((name) => [name, change(holder[name], rest, [...path, name], edit)] as const)
    .filter(([name, now]) => now !== holder[name]);
  return changed.length > 0 ? { ...holder, ...Object.fromEntries(changed) } : holder;
}
