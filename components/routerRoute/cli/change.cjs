// @ts-check
"use strict";
// Brings the wanted routes to a router by its command line: what components/host/deliver.cjs is to a machine with a shell.
const fs = require("node:fs");
const os = require("node:os");
const { withInstance } = require("../../host/appliedAs.cjs");
const { printableLines } = require("../../host/foreignText.cjs");
const { filesOf } = require("../../host/payload.cjs");
const { isIn, sampleOf } = require("../../network/address.cjs");
const { askAll, keyOf, parseChecks } = require("./askVips.cjs");
const { LINE_MS, bringTo, env, named, thisRouter } = require("./router.cjs");
const { findForeign } = require("./routes.cjs");
const { Broken, Refused, Session, pause } = require("./session.cjs");

/** Seconds for the whole change, and for going back from it; each line has some more. */
const CHANGE_SECONDS = 110;
const RETURN_SECONDS = 60;
/** For how long a VIP may take to answer by its new server. */
const SETTLE_MS = 8000;
/** A timer of a router that counts in minutes has no more. */
const MOST_MINUTES = 120;

/**
 * @typedef {import("./driver").Change} Change @typedef {import("./driver").Driver} Driver
 * @typedef {import("./driver").Route} Route @typedef {import("./driver").WantedRoute} WantedRoute
 * @typedef {import("./router.cjs").Router} Router
 */

/** @param {string} text */
const warn = (text) => process.stderr.write(`warning: ${env("MACHINE")}: ${printableLines(text)}\n`);

/** What is wanted, from stdin; see components/routerRoute/routes.sh for the files. @param {Driver} driver */
function readJob({ lastResort }) {
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
    wanted: [{ prefix: want.block.trim(), ...lastResort }, ...routes],
    seconds,
    checks: isOutside(setting.get("server_subnet") ?? "") ? parseChecks(checks) : [],
  };
}

/**
 * Whether this machine sees the farm as a client does. In the servers' subnet itself the router's ICMP redirects lead past it,
 * to the server that had the VIP before.
 * @param {string} serverSubnet
 */
function isOutside(serverSubnet) {
  const own = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return !own.some(({ address }) => isIn(serverSubnet, address));
}

/** @param {Driver} driver */
async function change(driver) {
  const job = readJob(driver);
  const router = thisRouter(driver, CHANGE_SECONDS);
  const asking = askAll(job.checks);
  let session;
  try {
    session = await Session.open(router);
    const live = await driver.routes(session);
    const former = live.filter(
      ({ tag }) => tag === router.tag || (tag !== undefined && tag === router.formerTag),
    );
    const others = live.filter((route) => !former.includes(route));
    const changes = driver.compare(live, job.wanted, router.tag, router.formerTag);
    const isRenamed = (/** @type {WantedRoute} */ { prefix, hop }) =>
      former.some((route) => route.tag !== router.tag && route.prefix === prefix && route.hop === hop);
    const moved = job.routes.filter(
      (route) => changes.some(({ prefix }) => prefix === route.prefix) && !isRenamed(route),
    );
    const foreign = findForeign(others, moved.length > 0 ? moved : job.routes, router.tag);
    if (foreign) throw new Refused(foreignRoute(router, foreign));
    const elsewhere = findForeign(others, job.routes, router.tag);
    if (elsewhere) warn(foreignRoute(router, elsewhere));
    // Each line is sent, and then asked for.
    router.deadline += 2 * changes.length * LINE_MS;
    session.deadline = router.deadline;
    if (changes.length > 0) {
      await ping(session, driver, moved);
      await move(session, router, { job, changes, former, moved, before: await asking });
    } else {
      await verify(session, driver, job.routes);
      await verifyInside(session, driver, job, job.routes);
    }
    session = await keep(session, router);
    report(job.routes, moved);
  } catch (error) {
    if (error instanceof Failure || !isKnown(error)) throw error;
    throw new Failure(`${error.message}; nothing was changed`);
  } finally {
    session?.close();
  }
}

/** @param {Router} router @param {Route} route */
const foreignRoute = ({ machine, driver, tag }, route) =>
  `a line not managed by this stack routes ${route.prefix} on ${machine}: '${route.line}'. Remove it there first (${driver.removalOf(route)}), or hand it over by ${driver.handOver(tag)}`;

/** The last word on a run: what happened, and what the router now does. */
class Failure extends Error {}

/** @param {unknown} error @returns {error is Error} */
const isKnown = (error) => error instanceof Broken || error instanceof Refused;

/**
 * The changes, checked, and confirmed over a second connection. When anything is wrong the former routes come back.
 * @param {Session} session
 * @param {Router} router
 * @param {{ job: ReturnType<typeof readJob>, changes: Change[], former: Route[], moved: WantedRoute[], before: Map<string, string> }} change
 */
async function move(session, router, { job, changes, former, moved, before }) {
  const { driver } = router;
  const seconds = Math.max(job.seconds, 20 + (2 * changes.length * LINE_MS) / 1000);
  const minutes = (await canRevert(session, driver, job))
    ? Math.min(Math.ceil(seconds / 60), MOST_MINUTES)
    : 0;
  try {
    await driver.load(session, changes, minutes > 0 ? minutes : undefined);
    await verify(session, driver, moved);
    await verifyInside(session, driver, job, moved);
    await askAgain(job, moved, before, former);
    if (minutes > 0) await confirm(router);
  } catch (error) {
    if (!isKnown(error)) throw error;
    throw new Failure(`${error.message}; ${await goBack(session, router, former, minutes)}`);
  }
}

