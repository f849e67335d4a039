/**
 * What a flip moves, done on the routers while another run holds the stack, such as one that waits at its prompt.
 */
import { firstFew } from "../../components/base/firstFew";
import { CommandFailed, runOver } from "../../components/host/installed";
import { RouterModel, ServerState } from "../../components/config";
import { MOVE_COMMAND, moveWords } from "../routers/byHand";
import { leavingEdits, overridesOf } from "../edits/flips";
import { outstanding } from "../status/look";
import type { Session } from "../pulumi/session";
import { withShell } from "../routers/shell";
import type { Moved } from "./decide";
import { MOST_NAMED } from "./events";

/** Where the package's scripts put it, by which sudo knows it. */
const FOLDER = "/usr/local/sbin";
/** It waits a minute for its router's lock, and then applies. */
const PATIENCE_SECONDS = 150;
const TRIAL_SECONDS = 10;
/** So many prefixes in one command: a login shell takes 128 KiB. */
const MOST_AT_ONCE = 1000;
/** What stands for all that may be asked of it. */
const TRIAL = [
  { prefix: "192.0.2.64/27", to: "web1" },
  { prefix: "192.0.2.96/27", to: "web1" },
];

const commandLine = (moves: { prefix: string; to: string }[], from: string[], before: string[] = []) => {
  const [command, ...words] = moveWords(moves, true, from);
  return [`${FOLDER}/${command}`, ...before, ...words];
};

/** Whether this could be done there: the command is installed, knows what it is asked, and may be run. @returns why not */
export async function triedMoving(router: RouterModel): Promise<string | undefined> {
  try {
    const usage = await runOver(router, commandLine(TRIAL, ["web2", "web3"], ["--help"]), TRIAL_SECONDS);
    return usage.includes("[PREFIX SERVER...]")
      ? undefined
      : `its ${MOVE_COMMAND} is out of date: run pulumi up --continue-on-error`;
  } catch (error) {
    const { message } = error as Error;
    return /^sudo: /.test(message)
      ? `${message}; its sudoers file may be out of date: see docs/your-own-network.md, ssh`
      : message;
  }
}

/** Moves what goes to these servers, who are dead, to where it would go without them; nothing else. */
export async function moveOnRouters(session: Session, servers: string[]): Promise<Moved> {
  try {
    const now = await session.farm();
    const overrides = await overridesOf({ session });
    const { farm } = await session.draft(
      servers.flatMap((name) => leavingEdits(now, overrides, name, ServerState.Down)),
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
              servers,
            )
          : { moved: [], failures: [failure] };
      }),
    );
    return {
      text: firstFew(
        done.flatMap(({ moved }) => moved),
        MOST_NAMED,
      ).join(", "),
      failure: firstFew([...new Set(done.flatMap(({ failures }) => failures))], MOST_NAMED).join("; "),
    };
  } catch (error) {
    return { text: "", failure: (error as Error).message };
  }
}

export interface Done {
  moved: string[];
  failures: string[];
}

export interface Leaving {
  prefix: string;
  from: string;
  to: string;
}

/** All at once, as each command takes the router's lock. */
export async function moveOn(router: RouterModel, moves: Leaving[], servers: string[]): Promise<Done> {
  const done: Done = { moved: [], failures: [] };
  if (moves.length === 0) return done;
  if (!withShell(router))
    return { ...done, failures: [`no command can be run on ${router.name} (kind ${router.kind})`] };
  for (let begin = 0; begin < moves.length; begin += MOST_AT_ONCE) {
    const some = moves.slice(begin, begin + MOST_AT_ONCE);
    const asMoved = ({ prefix, to }: Leaving): string => `${prefix} goes to ${to} on ${router.name}`;
    try {
      await runOver(router, commandLine(some, servers), PATIENCE_SECONDS);
      done.moved.push(...some.map(asMoved));
    } catch (error) {
      done.failures.push(`${router.name}: ${(error as Error).message}`);
      // The next would wait as long.
      if (!(error instanceof CommandFailed)) return done;
      const served = servedAfter(error.stdout);
      done.moved.push(...some.filter(({ prefix, to }) => served.get(prefix) === to).map(asMoved));
    }
  }
  return done;
}

/** @returns each prefix's server, by the router's report; without one nothing moved */
const servedAfter = (report: string): Map<string, string> =>
  new Map(
    Array.from(report.matchAll(/^(\S+) is served by (\S+) \(/gm), ([, prefix, server]) => [prefix, server]),
  );
