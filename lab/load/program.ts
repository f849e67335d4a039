/** Programs that run on the client, as `startOnClient` starts them. */
import * as readline from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { now } from "./record";

/**
 * Reads a specification as a line of JSON (it may hold a secret, so it is no argument), says `started` when the work has
 * begun, waits until its input ends or the time is over, and prints what the work saw as a line of JSON.
 * @param begin starts the work; what it returns ends it, and says what it saw
 */
export function clientProgram<S extends { maxSeconds: number }, R>(
  begin: (spec: S) => Promise<() => Promise<R>>,
): void {
  run(begin).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}

async function run<S extends { maxSeconds: number }, R>(
  begin: (spec: S) => Promise<() => Promise<R>>,
): Promise<void> {
  const input = readline.createInterface({ input: process.stdin });
  const spec = JSON.parse((await input[Symbol.asyncIterator]().next()).value) as S;
  const end = await begin(spec);
  process.stdout.write("started\n");
  await Promise.race([new Promise((resolve) => input.once("close", resolve)), sleep(spec.maxSeconds * 1000)]);
  const seen = await end();
  process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0));
}

/**
 * Calls after so many milliseconds in which this program could look: when the host held it up meanwhile, what it waits
 * for may lie in the kernel, and timers come before sockets.
 * @returns how to stop it
 */
export function afterPatience(ms: number, call: () => void): () => void {
  const due = now() + ms;
  let timer = setTimeout(() => {
    const late = now() - due;
    if (late > 50) timer = setTimeout(call, late);
    else call();
  }, ms);
  return () => clearTimeout(timer);
}

/**
 * Calls at a steady rate, with 0, 1, 2 and so on. What this program was too late for is made up for, so that the rate
 * holds on a busy host.
 * @returns how to stop it
 */
export function steadily(perSecond: number, call: (turn: number) => void): () => void {
  const began = now();
  let turn = 0;
  const timer = setInterval(() => {
    for (const due = Math.floor(((now() - began) / 1000) * perSecond); turn < due; turn++) call(turn);
  }, 1);
  return () => clearInterval(timer);
}