/** Whether the router is to go back by itself. @param {Session} session @param {Driver} driver @param {{ seconds: number }} job */
async function canRevert(session, driver, job) {
  if (job.seconds === 0) return false;
  const answer = await driver.revert(session);
  if (answer === "able") return true;
  warn(
    `it can't undo a change by itself if the change cuts off this connection: ${answer.unable}. The change is made without that (confirmSeconds 0 does the same without this warning)`,
  );
  return false;
}

/** That an existing connection works says nothing about the next one. @param {Router} router */
async function confirm(router) {
  const second = await Session.open(router);
  try {
    if (!(await router.driver.confirm(second)))
      throw new Refused(`the confirmation came too late: ${router.machine} undid the change by itself`);
  } finally {
    second.close();
  }
}

/**
 * @param {Session} session @param {Router} router @param {Route[]} former
 * @param {number} minutes of the router's own timer, 0: none runs
 * @returns {Promise<string>} what the router does now
 */
async function goBack(session, router, former, minutes) {
  const { machine, driver } = router;
  router.deadline = Date.now() + RETURN_SECONDS * 1000;
  session.deadline = router.deadline;
  const attempts = [async () => session, () => Session.open(router), () => Session.open(router)];
  for (const attempt of attempts.slice(session.alive ? 0 : 1)) {
    /** @type {Session | undefined} */
    let way;
    try {
      way = await attempt();
      const undone = await bringTo(way, driver, former, router.formerTag ?? router.tag, router.tag);
      // The timer would go back to this very table, and be in the way of the next run.
      if (minutes > 0) await driver.confirm(way);
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

/** The router asks a next hop before anything moves to it. @param {Session} session @param {Driver} driver @param {WantedRoute[]} moved */
async function ping(session, driver, moved) {
  const servers = new Map(moved.map(({ server, hop }) => [hop, server]));
  for (const [hop, server] of servers) {
    if (process.env.LOOPBACK_HA_FORCE_MOVE) {
      warn("LOOPBACK_HA_FORCE_MOVE is set: the servers were not checked before the move");
      return;
    }
    const answers = await driver.ping(session, hop);
    if (answers === undefined) return;
    if (!answers) {
      throw new Refused(
        `${server} (${hop}) does not answer ${session.machine} at all. Is it running? To move anyway: LOOPBACK_HA_FORCE_MOVE=1`,
      );
    }
  }
}

/** The routing table has the last word. @param {Session} session @param {Driver} driver @param {WantedRoute[]} routes */
async function verify(session, driver, routes) {
  for (const route of routes) {
    let issue;
    // The line is taken before the table is.
    for (const wait of [0, 200, 1000]) {
      await pause(wait);
      issue = await driver.check(session, route);
      if (!issue) break;
    }
    if (issue) {
      throw new Refused(
        `${route.prefix} should go to ${route.server} (${route.hop}) on ${session.machine}, but it ${issue} (${driver.commandToLookUp(sampleOf(route.prefix))})`,
      );
    }
  }
}

/**
 * A longer route wins for its addresses, no matter whose it is: a sample may miss it. One in a prefix that does not move was there
 * before, and must not keep the others on a server that is dead.
 * @param {Session} session @param {Driver} driver @param {ReturnType<typeof readJob>} job @param {WantedRoute[]} moved
 */
async function verifyInside(session, driver, { routes, block }, moved) {
  const all = await driver.longer(session, block, routes);
  if (!all) {
    warn(
      "it can't list the routes inside a prefix: more specific routes of others inside the VIP prefixes go unnoticed",
    );
    return;
  }
  /** @param {import("./driver").LongerRoute} longer */
  const sentence = ({ wanted, prefix, line }) =>
    `${wanted.prefix} should go to ${wanted.server} (${wanted.hop}) on ${session.machine}, but a more specific route not managed by this stack sends part of it elsewhere: '${line}'. Remove it there (${driver.commandToLookUp(prefix.replace("/32", ""))} says whose it is)`;
  const first = all.find(({ wanted }) => moved.includes(wanted));
  if (first) throw new Refused(sentence(first));
  if (all.length > 0) warn(sentence(all[0]));
}

/**
 * VIPs that answered before must answer by their new server.
 * @param {ReturnType<typeof readJob>} job @param {WantedRoute[]} moved
 * @param {Map<string, string>} before @param {Route[]} former
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
        `${serverOf(silent.vip)} does not answer for ${silent.vip} (${silent.site}) behind ${env("MACHINE")}, asked from this computer${answer ? `: '${answer.slice(0, 80)}' does` : ""}`,
      );
    }
    await pause(300);
  }
}

/** What was not saved is gone after a reboot. @param {Session} session @param {Router} router @returns {Promise<Session>} */
async function keep(session, router) {
  const { driver } = router;
  let problem;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      if (!session.alive) session = await Session.open(router);
      if (!(await driver.isSaved(session))) await driver.save(session);
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

/** @param {WantedRoute[]} routes @param {WantedRoute[]} moved */
function report(routes, moved) {
  const lines = routes.map(
    (route) =>
      `${route.prefix} is served by ${route.server} (${route.hop})${moved.includes(route) ? ", moved" : ""}\n`,
  );
  process.stdout.write(withInstance(lines.join(""), env("INSTANCE")));
}

/** The command. @param {Driver} driver */
function deliver(driver) {
  change(driver).catch((error) => {
    const others = process.env.LOOPBACK_HA_ON_FAILURE;
    process.stderr.write(`${printableLines(named(error))}\n${others ? `${others}\n` : ""}`);
    process.exitCode = 1;
  });
}

module.exports = { deliver };
