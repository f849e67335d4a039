/** The watcher's log: one line for each decision, in words that stay the same. docs/watch.md lists them. Pure. */

import type { Hold } from "../../components/network/holds";
import type { Tracked } from "../routers/health";
import { WorsePage, describeWorse } from "../routers/pages";
import type { Policy } from "./state";
import { Fill, Nobody } from "./healthCounters";

/** One line. */
export interface Line {
  /** What happened, in one word. */
  event: string;
  /** What programs look for. */
  fields: { [key: string]: string | number };
  /** The same for people, with the reason. */
  text: string;
}

/** probe.pl's word for it. */
const REFUSED = "Connection refused";

const line = (event: string, fields: Line["fields"], text: string): Line => ({ event, fields, text });
const list = (names: string[]): string => names.join(", ");
const are = (names: string[]): string => `${list(names)} ${names.length === 1 ? "is" : "are"}`;
const answer = (names: string[]): string =>
  names.length === 0
    ? "no other server answers"
    : `${list(names)} ${names.length === 1 ? "answers" : "answer"}`;
const seconds = (ms: number): string => `${ms / 1000} s`;
const of = (servers: string[]): Line["fields"] => ({ servers: servers.join(",") });

export const watching = (settings: Line["fields"]): Line =>
  line(
    "watching",
    settings,
    "each flip does what loopback-ha down does; the watcher never sets a server active",
  );
export const listening = (url: string): Line =>
  line("listening", { url }, `a page for people is at ${url}, metrics for Prometheus are at ${url}metrics`);
export const ended = (reason: string): Line => line("ended", {}, reason);
export const unreadable = (reason: string): Line =>
  line("unreadable", {}, `the config can't be read, so the last valid one stays in use: ${reason}`);
export const readable = (): Line => line("readable", {}, "the config can be read again");
export const unable = (what: string, text: string): Line => line("unable", { what }, text);
export const able = (what: string, left: number): Line =>
  line(
    "able",
    { what },
    left === 0 ? "flips are possible again" : `fixed; ${left} of the problems reported before remain`,
  );
export const foreignLocks = (url: string): Line =>
  line(
    "foreign-locks",
    {},
    `the state is at ${url}, so a stale lock of a killed run can't be recognized from here; after such a kill there are no flips until someone runs pulumi cancel`,
  );
export const notKept = (reason: string): Line =>
  line("not-kept", {}, `this was not saved, so a restarted watcher will not know of it: ${reason}`);
export const keptLost = (reason: string): Line =>
  line("kept-lost", {}, `the record of earlier flips is lost, so flapping is counted from now on: ${reason}`);
export const hookFailed = (hook: string, reason: string): Line =>
  line("hook-failed", { hook }, `the hook failed and did not get the line: ${reason}`);

export const blind = (router: string, reason: string): Line =>
  line(
    "blind",
    { router },
    `no health checks from ${router} (${reason}): the watcher ignores it until it reports again`,
  );
export const sees = (router: string): Line =>
  line("sees", { router }, `${router} is reporting again; its counters were reset`);

const UNTIL = "There is no server to move to, so the watcher does nothing until one answers";
/** @param full its table of connections, where that is full */
export const nobody = (router: string, is: Nobody, full?: Tracked): Line => {
  const why = {
    [Nobody.Refused]: `every active server refuses ${router}'s connections: all of their web servers have stopped. Find out why on one of them: systemctl status apache2`,
    [Nobody.Services]: `no active server answers ${router}, but their machines are alive: their services hang or are overloaded, or a firewall blocks them. Check one of them: systemctl status apache2`,
    [Nobody.Link]: `no active server answers ${router}, not even to a ping: the router's link to them is a likelier cause than all of them at once. Check it on ${router}: ip -s link, ip neigh`,
  }[is];
  return line(
    "no-answers",
    { router },
    full
      ? `no active server answers ${router}, and its conntrack table is full (${full.count} of ${full.max}): the kernel drops new connections, including those to the router itself. Raise net.netfilter.nf_conntrack_max to at least ${full.max * 2}. ${UNTIL}`
      : `${why}. ${UNTIL}`,
  );
};
export const somebody = (router: string): Line =>
  line(
    "answers-again",
    { router },
    `servers answer ${router} again; the others get a moment to recover as well`,
  );

export const conntrack = (router: string, fill: Fill, { count, max }: Tracked): Line => {
  const now = {
    [Fill.Fine]: "there is room again",
    [Fill.High]: "once it is full, the kernel drops new connections, including those to the router itself",
    [Fill.Full]: "the kernel drops new connections, including those to the router itself",
  }[fill];
  const raise = `Raise net.netfilter.nf_conntrack_max to at least ${max * 2}, and find out what fills it: conntrack -L`;
  return line(
    "conntrack",
    { router, count, max },
    `${router}'s conntrack table is ${Math.floor((count * 100) / max)} % full (${count} of ${max}): ${now}${fill === Fill.Fine ? "" : `. ${raise}`}`,
  );
};
export const keepsOut = (router: string, trouble: string): Line =>
  line(
    "closed",
    { router },
    `visitors don't get through ${router}, even though servers may answer the router itself: ${trouble}`,
  );
