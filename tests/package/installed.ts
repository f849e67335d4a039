/** The package as a user has it: packed out of this checkout and installed as the README says, once for all tests of a run. */
import * as fs from "node:fs";
import * as path from "node:path";
import { takeLock } from "../../examples/lab/lock";
import { checkout } from "../../examples/lab/state";
import { block } from "../pages";
import { run } from "../run";
import { sharedFolder } from "../twoAtATime";

/** How long packing and installing may take, in milliseconds. */
export const INSTALL_MS = 400_000;

export const TARBALL = "pulumi-loopback-ha-0.1.0.tgz";

const folder = path.join(sharedFolder, "package");
let once: Promise<void> | undefined;

/** The tarball. */
export async function packed(): Promise<string> {
  await (once ??= packAndInstall());
  return path.join(folder, TARBALL);
}

/** A new folder with the package in it and nothing else. */
export async function userFolder(name: string): Promise<string> {
  await packed();
  const copy = path.join(folder, name);
  // Hard links: they are real files there, and no copies.
  await run("cp", ["-al", path.join(folder, "empty"), copy]);
  return copy;
}

async function packAndInstall(): Promise<void> {
  const release = await takeLock(`${folder}.lock`);
  try {
    if (fs.existsSync(folder)) return;
    await packAndInstallInto(`${folder}.new`);
    fs.renameSync(`${folder}.new`, folder);
  } finally {
    await release();
  }
}

async function packAndInstallInto(into: string): Promise<void> {
  const user = path.join(into, "empty");
  fs.mkdirSync(user, { recursive: true });
  const [, pack] = block("README.md", "npm pack").trim().split("\n");
  await lines(pack, checkout, { npm_config_pack_destination: into });
  const install = block("README.md", "npm init --yes").replace("/path/to/", `${into}/`);
  await lines(install, user, { npm_config_prefer_offline: "true" });
}

async function lines(text: string, cwd: string, env: Record<string, string>): Promise<void> {
  await run("bash", ["-ec", text], { cwd, env, timeoutMs: INSTALL_MS });
}
