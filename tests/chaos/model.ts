/**
 * What the farm promises, small enough to be believed. Pure, and without a line of the product: it says who may serve a
 * prefix, what may be lost, and when, not how that comes about.
 */
import type { Disturbance, Machine, Step, Tampering } from "./sequence";

export const SERVERS = ["web1", "web2", "web3", "web4"] as const;
export type Server = (typeof SERVERS)[number];

/** The VIP subnets; the i-th is at home on the i-th server. */
export const PREFIXES = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"] as const;
export type Prefix = (typeof PREFIXES)[number];

export type State = "active" | "maintenance" | "down";

/** A site that comes and goes; `retiring` is out of DNS, and still answered. */
export type SiteState = "here" | "retiring";

/** What the operator wants. */
export interface Config {
  states: Record<Server, State>;
  overrides: Partial<Record<Prefix, Server>>;
  /** The sites that come and go; those that always are there are in none. */
  sites: Record<string, SiteState>;
  /** A figure of a zone: another one is another zone text. */
  ttl: number;
}

/** What is the matter with a machine until somebody mends it. */
export enum Fault {
  Off = "crash",
  Cut = "cut",
  FullDisk = "fill",
  NearlyFullDisk = "nearly fill",
  NoSshd = "stop sshd on",
  Slow = "slow",
  ClockAhead = "put forward the clock of",
  ClockBehind = "put back the clock of",
}

const UNREACHED: readonly (Fault | undefined)[] = [Fault.Off, Fault.Cut, Fault.NoSshd];

/** Everything that matters of the farm at one moment. */
export interface World {
  config: Config;
  /** The config of the last run that succeeded: what "putting it back" goes back to. */
  applied: Config;
  faults: Partial<Record<Machine, Fault>>;
  /** Machines on which something that is needed was taken away; the next run that succeeds brings it back. */
  broken: Machine[];
  /** Where requests to a prefix may end. More than one: a run did not get to its end. */
  at: Record<Prefix, Server[]>;
  /** An `up` was killed: the documented recovery comes before the next one. */
  interrupted: boolean;
}

/** What was seen of a step. */
export interface Outcome {
  /** The run, or the command on the router, said that it succeeded. Of a step without either: true. */
  succeeded: boolean;
  /** The router's routes after it, where it could be asked. */
  routed?: Partial<Record<Prefix, Server>>;
}

const all = <T>(value: T): Record<Server, T> =>
  Object.fromEntries(SERVERS.map((server) => [server, value])) as Record<Server, T>;
const home = (prefix: Prefix): Server => SERVERS[PREFIXES.indexOf(prefix)];
const ofPrefixes = <T>(value: (prefix: Prefix) => T): Record<Prefix, T> =>
  Object.fromEntries(PREFIXES.map((prefix) => [prefix, value(prefix)])) as Record<Prefix, T>;

export const BASE: Config = { states: all("active"), overrides: {}, sites: {}, ttl: 60 };

/** A farm that is well, and as this config wants it. */
export const wellAt = (config: Config): World => ({
  config,
  applied: config,
  faults: {},
  broken: [],
  at: ofPrefixes((prefix) => mayServe(config, prefix)),
  interrupted: false,
});

const activeIn = ({ states }: Config): Server[] => SERVERS.filter((server) => states[server] === "active");

/** Who may serve a prefix: whom an override names, its home, or any active server when its home is none. */
export function mayServe(config: Config, prefix: Prefix): Server[] {
  const overridden = config.overrides[prefix];
  if (overridden) return [overridden];
  const active = activeIn(config);
  return active.includes(home(prefix)) ? [home(prefix)] : active;
}

/** What is wrong with a placement; empty when it is one that the config allows. */
export function issues(config: Config, serving: Partial<Record<Prefix, string>>): string[] {
  const counts = new Map<string, number>(activeIn(config).map((server) => [server, 0]));
  for (const server of Object.values(serving)) counts.set(server, (counts.get(server) ?? 0) + 1);
  return PREFIXES.flatMap((prefix) => {
    const allowed: string[] = mayServe(config, prefix);
    const server = serving[prefix];
    if (server === undefined || !allowed.includes(server))
      return [`${prefix} is served by ${server ?? "nobody"}, not by ${allowed.join(" or ")}`];
    const least = Math.min(...allowed.map((other) => counts.get(other)!));
    return counts.get(server)! > least + 1 ? [`${prefix} is on ${server}, which has most already`] : [];
  });
}

