// @ts-check
"use strict";
// What goes to a machine: the desired files with their secrets, the scripts, and what says whose it is. As a tar file.

const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { gzipSync } = require("node:zlib");
const { formerInstance } = require("../appliedAs.cjs");
const { filesOf, isMachineFile } = require("../payload.cjs");
const { askSsh } = require("../runSsh.cjs");
const { sshHere } = require("../sshHere.cjs");
const { TURN_SECONDS } = require("../turns.cjs");
const { env, takesTurns } = require("./environment.cjs");
const { role, valueOf } = require("./role.cjs");

/** A compromised machine can delay a run no longer than this. */
const MOST_SECONDS = 600;

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

/** @param {string} name of a wanted file */
const isPrivate = (name) => name.startsWith("private/");

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
const MACHINE = path.join(__dirname, "../machine");

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

/** What is wanted, from stdin, and the scripts for it. */
function readPayload() {
  require("tar-stream"); // which takes its time
  /** @type {import("../payload.cjs").Payload} */
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

module.exports = { MACHINE, makeBundle, pack, readPayload, supply, withLength };
