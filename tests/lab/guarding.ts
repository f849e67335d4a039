/** A router's guard in the lab: what it has said, what it holds and where its tables lead; and how servers die for it. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab } from "../../lab/lab";
import { now } from "../../lab/load/record";
import { machines } from "../../lab/machines";
import { Farm, SERVERS, within } from "./support";

/** The guard's defaults: milliseconds between two rounds, and after how many rounds a server is dead. */
export const [INTERVAL, FALL] = [150, 3];
/** Within this time of a death, in milliseconds, the guard must have moved, by its log. */
export const moveLimit = (interval: number, fall = FALL): number => (fall + 1) * interval + 150;

/** On a web server: Apache ends at once and stays down. Killed alone, systemd starts it again within half a second. */
export const KILL_APACHE = "systemctl kill -s KILL apache2; systemctl stop apache2";
export const START_APACHE = "systemctl reset-failed apache2 || true; systemctl start apache2";

/** A line of the guard's log. */
export interface Said {
  /** As `now()`. */
  at: number;
  text: string;
}

/** A move of the guard. */
export interface GuardMove extends Said {
  /** The servers that it found dead. */
  servers: string[];
}

/** The moves among lines of a guard's log. */
export const movesIn = (lines: Said[]): GuardMove[] =>
  lines
    .filter(({ text }) => text.includes("the guard moved"))
    .map((line) => {
      const [, reasons] = / because (.*)$/.exec(line.text) ?? [];
      const dead = [...(reasons ?? "").matchAll(/(\S+) (?:refuses connections|answers neither)/g)];
      return { ...line, servers: dead.map(([, server]) => server) };
    });

/** Which server has which prefix; keys in the order of addresses. */
export type Placement = Record<string, string>;

const serverAt = new Map(
  machines.map(({ name, cables }) => [cables[0].addresses[0].split("/")[0], name] as const),
);
/** The verdict maps of nft name a server by its table: the base and its host number. */
const TABLE_BASE = 76000;
const serverOfTable = (table: string): string =>
  serverAt.get(`192.0.2.${Number(table) - TABLE_BASE}`) ?? table;
