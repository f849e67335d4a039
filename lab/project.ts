import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parseDocument } from "yaml";
import { MADE_FROM, isBuilt } from "../components/startup/built.cjs";
import { ExecOptions, ExecResult, Lab } from "./lab";
import { checkout } from "./state";

/** The user by whom programs log in to the machines: LOOPBACK_HA_LAB_USER, root (the default) or deploy. */
export const labUser = process.env.LOOPBACK_HA_LAB_USER || "root";

/** How the command line of this checkout is started. */
export const COMMAND_LINE = ["node", path.join(checkout, "bin", "loopback-ha.cjs")];

const UP = ["up", "--yes", "--skip-preview", "--continue-on-error"];

/** An `up` that has begun. */
export interface RunningUp {
  kill(signal: NodeJS.Signals): void;
  /** Never fails. A signal's code is 1. */
  ended: Promise<ExecResult>;
}

/**
 * The text of a stack's file after `pulumi config set --path` (or `rm --path`, where there is no value): below the top,
 * Pulumi makes booleans and whole numbers of what looks so.
 */
export function withConfigValue(
  text: string,
  project: string,
  keyPath: string,
  value: string | undefined,
): string {
  const keys = [...keyPath.matchAll(/\["([^"]*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, plain]) =>
    index === undefined ? (quoted ?? plain) : Number(index),
  );
  const at = ["config", `${project}:${keys[0]}`, ...keys.slice(1)];
  const document = parseDocument(text);
  if (value === undefined) document.deleteIn(at);
  else {
    const typed = keys.length > 1 && /^(true|false|0|-?[1-9]\d*)$/.test(value) ? JSON.parse(value) : value;
    document.setIn(at, typed);
  }
  return document.toString({ lineWidth: 0 });
}

/** A Pulumi program in a folder, run by the lab's operator, with its state beside it. */
export class Program {
  constructor(
    private readonly lab: Lab,
    /** The stack's name. */
    readonly stack: string,
    /** The program's folder, where pulumi runs. */
    readonly folder: string,
  ) {
    fs.mkdirSync(this.file("state"));
  }

