/** After a run that was killed: the lock, the checkpoint and the unfinished operations. */
import { shellWord } from "../../components/base/shellWord";
import { backendFolder, repairCheckpoint } from "./backend";
import { CliError, Exit } from "../terminal/exit";
import { LockFile, describeLock, isDead, locksOf, take } from "./locks";
import { Engine } from "./engine";
import { explainPulumi } from "./failure";
import { KnownRun, runsOf } from "./runs";
import { Session, Where, findStack } from "./session";

/** What was done. */
export interface Unlocked {
  /** The locks that were removed. */
  removed: Pick<LockFile, "file" | "lock">[];
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
    const { folder: projectFolder, project, name, fullName } = await findStack(where);
    const { url } = await new Engine(projectFolder, fullName).whoAmI();
    const folder = backendFolder(url ?? "");
    if (folder === undefined) {
      throw new CliError(
        `the state is at ${url}, and whether the lock's process is still alive can't be checked from here; nothing was touched. If you know that it is dead: pulumi cancel`,
        Exit.Usage,
      );
    }
    const locks = locksOf(folder, project, name);
    refuseLive(locks, runsOf(folder, project, name));
    // Until they are removed, no run can begin.
    const taken = take(locks);
    if (taken === undefined) {
      throw new CliError(
        "another process is unlocking the stack right now; nothing was touched. Run this again",
        Exit.Locked,
      );
    }
    let removed = false;
    try {
      const checkpoint = repairCheckpoint(folder, project, name);
      const session = await Session.open(where);
      taken.remove();
      removed = true;
      return {
        removed: locks.map(({ file, lock }) => ({ file, lock })),
        checkpoint,
        cleared: await clearPending(session),
      };
    } finally {
      if (!removed) taken.putBack();
    }
  } catch (error) {
    throw explainPulumi(error, "unlocking the stack");
  }
}

function refuseLive(locks: LockFile[], runs: KnownRun[]): void {
  const live = locks.filter((lock) => !isDead(lock, runs));
  if (live.length === 0) return;
  const held = `the stack is held by ${live.map(describeLock).join(", ")}`;
  const unknown = live.filter(({ lock }) => lock === undefined);
  if (unknown.length === live.length) {
    throw new CliError(
      `${held}: its owner can't be determined, as after a power cut or on a full disk; nothing was touched. If no pulumi runs on this stack, on any machine: rm ${unknown.map(({ file }) => shellWord(file)).join(" ")}`,
      Exit.Locked,
    );
  }
  throw new CliError(
    `${held}: that process is still running, or is on another machine or in another container; nothing was touched. Wait for it, or stop it there. If you know that it is dead: pulumi cancel`,
    Exit.Locked,
  );
}

/** An unfinished create blocks nothing, but Pulumi asks about it in every run. */
async function clearPending(session: Session): Promise<string[]> {
  const pending = await session.engine.pending();
  if (pending.length > 0) await session.recorded(() => session.engine.clearPending());
  return pending;
}

/** @returns what was done, as lines */
export function describeUnlocked({ removed, checkpoint, cleared }: Unlocked): string[] {
  const lines = [
    ...removed.map((lock) =>
      lock.lock
        ? `removed the lock of ${describeLock(lock)}: that process is dead`
        : `removed the lock ${describeLock(lock)}: it is from before this machine's last boot`,
    ),
    ...(checkpoint ? ["the checkpoint was empty and has been replaced by the previous one"] : []),
    ...cleared.map((urn) => `cleared a step that was started but never finished: ${urn.split("::").pop()}`),
  ];
  if (lines.length === 0) return ["the stack is not locked, and nothing is pending; nothing was touched"];
  return [...lines, "next: run pulumi up --continue-on-error, which repairs machines that are in doubt"];
}