export const forwards = (router: string): Line =>
  line("open", { router }, `${router} lets visitors through again`);
export const older = (router: string): Line =>
  line(
    "older",
    { router },
    `${router} runs older scripts, which can't tell a dead machine from a slow one: failovers take longer. Run pulumi up --continue-on-error`,
  );

export const dead = (server: string, rounds: number, reason: string): Line =>
  line(
    "dead",
    { server, rounds },
    reason === REFUSED
      ? `${server} refused every connection in ${rounds} consecutive checks`
      : `${server} answered neither connections nor pings in ${rounds} consecutive checks: ${reason}`,
  );
export const failing = (
  server: string,
  rounds: number,
  reason: string,
  { sickAfter, minActive }: Pick<Policy, "sickAfter" | "minActive">,
): Line =>
  line(
    "sick",
    { server, rounds },
    `${server} answered nothing in ${rounds} consecutive checks, but its machine may be alive: ${reason}. If this goes on for ${seconds(sickAfter)}, it is set down, provided that ${minActive === 1 ? "another one answers" : `${minActive} others answer`} promptly`,
  );
export const alive = (server: string): Line =>
  line("alive", { server }, `${server} answers again, and nothing was moved`);
export const sick = (server: string, vips: number, reason: string): Line =>
  line(
    "sick",
    { server, vips },
    `${server} does not answer for ${vips === 1 ? "1 VIP" : `${vips} VIPs`}, but does for others: nothing is moved. The first: ${reason}`,
  );
export const odd = (server: string, vips: number, reason: string): Line =>
  line(
    "odd",
    { server, vips },
    `${server} answers for ${vips === 1 ? "1 VIP" : `${vips} VIPs`}, but not as expected (${reason}): it is alive, so nothing is moved. Look for a redirect or rewrite in its virtual hosts; pulumi up --continue-on-error restores loopback-ha's own`,
  );
export const sickPages = (server: string, sites: string[], page: WorsePage, counts: boolean): Line =>
  line(
    "sick",
    { server, sites: sites.length },
    `${server} is up, but sites' own pages are worse on it, ${sites.length === 1 ? "1 site" : `${sites.length} sites`} so far: ${describeWorse(page)}${counts ? ". If most of them are, it is set down as a sick server" : ". It is not set down for that; to take it out of service: loopback-ha drain " + server}`,
  );
export const wellPages = (server: string): Line =>
  line("well", { server }, `sites' own pages are as good on ${server} as on the others again`);
export const noPages = (router: string, reason: string): Line =>
  line(
    "no-pages",
    { router },
    `sites' own pages are not checked from ${router} (${reason}); nothing else is affected. If its scripts or its sudoers file are older: pulumi up --continue-on-error, and see docs/your-own-network.md. This is reported once`,
  );
export const seesPages = (router: string): Line =>
  line("pages", { router }, `sites' own pages are checked from ${router} again`);

export const late = (server: string, ms: number): Line =>
  line(
    "late",
    { server, ms },
    `${server} now takes ${ms} ms to answer: it, or the network path to it, is overloaded; nothing is moved`,
  );
export const well = (server: string): Line =>
  line("well", { server }, `${server} answers for all VIPs again`);
export const split = (server: string, reason: string): Line =>
  line("split", { server }, `${server} answers some routers but not others (${reason}): nothing is moved`);

export const minimum = (servers: string[], standing: string[], least: number): Line =>
  line(
    "minimum",
    { ...of(servers), left: standing.length, min: least },
    `${are(servers)} dead and ${answer(standing)}: setting them down would leave fewer than ${least}, so nothing is done`,
  );
export const wouldFlip = (servers: string[], standing: string[]): Line =>
  line(
    "would-flip",
    of(servers),
    `${are(servers)} dead and ${answer(standing)}: without --dry-run, the watcher would set the state to down and run up`,
  );
export const flip = (servers: string[], standing: string[]): Line =>
  line(
    "flip",
    of(servers),
    `${are(servers)} dead and ${answer(standing)}: setting the state to down and running up`,
  );
/** A server that a router's guard holds as dead. */
type GuardHold = Hold & { router: string };
const toldHolds = (holds: GuardHold[]): string =>
  holds
    .map(
      ({ router, server, at, reason }) =>
        `${router}'s guard moved away from ${server} at ${at}, because it ${reason}`,
    )
    .join("; ");
