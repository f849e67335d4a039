/** The watcher's log: one line for each decision, in words that stay the same. docs/watch.md lists them. Pure. */

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
  names.length === 0 ? "no other one answers" : `${list(names)} ${names.length === 1 ? "answers" : "answer"}`;
const seconds = (ms: number): string => `${ms / 1000} s`;
const of = (servers: string[]): Line["fields"] => ({ servers: servers.join(",") });

export const watching = (settings: Line["fields"]): Line =>
  line("watching", settings, "every flip is what loopback-ha down does; nothing is ever set active");
export const ended = (reason: string): Line => line("ended", {}, reason);
export const unreadable = (reason: string): Line =>
  line("unreadable", {}, `the config can't be read, so the last one that could goes on: ${reason}`);
export const readable = (): Line => line("readable", {}, "the config can be read again");
export const unable = (what: string, text: string): Line => line("unable", { what }, text);
export const able = (what: string, left: number): Line =>
  line(
    "able",
    { what },
    left === 0
      ? "nothing stands in the way of a flip any more"
      : `that is put right; ${left} left, said before`,
  );
export const foreignLocks = (url: string): Line =>
  line(
    "foreign-locks",
    {},
    `the state is at ${url}, where a lock that a killed run has left can't be judged from here: until a person runs pulumi cancel, no flip is made then`,
  );
export const notKept = (reason: string): Line =>
  line("not-kept", {}, `a watcher that starts anew will not know of this: ${reason}`);
export const keptLost = (reason: string): Line =>
  line("kept-lost", {}, `nothing is known of former flips, so flapping is counted from now on: ${reason}`);
export const hookFailed = (hook: string, reason: string): Line =>
  line("hook-failed", { hook }, `the hook was not told: ${reason}`);

export const blind = (router: string, reason: string): Line =>
  line("blind", { router }, `nothing is known from ${router} (${reason}): nothing is decided by it`);
export const sees = (router: string): Line =>
  line("sees", { router }, `${router} tells again; counting begins anew`);

const UNTIL = "There is no server to move to, so nothing is done until one answers";
/** @param full its table of connections, where that is full */
export const nobody = (router: string, is: Nobody, full?: Tracked): Line => {
  const why = {
    [Nobody.Refused]: `every active server refuses ${router}'s connections: their web servers have ended, all of them. Look why on one: systemctl status apache2`,
    [Nobody.Services]: `no active server answers ${router}, and their machines live: their services hang or are overloaded, or a firewall is in the way. Look at one: systemctl status apache2`,
    [Nobody.Link]: `no active server answers ${router}, nor a ping: rather its link to them than all of them. Look at it: ip -s link, ip neigh`,
  }[is];
  return line(
    "nobody",
    { router },
    full
      ? `no active server answers ${router}, and its conntrack table is full (${full.count} of ${full.max}): the kernel drops new connections, to this router too. Raise net.netfilter.nf_conntrack_max to ${full.max * 2} at least. ${UNTIL}`
      : `${why}. ${UNTIL}`,
  );
};
export const somebody = (router: string): Line =>
  line("somebody", { router }, `servers answer ${router} again; the others get a moment to do so, too`);

export const conntrack = (router: string, fill: Fill, { count, max }: Tracked): Line => {
  const now = {
    [Fill.Fine]: "there is room again",
    [Fill.High]: "when it is full, the kernel drops new connections, to this router too",
    [Fill.Full]: "the kernel drops new connections, to this router too",
  }[fill];
  const raise = `Raise net.netfilter.nf_conntrack_max to ${max * 2} at least, and find out what fills it: conntrack -L`;
  return line(
    "conntrack",
    { router, count, max },
    `${router}'s conntrack table is full to ${Math.floor((count * 100) / max)} % (${count} of ${max}): ${now}${fill === Fill.Fine ? "" : `. ${raise}`}`,
  );
};
export const keepsOut = (router: string, trouble: string): Line =>
  line("closed", { router }, `visitors don't get through ${router}, whatever servers answer it: ${trouble}`);
