/** Stacks' configuration out of their files alone: no state, no passphrase, no pulumi. */
import * as fs from "node:fs";
import * as path from "node:path";
import { useNearest } from "../../components/base/problems";
import type { StackConfig } from "../../components/config/stack";
import { UsageError } from "../terminal/exit";
import { Project, bareName, projectIn, readYaml } from "../pulumi/project";

/** A stack's configuration as its files have it. */
export interface StackFile {
  /** The stack's name. */
  stack: string;
  /** The file, from the project's folder. */
  file: string;
  config: StackConfig;
  /** What it imports by `environment:`, which is not read here. */
  imports: boolean;
}

interface StackFileContent {
  config?: Record<string, unknown>;
  environment?: unknown;
}

/**
 * Reads one stack's file, or those of all stacks of the project.
 * @throws UsageError when there is none, or it is no YAML
 */
export function readStackFiles({ cwd, stack }: { cwd?: string; stack?: string }): StackFile[] {
  const project = projectIn({ cwd });
  const folder = path.join(project.folder, project.configDir);
  const found = (fs.existsSync(folder) ? fs.readdirSync(folder) : []).flatMap((file) => {
    const name = /^Pulumi\.(.+)\.ya?ml$/.exec(file)?.[1];
    return name === undefined ? [] : [{ name, file }];
  });
  if (found.length === 0)
    throw new UsageError(
      `there is no Pulumi.STACK.yaml in ${folder}: create a stack, or pass its project's folder with --cwd`,
    );
  const wanted = stack === undefined ? undefined : bareName(stack);
  const chosen = found.filter(({ name }) => wanted === undefined || name === wanted);
  if (chosen.length === 0) {
    const names = found.map(({ name }) => name);
    throw new UsageError(
      `there is no Pulumi.${wanted}.yaml in ${folder}; ${useNearest(wanted, names, "stack")}`,
    );
  }
  return chosen.map(({ name, file }) => {
    const content = readYaml<StackFileContent>(path.join(folder, file));
    return {
      stack: name,
      file: path.join(project.configDir, file),
      config: stackConfigOf(project, content.config ?? {}),
      imports: content.environment !== undefined,
    };
  });
}

/** As the engine hands it to a program: objects are JSON, scalars text, the stack's values before the project's. */
export function stackConfigOf(
  { project, config, folder }: Pick<Project, "project" | "config"> & Partial<Project>,
  own: Record<string, unknown>,
): StackConfig {
  const qualified = (values: Record<string, unknown>): [string, unknown][] =>
    Object.entries(values).map(([key, value]) => [key.includes(":") ? key : `${project}:${key}`, value]);
  const values = new Map([
    ...qualified(config).flatMap(([key, value]): [string, unknown][] => {
      const set = projectValue(value);
      return set === undefined ? [] : [[key, set]];
    }),
    ...qualified(own),
  ]);
  return {
    project,
    ...(folder === undefined ? {} : { folder }),
    all: Object.fromEntries([...values].map(([key, value]) => [key, textOf(value)])),
    secretKeys: [...values].filter(([, value]) => hasSecret(value)).map(([key]) => key),
  };
}

/** Pulumi.yaml has a value itself, or an object that describes the key. */
function projectValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const described = value as { value?: unknown; default?: unknown };
  return described.value ?? described.default;
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A secret is `secure: CIPHERTEXT`, at any depth. */
function hasSecret(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.keys(value).includes("secure") || Object.values(value).some(hasSecret);
}