export const adopt = (servers: string[], holds: GuardHold[]): Line =>
  line(
    "adopt",
    of(servers),
    `${toldHolds(holds)}: setting the state to down and running up, so that the config says the same`,
  );
export const wouldAdopt = (servers: string[], holds: GuardHold[]): Line =>
  line(
    "would-adopt",
    of(servers),
    `${toldHolds(holds)}: without --dry-run, the watcher would set the state to down and run up`,
  );
export const heldAll = (servers: string[]): Line =>
  line(
    "minimum",
    { ...of(servers), left: 0, min: 1 },
    `the routers' guards hold all active servers as dead (${list(servers)}), which no config can say: nothing is done. Find out which of them work, and run loopback-ha release SERVER for one of them`,
  );
export const isSick = (server: string, others: string[], after: number): string =>
  `${server} has answered nothing for ${seconds(after)} and ${answer(others)} promptly`;
export const hasWorsePages = (server: string, others: string[]): string =>
  `most of the sites' own pages that were checked are worse on ${server} (--sick-by-pages) and ${answer(others)} promptly`;
export const wouldFlipSick = (server: string, why: string): Line =>
  line(
    "would-flip",
    of([server]),
    `${why}: without --dry-run, the watcher would set the state to down and run up`,
  );
export const flipSick = (server: string, why: string): Line =>
  line("flip", of([server]), `${why}: setting the state to down and running up`);
export const overloaded = (server: string, prompt: string[], least: number, atOnce: number): Line =>
  line(
    "minimum",
    { ...of([server]), left: prompt.length, min: least },
    `${server} is sick, and ${answer(prompt)} within ${atOnce} ms: fewer than ${least}, which its load could overwhelm, so nothing is done. To set it down anyway: loopback-ha down ${server}`,
  );
export const limit = (server: string, flips: number, window: number): Line =>
  line(
    "limit",
    of([server]),
    `${server} is sick, and ${flips === 1 ? "1 sick server was" : `${flips} sick servers were`} set down within ${window / 60_000} min: its load may overwhelm the next one, so nothing is done. Find out why; to set it down anyway: loopback-ha down ${server}`,
  );
export const resume = (servers: string[]): Line =>
  line(
    "resume",
    of(servers),
    `the flip of ${list(servers)} was started and may not have finished: running up again`,
  );
export const slow = (servers: string[], ms: number): Line =>
  line(
    "slow",
    of(servers),
    `up has been running for ${seconds(ms)}; loopback-ha status shows what goes where`,
  );
export const flipped = (servers: string[], took: number, text: string): Line =>
  line("flipped", { ...of(servers), seconds: Number(took.toFixed(1)) }, text);
export const partial = (servers: string[], text: string, wait: number): Line =>
  line("partial", { ...of(servers), retry: seconds(wait) }, text);
export const failed = (servers: string[], text: string, wait: number): Line =>
  line("failed", { ...of(servers), retry: seconds(wait) }, text);
export const later = (servers: string[], text: string, wait: number): Line =>
  line("later", { ...of(servers), retry: seconds(wait) }, text);
export const blocked = (servers: string[], text: string): Line =>
  line("blocked", of(servers), `${text}. The watcher retries at least every 10 s; this is reported once`);
/** How many moves or failures one line names. */
export const MOST_NAMED = 8;
export const moved = (servers: string[], text: string): Line =>
  line(
    "moved",
    of(servers),
    `another run still holds the stack, so the traffic was moved on the routers: ${text}. Previews show this as drift until the flip is made; the watcher retries it at least every 10 s`,
  );
export const notMoved = (servers: string[], text: string): Line =>
  line(
    "not-moved",
    of(servers),
    `not everything could be moved on the routers either: ${text}. The watcher retries`,
  );
export const stuck = (servers: string[], text: string): Line =>
  line("stuck", of(servers), `${text}. The watcher does not retry this: run pulumi up --continue-on-error`);

export const unlocked = (text: string): Line => line("unlocked", {}, text);

export const held = (server: string, flips: number, window: number): Line =>
  line(
    "held",
    { server, flips },
    `${server} was flipped ${flips} times within ${window / 60_000} min: once it answers again, find out why before you restore it`,
  );
export const back = (server: string): Line =>
  line(
    "back",
    { server },
    `${server} answers again; to give it its traffic back: loopback-ha restore ${server}`,
  );
export const backHeld = (server: string, flips: number): Line =>
  line(
    "back",
    { server, flips },
    `${server} answers again, but was flipped ${flips} times: find out why, then run loopback-ha restore ${server}. This is reported once`,
  );
export const changed = (server: string, from = "none", to = "none"): Line =>
  line("changed", { server, from, to }, `${server} was changed from ${from} to ${to} outside this watcher`);
