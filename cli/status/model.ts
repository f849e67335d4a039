/** One picture of the farm: what the config wants, and what the machines do. Pure. */
import { firstFew } from "../../components/base/firstFew";
import { FarmModel, ServerState } from "../../components/config";
import { describeBlank, describeDrift, unknownDrift } from "../../components/host/drift";
import type { Observation } from "../../components/host/observe";
import { describeFormerStack, findFormerStack } from "../../components/preflight/identity";
import { routerViews } from "../../components/preflight/report";
import {
  HeldUnits,
  describeHeld,
  heldUnits,
  lastingHolds,
  waysFromHold,
} from "../../components/network/holds";
import { describeHidden, hiddenVhosts } from "../../components/preflight/hiddenVhosts";
import { bySite } from "../../components/webServerPool/lineFormats.cjs";
import { Expiry, expiryWarnings, soonestExpiries } from "../../components/webServerPool/tls/plan";
import type { Answer } from "../routers/health";
import { Pages, WorsePage, describeWorse, worsePages } from "../routers/pages";

/** What was found. */
export interface Sightings {
  /** `project/stack`. */
  stack: string;
  /** When, in milliseconds since 1970. */
  at: number;
  /** Each machine that was looked at, by name. */
  machines: Map<string, Observation>;
  /** A round of questions by router, or why there is none. */
  health: Map<string, Answer[] | string>;
  /** What servers answered for sites' own pages, as routers asked them. Default: not asked. */
  pages?: Pages[];
  /** Serial by zone and name server, or why there is none. */
  serials: { zone: string; nameServer: string; serial: number | string }[];
  /** What is wrong with the certificates in the operator's folder, a sentence each. Default: nothing. */
  pairs?: string[];
}

/** A machine as it was found. */
export interface MachineStatus {
  name: string;
  address: string;
  /** Why it could not be looked at; null: it was, or it must not be connected to. */
  failure: string | null;
  /** What differs from what was applied to it, as lines. */
  drift: string[];
}

export interface ServerStatus extends MachineStatus {
  /** As the config has it. */
  state: ServerState;
  /** How many prefixes go to it now; null: no router's table is known. */
  carries: number | null;
  /** How many are wanted. */
  wanted: number;
  /** Open connections with it; null: not known. */
  flows: number | null;
  /** How it answers when asked directly, independently of the routes; null: it was not asked. */
  health: { asked: number; ok: number; reason: string | null } | null;
}

export interface RouterStatus extends MachineStatus {
  kind: string;
  /** What pinning can't do there, one sentence each. */
  limits: string[];
  /** Servers that its guard holds as dead, and where it sends what they carried; none: it holds none, or there is no guard. */
  held: HeldUnits[];
  /** What hurts all traffic there, a full conntrack table for one; one sentence each. */
  troubles: string[];
}

export interface PrefixStatus {
  router: string;
  prefix: string;
  home: string;
  /** The server that should have it. */
  wanted: string;
  /** Who has it, by name or by address; null: it is not routed, or not known. */
  live: string | null;
  /** Whether the router reported it. */
  known: boolean;
  /** Open connections by server; null: not known. */
  flows: Record<string, number> | null;
}

export interface SiteStatus {
  name: string;
  serverName: string;
  /** Out of DNS, on its way out. */
  retiring: boolean;
  /** Its VIPs in DNS, one for each VIP subnet. */
  vips: string[];
  /** How many of its VIPs were asked, as a client asks; 0: none was. */
  asked: number;
  ok: number;
  failures: { vip: string; server: string; reason: string }[];
  /** Servers on which its own page is worse than on the others. */
  worse: Omit<WorsePage, "site">[];
}

export interface ZoneStatus {
  zone: string;
  nameServer: string;
  serial: number | null;
  failure: string | null;
}

export interface FarmStatus {
  stack: string;
  /** When, as ISO 8601. */
  at: string;
  /** The address block, and the subnet that router and servers share. */
  network: { block: string; serverSubnet: string };
  routers: RouterStatus[];
  servers: ServerStatus[];
  nameServers: MachineStatus[];
  prefixes: PrefixStatus[];
  sites: SiteStatus[];
  zones: ZoneStatus[];
  /** Certificates in force, the one that expires first at the front; of a site on several servers the oldest one. */
  certificates: Expiry[];
  /** What the operator may want otherwise, one sentence each. */
  notes: string[];
  /** What is not as the config wants it, one sentence each; none: all is. */
  problems: string[];
}

