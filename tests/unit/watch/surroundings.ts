/**
 * Sequences of what may happen around a watcher, by seed, in a process of its own that has no rights: the real watcher,
 * with a false ssh, a false up, and real files on small file systems. Writes a JSON line for each sequence.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FarmModel } from "../../../components/config";
import type { Draft, Session } from "../../../cli/pulumi/session";
import { CliError, Exit } from "../../../cli/terminal/exit";
import type { Edit } from "../../../cli/pulumi/stackFile";
import { Watcher } from "../../../cli/watch/watch";
import { answersOf, hostsOf, policy, servers as serversOf } from "./support";

const clock = (): number => performance.timeOrigin + performance.now();

const STEPS = 6;
const HOOKS = [
  "cat >/dev/null",
  "exit 3",
  "setsid sleep 20 & true",
  "exec 0<&-; kill -KILL 0",
  "sleep 30",
  undefined,
];

type States = Record<string, string>;

/** xorshift: the same sequence for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

interface Fault {
  name: string;
  begin: () => void;
  /** What was being tried in that moment may have made room since. */
  keep?: () => void;
  end: () => void;
  /** What must be said while it lasts; absent: it stops no flip. */
  said?: RegExp;
}

/** One watcher's life. @returns what it should have said and did not */
async function live(seed: number, folder: string): Promise<string[]> {
  const random = randomOf(seed);
  const pick = <T>(all: T[]): T => all[random(all.length)];
  const config = path.join(folder, "Pulumi.prod.yaml");
  const state = path.join(folder, "state/.pulumi/stacks/farm");
  const all: States = { web1: "active", web2: "active", web3: "active", web4: "active" };
  const lines: string[] = [];
  const history: string[] = [];
  const wrong: string[] = [];
  let up: "fine" | "locked" | "killed" = "fine";

  fs.mkdirSync(state, { recursive: true });
  // As long as a real one: one of a few bytes fits on any disk.
  const textOf = (states: States): string => JSON.stringify({ states, pad: "x".repeat(9000) });
  fs.writeFileSync(config, textOf(all));
  const kept = path.join(folder, ".loopback-ha/watch.prod.json");
  fs.mkdirSync(path.dirname(kept), { recursive: true });
  const future = { flips: [{ server: "web1", at: Date.now() + 1e12 }], unfinished: ["web9"] };
  fs.writeFileSync(kept, pick(["", "{", "null", JSON.stringify(future), '{"flips":[],"unfinished":[]}']));

  const read = (): States => (JSON.parse(fs.readFileSync(config, "utf8")) as { states: States }).states;
  const host = { name: "r1", host: "192.0.2.1", kind: "linux" };
  const farmOf = (states: States): FarmModel => {
    const farm = { routers: [host], servers: serversOf(...Object.values(states)) };
    return { ...farm, nameServers: [], placement: [], zones: [], sites: [] } as unknown as FarmModel;
  };
  const session = {
    ...{ folder, project: "farm", name: "prod", id: "farm/prod", configFile: config },
    texts: () => fs.readFileSync(config, "utf8"),
    farm: async () => farmOf(read()),
    config: () => Promise.resolve({ all: {} }),
    tryEdits: () => Promise.resolve(),
    draft: (edits: Edit[]): Promise<Draft> => {
      const text = fs.readFileSync(config, "utf8");
      const states = { ...read() };
      for (const { path: keys, value } of edits) states[keys[1]] = String(value);
      const farm = { ...farmOf(states), routers: [] } as FarmModel;
      return Promise.resolve({ farm, before: farm, file: config, text, newText: textOf(states) });
    },
    recorded: <T>(work: () => Promise<T>) => work(),
    engine: {
      up: async () => {
        await sleep(random(60));
        if (up === "locked") throw new CliError("another run holds the stack", Exit.Locked);
        if (up === "killed") throw new Error("pulumi was killed by SIGKILL");
      },
    },
  } as unknown as Session;

  const watcher = new Watcher({
    ...{ session, where: { cwd: folder }, farm: farmOf(all), json: false },
    hooks: { command: pick(HOOKS), url: pick([undefined, "http://127.0.0.1:1/x"]) },
    policy: policy({ interval: 20, silence: 1e9, flapLimit: 1000 }),
    log: { write: (text) => void lines.push(text), failure: () => undefined },
    ableMs: 60,
  });
  const end = new AbortController();
  let over = false;
  const running = watcher.run(end.signal).finally(() => (over = true));

  const until = async (what: string, is: () => boolean): Promise<void> => {
    let done = is();
    for (let i = 0; i < 500 && !done; i++) {
      await sleep(20);
      done = is();
    }
    if (!done) wrong.push(`${what} after ${history.join(", ")}: ${lines.slice(-6).join(" | ")}`);
  };
  const says = (from: number, what: RegExp): boolean =>
    lines.slice(from).some((line) => what.test(line.split(" ").slice(1).join(" ")));
  /** Whether it was said of all that it said `un...` of. */
  const isOver = (what: string): boolean => {
    const left = new Set<string>();
    for (const line of lines) {
      const [, event, subject] = line.split(" ");
      if (event === `un${what}`) left.add(what === "able" ? subject : "");
      if (event === what) left.delete(what === "able" ? subject : "");
    }
    return left.size === 0;
  };
  const round = (dead?: string): void => {
    const picture = Object.keys(all)
      .map((server) => (server === dead ? "x" : "+"))
      .join("");
    const seen = { answers: answersOf(picture), hosts: hostsOf(picture) };
    watcher["take"]({ kind: "round", at: clock(), router: "r1", ...seen });
  };

  const fill = path.join(folder, "fill");
  const failing = (work: () => void): void => {
    try {
      work();
    } catch {
      // That is the point.
    }
  };
  const fillDisk = (): void => failing(() => fs.appendFileSync(fill, "x".repeat(4_000_000)));
  let inode = 0;
  const fillInodes = (): void =>
    failing(() => {
      fs.mkdirSync(fill, { recursive: true });
      for (;;) fs.writeFileSync(path.join(fill, `${inode++}`), "");
    });
  const faults: Fault[] = [
    {
      name: "config unreadable",
      begin: () => fs.chmodSync(config, 0),
      end: () => fs.chmodSync(config, 0o644),
      said: /^(unable what=config|unreadable)/,
    },
    {
      name: "config and folder read-only",
      begin: () => (fs.chmodSync(config, 0o444), fs.chmodSync(folder, 0o555)),
      end: () => (fs.chmodSync(folder, 0o755), fs.chmodSync(config, 0o644)),
      said: /^unable what=config/,
    },
    {
      name: "half a config",
      begin: () => fs.writeFileSync(config, '{"web1":'),
      end: () => fs.writeFileSync(config, textOf(all)),
      said: /^unreadable/,
    },
    {
      name: "config is a link that leads nowhere",
      begin: () => (fs.renameSync(config, `${config}.away`), fs.symlinkSync("nowhere", config)),
      end: () => (fs.rmSync(config), fs.renameSync(`${config}.away`, config)),
      said: /^unable what=config/,
    },
    {
      name: "disk full",
      begin: fillDisk,
      keep: fillDisk,
      end: () => fs.rmSync(fill, { force: true }),
      said: /^unable what=config/,
    },
    {
      name: "no inodes",
      begin: fillInodes,
      keep: fillInodes,
      end: () => fs.rmSync(fill, { recursive: true, force: true }),
      said: /^unable what=config/,
    },
    {
      name: "state read-only",
      begin: () => fs.chmodSync(state, 0o555),
      end: () => fs.chmodSync(state, 0o755),
      said: /^unable what=state/,
    },
    {
      name: "kept folder read-only",
      begin: () => fs.chmodSync(path.dirname(kept), 0o555),
      end: () => fs.chmodSync(path.dirname(kept), 0o755),
    },
    { name: "locked", begin: () => (up = "locked"), end: () => (up = "fine") },
    { name: "up is killed", begin: () => (up = "killed"), end: () => (up = "fine") },
    { name: "children are killed", begin: killChildren, end: killChildren },
    {
      name: "a router that tells nonsense",
      begin: () =>
        void watcher["take"]({ kind: "lost", at: clock(), router: "__proto__", reason: "\u001b[2J" }),
      end: () => undefined,
    },
  ];

  for (let step = 0; step < STEPS && !over; step++) {
    const fault = pick(faults);
    history.push(fault.name);
    let from = lines.length;
    fault.begin();
    if (fault.said)
      await until(`${fault.said.source} is not said`, () => (fault.keep?.(), says(from, fault.said!)));
    const victim = pick(Object.keys(all));
    if (random(2) === 0) {
      // A server dies while it lasts: the watcher acts, or says why not.
      const tried = /^(flipped|failed|blocked|later|partial|unable|unreadable)/;
      // Over and over: the false ssh makes the router blind in between, and counting begins anew.
      await until("nothing is said of a dead server", () => (round(victim), says(from, tried)));
    }
    await sleep(random(80));
    from = lines.length;
    fault.end();
    // Only what has ended can begin again, and be said again.
    if (fault.said) await until("able or readable is not said", () => isOver("able") && isOver("readable"));
    // And all is as before: a crash is a flip.
    if (fs.readFileSync(config, "utf8") !== textOf(all)) fs.writeFileSync(config, textOf(all));
    await until(
      "the config is not read again",
      () => watcher["texts"] === textOf(all) && !watcher["flipping"],
    );
    from = lines.length;
    // What was refused before is tried again after a while that nobody waits for here.
    watcher["state"].tried.until = 0;
    await until("no flip", () => (round(victim), says(from, /^flipped/) && read()[victim] === "down"));
    fs.writeFileSync(config, textOf(all));
    await until(
      "the config is not read again",
      () => watcher["texts"] === textOf(all) && !watcher["flipping"],
    );
  }
  if (over) wrong.push(`it ended after ${history.join(", ")}`);
  end.abort();
  await running;
  return wrong;
}

/** Of this process: what hooks and ssh are, whoever started them. */
function killChildren(): void {
  const children = fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
  for (const pid of children === "" ? [] : children.split(" ")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
}

async function main([first, count, ...folders]: string[]): Promise<void> {
  if (process.getuid!() === 0) {
    process.setgroups!([1001]);
    process.setgid!(1001);
    process.setuid!(1002);
  }
  const seeds = Array.from({ length: Number(count) }, (_, i) => Number(first) + i);
  const deaths = (error: unknown): void => {
    console.log(JSON.stringify({ seed: -1, wrong: [`the process would have ended: ${String(error)}`] }));
    process.exit(1);
  };
  process.on("uncaughtException", deaths).on("unhandledRejection", deaths);
  await Promise.all(
    folders.map(async (folder) => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const wrong = await live(seed, path.join(folder, `${seed}`));
        console.log(JSON.stringify({ seed, wrong }));
        fs.rmSync(path.join(folder, `${seed}`), { recursive: true, force: true });
      }
    }),
  );
  process.exit(0);
}

void main(process.argv.slice(2));
