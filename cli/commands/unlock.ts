import { Command } from "commander";
import { Terminal } from "../terminal/output";
import { describeUnlocked, unlock } from "../pulumi/unlock";
import type { CommonOptions } from "./command";

/** `unlock`: after a run that was killed. */
export function unlockCommand(): Command {
  return new Command("unlock")
    .description(
      "after a run that was killed on this machine: removes its lock and clears what it left pending",
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const done = await unlock(options);
      new Terminal(options).result(done, () => describeUnlocked(done).join("\n"));
    });
}
