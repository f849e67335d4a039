import assert from "assert";
import { spawn } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { FalseSsh } from "./support";

/** Counts how many run at once, and keeps the most. */
const COUNTING = `
mkdir -p "$dir/now"; touch "$dir/now/$$"; ls "$dir/now" | wc -l >>"$dir/counts"
sleep 0.05
rm "$dir/now/$$"`;

const UNREACHABLE = "echo 'ssh: connect to host 192.0.2.2 port 22: Connection timed out' >&2; exit 255";

describe("many commands to one machine (slow)", () => {
  let ssh: FalseSsh;
  afterEach(() => ssh.remove());

  const begin = (delivers: number, removes: number) => [
    ...Array.from({ length: delivers }, () => ssh.deliver()),
    ...Array.from({ length: removes }, () => ssh.removeOverSsh()),
  ];
  const most = (): number =>
    Math.max(...fs.readFileSync(path.join(ssh.folder, "counts"), "utf8").trim().split(/\s+/).map(Number));
  /** The folder where they stand in line, after the first of them. */
  const lineOf = async (): Promise<string> => {
    await ssh.deliver();
    const lines = path.join(ssh.folder, `loopback-ha-${process.getuid!()}`, "turns");
    const [folder] = fs.readdirSync(lines);
    return path.join(lines, folder);
  };
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    const start = Date.now();
    await work();
    return (Date.now() - start) / 1000;
  };

  it("go one after the other, removals too", async () => {
    ssh = new FalseSsh(`${COUNTING}; exit 1`);
    const line = await lineOf();
    const ended = await Promise.all(begin(12, 6));
    assert.ok(ended.every(({ code }) => code === 1));
    assert.strictEqual(ssh.calls.length, 19);
    // Two may come in the same moment; never many.
    assert.ok(most() <= 2, `${most()} at once`);
    assert.deepStrictEqual(fs.readdirSync(line), []);
  });

  const asItWas = fs.readFileSync(`/proc/${process.pid}/stat`, "utf8").split(") ")[1].split(" ")[19];
  const inLine: Record<string, (line: string) => (() => void) | void> = {
    "one that was killed": (line) =>
      fs.writeFileSync(path.join(line, `1000000000000-${2 ** 22 + 1}`), "12\nx\n"),
    "one whose number is another process's by now": (line) =>
      fs.writeFileSync(path.join(line, `1000000000000-${process.pid}`), `${Number(asItWas) - 1}\nx\n`),
    "one that has been at it for longer than any turn": (line) => {
      const stuck = path.join(line, `1000000000000-${process.pid}`);
      fs.writeFileSync(stuck, `${asItWas}\nx\n`);
      fs.utimesSync(stuck, new Date(0), new Date(0));
    },
    "one that was stopped": (line) => {
      const child = spawn("sh", ["-c", "kill -STOP $$"], { stdio: "ignore" });
      const stat = (): string[] =>
        fs.readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
      while (stat()[0] !== "T") continue;
      fs.writeFileSync(path.join(line, `1000000000000-${child.pid}`), `${stat()[19]}\nx\n`);
      return () => child.kill("SIGKILL");
    },
  };
  for (const [who, enter] of Object.entries(inLine)) {
    it(`don't wait for ${who}`, async () => {
      ssh = new FalseSsh("exit 1");
      const line = await lineOf();
      for (const command of [() => ssh.deliver(), () => ssh.removeOverSsh()]) {
        const leave = enter(line);
        try {
          assert.ok((await seconds(command)) < 10);
        } finally {
          leave?.();
        }
      }
      assert.deepStrictEqual(fs.readdirSync(line), []);
    });
  }

  it("wait for the one that connects, and for none when pulumi has ended meanwhile", async () => {
    ssh = new FalseSsh("exit 1");
    const line = await lineOf();
    const ticket = path.join(line, `1000000000000-${process.pid}`);
    fs.writeFileSync(ticket, `${asItWas}\nfarm.other.web-web1.vips\n`);
    const file = (name: string): string => path.join(__dirname, "../../../components/host", name);
    const env = { ...process.env, ...ssh.environment(), PATH: ssh.path };
    const commands = ['node "$0" >"$1.out" 2>&1', 'sh -c "$(cat "$0")" >"$1.out" 2>&1'];
    const parents = commands.map((command, i) => {
      // The parent lives on beside its command, as the engine does.
      const args = [
        "-c",
        `${command} & wait`,
        file(["deliver.cjs", "remove-over-ssh.sh"][i]),
        ssh.folder + i,
      ];
      return spawn("sh", args, { env, stdio: ["pipe", "ignore", "ignore"] });
    });
    const said = (i: number): string => fs.readFileSync(`${ssh.folder}${i}.out`, "utf8");
    try {
      while (fs.readdirSync(line).length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.strictEqual(ssh.calls.length, 1);
      for (const parent of parents) parent.kill("SIGKILL");
      while (fs.readdirSync(line).length > 1) await new Promise((resolve) => setTimeout(resolve, 50));
      assert.match(said(0), /web1: pulumi has ended; nothing was changed/);
      assert.match(said(1), /web1: pulumi has ended; nothing was removed/);
      assert.strictEqual(ssh.calls.length, 1);
    } finally {
      for (const i of [0, 1]) fs.rmSync(`${ssh.folder}${i}.out`, { force: true });
    }
  });

  it("don't wait for a dead machine one after the other", async () => {
    ssh = new FalseSsh(`sleep 3; ${UNREACHABLE}`);
    const took = await seconds(async () => {
      for (const { stderr } of await Promise.all(begin(8, 4))) assert.match(stderr, /web1 does not answer/);
    });
    assert.ok(took < 24, `${took} s`);
    assert.ok(ssh.calls.length <= 6);
    // The next one asks again.
    const before = ssh.calls.length;
    await ssh.deliver();
    assert.strictEqual(ssh.calls.length, before + 1);
  });

  it("try for themselves if they reach it in another way than the one that had no answer", async () => {
    ssh = new FalseSsh(`sleep 1; ${UNREACHABLE}`);
    const other = { LOOPBACK_HA_SSH: `-p 2222 ${ssh.environment().LOOPBACK_HA_SSH}` };
    const first = ssh.deliver();
    while (ssh.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([first, ssh.deliver(other), ssh.removeOverSsh()]);
    assert.deepStrictEqual(ssh.calls.filter(({ words }) => words.includes("2222")).length, 1);
  });
});
