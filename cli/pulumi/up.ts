/** `pulumi up` with one line for each machine that is changed. */
import type { EngineEvent } from "@pulumi/pulumi/automation";
import type { RouterMoves } from "../../components/network/moves";
import { MOVES_NOTE, MovesReport } from "../../components/preflight/report";
import { withMovesFile } from "./movesFile";
import { Change, changeOf, changesIn, messagesIn, warningsIn } from "./preview";
import { onInterrupt } from "../terminal/interrupt";
import { explainPulumi } from "./failure";
import type { Session } from "./session";

/** How a run ended. */
export interface Applied {
  ok: boolean;
  /** What failed, in the words of the machine or of the program. */
  failures: string[];
  warnings: string[];
  /** The commands that were run. */
  changes: Change[];
  /** What the run itself found had to move, before it began; absent: it did not come so far. */
  moves?: RouterMoves[];
  seconds: number;
}

/**
 * Runs `up`, which continues when a machine fails. Ctrl-C ends it as it ends pulumi.
 * @param found gets what the run has found to move, once, before it changes a machine
 * @throws CliError when it did not begin: the stack is locked, for one
 */
export async function apply(
  session: Session,
  progress: (line: string) => void,
  found: (report: MovesReport) => void = () => {},
): Promise<Applied> {
  const began = Date.now();
  const events: EngineEvent[] = [];
  const interruption = new AbortController();
  const settled = onInterrupt(() => interruption.abort());
  return withMovesFile(MOVES_NOTE, async (read, env) => {
    let report: MovesReport | undefined;
    const note = (): void => {
      if (report !== undefined) return;
      report = read();
      if (report !== undefined) found(report);
    };
    const ended = (ok: boolean, failures: string[]): Applied => ({
      ok,
      failures,
      warnings: warningsIn(events),
      changes: changesIn(events),
      moves: report?.routers,
      seconds: (Date.now() - began) / 1000,
    });
    try {
      await session.recorded(() =>
        session.engine.up({
          env,
          signal: interruption.signal,
          onEvent(event) {
            events.push(event);
            note();
            const line = progressOf(event, (Date.now() - began) / 1000);
            if (line !== undefined) progress(line);
          },
        }),
      );
      note();
      return ended(true, []);
    } catch (error) {
      note();
      const failures = messagesIn(events, "error");
      if (interruption.signal.aborted) return ended(false, ["interrupted", ...failures]);
      if (failures.length === 0) throw explainPulumi(error, "pulumi up");
      return ended(false, failures);
    } finally {
      settled();
    }
  });
}

function progressOf({ resOutputsEvent, resOpFailedEvent }: EngineEvent, seconds: number): string | undefined {
  const step = resOutputsEvent?.metadata ?? resOpFailedEvent?.metadata;
  if (step === undefined || step.type !== "command:local:Command" || step.op === "same") return undefined;
  const { machine, role, op } = changeOf(step);
  return `  ${machine} ${role}: ${op} ${resOpFailedEvent ? "failed" : "done"} (${seconds.toFixed(1)} s)`;
}
