// @ts-check
"use strict";
// Brings the wanted routes to an IOS router: what components/host/deliver.cjs is to a machine with a shell.
const fs = require("node:fs");
const os = require("node:os");
const { withInstance } = require("../../host/appliedAs.cjs");
const { printableLines } = require("../../host/foreignText.cjs");
const { filesOf } = require("../../host/wish.cjs");
const { Broken, LIMITS, Refused, Session, pause } = require("./session.cjs");
const {
  findForeign,
  findLonger,
  isIn,
  maskOf,
  planChanges,
  sampleOf,
  tableComplaint,
} = require("./table.cjs");
const {
  LINE_MS,
  bringTo,
  configure,
  env,
  isSaved,
  liveRoutes,
  named,
  save,
  thisRouter,
} = require("./router.cjs");
const { askAll, keyOf, parseChecks } = require("./vips.cjs");

/** Seconds for the whole change, and for going back from it; each line has some more. */
const CHANGE_SECONDS = 110;
const RETURN_SECONDS = 60;
/** For how long a VIP may take to answer by its new server. */
const SETTLE_MS = 8000;
/** Behind every other route for the same block. */
const LAST_RESORT = { hop: "Null0", distance: 254 };
const NO_TIMER = /\bno rollback confirmed change pending/i;

/** @typedef {import("./table.cjs").Wish & { server?: string }} Wish */

const machine = env("MACHINE");
const router = thisRouter(CHANGE_SECONDS);

/** @param {string} text */
const warn = (text) => process.stderr.write(`warning: ${machine}: ${printableLines(text)}\n`);

/** What is wanted, from stdin; see components/routerRoute/routes.sh for the files. */
function readJob() {
  const want = filesOf(JSON.parse(fs.readFileSync(0, "utf8")));
  /** @param {string} name */
  const rows = (name) => want[name].split("\n").filter(Boolean);
  const setting = new Map(
    rows("settings").map((row) => /** @type {[string, string]} */ (row.split(/=(.*)/s))),
  );
  const routes = rows("routes").map((row) => {
    const [prefix, server, hop] = row.split(" ");
    return { prefix, server, hop };
  });
  const seconds = Number(setting.get("confirm_seconds") ?? 0);
  const checks = (want["private/vips"] ?? "").replace(/@SECRET:([A-Za-z0-9_-]+)@/g, (_, name) =>
    env(`SECRET_${name}`),
  );
  return {
    routes,
    block: want.block.trim(),
    wishes: [{ prefix: want.block.trim(), ...LAST_RESORT }, ...routes],
    seconds,
    checks: isOutside(setting.get("ethernet") ?? "") ? parseChecks(checks) : [],
  };
}

/**
 * Whether this machine sees the farm as a client does. On the Ethernet itself the router's ICMP redirects lead past it,
 * to the server that had the VIP before.
 * @param {string} ethernet
 */
function isOutside(ethernet) {
  const own = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return !own.some(({ family, address }) => family === "IPv4" && isIn(ethernet, address));
}

async function main() {
  const job = readJob();
  const asking = askAll(job.checks);
  let session;
  try {
    session = await Session.open(router);
    const live = await liveRoutes(session);
    const former = live.filter(
      ({ tag }) => tag === router.tag || (tag !== undefined && tag === router.formerTag),
    );
    const others = live.filter((route) => !former.includes(route));
    const changes = planChanges(live, job.wishes, router.tag, router.formerTag);
    const isRenamed = (/** @type {Wish} */ { prefix, hop }) =>
      former.some((route) => route.tag !== router.tag && route.prefix === prefix && route.hop === hop);
    const moved = job.routes.filter(
      (route) => changes.some(({ prefix }) => prefix === route.prefix) && !isRenamed(route),
    );
    const foreign = findForeign(others, moved.length > 0 ? moved : job.routes, router.tag);
    if (foreign) throw new Refused(toldForeign(foreign));
    const elsewhere = findForeign(others, job.routes, router.tag);
    if (elsewhere) warn(toldForeign(elsewhere));
    // Each line is sent, and then asked for.
    router.deadline += 2 * changes.length * LINE_MS;
    session.deadline = router.deadline;
    if (changes.length > 0) {
      await ping(session, moved);
      await move(session, job, changes, former, moved, await asking);
    } else {
      await verify(session, job.routes);
      await verifyInside(session, job, job.routes);
    }
    session = await keep(session);
    report(job.routes, moved);
  } catch (error) {
    if (error instanceof Failure || !isKnown(error)) throw error;
    throw new Failure(`${error.message}; nothing was changed`);
  } finally {
    session?.close();
  }
}

/** @param {import("./table.cjs").Route} route */
const toldForeign = ({ prefix, line }) =>
  `a line not managed by this stack routes ${prefix} on ${machine}: '${line}'. Remove it there first (no ${line}), or hand it over by adding 'tag ${router.tag}' at its end`;

/** The last word on a run: what happened, and what the router now does. */
class Failure extends Error {}