const inOrder = (entries: [string, string][]): Placement =>
  Object.fromEntries(
    entries.sort(([a], [b]) => Number(/\.(\d+)\//.exec(a)![1]) - Number(/\.(\d+)\//.exec(b)![1])),
  );

/** The placement in what `ip route show proto 76` prints; lines may be joined by semicolons. */
export const placementOfRoutes = (text: string): Placement =>
  inOrder(
    [...text.matchAll(/(?:^|[\n;])(192\.0\.2\.\d+\/27) via (\S+) /g)].map(([, prefix, hop]) => [
      prefix,
      serverAt.get(hop) ?? hop,
    ]),
  );
/** The placement in what `nft list map` prints of a router's pins. */
export const placementOfMap = (text: string): Placement =>
  inOrder(
    [...text.matchAll(/(192\.0\.2\.\d+\/27) : goto serve_(\d+)/g)].map(([, prefix, table]) => [
      prefix,
      serverOfTable(table),
    ]),
  );

/** The guard of one router. */
export class Guarding {
  readonly instance: string;
  readonly unit: string;
  private seen = now();

  constructor(
    private readonly lab: Lab,
    router = "r1",
    /** The lab's machine that is this router. */
    private readonly machine = router,
  ) {
    this.instance = `loopback-ha.lab.${router}.linux-routes`;
    this.unit = `loopback-ha-guard.${this.instance}.service`;
  }

  /** What a shell command on the router prints; it must succeed. */
  async sh(command: string): Promise<string> {
    const { code, stdout, stderr } = await this.lab.exec(this.machine, ["bash", "-c", command]);
    assert.equal(code, 0, `${this.machine}: ${command}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Everything that it has said since `forget`. */
  said(): Promise<Said[]> {
    return this.saidSince(this.seen);
  }

  private async saidSince(moment: number): Promise<Said[]> {
    const json = await this.sh(
      `journalctl --sync 2>/dev/null; journalctl -q -o json -u ${this.unit} --no-pager`,
    );
    return json
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, string>)
      .map((entry) => ({ at: Number(entry.__MONOTONIC_TIMESTAMP) / 1000, text: entry.MESSAGE }))
      .filter(({ at }) => at > moment);
  }

  /** What it has moved since `forget`. */
  async moves(): Promise<GuardMove[]> {
    return movesIn(await this.said());
  }

  async movesSince(moment: number): Promise<GuardMove[]> {
    return movesIn(await this.saidSince(moment));
  }

  /** What was said before this moment is no longer reported. */
  forget(): void {
    this.seen = now();
  }

  async held(): Promise<string[]> {
    const held = await this.sh(`cat /run/loopback-ha/held.${this.instance} 2>/dev/null || true`);
    return held
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ")[0])
      .sort();
  }

  /** Where the router's plain routes lead. */
  async routes(): Promise<Placement> {
    return placementOfRoutes(await this.sh("ip -4 route show proto 76"));
  }

  /** Where its rules lead new connections. */
  async map(): Promise<Placement> {
    return placementOfMap(await this.sh(`nft list map ip loopback-ha.${this.instance} routes`));
  }

  /** Waits until it runs, has a plan for what is in force, and has heard all servers. */
  async ready(): Promise<void> {
    const folder = `/run/loopback-ha/guard.${this.instance}`;
    const script = `systemctl is-active --quiet ${this.unit} && read -r n _ <${folder}/generation && [ -e ${folder}/plan.$n/facts ]`;
    await within(30, "the guard has a plan", async () => {
      const { code } = await this.lab.exec(this.machine, ["bash", "-c", script]);
      return code === 0;
    });
    await sleep(FALL * INTERVAL + 500);
  }

  /** Waits until it holds all of these, and returns what it has moved. */
  async holds(servers: string[], seconds = 10): Promise<GuardMove[]> {
    await within(seconds, `the guard of ${this.machine} holds ${servers.join(", ")}`, async () => {
      const held = await this.held();
      return servers.every((server) => held.includes(server));
    });
    // Its line follows the move.
    await sleep(200);
    return this.moves();
  }

  async release(...servers: string[]): Promise<void> {
    for (const server of servers) await this.sh(`loopback-ha-guard release ${server}`);
  }

  /** What `want/fallbacks` says of a prefix: the servers that take it over, in order. */
  async successors(prefix: string): Promise<string[]> {
    const file = `/var/lib/loopback-ha/${this.instance}/current/want/fallbacks`;
    return (await this.sh(`grep '^${prefix} ' ${file}`)).trim().split(" ").slice(1);
  }

  /** As if it died in a move at that step (`held`, `nft` or `ip`), until `liveOn`. */
  async dieAt(step: string): Promise<void> {
    await this.sh(`mkdir -p /run/systemd/system/${this.unit}.d
      printf '[Service]\\nEnvironment=LOOPBACK_HA_GUARD_DIES=%s\\n' ${step} >/run/systemd/system/${this.unit}.d/dies.conf
      systemctl daemon-reload; systemctl restart ${this.unit}`);
  }

  async liveOn(): Promise<void> {
    await this.sh(
      `rm -rf /run/systemd/system/${this.unit}.d; systemctl daemon-reload; systemctl restart ${this.unit}`,
    );
  }
}

/** Configures a guard on a router; the next `up` brings it. */
export async function guardOn(
  farm: Pick<Farm, "set">,
  router = "r1",
  { interval = INTERVAL, fall = FALL, maxMovesPerHour = 1000 } = {},
): Promise<void> {
  await farm.set(`routers.${router}.guard.interval`, `${interval}ms`);
  await farm.set(`routers.${router}.guard.fall`, String(fall));
  // Servers die here all the time.
  await farm.set(`routers.${router}.guard.maxMovesPerHour`, String(maxMovesPerHour));
}

/** Apache of these servers runs again, they are released, and all is at home. */
export async function revive(farm: Farm, guard: Guarding): Promise<void> {
  const held = await guard.held();
  await Promise.all(
    SERVERS.map(async (server) => {
      await farm.lab.start(server);
      await farm.sh(server, START_APACHE);
    }),
  );
  for (const server of held) {
    let refused = "";
    await within(20, `${server} is released`, async () => {
      const { code, stderr } = await farm.lab.exec("r1", ["loopback-ha-guard", "release", server]);
      if (code !== 0 && refused === "") console.log(`      ${(refused = stderr.trim())}`);
      return code === 0;
    });
  }
  assert.deepEqual(await guard.held(), []);
}
