/** A Pulumi project, as its files have it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { UsageError } from "../terminal/exit";

export const PROJECT_FILES = ["Pulumi.yaml", "Pulumi.yml"];

/** A project. */
export interface Project {
  folder: string;
  /** Its name. */
  project: string;
  /** Where its stacks' configuration files are, from the folder. */
  configDir: string;
  /** What it sets for all its stacks, as Pulumi.yaml has it. */
  config: Record<string, unknown>;
  /** Its language, as `nodejs`. */
  runtime?: string;
  /** Where its program is, from the folder. */
  main: string;
}

/**
 * The nearest folder with a Pulumi.yaml, from this one up.
 * @throws UsageError when there is none
 */
export function projectIn({ cwd = process.cwd() }: { cwd?: string }): Project {
  if (!fs.existsSync(cwd)) throw new UsageError(`--cwd: folder ${cwd} does not exist`);
  for (let folder = path.resolve(cwd); ; folder = path.dirname(folder)) {
    const file = PROJECT_FILES.map((name) => path.join(folder, name)).find((name) => fs.existsSync(name));
    if (file !== undefined) {
      // The Automation API's own reader leaves stackConfigDir out.
      const { name, stackConfigDir = ".", config = {}, runtime, main = "." } = readYaml<ProjectFile>(file);
      const language = typeof runtime === "object" ? runtime?.name : runtime;
      return { folder, project: name, configDir: stackConfigDir, config, runtime: language, main };
    }
    if (folder === path.dirname(folder)) {
      throw new UsageError(
        `no Pulumi.yaml in ${path.resolve(cwd)} or above it: change to the project's folder, pass it with --cwd, or create a project with loopback-ha init`,
      );
    }
  }
}

interface ProjectFile {
  name: string;
  stackConfigDir?: string;
  config?: Record<string, unknown>;
  runtime?: string | { name?: string } | null;
  main?: string;
}

/**
 * What a file of the project has in it; null: there is none. Reading a pipe would block until something is written to it.
 * @throws Error when it can't be read, or is no plain file
 */
export function textOf(file: string): string | null {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (!found) return null;
  if (!found.isFile()) throw new Error(`${file} is not a regular file`);
  return fs.readFileSync(file, "utf8");
}

/**
 * As textOf, of a file that must be there.
 * @throws Error also when it is not
 */
export function presentTextOf(file: string): string {
  const text = textOf(file);
  if (text === null) throw new Error("it does not exist");
  return text;
}

/**
 * An object out of a file of the project.
 * @throws UsageError when there is none
 */
export function readYaml<T>(file: string): T {
  try {
    const value = parse(presentTextOf(file)) as T | null;
    if (typeof value !== "object" || value === null) throw new Error("it has no keys");
    return value;
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${(error as Error).message.trim()}`);
  }
}

/** A stack's name without an organization. */
export const bareName = (name: string): string => name.split("/").pop()!;
