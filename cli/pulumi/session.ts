/** A stack of a project: its config, its locks, its runs. */
import * as path from "node:path";
import { FarmModel } from "../../components/config";
import { StackConfig, readStackConfig } from "../../components/config/stack";
import { LeftInCopy, writeWhole } from "../../components/base/wholeFile";
import { backendFolder, backendUrl } from "./backend";
import { UsageError } from "../terminal/exit";
import { PROJECT_FILES, bareName, presentTextOf, projectIn, textOf } from "./project";
import { Engine, selectedStack } from "./engine";
import { explainPulumi } from "./failure";
import { recordRun } from "./runs";
import { Edit, hasShared, withEditedValues, withEdits } from "./stackFile";

/** Which stack of which project. */
export interface Where {
  /** The project's folder, or one below it. Default: the working folder. */
  cwd?: string;
  /** The stack's name. Default: the one that is selected. */
  stack?: string;
}

/** Characters of a file in which edits are tried each time. */
const MOST_TRIED = 20_000;

export class Session {
  private known?: { texts: string; config: Promise<StackConfig> };
  private sitesFile?: string;

  private constructor(
    /** Runs pulumi on it. */
    readonly engine: Engine,
    /** The project's folder. */
    readonly folder: string,
    /** The project's name. */
    readonly project: string,
    /** The file of the stack's configuration. */
    readonly configFile: string,
  ) {}

  /**
   * Opens a stack; changes nothing.
   * @throws UsageError when there is no project or no such stack, no pulumi, or no passphrase
   */
  static async open(where: Where): Promise<Session> {
    const { folder } = projectIn(where);
    try {
      const { project, configDir, name, fullName } = await findStack(where);
      const engine = new Engine(folder, fullName);
      const session = new Session(
        engine,
        folder,
        project,
        path.join(folder, configDir, `Pulumi.${name}.yaml`),
      );
      await session.config();
      return session;
    } catch (error) {
      throw explainPulumi(error, `opening the stack in ${folder}`);
    }
  }

  /** The stack's name, without an organization. */
  get name(): string {
    return bareName(this.engine.stack);
  }

  /** The stack as machines know it. */
  get id(): string {
    return `${this.project}/${this.name}`;
  }

  /** Identifies the stack, independently of the project's folder. */
  async identity(): Promise<string> {
    const { url } = await this.engine.whoAmI();
    return `${url} ${this.project} ${this.engine.stack}`;
  }

  /** The folder of the state; undefined: it is in none. */
  get stateFolder(): string | undefined {
    return backendFolder(backendUrl(this.folder), this.folder);
  }

  /** Does what takes the stack's lock, and says meanwhile whose that is. */
  async recorded<T>(work: () => Promise<T>): Promise<T> {
    const ended = recordRun(this.stateFolder, this.project, this.name);
    try {
      return await work();
    } finally {
      ended();
    }
  }

  /** Everything that is set for the stack; asked of Pulumi once, and again when a file of it has changed. */
  async config(): Promise<StackConfig> {
    const texts = this.texts();
    if (this.known?.texts !== texts) this.known = { texts, config: this.readConfig() };
    try {
      return await this.known.config;
    } catch (error) {
      this.known = undefined;
      throw explainPulumi(error, "reading the stack's config");
    }
  }

  /** What is in the files that the config comes from. */
  texts(): string {
    const inFolder = [...PROJECT_FILES, ...(this.sitesFile ? [this.sitesFile] : [])];
    const files = [this.configFile, ...inFolder.map((name) => path.resolve(this.folder, name))];
    return JSON.stringify(files.map(textOf));
  }

  private async readConfig(): Promise<StackConfig> {
    const all = Object.entries(await this.engine.config());
    this.sitesFile = all.find(([key]) => key === `${this.project}:sitesFile`)?.[1].value;
    return {
      project: this.project,
      folder: this.folder,
      all: Object.fromEntries(all.map(([key, { value }]) => [key, value])),
      secretKeys: all.filter(([, { secret }]) => secret).map(([key]) => key),
    };
  }

