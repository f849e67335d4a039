/** What every rival is told, and what it must be able to do. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { ExecOptions, Lab } from "../../../lab/lab";
import { planNetwork, vipsOf } from "../../../components";
import { DOCUMENT_ROOT, WIDE_BLOCK, WIDE_FIRST_HOST } from "../farm";

/** The servers, in the order of their VIP subnets. */
export const SERVERS = ["web1", "web2", "web3", "web4"];
const HOPS: Record<string, string> = {
  web1: "192.0.2.2",
  web2: "192.0.2.3",
  web3: "192.0.2.4",
  web4: "192.0.2.5",
};

/** A farm. */
export interface WantedFarm {
  sites: number;
  /** When it carries nothing, web1 carries its VIP subnet. */
  web2: "active" | "maintenance" | "down";
}

/** A tool that builds the farm and flips. */
export interface Rival {
  /** As a table calls it. */
  name: string;
  /** The configuration changes, as a person edits it; not timed. */
  write(wanted: WantedFarm): Promise<void>;
  /** All machines become what was written. */
  apply(): Promise<void>;
  /** What was written differs in who carries what. */
  flip(): Promise<void>;
  /** The machines become what they were; not timed. */
  remove(): Promise<void>;
}

const plan = planNetwork(WIDE_BLOCK);

/** Who carries each VIP subnet. */
export const carriersOf = ({ web2 }: WantedFarm): string[] =>
  SERVERS.map((name) => (name === "web2" && web2 !== "active" ? "web1" : name));

/** The next hop of each VIP subnet. */
export function routesOf(wanted: WantedFarm): Record<string, string> {
  const carriers = carriersOf(wanted);
  return Object.fromEntries(plan.vipSubnets.map((prefix, i) => [prefix, HOPS[carriers[i]]]));
}

/** One as the rivals get it. */
export interface Site {
  serverName: string;
  root: string;
  vips: string[];
}

export const siteOf = (i: number): Site => ({
  serverName: `s${i}.widgetco.example`,
  root: DOCUMENT_ROOT,
  vips: vipsOf(plan, i + WIDE_FIRST_HOST),
});

export const sitesOf = ({ sites }: WantedFarm): Site[] => Array.from({ length: sites }, (_, i) => siteOf(i));

/** The zone's serial, which the operator keeps: another one where the zone differs. */
export const serialOf = ({ sites }: WantedFarm): number => 2026010000 + sites;

/** All that a rival's configuration says, for tools that read JSON. */
export const wholeFarm = (wanted: WantedFarm): Record<string, unknown> => ({
  sites: sitesOf(wanted),
  routes: routesOf(wanted),
  serial: serialOf(wanted),
});

/** A copy of a rival's folder, where the operator works. */
export class Folder {
  readonly path: string;

  constructor(
    private readonly lab: Lab,
    tool: string,
  ) {
    this.path = fs.mkdtempSync(path.join(os.tmpdir(), `loopback-ha-${tool}-`));
    fs.cpSync(path.join(__dirname, tool), this.path, { recursive: true });
  }

  write(name: string, text: string): void {
    const file = path.join(this.path, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }

  /** Runs a command there that must succeed; what it prints. */
  async operate(argv: string[], options: ExecOptions = {}): Promise<string> {
    const how = { cwd: this.path, check: true, timeoutMs: 300_000, ...options };
    return (await this.lab.exec("operator", argv, how)).stdout;
  }

  remove(): void {
    fs.rmSync(this.path, { recursive: true, force: true });
  }
}
