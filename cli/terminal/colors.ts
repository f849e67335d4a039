/** Colour only where a person reads it on a terminal (https://no-color.org, https://force-color.org). */
import { createColors } from "picocolors";

/** Unlike picocolors' own rule, a CI job's log (CI=true) is no terminal: what a job prints is often read by a program. */
export function wantsColors(env: NodeJS.ProcessEnv, terminal: boolean | undefined): boolean {
  if (env.NO_COLOR) return false;
  return Boolean(env.FORCE_COLOR) || (terminal === true && env.TERM !== "dumb");
}

export const colors = createColors(wantsColors(process.env, process.stdout.isTTY));
