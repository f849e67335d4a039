/** The picture as metrics. Their number is bounded by servers, routers, prefixes and zones; sites have some only while they fail. Pure. */
import { ServerState } from "../../components/config";
import { Verdict } from "../../components/routerRoute/verdict";
import type { Family, Sample } from "./exposition";
import { Picture, Health, lastRoundOf } from "./picture";

/** Sites that fail, and certificates: of more than this, the number is told. */
export const MOST_SITES = 50;
/** A unit may be a single VIP, and a farm may have thousands. */
export const MOST_PREFIXES = 1000;

const PREFIX = "loopback_ha_";
const HEALTHS: Health[] = [...Object.values(Verdict), "unknown"];
const seconds = (ms: number): number => ms / 1000;
const bit = (is: boolean): number => (is ? 1 : 0);

/** A gauge, or no family where nothing is known. */
function gauge(name: string, help: string, ...samples: (Sample | undefined)[]): Family {
  return {
    ...{ name: `${PREFIX}${name}`, type: "gauge", help },
    samples: samples.filter((sample) => sample !== undefined),
  };
}
const counter = (name: string, help: string, ...samples: Sample[]): Family => ({
  ...{ name: `${PREFIX}${name}_total`, type: "counter", help, samples },
});
const known = (value: number | null | undefined, labels?: Record<string, string>): Sample | undefined =>
  value === null || value === undefined ? undefined : { labels, value };
/** One sample for each possible value: 1 for the one that holds. */
const oneHot = (label: string, values: string[], now: string, labels: Record<string, string>): Sample[] =>
  values.map((value) => ({ labels: { ...labels, [label]: value }, value: bit(value === now) }));

export function metricsOf(picture: Picture): Family[] {
  return [
    ...watchMetrics(picture),
    ...serverMetrics(picture),
    ...routerMetrics(picture),
    ...lookMetrics(picture),
  ];
}

function watchMetrics(picture: Picture): Family[] {
  const { stack, version, started, dryRun, unable, counts, failures } = picture;
  const last = lastRoundOf(picture);
  return [
    gauge("watch_info", "The watcher, its stack and its version.", {
      labels: { stack, version, mode: dryRun ? "dry-run" : "flip" },
      value: 1,
    }),
    gauge("watch_start_timestamp_seconds", "When the watcher was started.", { value: seconds(started) }),
    gauge(
      "watch_last_round_timestamp_seconds",
      "When the last round of health checks of any router arrived.",
      known(last === null ? null : seconds(last)),
    ),
    gauge("watch_hindrances", "Things that would stop the next flip, as the log's word unable has them.", {
      value: unable.length,
    }),
    counter(
      "moves",
      "Moves since the watcher was started: its own flips, servers that a router's guard took out of service, and servers whose state an operator changed.",
      ...Object.entries(counts).map(([by, value]) => ({ labels: { by }, value })),
    ),
    counter("failed_moves", "Flips since the watcher was started that moved nothing, or only a part.", {
      value: failures,
    }),
  ];
}

function serverMetrics({ servers }: Picture): Family[] {
  return [
    gauge(
      "server_state",
      "A server's state in the config: 1 for the one that it has.",
      ...servers.flatMap(({ name, state }) =>
        oneHot("state", Object.values(ServerState), state, { server: name }),
      ),
    ),
    gauge(
      "server_health",
      "What the last rounds of health checks make of a server: 1 for the one that holds.",
      ...servers.flatMap(({ name, health }) => oneHot("health", HEALTHS, health, { server: name })),
    ),
    gauge(
      "server_answering",
      "Whether a server answered in the last round; absent if no router has asked it.",
      ...servers.map(({ name, answers }) => known(answers === null ? null : bit(answers), { server: name })),
    ),
    gauge(
      "server_slowest_answer_seconds",
      "How long a server's slowest answer in the last round took.",
      ...servers.map(({ name, ms }) => known(ms === null ? null : seconds(ms), { server: name })),
    ),
  ];
}

function routerMetrics({ routers }: Picture): Family[] {
  const guarded = routers.filter((router) => router.guarded);
  return [
    gauge(
      "router_reporting",
      "Whether a router's rounds of health checks arrive.",
      ...routers.map(({ name, reports }) => ({ labels: { router: name }, value: bit(reports) })),
    ),
    gauge(
      "router_last_round_timestamp_seconds",
      "When a router's last round of health checks arrived.",
      ...routers.map(({ name, lastRound }) =>
        known(lastRound === null ? null : seconds(lastRound), { router: name }),
      ),
    ),
    gauge(
      "router_conntrack_entries",
      "Entries in a router's conntrack table.",
      ...routers.map(({ name, tracked }) => known(tracked?.count, { router: name })),
    ),
    gauge(
      "router_conntrack_entries_limit",
      "How many entries a router's conntrack table takes.",
      ...routers.map(({ name, tracked }) => known(tracked?.max, { router: name })),
    ),
    gauge(
      "guard_held_servers",
      "Servers that a router's guard holds as dead.",
      ...guarded.map(({ name, held }) => ({ labels: { router: name }, value: held.length })),
    ),
    gauge(
      "guard_held_server_info",
      "A server that a router's guard holds as dead.",
      ...guarded.flatMap(({ name, held }) =>
        [...new Set(held.map(({ server }) => server))].map((server) => ({
          labels: { router: name, server },
          value: 1,
        })),
      ),
    ),
  ];
}

