// @ts-check
"use strict";
// The local side of every host command: JSON on stdin (what Pulumi diffs) becomes a tar bundle on the ssh pipe.
// Plain JavaScript: it runs once per command, and compiling it each time would cost more than the whole transfer.

const { spawn } = require("node:child_process");
const { createHash, randomBytes } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { gzipSync } = require("node:zlib");
const { formerInstance, withInstance } = require("./appliedAs.cjs");
const { printableLines } = require("./foreignText.cjs");
const { inProc } = require("./processOf.cjs");
const { askSsh } = require("./runSsh.cjs");
const { NOBODY, explainSshFailure, withoutNoise } = require("./sshFailure.cjs");
const { newerWords, sshHere, withoutSecrets } = require("./sshHere.cjs");
const { stand } = require("./queue.cjs");
const { TURN_SECONDS, Turn } = require("./turns.cjs");
const { filesOf, isMachineFile } = require("./payload.cjs");

/** Seconds apply.sh may take on the machine; ssh itself gets a little longer. */
const LIMIT_SECONDS = 110;
/** The machine has the desired files in force, and waits to hear that this was recorded. */
const APPLIED = "LOOPBACK-HA-APPLIED\n";
const RECORDED = "LOOPBACK-HA-RECORDED\n";
/** The machine would begin, and waits for its turn. Each 0 or 1: its daemon serves now; it has tried the change; such a change ended it. Then which machine was lost to this change before, or -. */
const READY = /LOOPBACK-HA-READY ([01]) ([01]) ([01]) ([A-Za-z0-9][A-Za-z0-9._-]{0,62}|-)\n$/;
const GO = "LOOPBACK-HA-GO\n";
/** @param {string} [lost] the machine that this change has cost, for the machine to remember */
const stay = (lost) => `LOOPBACK-HA-STAY${lost ? ` ${lost}` : ""}\n`;
const BEGUN = "LOOPBACK-HA-BEGUN\n";
/** Of a change that goes back by itself: it is in force, and being verified. */
const ACTIVE = "LOOPBACK-HA-ACTIVE\n";
/** The machine asks for what is no part of the bundle, as it may have it; in words of its role, for its supplier. */
const LACKS = /LOOPBACK-HA-LACKS (.*)\n$/;
/** The machine goes back by itself after so many seconds, which we know better, unless a second, fresh connection confirms. */
const CONFIRM = /LOOPBACK-HA-CONFIRM \d+\n$/;
/** A compromised machine can delay a run no longer than this, and can't fill its memory. */
const MOST_SECONDS = 600;
const MOST_TEXT = 16_384;
const LONGEST_MARK = 1100;

/** @param {string} name */
function env(name) {
  const value = process.env[`LOOPBACK_HA_${name}`];
  if (value === undefined) throw new Error(`LOOPBACK_HA_${name} is not set`);
  return value;
}

/** The prefix of a command that needs root. */
const sudo = () => env("SUDO").split(" ").filter(Boolean);

/**
 * Secrets in place of placeholders such as @SECRET:health@: in what only root may read, and nowhere else, whatever
 * an operator wrote into a zone.
 * @param {string} name
 * @param {string} text
 */
function fillSecrets(name, text) {
  if (!isPrivate(name)) return text;
  return text.replace(/@SECRET:([A-Za-z0-9_-]+)@/g, (_, secret) => valueOf(secret));
}

/**
 * What a role decides on the operator's side when its files are delivered: atDelivery.cjs in one of the role's folders. Each is
 * optional, and a refusal is a sentence without the machine's name.
 * @typedef {object} AtDelivery
 * @property {(environment: NodeJS.ProcessEnv) => string[] | { refusal: string }} [wordsForRun] what the operator asks for in this run
 *   only, as words for receive.sh
 * @property {(want: Record<string, string>) => number} [confirmSeconds] after how many seconds the machine undoes a change that no
 *   new connection has confirmed; 0: it never does
 * @property {(name: string, value: string) => string | undefined} [refusalOfSecret] why a secret can't be put into the files
 * @property {(name: string) => boolean} [isQuoted] whether an error of the machine's programs may quote this secret
 * @property {(now: Date) => string} [ownAnswer] the first line of the answers of peers
 * @property {(line: string) => boolean} [isAnswer] whether a line that a peer says is an answer
 */

