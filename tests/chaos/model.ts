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

/** The other admin's doing by which a server refuses connections. */
export const STOPS_APACHE = "stops Apache";

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
  /** Whether the router has a guard. */
  guarded: boolean;
  /** Servers that the guard holds: they get nothing until they are adopted or released. */
  held: Server[];
  /** Servers whose Apache another admin has stopped, as long as they are broken. */
  stopped: Server[];
}

/** What was seen of a step. */
export interface Outcome {
  /** The run, or the command on the router, said that it succeeded. Of a step without either: true. */
  succeeded: boolean;
  /** The router's routes after it, where it could be asked. */
  routed?: Partial<Record<Prefix, Server>>;
  /** What the router's guard holds after it, where it could be asked. Default: what it must hold. */
  held?: Server[];
}

const all = <T>(value: T): Record<Server, T> =>
  Object.fromEntries(SERVERS.map((server) => [server, value])) as Record<Server, T>;
const home = (prefix: Prefix): Server => SERVERS[PREFIXES.indexOf(prefix)];
const ofPrefixes = <T>(value: (prefix: Prefix) => T): Record<Prefix, T> =>
  Object.fromEntries(PREFIXES.map((prefix) => [prefix, value(prefix)])) as Record<Prefix, T>;

export const BASE: Config = { states: all("active"), overrides: {}, sites: {}, ttl: 60 };

/** A farm that is well, and as this config wants it. */
export const wellAt = (config: Config, guarded = false): World => ({
  config,
  applied: config,
  faults: {},
  broken: [],
  at: ofPrefixes((prefix) => mayServe(config, prefix)),
  interrupted: false,
  guarded,
  held: [],
  stopped: [],
});

const activeIn = ({ states }: Config): Server[] => SERVERS.filter((server) => states[server] === "active");

/**
 * Who may serve a prefix: whom an override names, its home, or any active server when its home is none. What a guard holds
 * serves nothing, as long as another server is active.
 */
export function mayServe(config: Config, prefix: Prefix, held: Server[] = []): Server[] {
  const active = activeIn(config);
  const free = active.filter((server) => !held.includes(server));
  const wanted = config.overrides[prefix] ?? home(prefix);
  if (!active.includes(wanted)) return config.overrides[prefix] ? [wanted] : free.length > 0 ? free : active;
  return held.includes(wanted) && free.length > 0 ? free : [wanted];
}

/** What is wrong with a placement; empty when it is one that the config and a guard's holds allow. */
export function issues(
  config: Config,
  serving: Partial<Record<Prefix, string>>,
  held: Server[] = [],
): string[] {
  const counts = new Map<string, number>(activeIn(config).map((server) => [server, 0]));
  for (const server of Object.values(serving)) counts.set(server, (counts.get(server) ?? 0) + 1);
  return PREFIXES.flatMap((prefix) => {
    const allowed: string[] = mayServe(config, prefix, held);
    const server = serving[prefix];
    if (server === undefined || !allowed.includes(server))
      return [`${prefix} is served by ${server ?? "nobody"}, not by ${allowed.join(" or ")}`];
    // A guard takes the first of a list; the lists are balanced for one dead server.
    if (held.length > 0) return [];
    const least = Math.min(...allowed.map((other) => counts.get(other)!));
    return counts.get(server)! > least + 1 ? [`${prefix} is on ${server}, which has most already`] : [];
  });
}