/** What only a look at all machines shows. */
function lookMetrics({ status, lookFailure }: Picture): Family[] {
  const failed = gauge("look_failed", "Whether the last look at all machines failed as a whole.", {
    value: bit(lookFailure !== undefined),
  });
  if (status === undefined) return [failed];
  const { servers, prefixes, sites, zones, certificates, problems } = status;
  const machines = [...status.routers, ...status.servers, ...status.nameServers];
  const tried = machines.filter(
    (machine) => !servers.some(({ name, state }) => name === machine.name && state === ServerState.Down),
  );
  const failing = sites.filter(({ failures, worse }) => failures.length + worse.length > 0);
  return [
    failed,
    gauge(
      "look_timestamp_seconds",
      "When all machines were last looked at: all metrics below are of that moment.",
      {
        value: seconds(Date.parse(status.at)),
      },
    ),
    gauge("problems", "What loopback-ha status reports as a problem.", { value: problems.length }),
    gauge(
      "machine_reachable",
      "Whether a machine could be looked at by ssh; servers that are down are not tried.",
      ...tried.map(({ name, failure }) => ({ labels: { machine: name }, value: bit(failure === null) })),
    ),
    gauge(
      "machine_drifted",
      "Whether a machine differs from what was applied to it.",
      ...tried.map(({ name, failure, drift }) =>
        known(failure === null ? bit(drift.length > 0) : null, { machine: name }),
      ),
    ),
    gauge(
      "server_prefixes",
      "How many prefixes go to a server now; absent if no router reported.",
      ...servers.map(({ name, carries }) => known(carries, { server: name })),
    ),
    gauge(
      "server_wanted_prefixes",
      "How many prefixes should go to a server by the config.",
      ...servers.map(({ name, wanted }) => ({ labels: { server: name }, value: wanted })),
    ),
    gauge(
      "server_connections",
      "Open connections with a server, as the routers count them.",
      ...servers.map(({ name, flows }) => known(flows, { server: name })),
    ),
    gauge(
      "prefix_server_info",
      "Which server a router sends a prefix to, and which one the config wants.",
      ...prefixes
        .filter((unit) => unit.known)
        .slice(0, MOST_PREFIXES)
        .map(({ router, prefix, live, wanted }) => ({
          labels: { router, prefix, server: live ?? "", wanted },
          value: 1,
        })),
    ),
    gauge("prefixes_elsewhere", "Prefixes that go to another server than the config wants, or to none.", {
      value: prefixes.filter((unit) => unit.known && unit.live !== unit.wanted).length,
    }),
    gauge(
      "prefixes_left_out",
      "Prefixes that loopback_ha_prefix_server_info does not have, as there are too many.",
      {
        value: Math.max(0, prefixes.filter((unit) => unit.known).length - MOST_PREFIXES),
      },
    ),
    gauge("sites_failing", "Sites that do not answer on a VIP, or whose own page is worse on a server.", {
      value: failing.length,
    }),
    gauge(
      "site_failing",
      "A site that fails; a site that does not has no sample.",
      ...failing.slice(0, MOST_SITES).map(({ name }) => ({ labels: { site: name }, value: 1 })),
    ),
    gauge("failing_sites_left_out", "Failing sites that loopback_ha_site_failing does not have.", {
      value: Math.max(0, failing.length - MOST_SITES),
    }),
    gauge("certificates", "Certificates in force.", { value: certificates.length }),
    gauge(
      "certificate_expiry_timestamp_seconds",
      "The day on which a site's certificate expires, at 00:00 UTC; of many, those that expire first.",
      ...certificates.slice(0, MOST_SITES).map(({ site, expires }) => ({
        labels: { site },
        value: seconds(Date.parse(expires)),
      })),
    ),
    gauge(
      "zone_serial",
      "A zone's serial on a name server.",
      ...zones.map(({ zone, nameServer, serial }) => known(serial, { zone, name_server: nameServer })),
    ),
    gauge(
      "zone_answering",
      "Whether a name server answers for a zone.",
      ...zones.map(({ zone, nameServer, serial }) => ({
        labels: { zone, name_server: nameServer },
        value: bit(serial !== null),
      })),
    ),
  ];
}
