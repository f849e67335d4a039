// @ts-check
"use strict";
// An interactive session on a router's command line, over ssh.
const { spawn } = require("node:child_process");
const { explainSshFailure } = require("../../host/sshFailure.cjs");
const { newerWords, withoutSecrets } = require("../../host/sshHere.cjs");
const { answerIn, failureIn, hostOf, lastLine, plain, promptIn } = require("./screen.cjs");

/** @typedef {import("./dialect").Dialect} Dialect */
/** @typedef {{ dialect: Dialect, open(session: Session, secret: string | undefined): Promise<void> }} Login how a kind of router is logged in to */

/** Seconds to log in, for one command, and for saving the configuration to slow flash. */
const LIMITS = { login: 20, command: 15, save: 60 };
/** For how long a screen must be still before a line counts as the prompt. */
const STILL_MS = 100;

/** The router, or the way to it, is the problem: its answer can't be relied on any more. */
class Broken extends Error {}
/** The router does not let us in. */
class NoLogin extends Broken {
  /** @param {string} message @param {boolean} unreachable */
  constructor(message, unreachable) {
    super(message);
    this.unreachable = unreachable;
  }
}
/** The router said no to a command. */
class Refused extends Error {}

class Session {
  screen = "";
  prompt = "";
  errors = "";
  /** @type {number | null | undefined} ssh's exit code, once it has ended */
  code = undefined;
  /** @type {string | undefined} what no message may show, should the router echo it */
  secret = undefined;
  wake = () => {};

  /**
   * @param {string} machine its name in messages @param {string[]} sshArguments @param {number} deadline in ms
   * @param {Dialect} dialect
   */
  constructor(machine, sshArguments, deadline, dialect) {
    this.machine = machine;
    this.deadline = deadline;
    this.dialect = dialect;
    // A connection of its own, as the arguments have it: many routers take one session on each. A pty: without one many
    // show no prompt. No escape character: a line may begin with it.
    const own = ["-tt", "-e", "none", ...newerWords()];
    this.ssh = spawn("ssh", [...own, ...sshArguments], {
      stdio: "pipe",
      env: { ...withoutSecrets(process.env), TERM: "dumb" },
    });
    this.ssh.stdout.setEncoding("utf8").on("data", (text) => {
      this.screen = (this.screen + text).slice(-(1 << 22));
      this.wake();
    });
    this.ssh.stderr
      .setEncoding("utf8")
      .on("data", (text) => (this.errors = (this.errors + text).slice(-8192)));
    this.ssh.stdin.on("error", () => {}); // the end of ssh says more
    this.ssh.on("error", (error) => {
      this.errors += String(error.message);
      this.end(null);
    });
    this.ssh.on("close", (code) => this.end(code));
  }

  /**
   * Logs in as the driver does.
   * @param {{ machine: string, ssh: string[], secret?: string, deadline: number, driver: Login }} router
   * @throws {NoLogin} when that can't be done
   */
  static async open({ machine, ssh, secret, deadline, driver }) {
    const session = new Session(machine, ssh, deadline, driver.dialect);
    session.secret = secret;
    try {
      await session.findPrompt();
      await driver.open(session, secret);
      return session;
    } catch (error) {
      const { code, errors } = session;
      session.close();
      if (code === 255 && errors.trim()) {
        const unreachable =
          /timed out|No route to host|Connection refused|Network is unreachable|Timeout, server/;
        throw new NoLogin(explainSshFailure(machine, errors), unreachable.test(errors));
      }
      throw error instanceof NoLogin ? error : new NoLogin(/** @type {Error} */ (error).message, false);
    }
  }

  get alive() {
    return this.code === undefined;
  }

  get configuring() {
    return this.dialect.isConfiguring(this.prompt);
  }

  /**
   * Runs a command and waits for the prompt after it.
   * @param {string} command
   * @param {{ may?: RegExp, seconds?: number, confirm?: boolean }} options `may`: an error text that is an answer
   *   here; `confirm`: a question `[confirm]` is answered with yes
   * @throws {Refused} with the router's words
   * @throws {Broken} when it does not answer, or the connection ends
   */
  async run(command, { may, seconds = LIMITS.command, confirm = false } = {}) {
    this.send(`${command}\n`);
    await this.until(seconds, `'${command}'`, () => {
      if (/-+ ?more ?-+\s*$/i.test(lastLine(this.screen))) {
        this.screen = this.screen.replace(/ *-+ ?more ?-+\s*$/i, "");
        this.ssh.stdin.write(" ");
      }
      if (confirm && /\[confirm\]\s*$/.test(this.screen)) {
        this.screen += " ";
        this.screen = this.screen.replace(/\[confirm\]\s*$/, "(yes)\n");
        this.ssh.stdin.write("\n");
      }
      return this.answerTo(command) !== undefined;
    });
    const { output, prompt } = /** @type {NonNullable<ReturnType<typeof answerIn>>} */ (
      this.answerTo(command)
    );
    this.prompt = prompt;
    const failure = failureIn(output, this.dialect);
    if (failure && !may?.test(failure))
      throw new Refused(`${this.machine} answers '${failure}' to '${command}'`);
    return output;
  }

  /** Ends the session; what the router does is not waited for. */
  close() {
    this.ssh.kill();
  }

  /** A line that looks like a prompt in a banner is none: the prompt comes again after an empty line. */
  async findPrompt() {
    const step = "the login";
    await this.until(LIMITS.login, step, () => promptIn(this.screen) !== undefined);
    for (;;) {
      for (let seen = ""; seen !== this.screen;) {
        seen = this.screen;
        await pause(STILL_MS);
      }
      const candidate = promptIn(this.screen);
      this.send("\n");
      await this.until(LIMITS.login, step, () => promptIn(this.screen) !== undefined);
      if (promptIn(this.screen) === candidate) break;
    }
    this.prompt = /** @type {string} */ (promptIn(this.screen));
  }

  /** @param {string} command */
  answerTo(command) {
    return answerIn(this.screen, command, hostOf(this.prompt), this.dialect);
  }

  /** @param {string} text */
  send(text) {
    this.screen = "";
    this.ssh.stdin.write(text);
  }

  /** @param {number} seconds @param {string} step @param {() => boolean} done */
  async until(seconds, step, done) {
    const end = Math.min(Date.now() + seconds * 1000, this.deadline);
    while (!done()) {
      if (!this.alive)
        throw new Broken(`the connection to ${this.machine} ended at ${step}${this.lastWords()}`);
      const left = end - Date.now();
      if (left <= 0) {
        // What it says later would be taken for the answer to something else.
        this.close();
        throw new Broken(`${this.machine} did not answer ${step} in time${this.lastWords()}`);
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
  }

  lastWords() {
    const last = plain(this.screen).trim().split("\n").pop()?.trim().slice(-200);
    const words = this.secret ? last?.replaceAll(this.secret, "***") : last;
    return words ? ` (its last line: '${words}')` : "";
  }

  /** @param {number | null} code */
  end(code) {
    this.code ??= code;
    this.wake();
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

module.exports = { Broken, LIMITS, NoLogin, Refused, Session, pause };
