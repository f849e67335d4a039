/**
 * node -r ts-node/register tests/package/frozen/make.ts: writes the package of this checkout, and the state that it makes on the
 * lab, into the folder of its version. Only for a version that has none yet.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { Lab } from "../../../lab/lab";
import { emptyLab } from "../../lab/support";
import { run } from "../../run";
import { packed } from "../installed";
import { PACKAGE, STATE, frozenFarm } from "./farm";

/** What runs, and nothing to read. */
async function packWithoutDocs(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(path.dirname(await packed()), "frozen-"));
  await run("tar", ["-xzf", await packed(), "-C", folder]);
  for (const name of ["docs", "examples", "plugin", "lab", "CHANGELOG.md", "SECURITY.md", "README.md"])
    fs.rmSync(path.join(folder, "package", name), { recursive: true, force: true });
  const sorted = ["--sort=name", "--mtime=2026-01-01", "--owner=0", "--group=0", "--numeric-owner"];
  await run("tar", [...sorted, "-I", "gzip -9n", "-cf", PACKAGE, "-C", folder, "package"]);
}

async function main(): Promise<void> {
  assert.ok(!fs.existsSync(PACKAGE), `${PACKAGE} is there: a version is frozen once`);
  await packWithoutDocs();
  const lab = new Lab();
  await emptyLab(lab);
  try {
    const { farm } = await frozenFarm(lab);
    const up = await farm.up();
    assert.equal(up.code, 0, up.stdout + up.stderr);
    const { stdout } = await farm.pulumi(["stack", "export", "--stack", "lab"], { check: true });
    fs.writeFileSync(STATE, stdout);
  } finally {
    await lab.down();
  }
}

void main();