  /** A file in the folder. */
  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** The environment of every pulumi command: a state backend in the folder, and a passphrase that is no secret. */
  get env(): Record<string, string> {
    return {
      PULUMI_BACKEND_URL: `file://${this.file("state")}`,
      PULUMI_CONFIG_PASSPHRASE: "lab",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
  }

  /** Runs a command as the operator, in the program's folder; a failure is in the result, unless `check` is set. */
  operate(argv: string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.lab.exec("operator", argv, {
      cwd: this.folder,
      timeoutMs: 300_000,
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  /** Runs pulumi so. */
  pulumi(args: string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.operate(["pulumi", ...args, "--non-interactive", "--color=never"], options);
  }

  /** Runs the command line so. */
  cli(args: string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.operate(this.cliCommand(args), { cwd: checkout, ...options });
  }

  /** The command line's words, to be run in the checkout with `env`. */
  cliCommand(args: string[]): string[] {
    return [...COMMAND_LINE, ...args, "--cwd", this.folder, "--stack", this.stack];
  }

  async init(): Promise<void> {
    await this.pulumi(["stack", "init", this.stack], { check: true });
    if (labUser !== "root") await this.set("ssh.user", labUser);
  }

  /** `pulumi up`, as all docs have it. */
  up(options: { check?: boolean; env?: Record<string, string> } = {}): Promise<ExecResult> {
    return this.pulumi([...UP, "--stack", this.stack], options);
  }

  /** The same, for what comes between while it runs. */
  async beginUp(env: Record<string, string> = {}): Promise<RunningUp> {
    const words = ["pulumi", ...UP, "--stack", this.stack, "--non-interactive", "--color=never"];
    const child = await this.lab.spawn("operator", words, {
      cwd: this.folder,
      env: { ...this.env, ...env },
    });
    const result = { code: 1, stdout: "", stderr: "", timedOut: false };
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (result.stdout += text));
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (result.stderr += text));
    const ended = new Promise<ExecResult>((resolve) =>
      child.once("close", (code) => resolve({ ...result, code: code ?? 1 })),
    );
    return { kill: (signal) => child.kill(signal), ended };
  }

  /** What `pulumi config set --path` does, by writing the stack's file: in a fiftieth of the time. */
  async set(keyPath: string, value: string): Promise<void> {
    this.editConfig(keyPath, value);
  }

  /** What `pulumi config rm --path` does. */
  async drop(keyPath: string): Promise<void> {
    this.editConfig(keyPath, undefined);
  }

  private editConfig(keyPath: string, value: string | undefined): void {
    const read = (name: string): string =>
      fs.existsSync(this.file(name)) ? fs.readFileSync(this.file(name), "utf8") : "";
    const config = `Pulumi.${this.stack}.yaml`;
    const { name } = parseDocument(read("Pulumi.yaml")).toJS() as { name: string };
    fs.writeFileSync(this.file(config), withConfigValue(read(config), name, keyPath, value));
  }

  /** The one recovery, as docs/by-hand.md has it, after an `up` that was killed. */
  async recover(): Promise<void> {
    // A kill during a write can leave a file backend's checkpoint empty; the one before lies beside it.
    const checkpoint = this.file(`state/.pulumi/stacks/loopback-ha/${this.stack}.json`);
    if (
      fs.existsSync(`${checkpoint}.bak`) &&
      (!fs.existsSync(checkpoint) || fs.statSync(checkpoint).size === 0)
    ) {
      fs.copyFileSync(`${checkpoint}.bak`, checkpoint);
    }
    await this.pulumi(["cancel", "--yes", "--stack", this.stack]);
    await this.pulumi(
      ["refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", this.stack],
      {
        check: true,
      },
    );
  }

  /** A value of `pulumi stack output`. */
  async output(name: string): Promise<unknown> {
    const { stdout } = await this.pulumi(
      ["stack", "output", name, "--json", "--show-secrets", "--stack", this.stack],
      { check: true },
    );
    return JSON.parse(stdout);
  }

  /** Takes down what the program made. */
  destroy(): Promise<ExecResult> {
    return this.pulumi(["destroy", "--yes", "--skip-preview", "--stack", this.stack]);
  }
}

/** Copies the root program of this checkout, and what the others need, into a folder. */
export function copyRootProgram(folder: string): void {
  const library = ["package.json", "tsconfig.json", "components", "Pulumi.yaml", "index.ts"];
  for (const entry of [...library, "examples/network.ts"])
    fs.cpSync(path.join(checkout, entry), path.join(folder, entry), { recursive: true });
  copyBuilt(folder);
  fs.symlinkSync(path.join(checkout, "node_modules"), path.join(folder, "node_modules"));
}

/** What was built of the components, where it is of these; else the copy runs its sources. */
function copyBuilt(folder: string): void {
  if (!isBuilt(checkout, ["components"])) return;
  for (const entry of ["dist/components", MADE_FROM])
    fs.cpSync(path.join(checkout, entry), path.join(folder, entry), {
      recursive: true,
      filter: (file) => !/\.d\.c?ts$/.test(file),
    });
}

/** A copy of a program of this checkout, so that the checkout stays as it is. */
export class Project extends Program {
  constructor(
    lab: Lab,
    /** The stack's name; its configuration is the lab's. */
    stack = "lab",
    /** The program's folder in the checkout. Default: the root program. */
    program = ".",
    /** The folder of the copy. */
    readonly copy = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-project-")),
  ) {
    copyRootProgram(copy);
    const folder = path.join(copy, program);
    if (program !== ".") fs.cpSync(path.join(checkout, program), folder, { recursive: true });
    else
      fs.copyFileSync(
        path.join(checkout, "lab", "Pulumi.lab.yaml"),
        path.join(folder, `Pulumi.${stack}.yaml`),
      );
    super(lab, stack, folder);
  }

  /** Takes the farm down and removes the copy. */
  override async destroy(): Promise<ExecResult> {
    const result = await super.destroy();
    if (result.code === 0) this.remove();
    return result;
  }

  exists(): boolean {
    return fs.existsSync(this.copy);
  }

  remove(): void {
    fs.rmSync(this.copy, { recursive: true, force: true });
  }
}
