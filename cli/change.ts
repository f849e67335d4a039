/** The one way in which a command changes the farm: what will move, a question, the config, `up`, what really moved. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { FarmModel } from "../components/config";
import { Applied, apply } from "./apply";
import { CliError, Exit } from "./failure";
import { Forecast, forecast } from "./forecast";
import { outstanding } from "./look";
import { describeForecast } from "./preview/text";
import { Draft, Session, writeDraft } from "./session";
import type { Edit } from "./stackFile";
import type { Terminal } from "./terminal";

/** What a change did. */
export interface Outcome {
  /** The farm as the config has it now. */
  farm: FarmModel;
  /** What moved, read back from the routers. */
  moved: { router: string; prefix: string; from: string | null; to: string | null }[];
  /** What should have moved and did not. */
  stayed: Outcome["moved"];
  applied: Applied;
  /** What went wrong; absent: nothing. */
  failure?: CliError;
  /** Nothing moved, and the config is as it was. */
  undone?: true;
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
): Promise<Outcome> {
  const draft = await session.draft(edits);
  const expected = await foresee(session, draft);
  for (const line of describeForecast(expected)) terminal.say(line);
  if (!(await terminal.agree(`${what}?`))) throw new CliError("nothing was touched", Exit.Failed);
  const all = expected.routers.flatMap(({ router, moves }) =>
    moves.map(({ prefix, from, to }) => ({ router, prefix, from, to })),
  );
  const outcome = await enact(session, draft, all, (line) => terminal.say(line));
  for (const line of describeOutcome(outcome)) terminal.say(line);
  if (outcome.failure) throw outcome.failure;
  return outcome;
}

/**
 * Writes the config and runs `up`.
 * @param expected what should move
 * @throws CliError when `up` did not even begin; the config is as it was then
 */
export async function enact(
  session: Session,
  draft: Draft,
  expected: Outcome["moved"],
  say: (line: string) => void,
): Promise<Outcome> {
  writeDraft(draft);
  const applied = await applyOrPutBack(session, draft, say);
  const outcome: Outcome = {
    farm: draft.farm,
    ...(await compare(session, draft.farm, expected, applied.ok)),
    applied,
  };
  return applied.ok ? outcome : { ...outcome, ...failed(draft, outcome) };
}

/** A preview with the draft in place of the file. */
export async function foresee(session: Session, { farm, file, newText }: Draft): Promise<Forecast> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-"));
  const remove = (): void => fs.rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  try {
    const copy = path.join(folder, path.basename(file));
    fs.writeFileSync(copy, newText, { mode: 0o600 });
    return await forecast(session, farm, copy);
  } finally {
    remove();
    process.off("exit", remove);
  }
}

/** A run that did not even begin leaves the config as it was. */
async function applyOrPutBack(session: Session, draft: Draft, say: (line: string) => void): Promise<Applied> {
  try {
    return await apply(session, say);
  } catch (error) {
    putBack(draft);
    throw error;
  }
}

/** Unless somebody has changed it since. */
function putBack({ file, text, newText }: Draft): boolean {
  if (fs.readFileSync(file, "utf8") !== newText) return false;
  writeDraft({ file, text: newText, newText: text } as Draft);
  return true;
}

/** Of a router that can't be looked at, its own word at the run's end must do. */
async function compare(
  session: Session,
  farm: FarmModel,
  expected: Outcome["moved"],
  ok: boolean,
): Promise<Pick<Outcome, "moved" | "stayed">> {
  const views = await outstanding(session, farm);
  const isLeft = ({ router, prefix }: Outcome["moved"][number]): boolean => {
    const { failure, moves } = views.find((view) => view.router === router)!;
    return failure === null ? moves.some((move) => move.prefix === prefix) : !ok;
  };
  return { moved: expected.filter((move) => !isLeft(move)), stayed: expected.filter(isLeft) };
}

/** Nothing moved: then the config is what it was, and the next run does not try again by surprise. */
function failed(draft: Draft, { moved, stayed, applied }: Outcome): Pick<Outcome, "failure" | "undone"> {
  const interrupted = applied.failures[0] === "interrupted";
  const undone = moved.length === 0 && stayed.length > 0 && !interrupted && putBack(draft);
  const next = undone
    ? "nothing moved, and the config is as it was"
    : moved.length > 0
      ? "what is said above to have moved has moved; the config has the change. What failed is tried again by pulumi up --continue-on-error"
      : "the config has the change. Run pulumi up --continue-on-error to try again, or loopback-ha status to see what is there";
  const text = [...applied.failures, next].join("\n");
  const failure = new CliError(text, interrupted ? Exit.Interrupted : Exit.Failed);
  return undone ? { failure, undone } : { failure };
}

function describeOutcome({ moved, stayed, applied }: Outcome): string[] {
  const line = ({ router, prefix, from, to }: Outcome["moved"][number]): string =>
    `${router}: ${prefix} ${from ?? "nowhere"} => ${to ?? "nowhere"}`;
  return [
    ...applied.warnings.map((text) => `warning: ${text}`),
    ...moved.map((move) => `moved  ${line(move)}`),
    ...stayed.map((move) => `STAYED ${line(move)}`),
    `${applied.ok ? "done" : "failed"} in ${applied.seconds.toFixed(1)} s`,
  ];
}
