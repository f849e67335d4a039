import type { StackConfig } from "../../../components/config/stack";
import { stackConfigOf } from "../../../cli/check/stackFiles";
import { classicFarm } from "../config/support";
import type { Json } from "../config/support";

/** The sample farm as a stack's configuration, with other values below the top. */
export function configOf(changes: Json = {}): StackConfig {
  const values = { ...classicFarm(), ...changes };
  return stackConfigOf(
    { project: "farm", config: {} },
    Object.fromEntries(Object.entries(values).map(([key, value]) => [`farm:${key}`, value])),
  );
}
