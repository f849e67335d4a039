import * as fs from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab } from "./lab";
import { LoadRecord, now, statsByVip, VipStats } from "./load/record";
import { checkSpec, File, LIMITS, LoadSpec, Target } from "./load/spec";
import { machines } from "./machines";
import { checkout, LabError } from "./state";

/** The client's addresses. */
export const clientAddresses: readonly string[] = machines
  .filter(({ role }) => role === "client")
  .flatMap(({ cables }) => cables.flatMap(({ addresses }) => addresses.map((it) => it.split("/")[0])));

/** Which server answers, asked once from the client through the router; the HTTP status where it is not 200, "000" without one. */
export async function whoServes(
  lab: Lab,
  vip: string,
  serverName: string,
  path: string,
  sourcePort?: number,
): Promise<string> {
  const { stdout } = await lab.exec("client", [
    ...["curl", "-s", "--max-time", "3", "-o", "-", "-w", "\n%{http_code}", "-H", `Host: ${serverName}`],
    ...(sourcePort === undefined ? [] : ["--local-port", String(sourcePort)]),
    `http://${vip}${path}`,
  ]);
  const [body, status] = stdout.split("\n").slice(-3).filter(Boolean);
  return status === "200" || body?.includes(" ") ? body.split(" ")[0] : (status ?? body);
}

/**
 * Makes every web server ready for a load: Apache's limits beyond Debian's, and a file for downloads in a document
 * root. They stay until the machine is reset.
 */
export async function prepareServers(lab: Lab, documentRoot: string, bytes: number): Promise<File> {
  const script = fs.readFileSync(path.join(__dirname, "load", "prepare.sh"), "utf8");
  const sums = await Promise.all(
    machines
      .filter(({ role }) => role === "web")
      .map(({ name }) =>
        lab.exec(name, ["bash", "-c", script, "prepare", documentRoot, String(bytes)], { check: true }),
      ),
  );
  const [sha256, ...others] = new Set(sums.map(({ stdout }) => stdout.trim()));
  if (others.length > 0) throw new LabError(`the file in ${documentRoot} differs from server to server`);
  return { path: "/download.bin", bytes, sha256 };
}

/** A LoadSpec. Default: from all of the client's addresses, 512 requests open at most, as long as any may last; 2 s of patience. */
export type LoadOptions = Omit<LoadSpec, "sources" | "maxOpen" | "maxSeconds" | "patienceMs"> &
  Partial<LoadSpec>;

/** A load that runs on the client. */
export interface Load {
  /** Names this moment. */
  mark(name: string): number;
  /** Ends it; what it saw. */
  stop(): Promise<LoadRecord>;
}

/** Starts a load on the client; returns when it has begun. */
export async function startLoad(
  lab: Lab,
  {
    sources = [...clientAddresses],
    maxOpen = 512,
    maxSeconds = LIMITS.seconds,
    patienceMs = 2000,
    ...rest
  }: LoadOptions,
): Promise<Load> {
  const spec: LoadSpec = { ...rest, sources, maxOpen, maxSeconds, patienceMs };
  checkSpec(spec);
  // Else a slow reader's kernel takes in a whole file at once, and the download outlives its server.
  await lab.exec("client", ["sysctl", "-qw", "net.ipv4.tcp_rmem=4096 65536 131072"], { check: true });
  const { stop } = await startOnClient<LoadRecord>(lab, "lab/load/generator.ts", spec);
  const marks: LoadRecord["marks"] = [];
  return {
    mark(name) {
      const at = now();
      marks.push({ name, at });
      return at;
    },
    stop: async () => ({ ...(await stop()), marks }),
  };
}

/**
 * Starts a program of the checkout on the client, which reads a line of JSON, says a line when it has begun, works until
 * its input ends, and prints what it saw as a line of JSON. Returns when it has begun; `stop` gives what it saw.
 * @param namespace `client`, or `operator`: among the servers, so that it sees them without the router
 */
export async function startOnClient<T>(
  lab: Lab,
  program: string,
  spec: unknown,
  namespace: "client" | "operator" = "client",
): Promise<{ stop(): Promise<T> }> {
  const script = path.join(checkout, program);
  const child = await lab.spawn(namespace, ["node", "-r", "ts-node/register", script], { cwd: checkout });
  let errors = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (errors += text));
  let end = "";
  child.on("exit", (code, signal) => (end = `: ${signal ?? `exit code ${code}`}`));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { done, value } = (await lines.next()) as IteratorResult<string>;
    if (done) throw new LabError(`${program} ended early${end}: ${errors.trim()}`);
    return value;
  };
  child.stdin!.write(`${JSON.stringify(spec)}\n`);
  await next();
  return {
    async stop() {
      child.stdin!.end();
      return JSON.parse(await next()) as T;
    },
  };
}

/** A site whose health path is asked. */
export interface Site {
  serverName: string;
  healthPath: string;
  vips: string[];
}

/** What a load asks of a site's VIPs. */
export const targetsOf = ({ serverName, healthPath, vips }: Site): Target[] =>
  vips.map((vip) => ({ vip, serverName, path: healthPath }));

/** Keeps requesting a site's VIPs from the client while something happens. */
export async function underLoad(
  lab: Lab,
  site: Site,
  work: () => Promise<unknown>,
): Promise<Record<string, VipStats>> {
  const load = await startLoad(lab, { targets: targetsOf(site), requestsPerSecond: 1000 });
  let record: LoadRecord;
  try {
    await work();
    await sleep(700);
  } finally {
    record = await load.stop();
  }
  return statsByVip(record);
}