/** @returns {AtDelivery} */
function role() {
  const folders = (process.env.LOOPBACK_HA_SCRIPTS ?? "").split(":").filter(Boolean);
  const file = folders
    .map((folder) => path.resolve(folder, "atDelivery.cjs"))
    .find((name) => fs.existsSync(name));
  return file === undefined ? {} : require(file);
}

/** @param {string} secret */
function valueOf(secret) {
  const value = env(`SECRET_${secret}`);
  const refusal = role().refusalOfSecret?.(secret, value);
  if (refusal !== undefined) throw new Error(`${env("MACHINE")}: ${refusal}`);
  return value;
}

/** A program quotes the line that it refuses. @param {string} text */
function withoutValues(text) {
  const { isQuoted = () => false } = role();
  const values = Object.entries(process.env).flatMap(([key, value]) => {
    const [, name] = /^LOOPBACK_HA_SECRET_(.*)$/.exec(key) ?? [];
    return name !== undefined && value && isQuoted(name) ? [value] : [];
  });
  return values.reduce((rest, value) => rest.replaceAll(value, "[secret]"), text);
}

/** @param {string} name of a wanted file */
const isPrivate = (name) => name.startsWith("private/");

/**
 * Processes from here up to the engine. When it has changed, the engine died: nothing records the result.
 * @returns {string}
 */
function ancestors() {
  const pids = [];
  try {
    for (let pid = process.ppid; pid > 1 && pids.length < 4;) {
      pids.push(pid);
      pid = inProc(pid).parent;
    }
  } catch {
    // No /proc (macOS): then only a broken pipe shows that the caller is gone.
  }
  return pids.join(" ");
}

/**
 * What the peers of this machine answer, each line with its peer's name; a dead one is left out.
 * @param {string[][]} peers ssh arguments of each
 * @param {string} command
 */
async function ask(peers, command) {
  const answers = await Promise.all(
    peers.map((args) => askSsh([...sshHere(), ...args, command], { seconds: 10, most: 1 << 20 })),
  );
  const lines = answers.flatMap(({ code, stdout }, index) =>
    code === 0 ? answerOf(String(peers[index]?.at(-1)), stdout) : [],
  );
  const own = role().ownAnswer?.(new Date());
  return [...(own === undefined ? [] : [`- ${own}`]), ...lines, ""].join("\n");
}

/**
 * A peer may be in other hands: only what is an answer, and few lines.
 * @param {string} peer
 * @param {string} text
 */
function answerOf(peer, text) {
  const { isAnswer = () => false } = role();
  const lines = text.split("\n").filter(isAnswer);
  return lines.slice(0, 2).map((line) => `${peer} ${line}`);
}

/** @param {[string, string][]} files @returns {Promise<Buffer>} the same bytes for the same files */
async function pack(files) {
  const bundle = require("tar-stream").pack();
  for (const [name, text] of files) {
    const mode = name.startsWith("want/private/") || name.endsWith(".pem") ? 0o600 : 0o644;
    bundle.entry({ name, mode, mtime: new Date(0) }, text);
  }
  bundle.finalize();
  /** @type {Buffer[]} */
  const chunks = [];
  for await (const chunk of bundle) chunks.push(/** @type {Buffer} */ (chunk));
  // Thousands of sites differ in little; the links to machines may be slow.
  return gzipSync(Buffer.concat(chunks));
}

/** What runs on machines. */
const MACHINE = path.join(__dirname, "machine");

/** @param {string} folders separated by colons @returns {[string, string][]} */
function scriptsOf(folders) {
  return [MACHINE, ...folders.split(":")].flatMap((folder) =>
    fs
      .readdirSync(folder)
      .filter((file) => isMachineFile(file) && !/^(receive|confirm|observe)\.sh$/.test(file))
      .map(
        (file) =>
          /** @type {[string, string]} */ ([
            `scripts/${file}`,
            fs.readFileSync(path.join(folder, file), "utf8"),
          ]),
      ),
  );
}

