import assert from "assert";
import * as fs from "fs";
import * as path from "path";
import { CommandFailed, runOver } from "../../../components/host/installed";
import { lookOverSsh } from "../../../components/host/observe";
import { askSsh } from "../../../components/host/runSsh.cjs";
import { FalseSsh, HOST } from "./support";

const RUN_SSH = path.join(__dirname, "../../../components/host/runSsh.cjs");
const SAYS_ITS_PID = 'echo $$ >"$dir/pid"';

async function withSsh(reply: string, work: (ssh: FalseSsh) => Promise<void>): Promise<void> {
  const ssh = new FalseSsh(reply);
  try {
    await ssh.within(() => work(ssh));
  } finally {
    ssh.remove();
  }
}

/** Waits until the false ssh has ended. */
async function gone(ssh: FalseSsh, ms: number): Promise<void> {
  const pid = Number(fs.readFileSync(path.join(ssh.folder, "pid"), "utf8"));
  const runs = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  for (const end = Date.now() + ms; runs(); await new Promise((resolve) => setTimeout(resolve, 20)))
    assert.ok(Date.now() < end, "it goes on");
}

describe("ssh as a child (slow)", () => {
  it("gives stdout, stderr, and how it ended", () =>
    withSsh("echo out; echo; echo err >&2; exit 7", async () => {
      assert.deepStrictEqual(await askSsh(["x"], { seconds: 5 }), {
        code: 7,
        stdout: "out\n",
        stderr: "err",
        timedOut: false,
        excess: false,
      });
    }));

  it("is ended when its time is over, even if it ignores signals, and the answer does not wait for that", () =>
    withSsh(`trap '' TERM; ${SAYS_ITS_PID}; echo begun; while :; do sleep 0.1; done`, async (ssh) => {
      const begin = Date.now();
      const { timedOut, code, stdout } = await askSsh(["x"], { seconds: 1 });
      assert.ok(Date.now() - begin < 2500);
      assert.deepStrictEqual({ timedOut, code, stdout }, { timedOut: true, code: null, stdout: "begun" });
      await gone(ssh, 5000);
    }));

  it("is ended when it prints too much", () =>
    withSsh(`${SAYS_ITS_PID}; exec yes`, async (ssh) => {
      const { excess, stdout } = await askSsh(["x"], { seconds: 30, most: 1001 });
      assert.ok(excess);
      assert.strictEqual(stdout.length, 1001);
      await gone(ssh, 5000);
    }));

  it("is not waited for if a process that it left holds its pipes", () =>
    withSsh(`sleep 20 & echo $! >"$dir/pid"; echo out`, async (ssh) => {
      const begin = Date.now();
      const { code, stdout } = await askSsh(["x"], { seconds: 15 });
      assert.deepStrictEqual({ code, stdout }, { code: 0, stdout: "out" });
      assert.ok(Date.now() - begin < 10_000);
      process.kill(Number(fs.readFileSync(path.join(ssh.folder, "pid"), "utf8")));
    }));

  it("ends with its process", () =>
    withSsh(`${SAYS_ITS_PID}; exec sleep 60`, async (ssh) => {
      const script = `
        void require(${JSON.stringify(RUN_SSH)}).askSsh(["x"], { seconds: 60 });
        setInterval(() => require("fs").existsSync(${JSON.stringify(path.join(ssh.folder, "pid"))}) && process.exit(3), 20);`;
      assert.strictEqual((await ssh.run(process.execPath, ["-e", script], {})).code, 3);
      await gone(ssh, 5000);
    }));

  it("that is not installed is reported without its arguments", async () => {
    const { PATH } = process.env;
    process.env.PATH = "/nonexistent";
    try {
      const { code, stderr } = await askSsh(["hunter2"], { seconds: 5 });
      assert.strictEqual(code, null);
      assert.match(stderr, /^ssh could not be started \(spawn ssh ENOENT\): is OpenSSH's client installed/);
      await assert.rejects(lookOverSsh(HOST), /^Error: ssh to web1 failed: ssh could not be started/);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it("that was killed has no answer: what ran on the machine is unknown", () =>
    withSsh("kill -9 $$", async () => {
      await assert.rejects(
        runOver(HOST, ["true"], 5),
        (error) => !(error instanceof CommandFailed) && /does not answer/.test(String(error)),
      );
    }));
});
