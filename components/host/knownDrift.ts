import type { HostArgs } from "./ssh";

/** What a look found different on a machine, by instance: a short line that names the occurrence. Undefined: nothing. */
export type FoundDrift = (instance: string) => string | undefined;

/** Beside the arguments and not in them: they are public, in five languages, and this is between the program and host commands. */
const known = new WeakMap<HostArgs, FoundDrift>();

/** The machine, with what a look found on it. Copies of it know nothing of that. */
export function withDrift<H extends HostArgs>(host: H, found: FoundDrift): H {
  const own = { ...host };
  known.set(own, found);
  return own;
}

/** What is known to differ in an instance on a machine. */
export const driftKnownOn = (host: HostArgs, instance: string): string | undefined =>
  known.get(host)?.(instance);
