// @ts-check
"use strict";
const { printable } = require("./foreignText.cjs");
const { passwdHome } = require("./sshHere.cjs");

/** What ssh says when the machine does not answer. */
const NOBODY = /timed out|No route to host|Connection refused|Network is unreachable|Timeout, server/;

/**
 * What ssh's own complaint means for the operator. Plain JavaScript because deliver.cjs, which runs once per
 * command and must start fast, shares it with the TypeScript side.
 *
 * @param {string} machine the machine's name in the config
 * @param {string} text what ssh printed on stderr
 * @param {string | undefined} ifDead what to do about a machine that is dead. Default: as the host command says that runs this
 * @returns {string} one sentence: what is wrong and what to do next
 */
function explainSshFailure(machine, text, ifDead = process.env.LOOPBACK_HA_IF_DEAD) {
  /** @type {[RegExp, string][]} */
  const causes = [
    [
      /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed.*changed|Offending .* key/s,
      `the host key of ${machine} is not the one in known_hosts. If the machine was reinstalled, remove its old key (ssh-keygen -R ADDRESS), connect once by hand and compare the fingerprint; otherwise another machine answers at its address`,
    ],
    [
      /Host key verification failed|No .* host key is known/,
      `the host key of ${machine} is not in known_hosts. Connect once by hand, compare the fingerprint, and run again${otherHome()}`,
    ],
    [
      /No user exists for uid/,
      `ssh can't run on this computer: ${lastLine(text)}. Give this uid a user name, for example with useradd -u UID in the container's image; ${machine} was not touched`,
    ],
    [
      /Permission denied/,
      `${machine} refuses this user or key (${lastLine(text)}). Check this machine's ssh settings in the config, and that the key is loaded (ssh-add -l)`,
    ],
    [
      new RegExp(`${NOBODY.source}|Connection (reset|closed)|Broken pipe|lost connection`, "i"),
      `${machine} does not answer over ssh (${lastLine(text)}). Check its power and network; the other machines are not affected`,
    ],
    [/Could not resolve hostname/, `the address of ${machine} cannot be resolved (${lastLine(text)})`],
    [
      /Can't open user config file|Bad configuration option|terminating, \d+ bad/,
      `ssh rejects its configuration for ${machine} (${lastLine(text)})`,
    ],
  ];
  const cause = causes.find(([pattern]) => pattern.test(text));
  if (cause) return `${cause[1]}${whenDead(cause[1], ifDead)}`;
  const said = lastLine(text);
  if (said) return `ssh to ${machine} failed: ${said}`;
  // What ssh ends with, without a word, when a machine took the connection and then went silent.
  const broken = `${machine} does not answer: the connection was lost. Check its power, network and disk; the other machines are not affected`;
  return `${broken}${whenDead(broken, ifDead)}`;
}

/**
 * The next step for a machine that does not answer and that the farm can do without.
 *
 * @param {string} explained what explainSshFailure, or a timeout, said
 * @param {string | undefined} ifDead what to do about it; undefined: nothing
 * @returns {string} the rest of a sentence; empty when it answers
 */
function whenDead(explained, ifDead) {
  const silent = / (does|did) not answer|has not answered/.test(explained);
  return silent && ifDead ? `; if it is dead, ${ifDead}` : "";
}

/** @returns {string} which known_hosts ssh reads, where it is not below HOME */
function otherHome() {
  const home = passwdHome();
  const { HOME } = process.env;
  if (!home || !HOME || home.replace(/\/+$/, "") === HOME.replace(/\/+$/, "")) return "";
  return `. ssh reads ${home}/.ssh/known_hosts, in the home directory that passwd names, not in HOME (${HOME})`;
}

/** @param {string} text what ssh printed @returns {string} without what it says of its own work */
const withoutNoise = (text) =>
  text.replace(/^(ControlSocket |mux_client|command-line.*Unsupported option).*(\r?\n|$)/gm, "");

/** @param {string} text */
function lastLine(text) {
  const lines = withoutNoise(text)
    .split("\n")
    .map((line) => line.trim());
  return printable(lines.filter((line) => line && !line.startsWith("@")).pop() ?? "")
    .slice(0, 300)
    .replace(/[\ud800-\udbff]$/, "");
}

module.exports = { NOBODY, explainSshFailure, whenDead, withoutNoise };
