/**
 * Runs on the client. Its first line of input is a LoadSpec as JSON (a health path is a secret, so it is no
 * argument); it says `started`, works until its input ends, and prints what it saw as one line of JSON.
 */
import * as os from "node:os";
import * as readline from "node:readline";
import { Connections } from "./connections";
import { LoadRecord, now } from "./record";
import { Requests } from "./requests";
import { checkSpec, LoadSpec } from "./spec";

async function main(): Promise<void> {
  const input = readline.createInterface({ input: process.stdin });
  const spec = JSON.parse((await input[Symbol.asyncIterator]().next()).value) as LoadSpec;
  checkSpec(spec);
  const requests = new Requests(spec);
  const connections = new Connections(spec);
  const began = now();
  // An observer that waits for the processor sees gaps that no client has.
  os.setPriority(-10);
  requests.start();
  connections.start();
  process.stdout.write("started\n");
  await Promise.race([
    new Promise((resolve) => input.once("close", resolve)),
    new Promise((resolve) => setTimeout(resolve, spec.maxSeconds * 1000)),
  ]);
  const ended = now();
  connections.stop();
  await requests.stop();
  const { done, skipped } = requests;
  const record: LoadRecord = {
    began,
    ended,
    requests: done,
    skipped,
    connections: connections.all,
    marks: [],
  };
  process.stdout.write(`${JSON.stringify(record)}\n`, () => process.exit(0));
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