/** Puts together what is wanted and what was found. */
export function statusOf(farm: FarmModel, seen: Sightings): FarmStatus {
  const views = routerViews(farm, seen.stack, seen.machines);
  const nameOf = (address: string): string =>
    farm.servers.find((server) => server.address === address)?.name ?? address;
  const prefixes = views.flatMap((view): PrefixStatus[] =>
    farm.placement.map(({ prefix, home, server }) => {
      const known = view.failure === undefined && view.fromRecord !== true;
      const route = view.live.find((candidate) => candidate.prefix === prefix);
      const flows = view.flows?.filter((flow) => flow.prefix === prefix);
      return {
        router: view.router,
        prefix,
        home,
        wanted: server,
        live: known && route ? nameOf(route.nextHop) : null,
        known,
        flows: flows ? Object.fromEntries(flows.map((flow) => [nameOf(flow.server), flow.count])) : null,
      };
    }),
  );
  const answers = [...seen.health.values()].flatMap((round) => (typeof round === "string" ? [] : round));
  const worse = worsePages(
    (seen.pages ?? [])
      .filter(({ busy }) => !busy)
      .flatMap((round) => round.answers)
      .filter(({ server }) =>
        farm.servers.some(({ name, state }) => name === server && state !== ServerState.Down),
      ),
  );
  const status: Omit<FarmStatus, "problems"> = {
    stack: seen.stack,
    at: new Date(seen.at).toISOString(),
    network: { block: farm.network.block, serverSubnet: farm.network.serverSubnet },
    routers: farm.routers.map((router, i) => ({
      ...machineStatus(router, seen),
      kind: router.kind,
      failure: views[i].failure ?? null,
      held: heldUnits(lastingHolds(views[i].holds ?? [], inService(farm)), farm.placement, farm.fallbacks),
      limits: linesIn(seen, router.name, "limits"),
      troubles: linesIn(seen, router.name, "trouble"),
    })),
    servers: farm.servers.map(({ state, ...server }) => ({
      ...machineStatus(server, seen),
      state,
      ...carriedBy(server.name, prefixes),
      wanted: farm.placement.filter((unit) => unit.server === server.name).length,
      health: healthOf(server.name, answers),
    })),
    nameServers: farm.nameServers.map((server) => machineStatus(server, seen)),
    prefixes,
    sites: farm.sites.map(({ name, serverName, retiring, vips }) => {
      const asked = answers.filter(({ way, site }) => way === "live" && site === name);
      const bad = asked.filter(({ ok }) => !ok);
      return {
        name,
        serverName,
        retiring,
        vips,
        asked: asked.length,
        ok: asked.length - bad.length,
        failures: bad.map(({ vip, server, reason }) => ({ vip, server, reason })),
        worse: worse.filter(({ site }) => site === name).map(({ site: _, ...rest }) => rest),
      };
    }),
    notes: [
      ...describeHidden(hiddenVhosts(farm, seen.stack, seen.machines)),
      ...describeUnasked(seen.pages ?? []),
    ],
    zones: seen.serials.map(({ zone, nameServer, serial }) =>
      typeof serial === "number"
        ? { zone, nameServer, serial, failure: null }
        : { zone, nameServer, serial: null, failure: serial },
    ),
    certificates: soonestExpiries(certificateLines(farm.servers, seen)),
  };
  const former = findFormerStack(farm, seen.stack, seen.machines);
  return {
    ...status,
    problems: [
      ...(former === undefined ? [] : [describeFormerStack(former, seen.stack)]),
      ...problemsOf(status, seen),
    ],
  };
}

const inService = ({ servers }: FarmModel) =>
  servers.map(({ name, state }) => ({ name, down: state === ServerState.Down }));

/** Of pages that there was no time for nothing is known. */
function describeUnasked(pages: Pages[]): string[] {
  const unasked = pages.reduce((sum, round) => sum + round.unasked, 0);
  const asked = pages.reduce((sum, round) => sum + round.answers.length, 0);
  return unasked === 0
    ? []
    : [
        `${asked} of ${asked + unasked} checks of sites' own pages fit into the time limit; each run checks others`,
      ];
}

function machineStatus(
  { name, address }: { name: string; address: string },
  { machines, stack }: Sightings,
): MachineStatus {
  const found = machines.get(name);
  if (found === undefined || found.failure !== undefined)
    return { name, address, failure: found?.failure ?? null, drift: [] };
  const drift = [
    describeBlank(name, found),
    describeDrift(name, found, stack),
    ...unknownDrift(found, stack).map((reason) => `drift unknown (${reason})`),
  ];
  return { name, address, failure: null, drift: drift.flatMap((text) => text?.split("\n") ?? []) };
}

function linesIn({ machines, stack }: Sightings, machine: string, file: string): string[] {
  const instances = machines.get(machine)?.instances ?? {};
  return Object.values(instances)
    .filter(({ meta }) => meta?.includes(`stack=${stack}`))
    .flatMap((files) => files[file] ?? []);
}

/** What each server says of its certificates, by site. */
const certificateLines = (servers: { name: string }[], seen: Sightings) =>
  servers.map(({ name }) => bySite(linesIn(seen, name, "certificates")));