export const forwards = (router: string): Line =>
  line("open", { router }, `${router} lets visitors through again`);
export const older = (router: string): Line =>
  line(
    "older",
    { router },
    `${router} asks with scripts of an older version, which can't tell a machine that is gone from one that is slow: failovers take longer. Run pulumi up --continue-on-error`,
  );

export const dead = (server: string, rounds: number, reason: string): Line =>
  line(
    "dead",
    { server, rounds },
    reason === REFUSED
      ? `${server} refused every connection in ${rounds} rounds`
      : `${server} answered neither connections nor a ping in ${rounds} rounds: ${reason}`,
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
    `${server} answered nothing in ${rounds} rounds, and its machine may live: ${reason}. It is set down after ${seconds(sickAfter)} of this, if ${minActive === 1 ? "another one answers" : `${minActive} others answer`} at once`,
  );
export const alive = (server: string): Line =>
  line("alive", { server }, `${server} answers again, and nothing was moved`);
export const sick = (server: string, vips: number, reason: string): Line =>
  line(
    "sick",
    { server, vips },
    `${server} does not answer for ${vips === 1 ? "1 VIP" : `${vips} VIPs`}, and does for others: nothing is moved. The first: ${reason}`,
  );
export const odd = (server: string, vips: number, reason: string): Line =>
  line(
    "odd",
    { server, vips },
    `${server} answers for ${vips === 1 ? "1 VIP" : `${vips} VIPs`}, but not as it should (${reason}): it lives, and nothing is moved. Look for a redirect or rewrite in its virtual hosts; pulumi up --continue-on-error writes ours again`,
  );
export const sickPages = (server: string, sites: string[], page: WorsePage, counts: boolean): Line =>
  line(
    "sick",
    { server, sites: sites.length },
    `${server} serves, and sites' own pages are worse on it, by ${sites.length === 1 ? "1 site" : `${sites.length} sites`} so far: ${describeWorse(page)}${counts ? ". Where most of them are, it is set down as a sick server" : ". It is not set down for that; if it shall go: loopback-ha drain " + server}`,
  );
export const wellPages = (server: string): Line =>
  line("well", { server }, `sites' own pages are as good on ${server} as on others again`);
export const noPages = (router: string, reason: string): Line =>
  line(
    "no-pages",
    { router },
    `sites' own pages are not asked for on ${router} (${reason}): nothing else depends on it. Where its scripts or its sudoers file are of an older version: pulumi up --continue-on-error, and docs/your-own-network.md. This is said once`,
  );
export const seesPages = (router: string): Line =>
  line("pages", { router }, `sites' own pages are asked for on ${router} again`);

export const late = (server: string, ms: number): Line =>
  line(
    "late",
    { server, ms },
    `${server} takes ${ms} ms for an answer, and no longer answers at once: it, or the way to it, has too much to do; nothing is moved`,
  );
export const well = (server: string): Line =>
  line("well", { server }, `${server} answers for all VIPs again`);
export const split = (server: string, reason: string): Line =>
  line("split", { server }, `${server} answers some routers and not others (${reason}): nothing is moved`);

export const minimum = (servers: string[], standing: string[], least: number): Line =>
  line(
    "minimum",
    { ...of(servers), left: standing.length, min: least },
    `${are(servers)} dead and ${answer(standing)}: without them fewer than ${least} would be left, so nothing is done`,
  );
export const wouldFlip = (servers: string[], standing: string[]): Line =>
  line(
    "would-flip",
    of(servers),
    `${are(servers)} dead and ${answer(standing)}: without --dry-run, state down and up`,
  );
export const flip = (servers: string[], standing: string[]): Line =>
  line("flip", of(servers), `${are(servers)} dead and ${answer(standing)}: state down, and up`);
