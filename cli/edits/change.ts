/** The one way in which a command changes the farm: what will move, a question, the config, `up`, what really moved. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { FarmModel } from "../../components/config";
import { RouterMoves, TableSource } from "../../components/network/moves";
import { Applied, apply } from "../pulumi/up";
import { Move, byHandText } from "../routers/byHand";
import { CliError, Exit } from "../terminal/exit";
import { Preview, preview } from "../pulumi/preview";
import { lookAtRouters, outstanding } from "../status/look";
import { MovesReport, describeLimits, movesOf } from "../../components/preflight/report";
import { describePreview, movesText } from "../preview/text";
import { Draft, Session, writeDraft } from "../pulumi/session";
import type { Edit } from "../pulumi/stackFile";
import type { Terminal } from "../terminal/output";

/** What a change did. */
export interface Outcome {
  /** The farm as the config has it now. */
  farm: FarmModel;
  /** What moved, read back from the routers. */
  moved: Move[];
  /** What should have moved and did not. */
  stayed: Move[];
  /** Of both, what was not shown before: a router's table had changed meanwhile. */
  unannounced?: Move[];
  applied: Applied;
  /** What went wrong; absent: nothing. */
  failure?: CliError;
  /** Nothing moved, and the config is as it was. */
  undone?: true;
}

/** How a change is shown before it is made. */
export interface Showing {
  /** Says what it will do. Default: a preview by the engine. */
  forecast?: (session: Session, draft: Draft) => Promise<Preview>;
  /** Throws when what is shown must not be done. */
  check?: (expected: Preview) => void;
}

/**
 * Changes the config, and the farm with it.
 * @param what the change in words, for the question: `drain web2`
 * @throws CliError when it is refused, or failed; then it says what moved and what did not
 */
export async function change(
  session: Session,
  terminal: Terminal,
  what: string,
  edits: Edit[],
  { forecast = previewDraft, check = () => {} }: Showing = {},
): Promise<Outcome> {
  const draft = await session.draft(edits);
  const expected = await forecast(session, draft);
  check(expected);
  for (const line of describePreview(expected)) terminal.say(line);
  if (!(await terminal.agree(`${what}?`))) throw new CliError("nothing was touched", Exit.Failed);
  const shown = movesIn(expected.routers);
  return concluded(terminal, await applyDraft(session, draft, shown, (line) => terminal.say(line)));
}

function concluded(terminal: Terminal, outcome: Outcome): Outcome {
  for (const line of describeOutcome(outcome)) terminal.say(line);
  if (outcome.failure) throw outcome.failure;
  return outcome;
}

/**
 * Changes who serves what: the same, shown by one look at the routers. Where nothing is asked that is the look with which the run
 * itself begins.
 * @param preview by a preview of the engine instead
 */
export async function flip(
  { session, terminal }: { session: Session; terminal: Terminal },
  what: string,
  edits: Edit[],
  { preview: byEngine = false }: { preview?: boolean } = {},
): Promise<Outcome> {
  if (byEngine || !terminal.yes)
    return change(session, terminal, what, edits, { forecast: byEngine ? previewDraft : lookAtDraft });
  const outcome = await applyDraft(session, await session.draft(edits), undefined, (line) =>
    terminal.say(line),
  );
  return concluded(terminal, outcome);
}

const movesIn = (routers: RouterMoves[]): Move[] =>
  routers.flatMap(({ router, moves }) => moves.map(({ prefix, from, to }) => ({ router, prefix, from, to })));

/**
 * Writes the config and runs `up`.
 * @param shown what should move, as it was shown; undefined: it is shown as soon as the run itself has found it
 * @throws CliError when `up` did not even begin; the config is as it was then
 */
export async function applyDraft(
  session: Session,
  draft: Draft,
  shown: Move[] | undefined,
  say: (line: string) => void,
): Promise<Outcome> {
  writeDraft(draft);
  const { farm } = draft;
  const show = ({ routers }: MovesReport): void => movesText(routers).forEach(say);
  const applied = await applyOrPutBack(session, draft, shown, say, shown ? undefined : show);
  if (applied.ok && !shown && !applied.moves)
    say(
      "what moved is not known here, because the run could not write it to the temporary folder: loopback-ha status shows what the routers do now",
    );
  const expected = shown ?? movesIn(applied.moves ?? []);
  const unannounced = unannouncedOf(expected, applied.moves);
  const outcome: Outcome = {
    farm,
    ...(await compare(session, farm, [...expected, ...unannounced], applied.ok)),
    unannounced,
    applied,
  };
  return applied.ok ? outcome : { ...outcome, ...failed(draft, outcome) };
}

/** A preview with the draft in place of the file. */
export async function previewDraft(session: Session, { farm, file, newText }: Draft): Promise<Preview> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-"));
  const remove = (): void => fs.rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  try {
    const copy = path.join(folder, path.basename(file));
    fs.writeFileSync(copy, newText, { mode: 0o600 });
    return await preview(session, farm, copy);
  } finally {
    remove();
    process.off("exit", remove);
  }
}

/**
 * What a draft moves, by one look at the routers: the engine's preview takes longer than the `up` that follows. Where a router
 * can't be looked at, only the engine knows what was last written to it.
 */