function carriedBy(name: string, prefixes: PrefixStatus[]): Pick<ServerStatus, "carries" | "flows"> {
  const known = prefixes.filter((prefix) => prefix.known);
  const counted = prefixes.filter(({ flows }) => flows !== null);
  return {
    carries:
      known.length > 0
        ? new Set(known.filter(({ live }) => live === name).map(({ prefix }) => prefix)).size
        : null,
    flows: counted.length > 0 ? counted.reduce((sum, { flows }) => sum + (flows![name] ?? 0), 0) : null,
  };
}

function healthOf(name: string, answers: Answer[]): ServerStatus["health"] {
  const asked = answers.filter(({ way, server }) => way === "marked" && server === name);
  if (asked.length === 0) return null;
  const bad = asked.filter(({ ok }) => !ok);
  return { asked: asked.length, ok: asked.length - bad.length, reason: bad[0]?.reason ?? null };
}

const MOST_OF_A_KIND = 10;

function problemsOf(status: Omit<FarmStatus, "problems">, seen: Sightings): string[] {
  const { health } = seen;
  const problems: string[][] = [];
  const machines = [...status.routers, ...status.servers, ...status.nameServers];
  problems.push(
    machines.filter(({ failure }) => failure !== null).map(({ name, failure }) => `${name}: ${failure}`),
  );
  // It explains what follows: a router that drops new connections can neither check nor serve.
  problems.push(
    status.routers.flatMap(({ name, troubles }) =>
      [...new Set(troubles)].map((trouble) => `${name}: ${trouble}`),
    ),
  );
  problems.push(
    machines
      .filter(({ drift }) => drift.length > 0)
      .map(({ name }) => `${name} differs from what was applied to it`),
  );
  problems.push(
    status.routers.flatMap(({ name, held }) =>
      held.map((hold) => `${name}: ${describeHeld(hold)}. ${waysFromHold(hold)}`),
    ),
  );
  problems.push(
    status.prefixes
      .filter(({ known, live, wanted }) => known && live !== wanted)
      .filter((unit) => !isMovedByGuard(status.routers, unit))
      .map(
        ({ router, prefix, live, wanted }) =>
          `${router}: ${prefix} goes to ${live ?? "no server"} instead of ${wanted}`,
      ),
  );
  problems.push(
    status.sites.flatMap(({ name, failures }) =>
      failures.map(
        ({ vip, server, reason }) => `site ${name} does not answer on ${vip} (${server}): ${reason}`,
      ),
    ),
  );
  problems.push(
    status.sites.flatMap(({ name, worse }) => worse.map((page) => describeWorse({ site: name, ...page }))),
  );
  problems.push(
    status.servers
      .filter((server) => server.state !== ServerState.Down && server.health !== null)
      .filter(({ health: own }) => own!.ok < own!.asked)
      .map(
        ({ name, health: own }) =>
          `${name} answers ${own!.ok} of ${own!.asked} health checks: ${own!.reason}`,
      ),
  );
  problems.push(
    [...health].flatMap(([router, round]) =>
      typeof round === "string" &&
      status.routers.some(({ name, failure }) => name === router && failure === null)
        ? [`${router}: no health checks: ${round}`]
        : [],
    ),
  );
  problems.push(zoneProblems(status.zones));
  const { pairs = [] } = seen;
  problems.push([
    ...pairs,
    ...expiryWarnings(certificateLines(status.servers, seen), new Date(seen.at)).filter(
      (text) => !pairs.includes(text),
    ),
  ]);
  return problems.flatMap((kind) =>
    firstFew(kind, MOST_OF_A_KIND, (more) => `and ${more} more of this kind`),
  );
}

/** Said with what the guard did. */
export const isMovedByGuard = (routers: RouterStatus[], { router, prefix, live }: PrefixStatus): boolean =>
  routers
    .filter(({ name }) => name === router)
    .some(({ held }) =>
      held.some(({ units }) => units.some((unit) => unit.prefix === prefix && unit.to === live)),
    );

function zoneProblems(zones: ZoneStatus[]): string[] {
  const silent = zones.flatMap(({ zone, nameServer, failure }) =>
    failure === null ? [] : [`${nameServer} does not answer for ${zone}: ${failure}`],
  );
  const names = [...new Set(zones.map(({ zone }) => zone))];
  const uneven = names.flatMap((name) => {
    const serials = zones.filter(({ zone, serial }) => zone === name && serial !== null);
    if (new Set(serials.map(({ serial }) => serial)).size < 2) return [];
    const list = serials.map(({ nameServer, serial }) => `${nameServer} ${serial}`).join(", ");
    return [`${name} has different serials on its name servers: ${list}`];
  });
  return [...silent, ...uneven];
}
