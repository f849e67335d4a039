/**
 * `npm run bench -- crash`: what the crash of a server costs its clients, from the moment the operator acts; and what it
 * costs where a router's guard or keepalived acts. BENCH_PARTS names some of the parts, BENCH_ROUNDS makes a trial.
 */
import { ConnectionKind, failures, lastFailure, toldAfter } from "../../lab/load/record";
import { Crash, Ssh, VIP, crash } from "../lab/crash";
import { Farm } from "../lab/support";
import { coldDowns } from "./crash/down";
import { byThemselves } from "./crash/itself";
import { usedByGuards } from "./crash/cpu";
import { sectionWriter } from "./crash/page";
import { quietMinutes } from "./crash/quiet";

const { BENCH_ROUNDS } = process.env;
const ROUNDS = Number(BENCH_ROUNDS ?? 3);
const ROUNDS_ITSELF = Number(BENCH_ROUNDS ?? 20);

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

function row(ssh: Ssh, { record, began, flipped, ended, emptySeconds }: Crash): string[] {
  const failed = failures(record);
  const lastSent = Math.max(...failed.map(({ started }) => started));
  const told = toldAfter(record, VIP, flipped);
  return [
    ssh,
    seconds(flipped - began),
    seconds(lastSent - began),
    seconds(lastFailure(record)!.ended - began),
    String(failures(record, { after: flipped }).length),
    ...Object.values(ConnectionKind).map((kind) => {
      const times = told.filter((one) => one.kind === kind).map(({ ms }) => ms);
      return `${times.filter(Number.isFinite).length} of ${times.length}, ${Math.round(Math.max(...times))} ms`;
    }),
    seconds(ended - began),
    seconds(emptySeconds * 1000),
  ];
}

const PARTS: Record<string, () => Promise<void>> = {
  operator: byOperator,
  itself: () => byThemselves(ROUNDS_ITSELF),
  cpu: usedByGuards,
  quiet: quietMinutes,
  down: () => coldDowns(Number(BENCH_ROUNDS ?? 5)),
};

/** Runs its parts, each of which writes its section of crash.md. */
export async function crashes(): Promise<void> {
  const names = (process.env.BENCH_PARTS ?? Object.keys(PARTS).join()).split(",");
  const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined)
    throw new Error(`BENCH_PARTS: there is no "${unknown}": one of ${Object.keys(PARTS).join(", ")}`);
  for (const name of names) await PARTS[name]();
}

async function byOperator(): Promise<void> {
  const farm = new Farm();
  await farm.build();
  const rows: string[][] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const ssh of ["warm", "cold"] as const) {
        rows.push(row(ssh, await crash(farm, ssh)));
        console.log(rows[rows.length - 1].join(" | "));
        await farm.lab.start("web2");
        for (const state of ["maintenance", "active"]) {
          await farm.setState("web2", state);
          await farm.up();
        }
      }
    }
  } finally {
    await farm.destroy();
  }
  await sectionWriter()("#", {
    title: "A server crashes under load",
    command: "npm run bench -- crash",
    text: "500 new connections per second go to the VIP of web2, and five each download, upload, idle after a request, or never send one. web2 crashes; 15 s later an operator sets it down and runs `pulumi up`: times are from the start of that command. A request has 1.2 s, enough for one repetition of a lost SYN; a client with more patience learns of its failure later, and with less, sooner. The server that takes over sends no resets here: only the router tells the clients. Warm: ssh connections to the machines are open; cold: none is. The empty program ran before under the same load: the median of three.",
    head: [
      "ssh",
      "the route changes after",
      "the last request that fails is sent after",
      "and fails after",
      "sent after the flip and failed",
      "downloads told",
      "uploads told",
      "idle told",
      "silent told",
      "`up` ends after",
      "an empty program's `up`",
    ],
    rows: rows.sort(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0)),
  });
}
