/** Runs on the client: a LoadSpec in, a LoadRecord out. */
import * as fs from "node:fs";
import * as os from "node:os";
import { Connections } from "./connections";
import { clientProgram } from "./program";
import { LoadRecord, now } from "./record";
import { Requests } from "./requests";
import { checkSpec, LoadSpec } from "./spec";

clientProgram(async (spec: LoadSpec) => {
  checkSpec(spec);
  const requests = new Requests(spec);
  const connections = new Connections(spec);
  const began = now();
  // An observer that waits for the processor sees gaps that no client has.
  os.setPriority(-10);
  // Where the kernel groups processes by session, a priority counts within the session only; the group has one, too.
  const group = "/proc/self/autogroup";
  if (fs.existsSync(group)) fs.writeFileSync(group, "-10");
  requests.start();
  connections.start();
  return async (): Promise<LoadRecord> => {
    const ended = now();
    connections.stop();
    await requests.stop();
    const { done, skipped } = requests;
    return { began, ended, requests: done, skipped, connections: connections.all, marks: [] };
  };
});