/** stdin can be read once; what was wrong with it stays so. @template T @param {() => T} work @returns {() => T} */
function once(work) {
  /** @type {{ result: T } | { error: unknown } | undefined} */
  let done;
  return () => {
    if (!done) {
      try {
        done = { result: work() };
      } catch (error) {
        done = { error };
      }
    }
    if ("error" in done) throw done.error;
    return done.result;
  };
}

/** What is wanted, from stdin, and the scripts for it. */
function readPayload() {
  require("tar-stream"); // which takes its time
  /** @type {import("./payload.cjs").Payload} */
  const payload = JSON.parse(fs.readFileSync(0, "utf8"));
  const want = filesOf(payload);
  const files = [
    ...scriptsOf(env("SCRIPTS")),
    ...Object.entries(want).map(
      ([name, text]) => /** @type {[string, string]} */ ([`want/${name}`, fillSecrets(name, text)]),
    ),
  ].sort(([a], [b]) => (a < b ? -1 : 1));
  const version = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 16);
  const seconds = role().confirmSeconds?.(want) ?? 0;
  return { files, version, want, sources: payload.sources, seconds: Math.min(seconds, MOST_SECONDS) };
}

/**
 * What a role's supplier gives a machine that lacks something: files, or why the machine must not begin.
 * @typedef {{ files: [string, string][] } | { refusal: string }} Supply
 * @typedef {(asked: string, payload: { want: Record<string, string>, sources: unknown, secret: (name: string) => string | undefined, ssh: string[] }) => Promise<Supply>} Supplier
 */

/** @param {ReturnType<typeof readPayload>} payload @param {string} asked @returns {Promise<Supply>} */
function supply({ want, sources }, asked) {
  /** @type {{ supply: Supplier }} */
  const supplier = require(path.resolve(env("SUPPLIER")));
  const secret = (/** @type {string} */ name) => process.env[`LOOPBACK_HA_SECRET_${name}`];
  return supplier.supply(asked, { want, sources, secret, ssh: [...sshHere(), ...env("SSH").split(" ")] });
}

/** @param {Buffer} bytes @param {string} mark what the machine knows it by */
const withLength = (bytes, mark) =>
  Buffer.concat([
    Buffer.from(`${mark} ${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}\n`),
    bytes,
  ]);

/**
 * @param {() => ReturnType<typeof readPayload>} payload
 * @returns {Promise<{ version: string, seconds: number, bundle: Buffer }>} what goes to the machine: the desired files, the
 *   scripts, and what says whose it is
 */
async function makeBundle(payload) {
  const { files, version, seconds } = payload();
  const meta = ["INSTANCE", "STACK", "ROLE", "MACHINE", "ADDRESS"].map(
    (key) => `${key.toLowerCase()}=${env(key)}`,
  );
  if (takesTurns()) meta.push(`turn_seconds=${TURN_SECONDS}`);
  const peers = JSON.parse(process.env.LOOPBACK_HA_PEERS ?? "[]");
  const former = formerInstance(env("INSTANCE"));
  /** @type {[string, string][]} */
  const others = former === undefined ? [] : [["former", `${former}\n`]];
  if (peers.length > 0) others.push(["peers", await ask(peers, env("ASK_PEERS"))]);
  const first = /** @type {[string, string]} */ (["meta", [...meta, `version=${version}`, ""].join("\n")]);
  return { version, seconds, bundle: await pack([first, ...files, ...others]) };
}

const takesTurns = () => process.env.LOOPBACK_HA_ONE_FIRST !== undefined;

/** @typedef {{ code: number | null, out: string, end: string, errors: string, refusal?: string }} Ended the beginning and the end of what it said, and why it must not begin */

