/** Random sequences of what operators do and what befalls them: made from a seed, said in words. */
import fc from "fast-check";
import {
  BASE,
  Fault,
  PREFIXES,
  Prefix,
  SERVERS,
  Server,
  STOPS_APACHE,
  SiteState,
  State,
  World,
  after,
  makesSense,
  mustFail,
  wellAt,
} from "./model";

export type Machine = Server | "r1" | "ns1";

/** What is changed in the config before a run. */
export type Change =
  | { what: "nothing" }
  /** As it was at the last run that succeeded. */
  | { what: "undo" }
  | { what: "ttl"; ttl: number }
  | { what: "site"; site: string; to?: SiteState }
  | { what: "override"; prefix: Prefix; server?: Server }
  | { what: "state"; server: Server; state: State };

/** What comes between while `up` runs. */
export interface Disturbance {
  name: string;
  /** How long after the begin of `up`, in milliseconds. */
  afterMs: number;
  machine?: Machine;
  /** Whether it is the program that is killed. */
  kills?: "up";
  /** What is then the matter with the machine, until it is mended. */
  leaves?: Fault;
}

/** What another admin does to something of ours. */
export interface Tampering {
  name: string;
  machine: Machine;
  /** Whether what he takes away is needed, and for how long requests to that machine then fail. */
  breaks?: "for a moment" | "until up";
  /** A prefix that he has moved. */
  moves?: { prefix: Prefix; server: Server };
}

export type Step =
  | { kind: "up"; change: Change; disturbance?: Disturbance }
  | { kind: "fault"; fault: Fault; machine: Machine }
  | { kind: "mend"; machine: Machine }
  | { kind: "reboot"; machine: Machine }
  | { kind: "tamper"; tampering: Tampering }
  /** `loopback-ha-move` on the router. */
  | { kind: "move"; prefix: Prefix; server: Server }
  | { kind: "second stack" }
  /** Of one component's command, with what depends on it. */
  | { kind: "destroy"; command: string; machine: Machine }
  /** `loopback-ha adopt`: what the guard holds is down in the config. */
  | { kind: "adopt" }
  /** `loopback-ha-guard release` on the router. */
  | { kind: "release"; server: Server };

/** One sequence; `destroyed`: at its end the whole farm is destroyed and built again. */
export interface Sequence {
  steps: Step[];
  destroyed: boolean;
}

/** Sites that come and go, and their host numbers. */
export const SITES: Record<string, number> = { sprockets: 7, cogs: 8 };

export const addressOf = (server: Server): string => `192.0.2.${SERVERS.indexOf(server) + 2}`;

const server = fc.constantFrom(...SERVERS);
const prefix = fc.constantFrom(...PREFIXES);
const machine = fc.oneof(
  { weight: 5, arbitrary: server as fc.Arbitrary<Machine> },
  { weight: 2, arbitrary: fc.constant<Machine>("r1") },
  { weight: 1, arbitrary: fc.constant<Machine>("ns1") },
);

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("state" as const),
      server,
      state: fc.constantFrom<State>("active", "active", "maintenance", "maintenance", "down"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("site" as const),
      site: fc.constantFrom(...Object.keys(SITES)),
      to: fc.constantFrom<SiteState | undefined>("here", "here", "retiring", undefined),
    }),
  },
  { weight: 8, arbitrary: fc.constant<Change>({ what: "undo" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant("override" as const),
      prefix,
      server: fc.option(server, { nil: undefined, freq: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("ttl" as const), ttl: fc.constantFrom(60, 61, 62) }),
  },
  { weight: 1, arbitrary: fc.constant<Change>({ what: "nothing" }) },
);

type Kind = Omit<Disturbance, "afterMs">;
const onMachine = (kind: Omit<Kind, "machine">): fc.Arbitrary<Kind> =>
  machine.map((name) => ({ ...kind, machine: name }));
const disturbance: fc.Arbitrary<Disturbance> = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<Kind>({ name: "up is killed", kills: "up" }) },
      { weight: 1, arbitrary: fc.constant<Kind>({ name: "up is interrupted", kills: "up" }) },
      { weight: 2, arbitrary: fc.constant<Kind>({ name: "all ssh clients are killed" }) },
      { weight: 1, arbitrary: fc.constant<Kind>({ name: "the operator is cut off for 8 s" }) },
      { weight: 2, arbitrary: onMachine({ name: "apply.sh is killed on" }) },
      { weight: 1, arbitrary: onMachine({ name: "power fails on", leaves: Fault.Off }) },
      { weight: 1, arbitrary: onMachine({ name: "the cable is pulled on", leaves: Fault.Cut }) },
      { weight: 1, arbitrary: onMachine({ name: "sshd is killed on", leaves: Fault.NoSshd }) },
    ),
    // A run takes between two and four seconds.
    fc.integer({ min: 5, max: 34 }),
  )
  .map(([kind, tenths]) => ({ ...kind, afterMs: tenths * 100 }));

