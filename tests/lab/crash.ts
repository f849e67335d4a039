/** The crash of a server under load, and the flip away from it: what the tests and the benchmark of it share. */
import { setTimeout as sleep } from "node:timers/promises";
import { Load, prepareServers, startLoad } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { LoadRecord, now } from "../../lab/load/record";
import { File, Target } from "../../lab/load/spec";
import { Farm } from "./support";
import { EmptyProgram } from "./wallTimes";

/** The VIP that web2 serves, and web1 after it. */
export const VIP = "192.0.2.69";

/** What the operator has when the flip begins: standing ssh connections, or none, as at 5 AM. */
export type Ssh = "warm" | "cold";

/** What clients saw. Times as in the record. */
export interface Crash {
  record: LoadRecord;
  /** `pulumi up` was started. */
  began: number;
  /** The router's route had changed. */
  flipped: number;
  /** `pulumi up` had ended. */
  ended: number;
  /** How long an empty program's `up` took between the crash and that, under the same load: what no flip can be faster than. */
  emptySeconds: number;
}

/** What clients do when a server crashes: requests, and a few connections of each kind, which stand when this returns. */
export async function startCrashLoad(
  lab: Lab,
  targets: Target[],
  file: File,
  requestsPerSecond = 500,
): Promise<Load> {
  const load = await startLoad(lab, {
    targets,
    requestsPerSecond,
    // More than the first repetition of a lost SYN takes (1 s), less than the second (3 s).
    patienceMs: 1200,
    downloads: { count: 5, seconds: 60, everyMs: 0, file },
    uploads: 5,
    idle: 5,
    silent: 5,
  });
  await sleep(3000);
  return load;
}

/** web2 crashes under load; 15 s later it is set down, and `pulumi up` is run. */
export async function crash(farm: Farm, ssh: Ssh): Promise<Crash> {
  const file = await prepareServers(farm.lab, "/srv/www/widgetco", 40_000_000);
  // The router alone tells the clients: what takes over may take their packets for strays, and drop them.
  await farm.sh(
    "web1",
    "nft -f - <<<'table ip strays { chain c { type filter hook output priority 0; tcp flags & rst == rst drop; }; }'",
  );
  const empty = await EmptyProgram.make(farm.lab);
  try {
    return await crashUnderLoad(farm, ssh, file, empty);
  } finally {
    empty.remove();
    await farm.sh("web1", "nft delete table ip strays");
  }
}

async function crashUnderLoad(farm: Farm, ssh: Ssh, file: File, empty: EmptyProgram): Promise<Crash> {
  const load = await startCrashLoad(farm.lab, farm.targets([VIP]), file);
  await farm.lab.crash("web2");
  const acts = sleep(15_000);
  const emptySeconds = await empty.seconds();
  await acts;
  await farm.setState("web2", "down");
  if (ssh === "cold") await farm.forgetConnections();
  else await farm.connect();
  // Nothing that polls: it would hold up the router.
  const moved = farm.sh(
    "r1",
    "grep -m 1 '^192.0.2.64/27 via .* dev host0 proto 76' < <(timeout 60 ip monitor route 2>/dev/null)",
  );
  const began = now();
  const up = farm.up();
  await moved;
  const flipped = now();
  await up;
  const ended = now();
  await sleep(4000);
  const record = await load.stop();
  return { record, began, flipped, ended, emptySeconds };
}
