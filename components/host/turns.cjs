// @ts-check
"use strict";
// Of the machines of a role that one run changes, one goes first, and the others wait until it answers (ADR 25). The commands of a
// run are processes on the operator's machine that know nothing of each other: they meet in a folder, a file each. Plain
// JavaScript for the sake of deliver.cjs.
const fs = require("node:fs");
const path = require("node:path");
const { processOf } = require("./processOf.cjs");
const { isOwn } = require("./sshHere.cjs");

/** Seconds a server waits for its turn: longer than the first may take. */
const TURN_SECONDS = 150;
/** How many milliseconds a machine that should go earlier has to get ready; after that, a machine that is ready goes first. */
const PATIENCE = 5_000;
/** The same, for tests on a machine that is busy. */
const limits = { patience: PATIENCE };
/** Milliseconds between looks into the folder. */
const INTERVAL = 50;

/**
 * Where a command is: it looks at its machine (`trying`), waits (`ready`), may begin alone (`leads`) or with others
 * (`follows`), changes what its daemon reads (`begun`, of one that leads); how it ended: `applied`, `failed`, or `out` where
 * nothing was touched, or nothing waited for it.
 * @typedef {"trying" | "ready" | "follows" | "leads" | "begun" | "applied" | "failed" | "out"} Phase
 * `after`: the machine that a run before has lost to this very change, and without which it is not tried here again; empty:
 * none. `hasAfter`: whether that one is in this run, if it has something to do; undefined: unknown.
 * @typedef {{ pid: number, machine: string, rank: number, phase: Phase, serves: boolean, tried: boolean, lost: boolean, alive: boolean, after: string, hasAfter?: boolean }} Member
 * @typedef {{ refusal: string, lost?: string }} NoTurn `lost`: the machine that this change has cost
 */

/**
 * Whether `a` is rather the one to go first: what was lost to such a change has nothing to lose, and shows whether that is
 * corrected; what serves shows whether it still does; then what carries less.
 * @param {Member} a
 * @param {Member} b
 */
function precedes(a, b) {
  if (a.lost !== b.lost) return a.lost;
  if (a.serves !== b.serves) return a.serves;
  return a.rank !== b.rank ? a.rank < b.rank : a.machine < b.machine;
}

/**
 * What a command that is ready does now: the first goes alone, then all together whose machine has tried the change, and
 * of the others one after the other. Pure.
 * @param {Member} me
 * @param {Member[]} members of this run, with `me`
 * @param {number[]} leaders the pids of those that went alone, in order
 * @param {number} waited in milliseconds
 * @returns {"lead" | "go" | "wait" | NoTurn}
 */
function decide(me, members, leaders, waited) {
  const led = leaders.flatMap((leader) => members.filter(({ pid }) => pid === leader));
  const again = "then run 'pulumi up' again";
  const isAtWork = (/** @type {Member} */ { phase }) => phase === "leads" || phase === "begun";
  for (const { machine } of led.filter((leader) => leader.phase === "failed")) {
    return {
      lost: machine,
      refusal: `${machine} got this change first and failed, so no other server was given it. Fix what the message for ${machine} says, there and on servers with the same problem, ${again}. A run without ${machine} (loopback-ha down ${machine}) moves its traffic, and skips this change wherever nothing was fixed`,
    };
  }
  for (const { machine } of led.filter((leader) => isAtWork(leader) && !leader.alive)) {
    return {
      lost: machine,
      refusal: `${machine} got this change first, but the run ended before it was known whether that server still answers. Check ${machine}, ${again}`,
    };
  }
  /** @param {Member} one */
  const isHeld = (one) =>
    one.after !== "" && !led.some(({ machine, phase }) => machine === one.after && phase === "applied");
  const held = isHeld(me) ? whileHeld(me, members, waited) : undefined;
  if (typeof held === "object") return held;
  if (me.tried && !held && led.some(({ phase }) => phase === "applied")) return "go";
  const last = led.at(-1);
  if (waited > TURN_SECONDS * 1000) {
    const holder = last && isAtWork(last) ? last.machine : "another server";
    return {
      refusal: `${holder}, which gets this change first, was not finished within ${TURN_SECONDS} s. Check ${holder}, ${again}`,
    };
  }
  if (held || (last && isAtWork(last))) return "wait";
  const isAwaited = (/** @type {Member} */ other) =>
    other.alive &&
    other.pid !== me.pid &&
    !isHeld(other) &&
    precedes(other, me) &&
    (other.phase === "ready" || (other.phase === "trying" && waited < limits.patience));
  return members.some(isAwaited) ? "wait" : "lead";
}

