/** What a person or a program reads: lines, tables and questions, or one JSON document. */
import * as fs from "node:fs";
import * as path from "node:path";
import * as readline from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { confirm } from "@inquirer/prompts";
import Table from "cli-table3";
import { CliError, Exit, UsageError } from "./exit";

export interface TerminalOptions {
  /** One JSON document on stdout in place of text. */
  json?: boolean;
  /** Every question is answered with yes. */
  yes?: boolean;
  /** A file that gets the result in place of stdout. */
  out?: string;
}

export class Terminal {
  /** @throws UsageError when the file for the result can't be written */
  constructor(private readonly options: TerminalOptions) {
    if (options.out !== undefined) checkOut(options.out);
  }

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

  /** One line that changes; if stdout is not a terminal, one line for each new text. */
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
    const result = this.json ? JSON.stringify(value, undefined, 2) : text();
    const { out } = this.options;
    if (out === undefined) process.stdout.write(`${result}\n`);
    else writeOut(out, `${stripVTControlCharacters(result)}\n`);
  }

  /** Whether every question is answered with yes; pulumi's own variable counts, too. */
  get yes(): boolean {
    return this.options.yes === true || process.env.PULUMI_SKIP_CONFIRMATIONS === "true";
  }

  /**
   * Asks whether to go on.
   * @throws UsageError when there is no terminal to answer on
   */
  async agree(question: string): Promise<boolean> {
    if (this.yes) return true;
    if (!process.stdin.isTTY || this.json)
      throw new UsageError(
        "cannot ask for confirmation: stdin is not a terminal, or --json is set; nothing was touched. Pass --yes to skip the prompt",
      );
    try {
      return await confirm({ message: question, default: false }, { output: process.stderr });
    } catch {
      throw new CliError("interrupted; nothing was touched", Exit.Interrupted);
    }
  }
}

/** Before a minute's work, and not after it. */
function checkOut(file: string): void {
  try {
    fs.accessSync(path.dirname(file), fs.constants.W_OK);
    if (fs.existsSync(file)) fs.accessSync(file, fs.constants.W_OK);
    if (fs.existsSync(file) && fs.statSync(file).isDirectory()) throw new Error("it is a directory");
  } catch (error) {
    throw cannotWrite(file, error);
  }
}

function writeOut(file: string, text: string): void {
  try {
    fs.writeFileSync(file, text);
  } catch (error) {
    throw cannotWrite(file, error);
  }
}

const cannotWrite = (file: string, error: unknown): UsageError =>
  new UsageError(
    `--out: ${JSON.stringify(file)} can't be written (${(error as Error).message}); use a file in an existing folder, such as ./preview.md`,
  );

/**
 * As much of a text as a screen has room for, from the top, where the most urgent part is. A line that is longer than
 * the screen is wide takes several rows.
 */
export function fitTo(text: string, rows: number, columns: number): string {
  const height = (line: string): number =>
    Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
  const lines = text.split("\n");
  let room = rows;
  const fitting = lines.findIndex((line) => (room -= height(line)) < 0);
  if (fitting < 0) return text;
  const last = "more below: enlarge the terminal";
  room = rows - height(last);
  const kept = lines.slice(0, fitting).filter((line) => (room -= height(line)) >= 0);
  return [...kept, last].join("\n");
}

/** A table as text, without colours. */
export function table(head: string[], rows: string[][]): string {
  const it = new Table({ head, style: { head: [], border: [], compact: true } });
  it.push(...rows);
  return it.toString();
}
