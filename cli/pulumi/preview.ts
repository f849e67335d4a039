/** What `up` would do, out of the events of a preview: the moves, and each command with its files. */
import type { EngineEvent, StepEventMetadata, StepEventStateMetadata } from "@pulumi/pulumi/automation";
import type { FarmModel } from "../../components/config";
import { Payload, filesOf } from "../../components/host/payload.cjs";
import { RouterMoves, TableSource } from "../../components/network/moves";
import { MOVES_FILE, MovesReport, movesOf } from "../../components/preflight/report";
import { CliError } from "../terminal/exit";
import { explainPulumi } from "./failure";
import { withMovesFile } from "./movesFile";
import type { Session } from "./session";

/** One file that changes on a machine. */
export interface FileChange {
  name: string;
  /** Its text now; undefined: it is new. */
  before?: string;
  /** Its text then; undefined: it goes. */
  after?: string;
}

/** One command on a machine that `up` would run. */
export interface Change {
  /** The machine's name. */
  machine: string;
  /** What it is about: vips, vhosts, linux-routes, zone. */
  role: string;
  /** The resource's name in Pulumi. */
  resource: string;
  /** create, update, delete or replace. */
  op: string;
  /** What was found different on the machine, in a line; undefined: nothing. */
  drift?: string;
  files: FileChange[];
}

/** What a run of `up` would do. */
export interface Preview extends MovesReport {
  /** What moves; of a router that could not be looked at by what Pulumi wrote to it last, if it did. */
  routers: RouterMoves[];
  changes: Change[];
  /** What the program warns of, each once. */
  warnings: string[];
}

/**
 * Runs a preview.
 * @param farm what the configuration describes
 * @param configFile a configuration file in place of the stack's own
 * @throws CliError with the program's own words when it refuses the config
 */
export async function preview(session: Session, farm: FarmModel, configFile?: string): Promise<Preview> {
  const events: EngineEvent[] = [];
  return withMovesFile(MOVES_FILE, async (read, env) => {
    try {
      await session.engine.preview({ configFile, env, onEvent: (event) => events.push(event) });
    } catch (error) {
      throw failureIn(events) ?? explainPulumi(error, "the preview");
    }
    const { routers, proposedHomes, hidden } = read()!;
    const byRecord = movesOf(farm, session.id, new Map(), writtenRoutes(events));
    return {
      routers: routers.map((seen, i) =>
        seen.table === TableSource.Config ? { ...byRecord[i], failure: seen.failure } : seen,
      ),
      proposedHomes,
      hidden,
      changes: changesIn(events),
      warnings: messagesIn(events, "warning"),
    };
  });
}

/** Lines of the routes that Pulumi wrote to each router last. */
function writtenRoutes(events: EngineEvent[]): Map<string, string[]> {
  const steps = events.flatMap(({ resourcePreEvent }) => resourcePreEvent?.metadata ?? []);
  return new Map(
    steps.filter(isCommand).flatMap((step): [string, string[]][] => {
      const { routes } = wantedBy(step.old);
      return routes === undefined ? [] : [[changeOf(step).machine, linesIn(routes)]];
    }),
  );
}

const linesIn = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** What the program or a machine said why it failed, if it did. */
export function failureIn(events: EngineEvent[]): CliError | undefined {
  const errors = messagesIn(events, "error");
  return errors.length > 0 ? new CliError(errors.join("\n")) : undefined;
}

/** Messages of one severity, without colours, each once. */
export function messagesIn(events: EngineEvent[], severity: "warning" | "error" | "info"): string[] {
  const texts = events
    .map(({ diagnosticEvent }) => diagnosticEvent)
    .filter((event) => event?.severity === severity)
    .map((event) => plain(event!.message));
  return [...new Set(texts)].filter((text) => text !== "");
}

/** The engine's and the program's, and those of machines: what these say is information to the engine. */
export function warningsIn(events: EngineEvent[]): string[] {
  const told = messagesIn(events, "info")
    .flatMap((text) => text.split("\n"))
    .flatMap((line) => /^warning: (.+)$/.exec(line.trim())?.slice(1) ?? []);
  return [...new Set([...messagesIn(events, "warning"), ...told])];
}

const plain = (text: string): string => text.replace(/<\{%[^%]*%\}>/g, "").trim();

const CHANGING = ["create", "update", "delete", "replace", "create-replacement", "delete-replaced"];

/** The commands among the steps. */
export function changesIn(events: EngineEvent[]): Change[] {
  return events
    .map(({ resourcePreEvent }) => resourcePreEvent?.metadata)
    .filter((step): step is StepEventMetadata => step !== undefined && isCommand(step))
    .filter(({ op }) => CHANGING.includes(op) && op !== "create-replacement" && op !== "delete-replaced")
    .map(changeOf);
}

const isCommand = ({ type }: { type: string }): boolean => type === "command:local:Command";

/** The command of a step. */
export function changeOf({ op, urn, old, new: wanted }: StepEventMetadata): Change {
  const { environment = {} } = (wanted ?? old)?.inputs ?? {};
  const [seen, known] = [driftIn(wanted), driftIn(old)];
  const [before, after] = [wantedBy(old), wantedBy(wanted)];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return {
    machine: environment.LOOPBACK_HA_MACHINE ?? "",
    role: environment.LOOPBACK_HA_ROLE ?? "",
    resource: urn.split("::").pop()!,
    op,
    // What an earlier run repaired stays in the state.
    ...(seen === undefined || seen === known ? {} : { drift: seen }),
    files: names
      .filter((name) => before[name] !== after[name])
      .map((name) => ({ name, before: before[name], after: after[name] })),
  };
}

const driftIn = (state: StepEventStateMetadata | undefined): string | undefined =>
  /^DRIFT=(?!none$)(.*)/.exec((state?.inputs.interpreter as string[] | undefined)?.[1] ?? "")?.[1];

function wantedBy(state: StepEventStateMetadata | undefined): Record<string, string> {
  try {
    return filesOf(JSON.parse(state?.inputs.stdin) as Payload);
  } catch {
    return {};
  }
}