const fault: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      machine,
      fault: fc.constantFrom(
        ...[Fault.Off, Fault.Off, Fault.Cut, Fault.FullDisk],
        ...[Fault.NearlyFullDisk, Fault.NearlyFullDisk, Fault.NoSshd, Fault.Slow],
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(Fault.ClockAhead, Fault.ClockBehind)
      .map((it): Step => ({ kind: "fault", fault: it, machine: "ns1" })),
  },
);

const breaking = (breaks: "for a moment" | "until up", name: string, of: Machine): Tampering => ({
  name,
  machine: of,
  breaks,
});
const tampering: fc.Arbitrary<Tampering> = fc.oneof(
  fc
    .tuple(
      server,
      fc.constantFrom<[string, Tampering["breaks"]]>(
        ["takes our VIPs off lo", "for a moment"],
        [STOPS_APACHE, "until up"],
        ["deletes the include of our virtual hosts", "until up"],
        ["edits a virtual host of ours", undefined],
        ["disables our service", "until up"],
        ["sets arp_ignore to 0", undefined],
      ),
    )
    .map(([of, [name, breaks]]): Tampering => ({ name, machine: of, ...(breaks && { breaks }) })),
  fc.constantFrom<Tampering>(
    breaking("for a moment", "flushes our routes", "r1"),
    breaking("for a moment", "deletes our nft table", "r1"),
    breaking("for a moment", "reloads the network", "r1"),
    breaking("until up", "stops the service that keeps our routes", "r1"),
    { name: "edits a zone of ours, with a serial far ahead", machine: "ns1" },
    { name: "takes our line out of named.conf.local", machine: "ns1" },
    breaking("until up", "stops named", "ns1"),
  ),
  fc.record({
    name: fc.constant("puts a route of his own in place of ours"),
    machine: fc.constant("r1" as const),
    moves: fc.record({ prefix, server }),
  }),
);

const destroy: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(server, fc.constantFrom("vips", "vhosts")).map(([of, what]): Step => ({
    kind: "destroy",
    machine: of,
    command: what === "vips" ? `web-${of}-vips-${addressOf(of)}` : `web-vhosts-${of}-${addressOf(of)}`,
  })),
  fc.constantFrom<Step>(
    { kind: "destroy", machine: "r1", command: "r1-routes-192.0.2.1" },
    { kind: "destroy", machine: "ns1", command: "gadgets.example-zone-ns1-192.0.2.10" },
  ),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc
      .tuple(
        change,
        fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary: disturbance }),
      )
      .map(([it, between]): Step => ({ kind: "up", change: it, ...(between && { disturbance: between }) })),
  },
  { weight: 12, arbitrary: fault },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("mend" as const), machine }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reboot" as const), machine }) },
  { weight: 8, arbitrary: tampering.map((it): Step => ({ kind: "tamper", tampering: it })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), prefix, server }) },
  { weight: 2, arbitrary: destroy },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "second stack" }) },
);