export const isSick = (server: string, others: string[], after: number): string =>
  `${server} answers nothing for ${seconds(after)} and ${answer(others)} at once`;
export const hasWorsePages = (server: string, others: string[]): string =>
  `most of the sites' own pages that were asked for are worse on ${server} (--sick-by-pages) and ${answer(others)} at once`;
export const wouldFlipSick = (server: string, why: string): Line =>
  line("would-flip", of([server]), `${why}: without --dry-run, state down and up`);
export const flipSick = (server: string, why: string): Line =>
  line("flip", of([server]), `${why}: state down, and up`);
export const overloaded = (server: string, prompt: string[], least: number, atOnce: number): Line =>
  line(
    "minimum",
    { ...of([server]), left: prompt.length, min: least },
    `${server} is sick, and ${answer(prompt)} within ${atOnce} ms: fewer than ${least}, on which its load would be too much, so nothing is done. If it shall go: loopback-ha down ${server}`,
  );
export const limit = (server: string, flips: number, window: number): Line =>
  line(
    "limit",
    of([server]),
    `${server} is sick, and ${flips === 1 ? "1 sick server was" : `${flips} sick servers were`} set down within ${window / 60_000} min: its load may topple the next, so nothing is done. Find out why; if it shall go: loopback-ha down ${server}`,
  );
export const resume = (servers: string[]): Line =>
  line(
    "resume",
    of(servers),
    `the flip of ${list(servers)} was begun and is not known to have ended: up once more`,
  );
export const slow = (servers: string[], ms: number): Line =>
  line("slow", of(servers), `up runs for ${seconds(ms)} now; loopback-ha status shows what goes where`);
export const flipped = (servers: string[], took: number, text: string): Line =>
  line("flipped", { ...of(servers), seconds: Number(took.toFixed(1)) }, text);
export const partial = (servers: string[], text: string, wait: number): Line =>
  line("partial", { ...of(servers), retry: seconds(wait) }, text);
export const failed = (servers: string[], text: string, wait: number): Line =>
  line("failed", { ...of(servers), retry: seconds(wait) }, text);
export const later = (servers: string[], text: string, wait: number): Line =>
  line("later", { ...of(servers), retry: seconds(wait) }, text);
export const blocked = (servers: string[], text: string): Line =>
  line("blocked", of(servers), `${text}. It is tried again, at least every 10 s, and this is said once`);
/** The first few of many, and how many more there are. */
export function firstFew(texts: string[]): string[] {
  const most = 8;
  return texts.length > most ? [...texts.slice(0, most), `and ${texts.length - most} more`] : texts;
}
export const moved = (servers: string[], text: string): Line =>
  line(
    "moved",
    of(servers),
    `another run still holds the stack, so it was done on the routers: ${text}. Previews show that as drift until the flip is made, which is tried again, at least every 10 s`,
  );
export const notMoved = (servers: string[], text: string): Line =>
  line("not-moved", of(servers), `nor could all be moved on the routers: ${text}. It is tried again`);
export const stuck = (servers: string[], text: string): Line =>
  line("stuck", of(servers), `${text}. This is not tried again: run pulumi up --continue-on-error`);

export const unlocked = (text: string): Line => line("unlocked", {}, text);

export const held = (server: string, flips: number, window: number): Line =>
  line(
    "held",
    { server, flips },
    `${server} was flipped ${flips} times within ${window / 60_000} min: when it answers again, find out why before you restore it`,
  );
export const back = (server: string): Line =>
  line("back", { server }, `${server} answers again: loopback-ha restore ${server}`);
export const backHeld = (server: string, flips: number): Line =>
  line(
    "back",
    { server, flips },
    `${server} answers again, and was flipped ${flips} times: find out why, then loopback-ha restore ${server}. This is said once`,
  );
export const changed = (server: string, from = "none", to = "none"): Line =>
  line("changed", { server, from, to }, `somebody changed ${server} from ${from} to ${to}`);
