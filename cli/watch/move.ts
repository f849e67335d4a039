/**
 * What a flip moves, done on the routers: while another run holds the stack, as one whose question nobody answers does.
 */
import { CommandFailed, runOver } from "../../components/host/installed";
import { RouterModel, ServerState } from "../../components/config";
import { MOVE_COMMAND, moveWords } from "../byHand";
import { leavingEdits, pinsOf } from "../commands/flips";
import { outstanding } from "../look";
import type { Session } from "../session";
import { withShell } from "../status/gather";
import type { Moved } from "./decide";
import { firstFew } from "./words";

/** Where the package's scripts put it, by which sudo knows it. */
const FOLDER = "/usr/local/sbin";
/** It waits a minute for its router's lock, and then applies. */
const PATIENCE_SECONDS = 150;
const TRIAL_SECONDS = 10;

/** Whether this could be done there: the command is installed, knows what it is asked, and may be run. @returns why not */
export async function triedMoving(router: RouterModel): Promise<string | undefined> {
  try {
    const usage = await runOver(router, [`${FOLDER}/${MOVE_COMMAND}`, "--help"], TRIAL_SECONDS);
    return usage.includes("--from")
      ? undefined
      : `its ${MOVE_COMMAND} is older: pulumi up --continue-on-error`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Moves what goes to these servers, who are dead, to where it would go without them; nothing else. */
export async function moveOnRouters(session: Session, servers: string[]): Promise<Moved> {
  try {
    const now = await session.farm();
    const pins = await pinsOf({ session });
    const { farm } = await session.draft(
      servers.flatMap((name) => leavingEdits(now, pins, name, ServerState.Down)),
    );
    const views = await outstanding(session, farm);
    const done = await Promise.all(
      farm.routers.map((router) => {
        const { failure, moves } = views.find((view) => view.router === router.name)!;
        return failure === null
          ? moveOn(
              router,
              moves.flatMap(({ prefix, from, to }) =>
                from !== null && to !== null && servers.includes(from) ? [{ prefix, from, to }] : [],
              ),
            )
          : { moved: [], failures: [failure] };
      }),
    );
    return {
      text: firstFew(done.flatMap(({ moved }) => moved)).join(", "),
      failure: firstFew([...new Set(done.flatMap(({ failures }) => failures))]).join("; "),
    };
  } catch (error) {
    return { text: "", failure: (error as Error).message };
  }
}

interface Done {
  moved: string[];
  failures: string[];
}

/** One after the other: each takes the router's lock. */
async function moveOn(
  router: RouterModel,
  moves: { prefix: string; from: string; to: string }[],
): Promise<Done> {
  const done: Done = { moved: [], failures: [] };
  if (moves.length === 0) return done;
  if (!withShell(router))
    return { ...done, failures: [`nothing can be run on ${router.name} (kind ${router.kind})`] };
  for (const { prefix, from, to } of moves) {
    const [command, ...words] = moveWords(prefix, to, true, from);
    try {
      await runOver(router, [`${FOLDER}/${command}`, ...words], PATIENCE_SECONDS);
      done.moved.push(`${prefix} goes to ${to} on ${router.name}`);
    } catch (error) {
      done.failures.push(`${prefix} on ${router.name}: ${(error as Error).message}`);
      // The next would wait as long.
      if (error instanceof CommandFailed) continue;
      return done;
    }
  }
  return done;
}
