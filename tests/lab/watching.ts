/** A watcher that runs as the operator, and what it says. */
import assert from "node:assert/strict";
import { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { checkout } from "../../lab/state";
import { Farm, within } from "./support";

/** A line of its log, with --json. */
export interface LogLine {
  time: string;
  event: string;
  text: string;
  server?: string;
  servers?: string;
  pid?: number;
}

export class Watching {
  readonly lines: LogLine[] = [];
  private errors = "";
  private code?: number | null;
  private read = 0;

  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on("line", (text) => {
      const line = JSON.parse(text) as LogLine;
      // How fast answers are is the testing machine's affair.
      if (line.event !== "late") this.lines.push(line);
    });
    child.stderr!.on("data", (text) => (this.errors += String(text)));
    child.on("exit", (code) => (this.code = code));
  }

  /** Starts one, and waits until it has begun. */
  static async start(farm: Pick<Farm, "lab" | "project">, ...args: string[]): Promise<Watching> {
    // The same servers die in test after test.
    const patience = args.includes("--flap-limit") ? [] : ["--flap-limit", "100"];
    const command = farm.project.cliCommand(["watch", "--json", ...patience, ...args]);
    const child = await farm.lab.spawn("operator", command, { cwd: checkout, env: farm.project.env });
    const watching = new Watching(child);
    await watching.hears("watching");
    // By now the router has told of every server once.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return watching;
  }

  /** Waits for the next line with that event, skipping none but those allowed. */
  async hears(event: string, { seconds = 60, besides = [] as string[] } = {}): Promise<LogLine> {
    await within(seconds, `${event} after ${this.words.join("; ")} ${this.errors}`, () => {
      while (besides.includes(this.lines[this.read]?.event)) this.read++;
      return Promise.resolve(this.read < this.lines.length || this.code !== undefined);
    });
    const line = this.lines[this.read++];
    assert.equal(line?.event, event, `${this.words.join("; ")} ${this.errors}`);
    return line;
  }

  /** Nothing was said that nobody has waited for. */
  saidNothingElse(): void {
    assert.deepEqual(this.words.slice(this.read), []);
  }

  /** Each line in short. */
  get words(): string[] {
    return this.lines.map(({ event, server, servers }) =>
      [event, server ?? servers].filter(Boolean).join(" "),
    );
  }

  /** Asks it to end. */
  async stop(): Promise<void> {
    if (this.code === undefined) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGTERM");
      await ended;
    }
    assert.equal(this.code, 0, this.errors);
  }

  /** Only the watcher itself: what it started goes on. */
  async kill(): Promise<void> {
    const ended = once(this.child, "exit");
    process.kill(this.lines[0].pid!, "SIGKILL");
    await ended;
  }
}
