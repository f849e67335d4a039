import { Command } from "commander";
import { Terminal } from "../terminal/output";
import { describeUnlocked, unlock } from "../pulumi/unlock";
import type { CommonOptions } from "./command";

/** `unlock`: after a run that was killed. */
export function unlockCommand(): Command {
  return new Command("unlock")
    .description(
      "clean up after a run that was killed on this machine: remove its lock and its pending operations",
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const done = await unlock(options);
      new Terminal(options).result(done, () => describeUnlocked(done).join("\n"));
    });
}