/** @param {unknown} error @returns {error is Error} */
const isKnown = (error) => error instanceof Broken || error instanceof Refused;

/**
 * The changes, checked, and confirmed over a second connection. When anything is wrong the former lines come back.
 * @param {Session} session
 * @param {ReturnType<typeof readJob>} job
 * @param {import("./table.cjs").Change[]} changes
 * @param {import("./table.cjs").Route[]} former
 * @param {Wish[]} moved
 * @param {Map<string, string>} before
 */
async function move(session, job, changes, former, moved, before) {
  // IOS counts in minutes, 120 at most.
  const seconds = Math.max(job.seconds, 20 + (2 * changes.length * LINE_MS) / 1000);
  const minutes = Math.min(Math.ceil(seconds / 60), 120);
  const timed = await canRevert(session, job);
  try {
    await configure(session, changes, timed ? `configure terminal revert timer ${minutes}` : undefined);
    await verify(session, moved);
    await verifyInside(session, job, moved);
    await askAgain(job, moved, before, former);
    if (timed) await confirm();
  } catch (error) {
    if (!isKnown(error)) throw error;
    throw new Failure(`${error.message}; ${await goBack(session, former, timed ? minutes : 0)}`);
  }
}

/** Whether the router can go back by itself. @param {Session} session @param {{ seconds: number }} job */
async function canRevert(session, job) {
  if (job.seconds === 0) return false;
  const pending = await session.run("show archive config rollback timer", { may: /./ });
  if (NO_TIMER.test(pending)) {
    const archive = await session.run("show archive", { may: /./ });
    if (!/not enabled|^\s*% /im.test(archive)) return true;
  } else if (/timer (type|value)|time configured/i.test(pending)) {
    throw new Refused(
      `a change on ${machine} is waiting for its confirmation (show archive config rollback timer). It is undone by itself, or confirm it there with 'configure confirm'; then run pulumi up again`,
    );
  }
  warn(
    "it can't undo a change by itself if the change cuts off this connection: that needs IOS with 'archive' and a 'path' in it configured. The change is made without that (confirmSeconds 0 does the same without this warning)",
  );
  return false;
}

/** A connection that was there before proves nothing about the next one. */
async function confirm() {
  const second = await Session.open(router);
  try {
    const answer = await second.run("configure confirm", { may: NO_TIMER });
    if (NO_TIMER.test(answer))
      throw new Refused(`the confirmation came too late: ${machine} undid the change by itself`);
  } finally {
    second.close();
  }
}

/**
 * @param {Session} session @param {import("./table.cjs").Route[]} former
 * @param {number} minutes of the router's own timer, 0: none runs
 * @returns {Promise<string>} what the router does now
 */
async function goBack(session, former, minutes) {
  router.deadline = Date.now() + RETURN_SECONDS * 1000;
  session.deadline = router.deadline;
  const attempts = [async () => session, () => Session.open(router), () => Session.open(router)];
  for (const attempt of attempts.slice(session.alive ? 0 : 1)) {
    /** @type {Session | undefined} */
    let way;
    try {
      way = await attempt();
      const undone = await bringTo(way, former, router.formerTag ?? router.tag, router.tag);
      // The timer would go back to this very table, and be in the way of the next run.
      if (minutes > 0) await way.run("configure confirm", { may: NO_TIMER });
      return undone
        ? "its former routes are back, nothing has moved"
        : "its routes are unchanged, nothing has moved";
    } catch (error) {
      if (!isKnown(error)) throw error;
      session.close();
    } finally {
      if (way !== session) way?.close();
    }
  }
  if (minutes > 0)
    return `${machine} can't be rolled back now; it undoes the change by itself within ${minutes} min`;
  const had = former.map(({ line }) => `'${line}'`).join(", ") || "none";
  return `${machine} is in doubt: it could not be rolled back. Before the change, its lines with tag ${router.tag} were ${had}. Run pulumi up again when it answers: it continues from whatever is there`;
}

/** IOS asks a next hop before anything moves to it. Other boxes' ping never ends. @param {Session} session @param {Wish[]} moved */
async function ping(session, moved) {
  if (!/Cisco IOS|IOS-XE/i.test(await session.run("show version"))) return;
  if (process.env.LOOPBACK_HA_FORCE_MOVE) {
    warn("LOOPBACK_HA_FORCE_MOVE is set: the servers were not checked before the move");
    return;
  }
  const servers = new Map(moved.map(({ server, hop }) => [hop, server]));
  for (const [hop, server] of servers) {
    const output = await session.run(`ping ${hop} repeat 3 timeout 1`);
    if (!/Success rate is [1-9]/.test(output)) {
      throw new Refused(
        `${server} (${hop}) does not answer ${machine} at all. Is it running? To move anyway: LOOPBACK_HA_FORCE_MOVE=1`,
      );
    }
  }
}

