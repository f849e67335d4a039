/** Programs on this machine, as tests run them. */
import assert from "node:assert/strict";
import { CaptureOptions, Captured, capture } from "../lab/capture";

/** What `run` and `attempt` take besides the program. */
export interface RunOptions extends CaptureOptions {
  /** Besides the environment of the tests. */
  env?: Record<string, string>;
}

/** Runs a program to its end, however that is. */
export const attempt = (program: string, args: string[], options: RunOptions = {}): Promise<Captured> =>
  capture(program, args, { ...options, env: { ...process.env, ...options.env } });

/** Runs a program that must end well. */
export async function run(program: string, args: string[], options: RunOptions = {}): Promise<Captured> {
  const ended = await attempt(program, args, options);
  assert.equal(ended.code, 0, `${[program, ...args].join(" ")}\n${ended.stdout}${ended.stderr}`);
  return ended;
}
