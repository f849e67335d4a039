/** What Pulumi says when it fails, in words that tell an operator what to do. */
import { CliError, Exit } from "../terminal/exit";

const EXPLANATIONS: [RegExp, (found: RegExpExecArray) => CliError][] = [
  [
    /currently locked by ([\s\S]*)/,
    ([, locks]) =>
      new CliError(
        `another run holds the stack; nothing was touched.\n${locksIn(locks)}Wait for it to end. If its process is dead: loopback-ha unlock`,
        Exit.Locked,
      ),
  ],
  [
    /Another update is currently in progress/,
    () => new CliError("another run holds the stack; nothing was touched. Wait for it to end", Exit.Locked),
  ],
  [
    /unexpected end of JSON input|failed to load checkpoint/,
    () =>
      new CliError(
        "a lock file of the stack, or its state, is empty or truncated, as after a power cut or on a full disk; nothing was touched. Run loopback-ha unlock: it repairs what it can, and reports what it can't",
        Exit.Locked,
      ),
  ],
  [
    /passphrase must be set|PULUMI_CONFIG_PASSPHRASE/,
    () =>
      new CliError(
        "no passphrase is set: set PULUMI_CONFIG_PASSPHRASE, or point PULUMI_CONFIG_PASSPHRASE_FILE to a file with it; nothing was touched",
        Exit.Usage,
      ),
  ],
  [
    /incorrect passphrase/,
    () =>
      new CliError(
        "the passphrase is wrong: PULUMI_CONFIG_PASSPHRASE does not match the one that the stack was created with; nothing was touched",
        Exit.Usage,
      ),
  ],
  [
    /no Pulumi(\.yaml| project file) (project file )?(found|could be found)|no Pulumi\.yaml project file found/,
    () =>
      new CliError(
        "no Pulumi.yaml in this folder or above it: change to the project's folder, pass it with --cwd, or create a project with loopback-ha init",
        Exit.Usage,
      ),
  ],
  [
    /ENOENT|not found on|Failed to find|command not found/,
    () => new CliError("pulumi is not on PATH; install it: https://www.pulumi.com/docs/install/", Exit.Usage),
  ],
];

function locksIn(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => /(created by .*)/.exec(line)?.[1])
    .filter((line) => line !== undefined);
  return lines.map((line) => `  ${line}\n`).join("");
}

/** The same failure as a CliError: its own words where we know better ones, else pulumi's last lines. */
export function explainPulumi(error: unknown, doing: string): CliError {
  if (error instanceof CliError) return error;
  const text = ((error as Error).message ?? String(error)).trim();
  for (const [pattern, explain] of EXPLANATIONS) {
    const found = pattern.exec(text);
    if (found) return explain(found);
  }
  return new CliError(`${doing} failed: ${text.replace(/^error: /, "")}`);
}
