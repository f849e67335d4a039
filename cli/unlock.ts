/** After a run that was killed: the lock, the checkpoint and the operations that nobody finished. */
import type { Stack } from "@pulumi/pulumi/automation";
import { Lock, backendFolder, describeLock, isDead, locksOf, repairCheckpoint } from "./backend";
import { CliError, Exit } from "./failure";
import { explainPulumi } from "./pulumiFailure";
import { Session, Where, findStack } from "./session";

/** What was done. */
export interface Unlocked {
  /** The locks that were removed. */
  removed: Lock[];
  /** Whether the checkpoint was empty and the one before it was taken. */
  checkpoint: boolean;
  /** Operations that had been begun, as URNs. */
  cleared: string[];
}

/**
 * Makes a stack usable after a run of it was killed on this machine.
 * @throws CliError when a lock's process lives, or may live elsewhere; nothing is touched then
 */
export async function unlock(where: Where): Promise<Unlocked> {
  try {
    const { workspace, project, name } = await findStack(where);
    const { url } = await workspace.whoAmI();
    const folder = backendFolder(url ?? "");
    if (folder === undefined) {
      throw new CliError(
        `the state is at ${url}, where nobody can see from here whether the lock's process lives; nothing was touched. When you know that it is dead: pulumi cancel`,
        Exit.Usage,
      );
    }
    const locks = locksOf(folder, project, name);
    refuseLive(locks);
    const checkpoint = repairCheckpoint(folder, project, name);
    const { stack } = await Session.open(where);
    if (locks.length > 0) await stack.cancel();
    return { removed: locks, checkpoint, cleared: await clearPending(stack) };
  } catch (error) {
    throw explainPulumi(error, "unlocking the stack");
  }
}

function refuseLive(locks: Lock[]): void {
  const live = locks.filter((lock) => !isDead(lock));
  if (live.length === 0) return;
  throw new CliError(
    `the stack is held by ${live.map(describeLock).join(", ")}: that process lives, or is on another machine; nothing was touched. Wait for it, or end it there`,
    Exit.Locked,
  );
}

/** A create that nobody saw the end of blocks nothing, but Pulumi asks about it in every run. */
async function clearPending(stack: Stack): Promise<string[]> {
  const { deployment } = (await stack.exportStack()) as {
    deployment: { pending_operations?: { resource: { urn: string } }[] };
  };
  const pending = (deployment.pending_operations ?? []).map(({ resource }) => resource.urn);
  if (pending.length > 0) await stack.refresh({ clearPendingCreates: true });
  return pending;
}

/** @returns what was done, as lines */
export function describeUnlocked({ removed, checkpoint, cleared }: Unlocked): string[] {
  const lines = [
    ...removed.map((lock) => `removed the lock of ${describeLock(lock)}: it is dead`),
    ...(checkpoint ? ["the checkpoint was empty: the one before it is in its place"] : []),
    ...cleared.map((urn) => `cleared a step that was begun and never ended: ${urn.split("::").pop()}`),
  ];
  if (lines.length === 0) return ["the stack is not locked, and nothing is pending; nothing was touched"];
  return [
    ...lines,
    "next: pulumi up --continue-on-error, which brings machines that are in doubt to the config",
  ];
}