/**
 * Runs a command on the machine and gives it its input; when it says that the desired files are in force, it hears that this is
 * recorded, unless the engine, which records it, has died meanwhile.
 * @param {string[]} options of ssh
 * @param {string} command
 * @param {(string | Promise<Buffer>)[]} input
 * @param {string} engine
 * @param {Turn} [turn]
 * @param {(asked: string) => Promise<Supply>} [supplied] for what the machine may lack
 * @param {() => void} [active] once, when a change that must be confirmed is in force
 * @returns {Promise<Ended>}
 */
async function run(options, command, input, engine, turn, supplied, active) {
  const ssh = spawn("ssh", [...options, ...env("SSH").split(" "), command], {
    env: withoutSecrets(process.env),
    stdio: "pipe",
  });
  const closed = new Promise((resolve, reject) => ssh.on("error", reject).on("close", resolve));
  closed.catch(() => {}); // awaited below
  const limited = () => setTimeout(() => ssh.kill("SIGKILL"), (LIMIT_SECONDS + 25) * 1000);
  let deadline = limited();
  let hasAsked = false;
  let isOver = false;
  /** @type {string | undefined} */
  let refusal;
  /** @param {{ serves: boolean, tried: boolean, lost: boolean, after: string }} machine */
  const takeTurn = async (machine) => {
    hasAsked = true;
    clearTimeout(deadline);
    /** @type {{ refusal: string, lost?: string } | undefined} */
    const refused = await turn
      ?.wait(machine, () => isOver)
      .catch((error) => ({ refusal: String(error.message) }));
    refusal = refused?.refusal;
    if (isOver) return;
    deadline = limited();
    ssh.stdin.write(refused ? stay(refused.lost) : GO);
  };
  /** @param {(asked: string) => Promise<Supply>} from @param {string} asked */
  const sendLacking = async (from, asked) => {
    const found = await from(asked);
    if ("refusal" in found) refusal = found.refusal;
    ssh.stdin.write("refusal" in found ? stay() : withLength(await pack(found.files), "LOOPBACK-HA-SUPPLY"));
  };
  let out = "";
  let end = "";
  let errors = "";
  ssh.stdout.setEncoding("utf8").on("data", (text) => {
    if (out.length < MOST_TEXT) out += text.slice(0, MOST_TEXT);
    end = (end + text).slice(-LONGEST_MARK);
    const [isReady, serves, tried, lost, after] = READY.exec(end) ?? [];
    if (turn && out.includes(BEGUN)) turn.begun();
    if (out.includes(ACTIVE)) {
      active?.();
      active = undefined;
    }
    const [, asked] = LACKS.exec(end) ?? [];
    if (supplied && asked !== undefined) {
      end = "";
      sendLacking(supplied, asked).catch((error) => {
        refusal = String(error.message);
        ssh.stdin.write(stay());
      });
    }
    if (turn && !hasAsked && isReady)
      void takeTurn({
        ...{ serves: serves === "1", tried: tried === "1", lost: lost === "1" },
        after: after === "-" ? "" : String(after),
      });
    else if (end.endsWith(APPLIED)) {
      turn?.applied();
      ssh.stdin.end(ancestors() === engine ? RECORDED : "");
    } else if (CONFIRM.test(end)) ssh.stdin.end();
  });
  ssh.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-MOST_TEXT)));
  ssh.stdin.on("error", () => {}); // ssh's exit code says more
  try {
    for (const part of input) ssh.stdin.write(await part);
  } catch (error) {
    clearTimeout(deadline);
    ssh.kill();
    throw error;
  }
  const code = await closed;
  isOver = true;
  clearTimeout(deadline);
  errors = withoutValues(printableLines(withoutNoise(errors).slice(-8192)));
  if (code !== 255 && code !== null) turn?.refused();
  return { code, out, end, errors, refusal };
}

/**
 * Shows the machine over a new connection that it can still be reached.
 * @param {string} version
 * @param {string} token
 * @param {string} engine
 * @param {Promise<void>} [go] when it may be confirmed; the connection may be made before
 * @returns {Promise<Ended>}
 */
function confirmOnce(version, token, engine, go = Promise.resolve()) {
  const folder = `/var/lib/loopback-ha/${env("INSTANCE")}/versions/${version}`;
  // One line of plain words: a login shell may be any, and reads no other alike.
  const words = ["bash", "-s", "confirm", env("MACHINE"), folder, token, ...sudo()];
  const script = go.then(() => fs.readFileSync(path.join(MACHINE, "confirm.sh")));
  return run(newerWords(), words.join(" "), [script], engine);
}

