// @ts-check
"use strict";
// Commands to one machine go one after the other, however many of them Pulumi begins at once (--parallel): sshd admits
// ten sessions on a connection and drops new connections from the tenth that logs in, and the machine's own lock would
// be waited for in vain. In the order of arrival; remove-over-ssh.sh waits in the same line.
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { printable } = require("./foreignText.cjs");
const { processOf } = require("./processOf.cjs");
const { isOwn, networkSpace } = require("./sshHere.cjs");

/** No turn takes longer, whatever holds it: the longest confirmation, and some more. */
const LONGEST_MS = 15 * 60_000;
/** From then on the operator hears why nothing happens. */
const QUIET_MS = 60_000;
const UNREACHABLE = "unreachable";

/**
 * A process that waits, or whose turn it is.
 * @typedef {object} Waiting
 * @property {string} machine
 * @property {string} address
 * @property {string} ssh how the machine is reached: by other words it may be there
 * @property {string} name how others see this process
 * @property {() => boolean} isWanted whether the result is still wanted
 * @property {() => void} meanwhile work that can be done while others are first
 */

/**
 * A turn: no other process is at the machine.
 * @typedef {{
 *   unreachable?: string,
 *   end(said?: string): void,
 * }} Place `unreachable`: why the machine did not answer a process that was earlier in the line, in ssh's words;
 *   `end`: leaves it, with ssh's words when the machine did not answer
 */

/** @param {Waiting} waiting @returns {Promise<Place>} */
async function stand(waiting) {
  const base = path.join(os.tmpdir(), `loopback-ha-${process.getuid?.() ?? 0}`);
  const line = path.join(base, "turns", `${networkSpace()}${waiting.address}`);
  try {
    // Without a folder for the line, no process waits.
    if (!isOwn(base, true)) return { end() {} };
    fs.mkdirSync(line, { recursive: true });
    return await standIn(line, waiting);
  } catch {
    return { end() {} };
  }
}

/** @param {string} line @param {Waiting} waiting @returns {Promise<Place>} */
async function standIn(line, { machine, ssh, name, isWanted, meanwhile }) {
  const began = Date.now();
  const ticket = path.join(line, `${began}-${process.pid}`);
  const mark = path.join(line, UNREACHABLE);
  fs.writeFileSync(ticket, `${processOf(process.pid)?.start ?? ""}\n${name}\n`);
  const leave = () => fs.rmSync(ticket, { force: true });
  let [touched, hasSaidSo] = [began, false];
  for (;;) {
    const ahead = aheadOf(line, path.basename(ticket));
    if (!ahead || !isWanted()) break;
    try {
      meanwhile();
    } catch {
      // It shows when it is our turn.
    }
    const now = Date.now();
    if (now - began > QUIET_MS && !hasSaidSo) {
      hasSaidSo = true;
      process.stderr.write(`${machine}: waiting for ${aheadInWords(ahead)}\n`);
    }
    if (now - touched > 30_000) fs.utimesSync(ticket, new Date(), new Date((touched = now)));
    await new Promise((resolve) => setTimeout(resolve, Math.min(40 * ahead.count, 2000)));
  }
  // A turn is counted from here.
  fs.utimesSync(ticket, new Date(), new Date());
  return {
    unreachable: wordsSince(mark, ssh, began),
    end(said) {
      try {
        if (said === undefined) fs.rmSync(mark, { force: true });
        else fs.writeFileSync(mark, `${ssh}\n${said}`);
        leave();
      } catch {
        // The next one sees that we are gone.
      }
    },
  };
}

/** @typedef {{ name: string, pid: number }} Other */
/** @typedef {Other & { count: number }} Ahead */

/**
 * Which process is at the machine, and how many are ahead in the line. A process that died in the line leaves a ticket here.
 * @param {string} line
 * @param {string} ours
 * @returns {Ahead | undefined} undefined: it is our turn
 */
function aheadOf(line, ours) {
  const tickets = fs.readdirSync(line).filter((ticket) => /^\d+-\d+$/.test(ticket) && ticket < ours);
  tickets.sort();
  for (const [i, ticket] of tickets.entries()) {
    const first = readTicket(path.join(line, ticket), Number(ticket.split("-")[1]));
    // The others are looked at when it is theirs: many look here.
    if (first) return { ...first, count: tickets.length - i };
    fs.rmSync(path.join(line, ticket), { force: true });
  }
  return undefined;
}

/** @param {Ahead} ahead */
function aheadInWords({ name, pid, count }) {
  const others = count === 1 ? "" : `, and ${count - 1} more after it`;
  return `an earlier command for this machine: ${printable(name)}, process ${pid}${others}`;
}

/**
 * @param {string} file
 * @param {number} pid
 * @returns {Other | undefined} undefined: its process has ended, or has waited longer than any turn may take
 */
function readTicket(file, pid) {
  try {
    process.kill(pid, 0);
    if (Date.now() - fs.statSync(file).mtimeMs > LONGEST_MS) return undefined;
    const [began, name = ""] = fs.readFileSync(file, "utf8").split("\n");
    const now = processOf(pid);
    // Its number may be another process's by now. One that was stopped (Ctrl-Z) delays no other.
    if (!now || (began && now.start !== began) || /[TtZX]/.test(now.state)) return undefined;
    return { name, pid };
  } catch {
    return undefined;
  }
}

/** @param {string} mark @param {string} ssh @param {number} began @returns {string | undefined} */
function wordsSince(mark, ssh, began) {
  try {
    if (fs.statSync(mark).mtimeMs <= began) return undefined;
    const text = fs.readFileSync(mark, "utf8");
    return text.startsWith(`${ssh}\n`) ? text.slice(ssh.length + 1) : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { stand };