  /** The farm that the config describes. */
  async farm(): Promise<FarmModel> {
    return readStackConfig(await this.config());
  }

  /**
   * What edits would make of the config, checked; writes nothing.
   * @throws ConfigError when the config would be refused
   */
  async draft(edits: Edit[]): Promise<Draft> {
    const before = await this.config();
    const text = this.ownText(before, edits);
    const all = withEditedValues(before.all, this.project, edits);
    return {
      farm: readStackConfig({ ...before, all }),
      before: readStackConfig(before),
      file: this.configFile,
      text,
      newText: edits.length === 0 ? text : withEdits(text, this.project, edits),
    };
  }

  /**
   * Whether edits can be made of the file as it is written; writes nothing.
   * @throws UsageError when they can't
   */
  async tryEdits(edits: Edit[]): Promise<void> {
    const text = this.ownText(await this.config(), edits);
    // That takes seconds for a large one, during which nothing would be watched.
    if (text.length <= MOST_TRIED || hasShared(text)) withEdits(text, this.project, edits);
  }

  /** The file's text, if it has what must be edited. */
  private ownText(before: StackConfig, edits: Edit[]): string {
    const text = readConfigFile(this.configFile);
    for (const [top] of edits.map(({ path: keys }) => keys)) {
      const key = `${this.project}:${top}`;
      if (before.all[key] !== undefined && !text.includes(key)) {
        throw new UsageError(
          `${top} is set in Pulumi.yaml or an environment, not in ${this.configFile}: move it to that file first; nothing was touched`,
        );
      }
    }
    return text;
  }
}

/** A stack that need not be in order. */
export interface FoundStack {
  /** The project's folder. */
  folder: string;
  /** The project's name. */
  project: string;
  /** Where the stacks' configuration files are, from the project's folder. */
  configDir: string;
  /** The stack's name, without an organization. */
  name: string;
  /** With it. */
  fullName: string;
}

/** @throws UsageError when there is no project, or no stack is named nor selected */
export async function findStack(where: Where): Promise<FoundStack> {
  const { folder, project, configDir } = projectIn(where);
  const fullName = where.stack ?? (await selectedStack(folder));
  if (fullName === undefined) {
    throw new UsageError(
      `no stack is selected in ${folder}: pass one with --stack, or run pulumi stack select`,
    );
  }
  return { folder, project, configDir, name: bareName(fullName), fullName };
}

/** A changed config that is not written yet. */
export interface Draft {
  /** The farm as it would be. */
  farm: FarmModel;
  /** As it is. */
  before: FarmModel;
  /** The file that would change. */
  file: string;
  /** What is in it. */
  text: string;
  /** What would be in it. */
  newText: string;
}

/** Another process has changed the config. */
export class ChangedMeanwhile extends UsageError {}

/** The folder of the watcher's file and of copies, in the project's or beside the stack's configuration. */
export const OWN_FOLDER = ".loopback-ha";

/**
 * Writes a draft, all of it or nothing; owner, mode and a link stay.
 * @throws UsageError when the file can't be written; ChangedMeanwhile when it has changed
 */
export function writeDraft({ file, text, newText }: Draft): void {
  if (readConfigFile(file) !== text)
    throw new ChangedMeanwhile(`${file} has changed since it was read; nothing was touched. Run this again`);
  if (newText === text) return;
  try {
    writeWhole(file, newText, path.join(path.dirname(file), OWN_FOLDER));
  } catch (error) {
    const left = error instanceof LeftInCopy ? "restore it from that copy first" : "nothing was touched";
    throw new UsageError(`${file} can't be written (${(error as Error).message}); ${left}`);
  }
}

function readConfigFile(file: string): string {
  try {
    return presentTextOf(file);
  } catch (error) {
    throw new UsageError(
      `the stack's config file can't be read (${(error as Error).message}); nothing was touched`,
    );
  }
}
