// @ts-check
"use strict";
// What a connection takes from the machine it begins on, and what is therefore in no state: the control socket's
// place, and the words that old versions of ssh don't know. Plain JavaScript for the sake of deliver.cjs.
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

/** Bytes of a socket's path without the final NUL. */
const LONGEST = process.platform === "linux" ? 107 : 103;
/** %C has 40, and ssh first writes beside it: a dot and 16 letters. */
const NAME = "loopback-ha-%C";
const longestOf = (/** @type {string} */ name) => name.length - 2 + 40 + 17;

/**
 * A place for control sockets. `own` says whether only this user may write there; it makes the folder if it can.
 * @param {{ home?: string, runtime?: string, temporary: string, space: string }} here
 * @param {(folder: string, make: boolean) => boolean} own
 * @returns {string | undefined} a ControlPath; undefined: there is no room for one
 */
function controlPath({ home, runtime, temporary, space }, own) {
  // Others than the home may be shared with containers, whose machines of the same address are other ones.
  const places = [
    ...(home === undefined ? [] : [{ folder: path.join(home, ".ssh"), name: NAME, make: true }]),
    ...(runtime === undefined ? [] : [{ folder: runtime, name: `loopback-ha-${space}%C`, make: false }]),
    { folder: temporary, name: `loopback-ha-${space}%C`, make: true },
  ];
  const place = places.find(
    ({ folder, name, make }) =>
      // A % would be ssh's to replace, a space splits what is one word.
      /^\/[^%\s"'\\]*$/.test(folder) &&
      Buffer.byteLength(folder) + 1 + longestOf(name) <= LONGEST &&
      own(folder, make),
  );
  return place && path.join(place.folder, place.name);
}

/** Whether a folder is there (or could be made), belongs to this user, and only this user may write into it. @param {string} folder @param {boolean} make */
function isOwn(folder, make) {
  try {
    if (make) fs.mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It is there, or it will turn out that it is not.
  }
  try {
    // A link counts as what it leads to, where it is ours.
    const { uid, mode } = fs.statSync(folder);
    const owners = new Set([uid, fs.lstatSync(folder).uid, process.getuid?.()]);
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK);
    return owners.size === 1 && (mode & fs.constants.S_IFMT) === fs.constants.S_IFDIR && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}

/** The home that ssh uses: passwd's, whatever HOME says. @returns {string | undefined} undefined: this uid has no name */
function passwdHome() {
  try {
    return os.userInfo().homedir;
  } catch {
    return undefined;
  }
}

/** Which network the addresses are of: machines in another one are others. */
function networkSpace() {
  try {
    return `${fs.readlinkSync("/proc/self/ns/net").replace(/\D/g, "")}-`;
  } catch {
    return "";
  }
}

/** Words that ssh has since 8.7. A config that has them would take the stdin of our commands, or the command itself. */
const NEWER = ["SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no"];

/** Whether the ssh here knows them: its program has the keyword. To ask it for its version takes ten times as long. */
function knowsNewer() {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    try {
      return fs.readFileSync(path.join(folder, "ssh")).includes("forkafterauthentication");
    } catch {
      // It is in another folder.
    }
  }
  return false;
}

/** @type {string[] | undefined} */
let known;

/** @returns {string[]} words for ssh before all others, whose values count first */
function sshHere() {
  if (known) return known;
  const uid = process.getuid?.() ?? 0;
  const control = controlPath(
    {
      home: passwdHome(),
      runtime: process.env.XDG_RUNTIME_DIR || `/run/user/${uid}`,
      temporary: `/tmp/loopback-ha-${uid}`,
      space: networkSpace(),
    },
    isOwn,
  );
  // Without one each command makes a connection of its own, as LOOPBACK_HA_SSH has it.
  const shared = control
    ? ["ControlMaster=auto", `ControlPath=${control}`, "ControlPersist=60"]
    : /** @type {string[]} */ ([]);
  known = [...newerWords(), ...shared.flatMap((option) => ["-o", option])];
  return known;
}

/** @returns {string[]} the same for a connection of its own */
const newerWords = () => (knowsNewer() ? NEWER.flatMap((option) => ["-o", option]) : []);

/**
 * What ssh and its helpers get: SendEnv may have any name, and they need no variable of this program.
 * @param {NodeJS.ProcessEnv} environment
 */
const withoutSecrets = (environment) =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(LOOPBACK_HA_|PULUMI_)/.test(name)));

module.exports = { controlPath, isOwn, networkSpace, newerWords, passwdHome, sshHere, withoutSecrets };