/**
 * Of a change that has cost another machine: while that one may still show, in this run, that it is corrected, it is waited
 * for. One that is there and has nothing to do has it in force.
 * @param {Member} me
 * @param {Member[]} members
 * @param {number} waited
 * @returns {"wait" | NoTurn | undefined} undefined: nothing holds it any more
 */
function whileHeld(me, members, waited) {
  const those = members.filter(({ machine }) => machine === me.after);
  if (those.some(({ alive, phase }) => alive && phase !== "out")) return "wait";
  if (those.length === 0 && me.hasAfter !== false) {
    // Its command may not have begun.
    if (waited < limits.patience) return "wait";
    if (me.hasAfter) return undefined;
  }
  return {
    refusal: `an earlier run tried this change on ${me.after}, which failed; ${me.after} ${those.length === 0 ? "is not part of this run" : "was not given it in this run"}, and neither the change nor the rest of the configuration on ${me.machine} has changed since. Fix the same problem here, or remove the change from the config. If the problem was specific to ${me.after}, override this once: LOOPBACK_HA_FORCE_CHANGE=1 pulumi up --continue-on-error`,
  };
}

/** @param {(name: string) => boolean} is @returns {number | undefined} the nearest of our ancestors that has such a name */
function ancestor(is) {
  for (let pid = process.ppid; pid > 1;) {
    const found = processOf(pid);
    if (!found) return undefined;
    if (is(found.name)) return pid;
    pid = found.parent;
  }
  return undefined;
}
const engineOf = () => ancestor((name) => name === "pulumi");
/** A provider is started for each update, an engine may go on (`pulumi watch`). */
const runOf = () => ancestor((name) => name.startsWith("pulumi")) ?? process.ppid;

/** Numbers of processes mean something in one namespace only, and containers may share a /tmp. */
function space() {
  try {
    return fs.readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return "";
  }
}
/** @param {number} pid */
const tagOf = (pid) => `${space()}.${pid}-${processOf(pid)?.start ?? ""}`;

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/** Where the runs of this user meet. @returns {string} */
function meetingPlace() {
  const uid = process.getuid?.() ?? 0;
  const runtime = process.env.XDG_RUNTIME_DIR;
  const places = [`/tmp/loopback-ha-${uid}`, ...(runtime ? [path.join(runtime, "loopback-ha")] : [])];
  const place = places.find((folder) => isOwn(folder, true));
  if (place === undefined)
    throw new Error(
      `the commands of this run have no folder to coordinate in, which is needed to change one server first: ${places.join(" and ")} can't be created, or others may write to it. Nothing was changed`,
    );
  return place;
}

/** @param {string} place forgets runs that are over */
function tidy(place) {
  for (const name of fs.readdirSync(place)) {
    const [, where, pid, start] = /^(?:run|order)\.(\d*)\.(\d+)-(\w*)$/.exec(name) ?? [];
    if (where === space() && processOf(Number(pid))?.start !== start)
      fs.rmSync(path.join(place, name), { recursive: true, force: true });
  }
}

/** Whole or not at all, for those who look meanwhile. @param {string} file @param {unknown} value */
function write(file, value) {
  const fresh = `${file}.${process.pid}.new`;
  fs.writeFileSync(fresh, JSON.stringify(value));
  fs.renameSync(fresh, file);
}