/** What a change of the config leads to, run by run; undefined when it is no change, or one that nobody would make. */
export function configsOf(world: World, step: Step): Config[] | undefined {
  const { config } = world;
  if (step.kind !== "up") return undefined;
  const { change } = step;
  switch (change.what) {
    case "nothing":
      return [config];
    case "undo":
      return same(config, world.applied) ? undefined : [world.applied];
    case "ttl":
      return config.ttl === change.ttl ? undefined : [{ ...config, ttl: change.ttl }];
    case "site": {
      const { [change.site]: before, ...others } = config.sites;
      if (before === change.to) return undefined;
      return [{ ...config, sites: change.to ? { ...others, [change.site]: change.to } : others }];
    }
    case "override": {
      const { [change.prefix]: before, ...others } = config.overrides;
      if (before === change.server || (change.server && config.states[change.server] !== "active"))
        return undefined;
      return [
        { ...config, overrides: change.server ? { ...others, [change.prefix]: change.server } : others },
      ];
    }
    case "state":
      return stateConfigs(config, change.server, change.state);
  }
}

function stateConfigs(config: Config, server: Server, state: State): Config[] | undefined {
  const before = config.states[server];
  const states = { ...config.states, [server]: state };
  if (before === state || !Object.values(states).includes("active")) return undefined;
  const overrides = Object.fromEntries(
    Object.entries(config.overrides).filter(([, overridden]) => states[overridden] === "active"),
  );
  const after = { ...config, states, overrides };
  // As documented: from down it first goes into maintenance, and gets what it missed.
  return before === "down" && state === "active"
    ? [{ ...config, states: { ...states, [server]: "maintenance" } }, after]
    : [after];
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Its packets get nowhere. */
const isDead = ({ faults }: World, machine: Machine): boolean =>
  faults[machine] === Fault.Off || faults[machine] === Fault.Cut;
const mayFail = (world: World, machine: Machine): boolean =>
  isDead(world, machine) || world.broken.includes(machine) || world.faults[machine] === Fault.Slow;

/** Whether a step makes sense now: one crashes what runs, mends what is broken, and changes what is not so already. */
export function makesSense(world: World, step: Step): boolean {
  const { faults } = world;
  switch (step.kind) {
    case "up":
      return configsOf(world, step) !== undefined && (!step.disturbance || disturbs(world, step.disturbance));
    case "fault":
      return faults[step.machine] === undefined;
    case "mend":
      return faults[step.machine] !== undefined;
    case "reboot":
      return faults[step.machine] === undefined;
    case "tamper":
      return (
        faults[step.tampering.machine] !== Fault.Off &&
        // In place of ours: where ours is missing, his would be in our way, and refused.
        !(step.tampering.moves && world.broken.includes("r1")) &&
        // Where our zones went with what they depend on, a stopped named is not ours to start.
        !(step.tampering.machine === "ns1" && step.tampering.breaks && world.broken.length > 0)
      );
    case "move":
      return (
        faults.r1 === undefined &&
        !world.broken.includes("r1") &&
        world.config.states[step.server] === "active"
      );
    case "second stack":
      // Where ours is missing, the second one would get its place.
      return Object.keys(faults).length === 0 && world.broken.length === 0 && !world.interrupted;
    case "destroy":
      return step.machine === "ns1" || !world.broken.includes("ns1");
  }
}

const disturbs = ({ faults }: World, { machine }: Disturbance): boolean =>
  machine === undefined || faults[machine] === undefined;

/** The world with a fault that stays. */
const withFault = (world: World, machine: Machine, fault: Fault): World => ({
  ...world,
  faults: { ...world.faults, [machine]: fault },
});

/** The world after a step. */
export function after(world: World, step: Step, outcome: Outcome): World {
  switch (step.kind) {
    case "up":
      return afterUp(world, step, outcome);
    case "fault":
      return withFault(world, step.machine, step.fault);
    case "mend": {
      const { [step.machine]: mended, ...faults } = world.faults;
      return { ...world, faults };
    }
    case "tamper":
      return afterTampering(world, step.tampering);
    case "move":
      return outcome.succeeded ? { ...world, at: { ...world.at, [step.prefix]: [step.server] } } : world;
    case "destroy":
      return step.machine === "ns1" ? world : { ...world, broken: union(world.broken, [step.machine]) };
    case "reboot":
    case "second stack":
      return world;
  }
}

function afterTampering(world: World, { machine, breaks, moves }: Tampering): World {
  const broken = breaks === "until up" ? union(world.broken, [machine]) : world.broken;
  const at = moves
    ? { ...world.at, [moves.prefix]: union(world.at[moves.prefix], [moves.server]) }
    : world.at;
  return { ...world, broken, at };
}

function afterUp(world: World, step: Step & { kind: "up" }, { succeeded, routed }: Outcome): World {
  const [config] = configsOf(world, step)!.slice(-1);
  const { disturbance } = step;
  const disturbed =
    disturbance?.machine && disturbance.leaves
      ? withFault(world, disturbance.machine, disturbance.leaves)
      : world;
  if (succeeded) {
    return {
      ...disturbed,
      config,
      applied: config,
      // What is not reached is not repaired, and no reason to fail where nothing else changes there.
      broken: world.broken.filter(
        (machine) =>
          config.states[machine as Server] === "down" || UNREACHED.includes(disturbed.faults[machine]),
      ),
      at: ofPrefixes((prefix) => (routed?.[prefix] ? [routed[prefix]] : mayServe(config, prefix))),
      interrupted: false,
    };
  }
  return {
    ...disturbed,
    config,
    at: ofPrefixes((prefix) =>
      union(
        world.at[prefix],
        // Nothing moves to a server that was dead already.
        mayServe(config, prefix).filter((server) => !isDead(world, server)),
      ),
    ),
    interrupted: world.interrupted || disturbance?.kills === "up",
  };
}

const union = <T>(a: T[], b: T[]): T[] => [...new Set([...a, ...b])];

/** What may be lost. */
export interface MayLose {
  /** Requests to these. */
  prefixes: Prefix[];
  /** Connections with these that lasted, wherever their VIP is now. */
  servers: Server[];
}

/** What may be lost while the world is so. */
export function mayLose(world: World): MayLose {
  const servers = SERVERS.filter((server) => mayFail(world, server));
  if (mayFail(world, "r1")) return { prefixes: [...PREFIXES], servers: [...SERVERS] };
  return {
    servers,
    prefixes: PREFIXES.filter((prefix) => world.at[prefix].some((server) => servers.includes(server))),
  };
}

/** What may be lost while a step is at work, from its beginning to its end. */
export function mayLoseDuring(world: World, step: Step, next: World): MayLose {
  // What befell a machine meanwhile may have done so before anything moved away from it.
  const between = { ...next, at: ofPrefixes((prefix) => union(world.at[prefix], next.at[prefix])) };
  return [mayLose(world), mayLose(between), itself(world, step, next)].reduce((a, b) => ({
    prefixes: union(a.prefixes, b.prefixes),
    servers: union(a.servers, b.servers),
  }));
}

/** What may be lost by the step alone. A planned action loses nothing. */
function itself(world: World, step: Step, next: World): MayLose {
  switch (step.kind) {
    case "reboot":
      return mayLose(withFault(world, step.machine, Fault.Off));
    case "tamper":
      return step.tampering.breaks ? mayLose({ ...world, broken: [step.tampering.machine] }) : NOTHING;
    case "up": {
      // Connections with a server that is down are ended, however well it is.
      const servers = SERVERS.filter((server) => next.config.states[server] === "down");
      return {
        servers,
        prefixes: PREFIXES.filter((prefix) => world.at[prefix].some((server) => servers.includes(server))),
      };
    }
    default:
      return NOTHING;
  }
}

const NOTHING: MayLose = { prefixes: [], servers: [] };

/** Whether a run must succeed: nothing is the matter, and nothing comes in its way. */
export const mustSucceed = (world: World, step: Step): boolean =>
  step.kind === "up" && !step.disturbance && Object.keys(world.faults).length === 0;
