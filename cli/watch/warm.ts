/** Keeps ssh connections open that the next flip needs: without them it takes half a second longer. */
import type { FarmModel } from "../../components/config";
import { machinesToLookAt } from "../../components/preflight/look";
import { askSsh } from "../../components/host/runSsh.cjs";
import { sharedSshArguments } from "../../components/host/ssh";

/** Below ControlPersist. */
const EVERY_MS = 30_000;
const PATIENCE_MS = 15_000;

/**
 * @param patience how long an ssh may take, in milliseconds
 * @returns what ends it
 */
export function keepWarm(farm: () => FarmModel, patience = PATIENCE_MS): () => void {
  const touch = (): void => {
    for (const host of machinesToLookAt(farm()))
      // One that does not answer does not matter here.
      void askSsh([...sharedSshArguments(host), "true"], { seconds: patience / 1000 });
  };
  touch();
  const timer = setInterval(touch, EVERY_MS);
  return () => clearInterval(timer);
}