export async function lookAtDraft(session: Session, draft: Draft): Promise<Preview> {
  const { farm } = draft;
  const found = await lookAtRouters(farm);
  const routers = movesOf(farm, session.id, found);
  if (routers.some(({ table }) => table === TableSource.Config)) return previewDraft(session, draft);
  return {
    routers,
    proposedHomes: {},
    hidden: [],
    changes: [],
    warnings: describeLimits(farm, session.id, found),
  };
}

/** What `up` itself found had to move beyond what was shown: a router's table has changed in between. */
export function unannouncedOf(shown: Move[], found: RouterMoves[] = []): Move[] {
  const keyOf = ({ router, prefix, to }: Move): string => JSON.stringify([router, prefix, to]);
  const known = new Set(shown.map(keyOf));
  // What moves on a router that could not be looked at is unknown.
  const seen = found.filter(({ table }) => table !== TableSource.Config);
  return movesIn(seen).filter((move) => !known.has(keyOf(move)));
}

/** A run that did not even begin leaves the config as it was. */
async function applyOrPutBack(
  session: Session,
  draft: Draft,
  shown: Move[] | undefined,
  say: (line: string) => void,
  found?: (report: MovesReport) => void,
): Promise<Applied> {
  try {
    return await apply(session, say, found);
  } catch (error) {
    const { message, exit = Exit.Failed } = error as CliError;
    const config = configAfter(draft);
    const expected = shown ?? movesIn(await outstanding(session, draft.farm));
    throw new NotBegun(message, config, byHandText(draft.farm, expected), exit);
  }
}

/** `up` did not even begin. */
export class NotBegun extends CliError {
  constructor(
    readonly reason: string,
    /** What became of the config; empty: it is as it was. */
    readonly config: string,
    /** How it can be done all the same; empty: it can't. */
    readonly byHand: string,
    exit: Exit,
  ) {
    super([reason, config, byHand].filter((text) => text !== "").join("\n"), exit);
  }
}

/** The config as it was before, or why it is not. */
function configAfter(draft: Draft): string {
  try {
    if (putBack(draft)) return "";
    return `${draft.file} was changed by someone else in the meantime, and keeps both changes`;
  } catch (error) {
    const all = "the next pulumi up will make the change";
    return `${draft.file} still has the change and could not be restored (${(error as Error).message}): ${all}`;
  }
}

/** Unless it has been changed since. */
function putBack({ file, text, newText }: Draft): boolean {
  if (fs.readFileSync(file, "utf8") !== newText) return false;
  writeDraft({ file, text: newText, newText: text } as Draft);
  return true;
}

/**
 * Of a router that can't be looked at, its own word at the run's end must do; where all went well it must do, too, but for a guard,
 * which may have moved something meanwhile.
 */
async function compare(
  session: Session,
  farm: FarmModel,
  expected: Move[],
  ok: boolean,
): Promise<Pick<Outcome, "moved" | "stayed">> {
  if (ok && !farm.routers.some(({ guard }) => guard)) return { moved: expected, stayed: [] };
  const views = await outstanding(session, farm);
  const isLeft = ({ router, prefix }: Move): boolean => {
    const { failure, moves } = views.find((view) => view.router === router)!;
    return failure === null ? moves.some((move) => move.prefix === prefix) : !ok;
  };
  return { moved: expected.filter((move) => !isLeft(move)), stayed: expected.filter(isLeft) };
}

/** Nothing moved: then the config is what it was, and the next run does not try again by surprise. */
export function failed(
  draft: Draft,
  { moved, stayed, applied }: Outcome,
): Pick<Outcome, "failure" | "undone"> {
  const interrupted = applied.failures[0] === "interrupted";
  const back = moved.length === 0 && stayed.length > 0 && !interrupted ? configAfter(draft) : undefined;
  const undone = back === "";
  const next = undone
    ? "nothing moved, and the config is as it was"
    : back !== undefined
      ? `nothing moved. ${back}`
      : moved.length > 0
        ? "the moves listed above are done, and the config has the change. To retry what failed: pulumi up --continue-on-error"
        : `the change may be partly done: ${draft.file} has it, and so does every machine not named above. To finish: fix what failed, then run pulumi up --continue-on-error. To go back: undo the change in ${draft.file}, then run the same. To see the current state: loopback-ha status`;
  const text = [...applied.failures, next].join("\n");
  const failure = new CliError(text, interrupted ? Exit.Interrupted : Exit.Failed);
  return undone ? { failure, undone } : { failure };
}

/** What became of it, as lines. */
export function describeOutcome({ moved, stayed, unannounced = [], applied }: Outcome): string[] {
  const line = ({ router, prefix, from, to }: Move): string =>
    `${router}: ${prefix} ${from ?? "nowhere"} => ${to ?? "nowhere"}`;
  return [
    ...applied.warnings.map((text) => `warning: ${text}`),
    ...moved.map((move) => `moved  ${line(move)}`),
    ...stayed.map(
      ({ router, prefix, from, to }) =>
        `did not move: ${router} still sends ${prefix} ${from === null ? "nowhere" : `to ${from}`}, but should send it ${to === null ? "nowhere" : `to ${to}`}`,
    ),
    ...unannounced.map(
      (move) => `not shown before, because the router's table changed in between: ${line(move)}`,
    ),
    `${applied.ok ? "done" : "failed"} in ${applied.seconds.toFixed(1)} s`,
  ];
}