/** Around a guard: servers die more often, and the operator answers to that. */
const guardedStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: step },
  {
    weight: 6,
    arbitrary: fc.oneof(
      fc.record({
        kind: fc.constant("fault" as const),
        machine: server,
        fault: fc.constantFrom(Fault.Off, Fault.Cut),
      }),
      server.map((of): Step => ({ kind: "tamper", tampering: breaking("until up", STOPS_APACHE, of) })),
      fc.record({ kind: fc.constant("reboot" as const), machine: server }),
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ kind: "reboot", machine: "r1" }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("mend" as const), machine }) },
  { weight: 6, arbitrary: fc.constant<Step>({ kind: "adopt" }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("release" as const), server }) },
);

const drawnOf = (one: fc.Arbitrary<Step>) =>
  fc.record({
    length: fc.integer({ min: 3, max: 6 }),
    // More than are needed: many make no sense where they stand.
    steps: fc.array(one, { minLength: 24, maxLength: 24, size: "max" }),
    destroyed: fc.integer({ min: 0, max: 14 }).map((number) => number === 0),
  });
const [drawn, drawnGuarded] = [step, guardedStep].map(drawnOf);

/** The sequence of that number, from 1 on. The same for the same seed, always. */
export function sequenceOf(seed: number, number: number, guarded = false): Sequence {
  const all = fc.sample(guarded ? drawnGuarded : drawn, { seed, numRuns: number });
  const { length, steps, destroyed } = all[number - 1];
  return { steps: planned(steps, guarded).slice(0, length), destroyed };
}

/** The steps that make sense one after the other, were all runs to succeed that may. */
export function planned(steps: Step[], guarded = false): Step[] {
  let world = wellAt(BASE, guarded);
  const kept: Step[] = [];
  for (const drawnStep of steps) {
    const [first] = Object.keys(world.faults) as Machine[];
    const [held] = world.held;
    const it =
      drawnStep.kind === "mend" && first && !world.faults[drawnStep.machine]
        ? { ...drawnStep, machine: first }
        : drawnStep.kind === "release" && held && !world.held.includes(drawnStep.server)
          ? { ...drawnStep, server: held }
          : drawnStep;
    if (!makesSense(world, it)) continue;
    kept.push(it);
    world = after(world, it, { succeeded: maySucceed(world, it) });
  }
  return kept;
}

/** Whether a step is taken for one that succeeds. */
export const maySucceed = (world: World, it: Step): boolean =>
  !mustFail(world, it) && (it.kind !== "up" || it.disturbance === undefined);

/** A step, as one would say it. */
export function words(it: Step): string {
  switch (it.kind) {
    case "up":
      return `${changeWords(it.change)}, up${it.disturbance ? disturbanceWords(it.disturbance) : ""}`;
    case "fault":
      return `${it.fault} ${it.machine}`;
    case "mend":
    case "reboot":
      return `${it.kind} ${it.machine}`;
    case "tamper": {
      const { name, machine: of, moves } = it.tampering;
      return `on ${of} another admin ${name}${moves ? ` (${moves.prefix} to ${moves.server})` : ""}`;
    }
    case "move":
      return `loopback-ha-move ${it.prefix} ${it.server}`;
    case "second stack":
      return "a second stack with the same VIPs";
    case "destroy":
      return `destroy ${it.command}`;
    case "adopt":
      return "adopt";
    case "release":
      return `release ${it.server}`;
  }
}

function changeWords(it: Change): string {
  switch (it.what) {
    case "nothing":
      return "no change";
    case "undo":
      return "the former config put back";
    case "ttl":
      return `ttl ${it.ttl}`;
    case "site":
      return it.to ? `${it.site} ${it.to}` : `remove ${it.site}`;
    case "override":
      return it.server ? `override ${it.prefix} to ${it.server}` : `no override of ${it.prefix}`;
    case "state":
      return `${it.server} ${it.state}`;
  }
}

const disturbanceWords = ({ name, machine: of, afterMs }: Disturbance): string =>
  `; after ${afterMs / 1000} s ${name}${of ? ` ${of}` : ""}`;
