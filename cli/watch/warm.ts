/** Keeps ssh connections open that the next flip needs: without them it takes half a second longer. */
import execa from "execa";
import type { FarmModel } from "../../components/config";
import { machinesToLookAt } from "../../components/host/observe";
import { sshArguments } from "../../components/host/ssh";

/** Below ControlPersist. */
const EVERY_MS = 30_000;
const PATIENCE_MS = 15_000;

/** @returns what ends it */
export function keepWarm(farm: () => FarmModel): () => void {
  const touch = (): void => {
    for (const host of machinesToLookAt(farm()))
      // One that does not answer is nobody's business here.
      void execa("ssh", [...sshArguments(host), "true"], {
        stdio: "ignore",
        timeout: PATIENCE_MS,
        reject: false,
      });
  };
  touch();
  const timer = setInterval(touch, EVERY_MS);
  return () => clearInterval(timer);
}