/** The routing table has the last word. @param {Session} session @param {Wish[]} routes */
async function verify(session, routes) {
  for (const route of routes) {
    let complaint;
    // The line is taken before the table is.
    for (const wait of [0, 200, 1000]) {
      await pause(wait);
      const output = await session.run(`show ip route ${sampleOf(route.prefix)}`, { may: /not in table/i });
      complaint = tableComplaint(output, route);
      if (!complaint) break;
    }
    if (complaint) {
      throw new Refused(
        `${route.prefix} should go to ${route.server} (${route.hop}) on ${machine}, but it ${complaint} (show ip route ${sampleOf(route.prefix)})`,
      );
    }
  }
}

/**
 * A longer route wins for its addresses, whoever's it is: a sample may miss it. One in a prefix that does not move was there
 * before, and must not keep the others on a server that is dead.
 * @param {Session} session @param {ReturnType<typeof readJob>} job @param {Wish[]} moved
 */
async function verifyInside(session, { routes, block }, moved) {
  const [address, length] = block.split("/");
  const isRefusal = /^ *%(?!.*not in table)/im;
  let answer = "";
  // IOS takes a mask, FRR a length.
  for (const which of [`${address} ${maskOf(Number(length))}`, block]) {
    answer = await session.run(`show ip route ${which} longer-prefixes`, { may: /./, seconds: LIMITS.save });
    if (!isRefusal.test(answer)) break;
  }
  if (isRefusal.test(answer)) {
    warn(
      "it can't list routes with 'longer-prefixes': more specific routes of others inside the VIP prefixes go unnoticed",
    );
  }
  const all = findLonger(answer, routes);
  const first = all.find(({ wish }) => moved.includes(wish));
  if (first) throw new Refused(toldLonger(first));
  if (all.length > 0) warn(toldLonger(all[0]));
}

/** @param {{ wish: Wish, prefix: string, line: string }} longer */
const toldLonger = ({ wish, prefix, line }) =>
  `${wish.prefix} should go to ${wish.server} (${wish.hop}) on ${machine}, but a more specific route not managed by this stack sends part of it elsewhere: '${line}'. Remove it there (show ip route ${prefix.replace("/32", "")} says whose it is)`;

/**
 * VIPs that answered before must answer by their new server.
 * @param {ReturnType<typeof readJob>} job @param {Wish[]} moved
 * @param {Map<string, string>} before @param {import("./table.cjs").Route[]} former
 */
async function askAgain(job, moved, before, former) {
  const serverOf = (/** @type {string} */ vip) => moved.find(({ prefix }) => isIn(prefix, vip))?.server;
  const checks = job.checks.filter(({ vip }) => serverOf(vip));
  if (process.env.LOOPBACK_HA_FORCE_MOVE) return;
  const wasRouted = former.some(({ prefix }) => moved.some((route) => route.prefix === prefix));
  if (before.size === 0 || checks.length === 0) {
    if (wasRouted) {
      warn(
        "the moved VIPs were not checked: that needs VIPs that answer from this computer, and this computer outside the servers' subnet",
      );
    }
    return;
  }
  const end = Date.now() + SETTLE_MS;
  for (;;) {
    const now = await askAll(checks);
    const silent = checks.find((check) => {
      const wanted = check.kind === "http" ? `${serverOf(check.vip)} ${check.site}` : "yes";
      return before.has(keyOf(check)) && now.get(keyOf(check)) !== wanted;
    });
    if (!silent) {
      const mute = checks.filter((check) => !now.has(keyOf(check)));
      if (mute.length > 0 && wasRouted) {
        warn(
          `${mute[0].vip} (${mute[0].site}) does not answer from this computer, but did not before either${mute.length > 1 ? `; ${mute.length} VIPs in all` : ""}`,
        );
      }
      return;
    }
    if (Date.now() > end) {
      const answer = now.get(keyOf(silent));
      throw new Refused(
        `${serverOf(silent.vip)} does not answer for ${silent.vip} (${silent.site}) behind ${machine}, asked from this computer${answer ? `: '${answer.slice(0, 80)}' does` : ""}`,
      );
    }
    await pause(300);
  }
}

/** What was not saved is gone after a reboot. @param {Session} session @returns {Promise<Session>} */
async function keep(session) {
  let problem;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      if (!session.alive) session = await Session.open(router);
      if (!(await isSaved(session))) await save(session);
      return session;
    } catch (error) {
      if (!isKnown(error)) throw error;
      problem = error;
      session.close();
      if (error instanceof Refused) break;
    }
  }
  throw new Failure(
    `${problem?.message}; its routes are as wanted, but not saved: a reboot would restore the old ones. Run pulumi up again`,
  );
}

/** @param {Wish[]} routes @param {Wish[]} moved */
function report(routes, moved) {
  const lines = routes.map(
    (route) =>
      `${route.prefix} is served by ${route.server} (${route.hop})${moved.includes(route) ? ", moved" : ""}\n`,
  );
  process.stdout.write(withInstance(lines.join(""), env("INSTANCE")));
}

main().catch((error) => {
  const others = process.env.LOOPBACK_HA_ON_FAILURE;
  process.stderr.write(`${printableLines(named(error))}\n${others ? `${others}\n` : ""}`);
  process.exitCode = 1;
});
