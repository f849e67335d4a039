/** What was asked for can't be done, and nothing was touched. The message says all that the user needs. */
export class UserError extends Error {
  /** Pulumi prints an error with this mark as its message alone, without a stack trace. @internal */
  readonly __pulumiRunError = true;

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
    // Pulumi's runtime inspects every error that ends a program, and takes 12 s for a stack (Node 20.20).
    this.stack = `${this.name}: ${message}`;
  }
}
