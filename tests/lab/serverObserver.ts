/** Runs in the servers' subnet: asks every server again and again, and prints what it saw as samples (outages.ts). */
import * as net from "node:net";
import { clientProgram, steadily } from "../../lab/load/program";
import { failureOf } from "../../lab/load/http";
import { now } from "../../lab/load/record";
import type { Sample } from "./outages";

interface Spec {
  /** Addresses by name. */
  servers: Record<string, string>;
  everyMs: number;
  patienceMs: number;
  maxSeconds: number;
}

const WEB = 80;
/** Where nothing listens: a machine that is alive refuses the connection. */
const DISCARD = 9;

/** Connects once; leaves nothing behind. */
function tryPort(host: string, port: number, patienceMs: number): Promise<Sample["port"]> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (result: Sample["port"]): void => {
      clearTimeout(timer);
      socket.resetAndDestroy();
      resolve(result);
    };
    const timer = setTimeout(() => end("silent"), patienceMs);
    socket.once("connect", () => end("open"));
    socket.on("error", (error) => end(failureOf(error) === "refused" ? "refused" : "silent"));
  });
}

clientProgram(({ servers, everyMs, patienceMs }: Spec) => {
  const samples: Sample[] = [];
  const stop = steadily(1000 / everyMs, () => {
    for (const [server, address] of Object.entries(servers)) {
      const at = now();
      const asked = [WEB, DISCARD].map((port) => tryPort(address, port, patienceMs));
      void Promise.all(asked).then(([port, other]) =>
        samples.push({ server, at, port, alive: other !== "silent" || port !== "silent" }),
      );
    }
  });
  return Promise.resolve(() => {
    stop();
    return Promise.resolve(samples);
  });
});
