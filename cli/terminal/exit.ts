import { UserError } from "../../components/base/userError";

/** How a command ends: its exit code. */
export enum Exit {
  /** Done; with `status`: all is as the config wants it. */
  Ok = 0,
  /** It failed, or a part of it did: the message says what is as it was. */
  Failed = 1,
  /** It can't be done as it was asked for; nothing was touched. */
  Usage = 2,
  /** Another run holds the stack; nothing was touched. */
  Locked = 3,
  /** `status`: something is not as the config wants it. */
  Degraded = 4,
  /** `drain --wait`: connections were left at the deadline. */
  Deadline = 5,
  /** Ctrl-C. */
  Interrupted = 130,
}

/** A command that ends here, with the words for the operator and an exit code. */
export class CliError extends UserError {
  constructor(
    message: string,
    readonly exit = Exit.Failed,
  ) {
    super(message);
  }
}

/** What was asked for makes no sense, and nothing was touched. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, Exit.Usage);
  }
}
