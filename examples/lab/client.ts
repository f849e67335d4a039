import * as path from "node:path";
import { Lab } from "./lab";
import { checkout } from "./state";

/** What a client saw of one VIP while it kept requesting. */
export interface VipStats {
  requests: number;
  failures: number;
  /** The longest time between two answers, in milliseconds. */
  longestGapMs: number;
  firstFailure?: string;
  /** Answers by server. */
  servers: Record<string, number>;
  /** Who answered last. */
  last: string;
}

/** Which server answers, asked once from the client through the router; the HTTP status where it is not 200. */
export async function whoServes(lab: Lab, vip: string, serverName: string, path: string): Promise<string> {
  const { stdout } = await lab.exec("client", [
    ...["curl", "-s", "--max-time", "3", "-o", "-", "-w", "\n%{http_code}", "-H", `Host: ${serverName}`],
    `http://${vip}${path}`,
  ]);
  const [body, status] = stdout.split("\n").slice(-3).filter(Boolean);
  return status === "200" || body?.includes(" ") ? body.split(" ")[0] : (status ?? body);
}

/** Keeps requesting a site's VIPs from the client while something happens. */
export async function underLoad(
  lab: Lab,
  target: { serverName: string; pathFile: string; vips: string[] },
  work: () => Promise<unknown>,
): Promise<Record<string, VipStats>> {
  const script = path.join(checkout, "examples", "lab", "load.cjs");
  const load = await lab.spawn("client", [
    "node",
    script,
    target.serverName,
    target.pathFile,
    ...target.vips,
  ]);
  let printed = "";
  load.stdout?.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const ended = new Promise((resolve) => load.once("close", resolve));
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 700));
  await pause();
  try {
    await work();
    await pause();
  } finally {
    load.stdin?.end();
    await ended;
  }
  return JSON.parse(printed) as Record<string, VipStats>;
}