/** @param {string} file @returns {any} undefined: there is none */
function read(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * By the program: in which order its servers would go first. Known to the commands of the same run only; no input of
 * theirs, which would be a change with each flip.
 * @param {string[]} machines without those that are down
 */
function announceOrder(machines) {
  const engine = engineOf();
  if (engine === undefined) return;
  write(path.join(meetingPlace(), `order.${tagOf(engine)}`), machines);
}

/** A command's part in its run. */
class Turn {
  /** @param {string} machine */
  constructor(machine) {
    const place = meetingPlace();
    tidy(place);
    const engine = engineOf();
    /** @type {string[]} */
    const order = (engine === undefined ? undefined : read(path.join(place, `order.${tagOf(engine)}`))) ?? [];
    const rank = order.includes(machine) ? order.indexOf(machine) : order.length;
    this.order = order;
    this.folder = path.join(place, `run.${tagOf(runOf())}`);
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    /** @type {Member} */
    this.me = {
      pid: process.pid,
      machine,
      rank,
      phase: "trying",
      serves: true,
      tried: true,
      lost: false,
      alive: true,
      after: "",
    };
    this.#enter("trying");
    process.once("exit", () => this.#leave());
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.me.phase = phase;
    write(path.join(this.folder, `member.${this.me.pid}`), this.me);
  }

  /** @returns {Member[]} */
  #members() {
    return fs
      .readdirSync(this.folder)
      .map((name) => Number(/^member\.(\d+)$/.exec(name)?.[1]))
      .filter(Boolean)
      .flatMap((pid) => {
        // In this order: one that has died since said before what it did.
        const alive = isAlive(pid);
        const member = read(path.join(this.folder, `member.${pid}`));
        return member ? [{ ...member, alive }] : [];
      });
  }

  /** Who went alone, one after the other. @returns {number[]} */
  #leaders() {
    const names = fs.readdirSync(this.folder).filter((name) => /^first\.\d+$/.test(name));
    return names
      .map((_, index) => read(path.join(this.folder, `first.${index}`)))
      .filter((pid) => pid !== undefined);
  }

  /**
   * Waits for this server's turn.
   * @param {{ serves: boolean, tried: boolean, lost: boolean, after: string }} machine whether its daemon runs now, has shown
   *   that it takes the change, and was ended by such a change before; which other one was lost to this very change
   * @param {() => boolean} isOver the machine waits no more
   * @returns {Promise<NoTurn | undefined>} why it must not begin; undefined: it may
   */
  async wait(machine, isOver) {
    const hasAfter = this.order.length === 0 ? undefined : this.order.includes(machine.after);
    // For one run, so it is no input of the resource.
    const after = process.env.LOOPBACK_HA_FORCE_CHANGE ? "" : machine.after;
    Object.assign(this.me, machine, { after, hasAfter });
    this.#enter("ready");
    const begin = Date.now();
    for (; !isOver(); await new Promise((resolve) => setTimeout(resolve, INTERVAL))) {
      const leaders = this.#leaders();
      const found = decide(this.me, this.#members(), leaders, Date.now() - begin);
      if (typeof found === "object") return found;
      if (found === "go") {
        this.#enter("follows");
        return undefined;
      }
      if (found === "lead") {
        // Before it is taken, so that it is never seen taken and idle.
        this.#enter("leads");
        if (this.#take(leaders.length)) return undefined;
        this.#enter("ready");
      }
    }
    return undefined;
  }

  /** @param {number} place @returns {boolean} whether it is ours now */
  #take(place) {
    try {
      // By a link: a process that sees it can read it.
      const mine = path.join(this.folder, `taken.${this.me.pid}`);
      fs.writeFileSync(mine, String(this.me.pid));
      fs.linkSync(mine, path.join(this.folder, `first.${place}`));
      return true;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
      throw error;
    }
  }

  /** The daemon is about to read something else. */
  begun() {
    if (this.me.phase === "leads") this.#enter("begun");
  }

  /** It has, and answers. */
  applied() {
    if (this.me.phase === "leads" || this.me.phase === "begun") this.#enter("applied");
  }

  /** The machine said that it failed: before it had begun, another server may go first. */
  refused() {
    if (this.me.phase === "leads") this.#enter("out");
  }

  #leave() {
    const { phase } = this.me;
    if (phase === "trying" || phase === "ready" || phase === "follows") this.#enter("out");
    // Whatever the reason, it is unknown whether the server still answers.
    else if (phase === "leads" || phase === "begun") this.#enter("failed");
  }
}

module.exports = { PATIENCE, limits, TURN_SECONDS, Turn, announceOrder, decide };
