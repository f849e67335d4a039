/** What `apply` left on a machine, run over ssh: scripts that change nothing and print TAB-separated rounds, and a command. */
import { printable } from "./foreignText.cjs";
import { Answer, askSsh, endOf, endSsh, startSsh } from "./runSsh.cjs";
import { HostArgs, forLooking, sharedSshArguments, sudoPrefix } from "./ssh";
import { explainSshFailure } from "./sshFailure.cjs";

/** An installed script and its arguments. */
export interface InstalledScript {
  host: HostArgs;
  /** As instanceName gives it. */
  instance: string;
  /** Its file, such as `health.sh`. */
  script: string;
  args?: string[];
}

/** One round of answers: its lines, split at tabs. */
export type Round = string[][];

function argvOf({ host, instance, script, args = [] }: InstalledScript): string[] {
  const looker = forLooking(host);
  const file = `/var/lib/loopback-ha/${instance}/current/scripts/${script}`;
  return [...sharedSshArguments(looker), [sudoPrefix(looker), "bash", file, ...args].join(" ").trim()];
}

const ROUND_END = "end";
/** A machine in other hands may go on without an end: far more than any farm's round has. */
const MOST_LINES = 10_000;
const LONGEST_LINE = 4096;
const MOST_BYTES = 8 << 20;
const cells = (line: string): string[] => printable(line).split("\t");

/** @throws Error where there is no whole answer */
async function askOnce(name: string, argv: string[], seconds: number): Promise<Answer> {
  const answer = await askSsh(argv, { seconds, most: MOST_BYTES });
  if (answer.timedOut) throw new Error(`${name} did not answer within ${seconds} s`);
  if (answer.excess) throw new Error(saysTooMuch(name));
  return answer;
}

/** @throws Error that says why there is no answer */
export async function askInstalled(script: InstalledScript, seconds: number): Promise<Round> {
  const { name } = script.host;
  const { code, stdout, stderr } = await askOnce(name, argvOf(script), seconds);
  const lines = stdout.split("\n");
  if (code !== 0) throw new Error(explainFailure(name, stderr));
  if (lines.pop() !== ROUND_END) throw new Error(`${name}: its answer was truncated`);
  return lines.map(cells);
}

/** It ran on the machine, and failed there; the message has what it said. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    /** What it printed. */
    readonly stdout: string,
  ) {
    super(message);
  }
}

/**
 * Runs a command that `apply` left on a machine, as root, by the login that changes it.
 * @param words plain ones: whatever the login shell is, it reads them
 * @returns what it printed
 * @throws CommandFailed; Error when the machine does not answer, or not in time: then it is unknown what it did
 */
export async function runOver(host: HostArgs, words: string[], seconds: number): Promise<string> {
  const command = [sudoPrefix(host), ...words].join(" ").trim();
  const argv = [...sharedSshArguments(host), command];
  const { code, stdout, stderr } = await askOnce(host.name, argv, seconds);
  if (code === 0) return stdout;
  if (code === 255 || code === null) throw new Error(explainFailure(host.name, stderr));
  const said = stderr.trim().split("\n").slice(-3).map(printable).join("; ");
  throw new CommandFailed(said || `exit code ${code}`, stdout);
}

/** A script that runs until it is stopped. */
export interface Following {
  /** Ends it. */
  stop(): void;
  /** Resolves when it has ended, with the reason unless it was stopped. */
  ended: Promise<string | undefined>;
}

/** Calls back after each round. The caller watches the time: a machine that is cut off says nothing. */
export function followInstalled(script: InstalledScript, onRound: (round: Round) => void): Following {
  const running = startSsh(argvOf(script), ["ignore", "pipe", "pipe"]);
  let stopped = false;
  let errors = "";
  running.stderr!.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4096)));
  let excess: string | undefined;
  const round: Round = [];
  const onLine = (line: string): void => {
    if (line !== ROUND_END) round.push(cells(line));
    else onRound(round.splice(0));
  };
  let rest = "";
  running.stdout!.setEncoding("utf8").on("data", (text: string) => {
    if (excess !== undefined) return;
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.length > LONGEST_LINE || (line !== ROUND_END && round.length >= MOST_LINES)) return giveUp();
      onLine(line);
    }
    if (rest.length > LONGEST_LINE) giveUp();
  });
  const giveUp = (): void => {
    excess = saysTooMuch(script.host.name);
    round.length = 0;
    rest = "";
    running.kill("SIGKILL");
  };
  const ended = endOf(running).then(({ failure = errors }) =>
    stopped ? undefined : (excess ?? explainFailure(script.host.name, failure)),
  );
  return {
    stop() {
      stopped = true;
      endSsh(running);
    },
    ended,
  };
}

const saysTooMuch = (machine: string): string =>
  `${machine} sends more than the allowed ${MOST_LINES} lines of ${LONGEST_LINE} characters: check what runs there`;

function explainFailure(machine: string, stderr: string): string {
  if (/No such file or directory/.test(stderr))
    return `${machine} does not have this script yet: run pulumi up --continue-on-error`;
  return explainSshFailure(machine, stderr);
}