/**
 * The same, again and again, as long as the machine waits for that.
 * @param {string} version
 * @param {string} token
 * @param {number} seconds
 * @param {string} engine
 * @returns {Promise<Ended>}
 */
async function confirm(version, token, seconds, engine) {
  // A little longer, to learn how it ended.
  for (const end = Date.now() + (seconds + 3) * 1000; ;) {
    const ended = await confirmOnce(version, token, engine);
    if (ended.code !== 255 || Date.now() > end) return ended;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Of a change: over a connection that is made once the change is in force, while the machine verifies it, and used after that. */
class Confirmation {
  /** @param {Promise<{ version: string, seconds: number }>} made @param {string} token @param {string} engine */
  constructor(made, token, engine) {
    this.made = made;
    this.token = token;
    this.engine = engine;
    /** @type {Promise<void>} */
    this.verified = new Promise((resolve, reject) => Object.assign(this, { go: resolve, stop: reject }));
    this.verified.catch(() => {}); // a connection in waiting ends by it
  }

  connect() {
    this.early = this.made.then(({ version, seconds }) => {
      if (seconds === 0) throw new Error("there is nothing to confirm");
      return confirmOnce(version, this.token, this.engine, this.verified);
    });
    this.early.catch(() => {}); // awaited by use
  }

  /** @returns {Promise<Ended>} */
  async use() {
    this.go();
    const { version, seconds } = await this.made;
    const ended = await this.early?.catch(() => undefined);
    // A connection that broke meanwhile says nothing of new ones.
    return ended && ended.code !== 255 ? ended : confirm(version, this.token, seconds, this.engine);
  }

  /** A connection that was not used confirms nothing. */
  drop() {
    this.stop(new Error("there is nothing to confirm"));
  }

  /** @type {() => void} */
  go() {}
  /** @type {(reason: Error) => void} */
  stop() {}
}

/** @param {string} out */
const withoutMarks = (out) =>
  out
    .replace(/^LOOPBACK-HA-(READY [01] [01] [01] \S+|BEGUN|ACTIVE|LACKS .*)\n/gm, "")
    .replace(APPLIED, "")
    .replace(CONFIRM, "");

async function main() {
  const engine = ancestors();
  const payload = once(readPayload);
  const turn = takesTurns() ? new Turn(env("MACHINE")) : undefined;
  const place = await stand({
    machine: env("MACHINE"),
    address: env("ADDRESS"),
    ssh: env("SSH"),
    name: env("INSTANCE"),
    isWanted: () => ancestors() === engine,
    meanwhile: payload,
  });
  /** @type {string | undefined} */
  let said;
  try {
    said = await bring(engine, payload, turn, place.unreachable);
  } finally {
    place.end(said);
  }
}

/**
 * @param {string} engine
 * @param {() => ReturnType<typeof readPayload>} payload
 * @param {Turn | undefined} turn
 * @param {string | undefined} unreachable why a process before this one had no answer, in ssh's words
 * @returns {Promise<string | undefined>} the same of us
 */
async function bring(engine, payload, turn, unreachable) {
  if (ancestors() !== engine) {
    fail(`${env("MACHINE")}: pulumi has ended; nothing was changed`);
    return unreachable;
  }
  if (unreachable !== undefined) {
    fail(explainSshFailure(env("MACHINE"), unreachable));
    return unreachable;
  }
  const token = randomBytes(12).toString("hex");
  const words = role().wordsForRun?.(process.env) ?? [];
  if ("refusal" in words) {
    fail(`${env("MACHINE")}: ${words.refusal}`);
    return undefined;
  }
  const receive = fs.readFileSync(path.join(MACHINE, "receive.sh"), "utf8");
  // The machine gets ready while the bundle is made.
  const made = makeBundle(payload);
  const input = made.then(({ bundle }) => withLength(bundle, "LOOPBACK-HA-1"));
  // These words are all that sudo sees and logs: examples/sudoers allows exactly them.
  const command = [...sudo(), "bash", "-s", "loopback-ha", LIMIT_SECONDS, token, ...words];
  const confirmation = new Confirmation(made, token, engine);
  try {
    const first = await run(
      sshHere(),
      command.join(" "),
      [receive, input],
      engine,
      turn,
      (asked) => supply(payload(), asked),
      () => confirmation.connect(),
    );
    return await conclude(first, engine, made, confirmation);
  } finally {
    confirmation.drop();
  }
}

/**
 * What becomes of a change that the machine has made, or refused.
 * @param {Ended} first
 * @param {string} engine
 * @param {Promise<{ seconds: number }>} made
 * @param {Confirmation} confirmation
 * @returns {Promise<string | undefined>} as bring
 */
async function conclude(first, engine, made, confirmation) {
  if (first.refusal !== undefined) {
    fail(`${first.errors}${env("MACHINE")}: untouched. ${first.refusal}`);
    return undefined;
  }
  const asked = CONFIRM.test(first.end);
  const report = withoutValues(printableLines(withoutMarks(first.out).slice(0, MOST_TEXT)));
  if (first.code !== 0 || !asked) {
    process.stdout.write(first.code === 0 ? withInstance(report, env("INSTANCE")) : report);
    tell(first, (await made).seconds > 0 ? "; it undoes by itself whatever it had changed by then" : "");
    if (first.code === null) return `Timeout, server: nothing for ${LIMIT_SECONDS + 25} s`;
    return first.code === 255 && NOBODY.test(first.errors) ? first.errors : undefined;
  }
  process.stderr.write(first.errors);
  const { seconds } = await made;
  if (seconds === 0) {
    fail(
      `${env("MACHINE")} asks for a confirmation that this change does not use, so loopback-ha's scripts are not what answers there. The machine may be compromised; nothing was confirmed, and the other machines are not affected`,
    );
    return undefined;
  }
  if (ancestors() !== engine) {
    fail(
      `${env("MACHINE")}: pulumi has ended, so this change was not recorded; it will be undone within ${seconds} s`,
    );
    return undefined;
  }
  const last = await confirmation.use();
  if (last.code === 255) {
    const cause = explainSshFailure(env("MACHINE"), last.errors);
    const gone = "so the machine went back to its previous state by itself";
    fail(`${env("MACHINE")}: the change worked, but no new connection could confirm it, ${gone}: ${cause}`);
    return undefined;
  }
  if (last.code === 0) process.stdout.write(withInstance(report, env("INSTANCE")));
  tell(last);
  return undefined;
}

/**
 * @param {Ended} ended
 * @param {string} [whenCut] what the machine does when its connection breaks
 */
function tell({ code, errors }, whenCut = "") {
  const machine = env("MACHINE");
  if (code === 0) {
    process.stderr.write(errors);
  } else if (code === 255) {
    fail(explainSshFailure(machine, errors) + whenCut);
  } else if (code === null) {
    fail(
      `${machine} has not answered for ${LIMIT_SECONDS + 25} s; it is in doubt until the next 'pulumi up' succeeds on it`,
    );
  } else if (/^(sudo: |Sorry, user )/m.test(errors)) {
    const user = env("SSH").split(" ").pop()?.split("@")[0];
    fail(
      `${machine}: user ${user} may not run commands as root without a password (${errors.trim()}); nothing was changed. Install its sudoers file (docs/your-own-network.md, ssh), or set ssh.user to root`,
    );
  } else {
    fail(errors.trim() || `${machine}: exit code ${code}`);
  }
}

/** @param {string} message */
function fail(message) {
  const others = process.env.LOOPBACK_HA_ON_FAILURE;
  process.stderr.write(`${message}\n${others ? `${others}\n` : ""}`);
  process.exitCode = 1;
}

main().catch((error) => {
  fail(
    error.code === "ENOENT" && error.path === "ssh"
      ? "ssh is not installed on this computer (apt-get install openssh-client)"
      : String(error.message),
  );
});
