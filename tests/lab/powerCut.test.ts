import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";

const scripts = path.join(__dirname, "../../components/host/machine");

const onDisk = (when: string, version: string): string =>
  `${when}: text=${version} unit=unit of p.s.c.fake link=1 current=versions/${version} applied=yes`;

/** XFS needs mkfs.xfs and the kernel's module: POWER_CUT_KINDS=ext4,xfs. */
const KINDS = (process.env.POWER_CUT_KINDS ?? "ext4").split(",");

/** The page cache lives on when a machine's processes are killed: only a copy of a mounted disk lacks what was not synced. */
describe("a power cut (M1)", function () {
  this.timeout(60_000);

  for (const kind of KINDS) {
    it(`loses nothing of a finished change, with /etc and /var on separate ${kind} file systems (story)`, async () => {
      const { stdout } = await promisify(execFile)("bash", [
        path.join(__dirname, "powerCut.sh"),
        scripts,
        kind,
      ]);
      assert.deepEqual(stdout.trim().split("\n"), [
        onDisk("first", "one"),
        onDisk("second", "two"),
        "removed: text=none unit=none link=0 current=none applied=no",
      ]);
    });

    it(`at any step of a first change, of the next one and of a removal leaves a machine that boots, on ${kind}`, async () => {
      const { stdout } = await promisify(execFile)("bash", [
        path.join(__dirname, "powerCut.sh"),
        scripts,
        kind,
        "each",
      ]);
      assert.match(stdout, /^to one: [2-9]\d cuts\nto two: [2-9]\d cuts\nremoval: \d\d cuts\n$/);
    });
  }
});
