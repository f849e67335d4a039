/** What all commands share: the options that every one takes, and how one ends. */
import { Command } from "commander";
import { Session } from "../pulumi/session";
import { Terminal } from "../terminal/output";

/** Given before or after the command's name. */
export interface CommonOptions {
  cwd?: string;
  stack?: string;
  json?: boolean;
  yes?: boolean;
  /** Of commands that have it. */
  out?: string;
}

/** What a command works with. */
export interface Context {
  session: Session;
  terminal: Terminal;
}

/** Opens the stack that the options name. */
export async function open(command: Command): Promise<Context> {
  const options = command.optsWithGlobals<CommonOptions>();
  return { session: await Session.open(options), terminal: new Terminal(options) };
}
