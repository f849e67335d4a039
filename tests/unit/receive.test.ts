import assert from "assert";
import { execFileSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";

const receive = fs.readFileSync(path.join(__dirname, "../../components/host/machine/receive.sh"), "utf8");
const sweep = /^ {2}for left in [^]*?^ {2}done\n/m.exec(receive)?.[0] ?? "";

describe("what a run that was killed left in /run (L9)", () => {
  it("is removed by the next run; files of a running one stay", () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "receive-"));
    try {
      const dead = execFileSync("bash", ["-c", "echo $$"], { encoding: "utf8" }).trim();
      const alive = `loopback-ha-in.${String(process.pid)}.aaaaaa`;
      for (const name of [alive, `loopback-ha-in.${dead}.bbbbbb`]) fs.mkdirSync(path.join(dir, name));
      execFileSync("bash", ["-euc", sweep.replaceAll("/run/", `${dir}/`)]);
      assert.deepStrictEqual(fs.readdirSync(dir), [alive]);
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });
});
