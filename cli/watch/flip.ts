/** The flip itself: what `down` does, without a preview and without a question. */
import { firstFew } from "../../components/base/firstFew";
import { ServerState } from "../../components/config";
import { leavingEdits, overridesOf } from "../edits/flips";
import { Outcome as ChangeOutcome, NotBegun, applyDraft } from "../edits/change";
import { Exit, CliError } from "../terminal/exit";
import { ChangedMeanwhile, Draft, Session, Where } from "../pulumi/session";
import { describeUnlocked, unlock } from "../pulumi/unlock";
import type { Outcome } from "./decide";
import { Result } from "./state";
import * as events from "./events";
import type { Line } from "./events";

export interface Flipper {
  session: Session;
  /** How the session was opened. */
  where: Where;
  /** For what is no decision, and worth a line. */
  say: (line: Line) => void;
}

/**
 * Sets servers down, and runs `up`.
 * @param servers none: the config has it already, and `up` finishes what is not done
 */
export async function flip(flipper: Flipper, servers: string[]): Promise<Outcome> {
  const began = Date.now();
  const ended = (result: Result, text: string): Outcome => ({
    result,
    text: text.trim().replace(/\s*\n\s*/g, "; "),
    seconds: (Date.now() - began) / 1000,
  });
  try {
    return ended(...(await attempt(flipper, servers)));
  } catch (error) {
    if (error instanceof ChangedMeanwhile) return ended(Result.Later, error.message);
    if (!(error instanceof CliError && error.exit === Exit.Locked))
      return ended(Result.Failed, `nothing moved: ${(error as Error).message}`);
    const held = await breakStaleLock(flipper);
    if (held === undefined) return ended(Result.Later, "the stack was locked and is free again");
    const way = error instanceof NotBegun ? [error.config, error.byHand] : [];
    return ended(Result.Blocked, [held, ...way].filter((text) => text !== "").join(". "));
  }
}

async function attempt({ session }: Flipper, servers: string[]): Promise<[Result, string]> {
  const farm = await session.farm();
  const overrides = await overridesOf({ session });
  const draft = await session.draft(
    servers.flatMap((name) => leavingEdits(farm, overrides, name, ServerState.Down)),
  );
  const outcome = await applyDraft(
    session,
    draft,
    servers.length > 0 ? changesOf(draft) : allOf(draft),
    () => {},
  );
  const { stayed, failure, undone } = outcome;
  if (undone) return [Result.Failed, failure!.message];
  const text = describe(outcome, servers.length > 0);
  if (failure === undefined && stayed.length === 0) return [Result.Done, text];
  const why = failure?.message ?? "Run loopback-ha status";
  // What failed elsewhere, on another server for one, is not the flip's.
  return [
    stayed.length > 0 || failure?.exit === Exit.Interrupted ? Result.Partial : Result.Done,
    `${text}. But: ${why}`,
  ];
}

type Moves = ChangeOutcome["moved"];

/** What the draft sends elsewhere. */
function changesOf({ before, farm }: Draft): Moves {
  const former = new Map(before.placement.map(({ prefix, server }) => [prefix, server]));
  return farm.routers.flatMap(({ name: router }) =>
    farm.placement
      .map(({ prefix, server }) => ({ router, prefix, from: former.get(prefix) ?? null, to: server }))
      .filter(({ from, to }) => from !== to),
  );
}

/** Nobody knows what has moved already. */
const allOf = ({ farm }: Draft): Moves =>
  farm.routers.flatMap(({ name: router }) =>
    farm.placement.map(({ prefix, server }) => ({ router, prefix, from: null, to: server })),
  );

function describe({ moved, stayed }: ChangeOutcome, known: boolean): string {
  const stuck = stayed.map(({ router, prefix, to }) => `${router} does not send ${prefix} to ${to}`);
  const went = known
    ? firstFew(
        moved.map(({ prefix, to }) => `${prefix} goes to ${to}`),
        events.MOST_NAMED,
      )
    : [];
  return (
    [...went, ...stuck].join(", ") ||
    (known ? "it carried no traffic" : "everything goes where the config wants it")
  );
}

/** A watcher that was killed leaves a lock of a dead process. @returns why it is still locked; undefined: it is free */
async function breakStaleLock({ where, say }: Flipper): Promise<string | undefined> {
  try {
    const done = await unlock(where);
    if (done.removed.length > 0 || done.checkpoint || done.cleared.length > 0)
      say(events.unlocked(describeUnlocked(done).slice(0, -1).join("; ")));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
