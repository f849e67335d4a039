/** The command line: `loopback-ha`. */
import { Command, CommanderError } from "commander";
import { printableLines } from "../components/host/foreignText.cjs";
import { UserError } from "../components/base/userError";
import { certsCommand } from "./commands/certs";
import { checkCommand } from "./commands/check";
import { diagramCommand } from "./commands/diagram";
import { drainCommand } from "./commands/drain";
import { downCommand, moveCommand, restoreCommand } from "./commands/flips";
import { adoptCommand, releaseCommand } from "./commands/guard";
import { initCommand } from "./commands/init";
import { previewCommand } from "./commands/preview";
import { siteCommand } from "./commands/site";
import { statusCommand } from "./commands/status";
import { unlockCommand } from "./commands/unlock";
import { watchCommand } from "./commands/watch";
import { addCompletion } from "./terminal/completion.cjs";
import { CliError, Exit } from "./terminal/exit";
import { listenForInterrupts } from "./terminal/interrupt";
import { version } from "./terminal/version";

const EXIT_CODES = `
Exit codes: 0 done; 1 failed, or check found a broken rule; 2 bad arguments or config, nothing was touched; 3 another run holds the stack;
4 status: something differs from the config; 5 drain: connections were still open at the deadline; 130 Ctrl-C.`;

async function program(): Promise<Command> {
  const root = new Command("loopback-ha")
    .description("Operates a web farm without a load balancer, through Pulumi.")
    .version(version)
    .option(
      "-C, --cwd <folder>",
      "the project's folder, or any folder inside it (default: the current folder)",
    )
    .option("-s, --stack <name>", "the stack to work on (default: the selected stack)")
    .option("-y, --yes", "skip the confirmation prompt")
    .option("--json", "print the result as one JSON document on stdout")
    .addHelpText("after", EXIT_CODES)
    .showSuggestionAfterError()
    .exitOverride();
  const commands = [
    initCommand(),
    statusCommand(),
    previewCommand(),
    checkCommand(),
    diagramCommand(),
    drainCommand(),
    restoreCommand(),
    downCommand(),
    moveCommand(),
    adoptCommand(),
    releaseCommand(),
    siteCommand(),
    certsCommand(),
    unlockCommand(),
    watchCommand(),
  ];
  for (const command of commands) root.addCommand(inherit(command, root));
  await addCompletion(root);
  return root;
}

/** A wrong argument of any command ends in the one place below. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}

// A reader like head may have had enough.
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) =>
  process.exit(code === "EPIPE" ? Exit.Ok : Exit.Failed),
);

listenForInterrupts();
program()
  .then((root) => root.parseAsync())
  .catch((error: unknown) => {
    process.exitCode = exitOf(error);
    if (error instanceof CommanderError) return; // it has said what is wrong
    const { message, stack } = error as Error;
    // Text from machines, files and Pulumi can be in it.
    const text = printableLines(error instanceof UserError ? message : (stack ?? message));
    process.stderr.write(`${text}\n`);
    if (process.argv.includes("--json"))
      process.stdout.write(`${JSON.stringify({ error: text, exit: process.exitCode })}\n`);
  });

function exitOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.Ok : Exit.Usage;
  if (error instanceof CliError) return error.exit;
  return error instanceof UserError ? Exit.Usage : Exit.Failed;
}
