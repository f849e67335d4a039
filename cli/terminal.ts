/** What a person or a program reads: lines, tables and questions, or one JSON document. */
import * as readline from "node:readline";
import { confirm } from "@inquirer/prompts";
import Table from "cli-table3";
import { CliError, Exit, UsageError } from "./failure";

export interface TerminalOptions {
  /** One JSON document on stdout in place of text. */
  json?: boolean;
  /** Every question is answered with yes. */
  yes?: boolean;
}

export class Terminal {
  constructor(private readonly options: TerminalOptions) {}

  get json(): boolean {
    return this.options.json === true;
  }

  /** A line for the reader; with --json on stderr, as stdout is the document's. */
  say(text: string): void {
    (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** A line that is no result. */
  warn(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** One line that changes; where nobody watches, a line for each other text. */
  progress(): { show(text: string): void; end(): void } {
    const stream = this.json ? process.stderr : process.stdout;
    let last = "";
    return {
      show(text) {
        if (text === last) return;
        last = text;
        if (stream.isTTY) {
          readline.clearLine(stream, 0);
          readline.cursorTo(stream, 0);
          stream.write(text);
        } else stream.write(`${text}\n`);
      },
      end() {
        if (stream.isTTY && last !== "") stream.write("\n");
      },
    };
  }

  /** The result: as JSON with --json, else as text. */
  result(value: unknown, text: () => string): void {
    process.stdout.write(this.json ? `${JSON.stringify(value, undefined, 2)}\n` : `${text()}\n`);
  }

  /**
   * Asks whether to go on.
   * @throws UsageError when nobody is there to answer
   */
  async agree(question: string): Promise<boolean> {
    // Whoever told pulumi not to ask has told us.
    if (this.options.yes || process.env.PULUMI_SKIP_CONFIRMATIONS === "true") return true;
    if (!process.stdin.isTTY || this.json)
      throw new UsageError("nobody is there to say yes; nothing was touched. Give --yes to do it unasked");
    try {
      return await confirm({ message: question, default: false }, { output: process.stderr });
    } catch {
      throw new CliError("interrupted; nothing was touched", Exit.Interrupted);
    }
  }
}

/** A table as text, without colours. */
export function table(head: string[], rows: string[][]): string {
  const it = new Table({ head, style: { head: [], border: [], compact: true } });
  it.push(...rows);
  return it.toString();
}
