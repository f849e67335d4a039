/** What keeps those who may only look from being a burden to a router (components/routerRoute/askers.sh). */
import { strict as assert } from "assert";
import { ChildProcess, spawn, spawnSync } from "child_process";
import { once } from "events";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";

const ASKERS = path.join(__dirname, "../../components/routerRoute/askers.sh");
const BASE = `set -euo pipefail; say() { printf '%s\\n' "$*"; }; fail() { say "$*" >&2; exit 1; }; run=/nowhere; . "$0"`;

describe("users who may only look can't overload a machine (M9) (slow)", () => {
  it("numbers have limits, whatever is asked for", () => {
    const bounded = (...args: string[]): string => {
      const script = `${BASE}; bounded "$@"`;
      const { stdout, stderr } = spawnSync("bash", ["-c", script, ASKERS, ...args], { encoding: "utf8" });
      return (stdout + stderr).trim();
    };
    for (const [value, taken] of [
      ["0.00001", "0.2"],
      ["0", "0.2"],
      [".5", ".5"],
      ["0.5", "0.5"],
      ["10", "10"],
      ["99999999", "3600"],
      ["00000000000000000000000000001", "00000000000000000000000000001"],
    ])
      assert.equal(bounded("--every", value, "0.2", "3600"), taken, value);
    for (const value of ["", "x", "-1", "1e9", "0x10", "1;id", "inf", "nan", "1 2", "1\n2"])
      assert.match(
        bounded("--every", value, "0.2", "3600"),
        /^--every takes a number from 0\.2 to 3600/,
        value,
      );
  });

  for (const [script, given, asks] of [
    [
      "health.sh",
      "--every 0.00001 --sample 9999999 --timeout 99999999",
      "seat every=0.2 sample=64 timeout=10",
    ],
    ["health.sh", "--servers --sample 0 --timeout 0", "no seat every= sample=1 timeout=0.05"],
    ["linux/flows.sh", "--every 0", "seat every=0.2"],
  ])
    it(`${script} ${given}: ${asks}`, () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-askers-"));
      try {
        const lib = [
          BASE.replace('"$0"', ASKERS),
          `told() { say "$1 every=$every\${sample+ sample=$sample timeout=$timeout}"; exit; }`,
          `eval "$(declare -f begin_asking | sed '1s/.*/begin()/')"; begin_asking() { begin "$@"; told 'no seat'; }`,
          "take_seat() { told seat; }; timeout() { say unbounded; exit; }",
        ];
        fs.writeFileSync(path.join(folder, "lib.sh"), lib.join("\n"));
        fs.copyFileSync(path.join(path.dirname(ASKERS), script), path.join(folder, "script.sh"));
        const args = [path.join(folder, "script.sh"), ...given.split(" ")];
        const { stdout, stderr } = spawnSync("bash", args, { encoding: "utf8" });
        assert.equal(`${stdout}${stderr}`.trim(), asks);
      } finally {
        fs.rmSync(folder, { recursive: true });
      }
    });

  describe("a few processes of a user ask at a time", () => {
    let run: string;
    const started: Asker[] = [];
    beforeEach(() => (run = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-askers-"))));
    afterEach(() => {
      for (const asker of started.splice(0)) asker.child.kill("SIGKILL");
      fs.rmSync(run, { recursive: true });
    });

    /** One that asks until it has no seat any more. */
    class Asker {
      readonly child: ChildProcess;
      said = "";
      constructor(user: string) {
        const script = `${BASE}; run=$1; take_seat; echo "seat $seat"; while sleep 0.5; do keep_seat; done`;
        const env = { PATH: process.env.PATH, SUDO_UID: user, SUDO_USER: "preview" };
        this.child = spawn("bash", ["-c", script, ASKERS, run], { env });
        for (const stream of [this.child.stdout!, this.child.stderr!])
          stream.on("data", (text) => (this.said += String(text)));
        started.push(this);
      }
      async sits(): Promise<this> {
        while (!this.said.includes("seat ")) await once(this.child.stdout!, "data");
        return this;
      }
      get asks(): boolean {
        return this.child.exitCode === null && this.child.signalCode === null;
      }
      async ends(): Promise<string> {
        if (this.asks) await once(this.child, "close");
        return this.said;
      }
    }

    it("the newest takes the place of the oldest, which exits and says why; other users' processes are not affected", async () => {
      const others = await new Asker("1001").sits();
      const askers: Asker[] = [];
      for (let i = 0; i < 10; i++) askers.push(await new Asker("1000").sits());
      for (const oldest of askers.slice(0, 2))
        assert.match(
          await oldest.ends(),
          /preview has started 8 newer .* on this router, which is the most that may run at a time/,
        );
      assert.deepEqual(
        [others, ...askers].map(({ asks }) => asks),
        [true, false, false, ...Array<boolean>(8).fill(true)],
      );
    });

    it("the place of a killed process is free, and many at once get one each", async () => {
      const first = await Promise.all(Array.from({ length: 8 }, () => new Asker("1000").sits()));
      first[3].child.kill("SIGKILL");
      await once(first[3].child, "close");
      await new Asker("1000").sits();
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.equal(first.filter(({ asks }) => asks).length, 7);
      assert.equal(new Set(started.filter(({ asks }) => asks).map(({ said }) => said)).size, 8);
    });

    it("root needs no place", async () => {
      const askers = await Promise.all(Array.from({ length: 10 }, () => new Asker("0").sits()));
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.ok(askers.every(({ asks }) => asks));
      assert.deepEqual(fs.readdirSync(run), []);
    });
  });
});