/** What a change of the config leads to, run by run; undefined when it is no change, or one that nobody would make. */
export function configsOf(world: World, step: Step): Config[] | undefined {
  const { config } = world;
  if (step.kind === "adopt") return adopted(world);
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

/** `loopback-ha adopt`: all that is held is down. */
function adopted({ config, held }: World): Config[] | undefined {
  const states = { ...config.states };
  for (const server of held) states[server] = "down";
  if (held.length === 0 || !Object.values(states).includes("active")) return undefined;
  return [{ ...config, states, overrides: withoutInactive(config.overrides, states) }];
}

const withoutInactive = (overrides: Config["overrides"], states: Config["states"]): Config["overrides"] =>
  Object.fromEntries(Object.entries(overrides).filter(([, server]) => states[server] === "active"));

function stateConfigs(config: Config, server: Server, state: State): Config[] | undefined {
  const before = config.states[server];
  const states = { ...config.states, [server]: state };
  if (before === state || !Object.values(states).includes("active")) return undefined;
  const after = { ...config, states, overrides: withoutInactive(config.overrides, states) };
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
    case "adopt":
      return faults.r1 === undefined && !world.broken.includes("r1") && adopted(world) !== undefined;
    case "release":
      return faults.r1 === undefined && !world.broken.includes("r1") && world.held.includes(step.server);
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
  const next = withoutGuard(world, step, outcome);
  if (!world.guarded) return next;
  const held = outcome.held ?? holdsAfter(world, step, next, outcome).must;
  const stopped = next.stopped.filter((server) => next.broken.includes(server));
  if (step.kind !== "release" && held.every((server) => world.held.includes(server)))
    return { ...next, held, stopped };
  // A prefix of a server that is held now is where the router says.
  const at = ofPrefixes((prefix): Server[] => {
    const routed = outcome.routed?.[prefix];
    const left = next.at[prefix].filter((server) => !held.includes(server));
    if (routed !== undefined && !(step.kind === "up" && !outcome.succeeded)) return [routed];
    return left.length > 0 ? left : mayServe(next.config, prefix, held);
  });
  return { ...next, held, stopped, at };
}

/** The same, but for what a guard does. */
function withoutGuard(world: World, step: Step, outcome: Outcome): World {
  switch (step.kind) {
    case "up":
    case "adopt":
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
    case "release":
      return world;
  }
}

/** What a guard must hold after a step, and what it may hold. */
export interface Holds {
  must: Server[];
  may: Server[];
}

/** What the guard must hold after a step, and what it may hold: a server that it finds dead, until it is adopted or released. */
export function holdsAfter(world: World, step: Step, next: World, { succeeded }: Outcome): Holds {
  if (!world.guarded) return { must: [], may: [] };
  const dies = diesIn(step);
  const gone = (one: World): Server[] =>
    SERVERS.filter((server) => isDead(one, server) || one.stopped.includes(server) || isSlow(one, server));
  const may = union(world.held, [...dies, ...gone(world), ...gone(next)]);
  const must = union(world.held, mustFind(world, step, dies));
  if (step.kind === "release") {
    const left = (all: Server[]): Server[] => all.filter((server) => server !== step.server || !succeeded);
    return { must: left(must), may: left(may) };
  }
  // Without its routes there is no guard.
  if (step.kind === "destroy" && step.machine === "r1") return { must: [], may };
  if (step.kind === "up" || step.kind === "adopt") {
    // One in maintenance stays held: it may come back to active.
    const isWanted = (server: Server): boolean =>
      configsOf(world, step)!.every(({ states }) => states[server] !== "down");
    return {
      must: must.filter(isWanted),
      may: succeeded ? may.filter((server) => next.config.states[server] !== "down") : may,
    };
  }
  return { must, may };
}

const isSlow = ({ faults }: World, server: Server): boolean =>
  faults[server] === Fault.Slow || faults.r1 === Fault.Slow;

/** The server that a step takes out of service for longer than a restart takes. */
function diesIn(step: Step): Server[] {
  const isServer = (machine: Machine): machine is Server => (SERVERS as readonly string[]).includes(machine);
  const one = (machine: Machine): Server[] => (isServer(machine) ? [machine] : []);
  switch (step.kind) {
    case "fault":
      return step.fault === Fault.Off || step.fault === Fault.Cut ? one(step.machine) : [];
    case "reboot":
      return one(step.machine);
    case "tamper":
      return step.tampering.name === STOPS_APACHE ? one(step.tampering.machine) : [];
    case "up":
      return step.disturbance?.machine && UNREACHED.includes(step.disturbance.leaves)
        ? one(step.disturbance.machine)
        : [];
    default:
      return [];
  }
}

/** Those of them that the guard can't miss: they serve, another server is well, and so is the router. */
function mustFind(world: World, step: Step, dies: Server[]): Server[] {
  const { config, applied, faults, broken, held, interrupted } = world;
  if (step.kind === "up" || interrupted || !same(config, applied)) return [];
  if (faults.r1 !== undefined || broken.includes("r1")) return [];
  const isWell = (server: Server): boolean =>
    config.states[server] === "active" &&
    faults[server] === undefined &&
    !broken.includes(server) &&
    !held.includes(server);
  return dies.filter(
    (server) =>
      config.states[server] === "active" &&
      PREFIXES.some((prefix) => same(world.at[prefix], [server])) &&
      SERVERS.some((other) => other !== server && isWell(other)),
  );
}

function afterTampering(world: World, { name, machine, breaks, moves }: Tampering): World {
  const broken = breaks === "until up" ? union(world.broken, [machine]) : world.broken;
  const at = moves
    ? { ...world.at, [moves.prefix]: union(world.at[moves.prefix], [moves.server]) }
    : world.at;
  const stopped = name === STOPS_APACHE ? union(world.stopped, [machine as Server]) : world.stopped;
  return { ...world, broken, at, stopped };
}

function afterUp(world: World, step: Step & { kind: "up" | "adopt" }, { succeeded, routed }: Outcome): World {
  const [config] = configsOf(world, step)!.slice(-1);
  const disturbance = step.kind === "up" ? step.disturbance : undefined;
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
      at: ofPrefixes((prefix) =>
        routed?.[prefix] ? [routed[prefix]] : mayServe(config, prefix, world.held),
      ),
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
        mayServe(config, prefix, world.held).filter((server) => !isDead(world, server)),
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
    case "adopt":
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

/** Whether a step must succeed: nothing is the matter, and nothing comes in its way. */
export function mustSucceed(world: World, step: Step): boolean {
  const isWell = Object.keys(world.faults).length === 0;
  if (step.kind === "release") return isWell && world.broken.length === 0 && !world.interrupted;
  if (step.kind === "adopt") return isWell;
  return step.kind === "up" && !step.disturbance && isWell;
}

/** Whether it must fail: a server that does not answer gets back nothing that is at home there. */
export const mustFail = (world: World, step: Step): boolean =>
  step.kind === "release" &&
  isDead(world, step.server) &&
  same(world.config, world.applied) &&
  PREFIXES.some((prefix) => mayServe(world.config, prefix).join() === step.server);
