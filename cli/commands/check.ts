import { Command } from "commander";
import { check, describeFinding } from "../check/check";
import { readStackFiles } from "../check/stackFiles";
import { show } from "../../components/base/problems";
import { Exit, UsageError } from "../terminal/exit";
import { Terminal } from "../terminal/output";
import type { CommonOptions } from "./command";

/** `check`: the configuration by itself. */
export function checkCommand(): Command {
  return new Command("check")
    .description(
      "check the stacks' config files, offline: needs no passphrase, no state, no pulumi and no machine",
    )
    .option(
      "--min-servers-per-site <number>",
      "fail if a site is served by fewer servers than this",
      atLeastOne,
    )
    .action((options: { minServersPerSite?: number }, command: Command) => {
      const common = command.optsWithGlobals<CommonOptions>();
      const findings = readStackFiles(common).map((file) => check(file, options));
      new Terminal(common).result(findings, () => findings.flatMap(describeFinding).join("\n"));
      if (findings.some(({ broken }) => broken.length > 0)) process.exitCode = Exit.Failed;
      if (findings.some(({ refused }) => refused !== null)) process.exitCode = Exit.Usage;
    });
}

function atLeastOne(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(
    `--min-servers-per-site: ${show(text)} is not a number of servers; use a number such as 2`,
  );
}
