/** The package as a user has it: packed out of this checkout and installed as docs/install.md says, once for all tests of a run. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { takeLock } from "../../lab/lock";
import { checkout } from "../../lab/state";
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
  await (once ??= installOnce(folder, packAndInstallInto));
  return path.join(folder, TARBALL);
}

/** Other package managers than npm, in a folder's node_modules. Exact versions: a new one is none of a test's news. */
export const sharedTools = (): Promise<string> =>
  installedOnce("managers", ["pnpm@12.21.0", "yarn@1.22.22", "@yarnpkg/cli-dist@4.18.1"]);

/** A folder with these in its node_modules, for all files of the run. */
export async function installedOnce(name: string, packages: string[]): Promise<string> {
  const place = path.join(sharedFolder, name);
  await installOnce(place, (into) =>
    lines(`npm install --ignore-scripts --no-save ${packages.join(" ")}`, into, {
      npm_config_prefer_offline: "true",
    }),
  );
  return place;
}

/** A new folder with the package in it and nothing else. */
export async function userFolder(name: string): Promise<string> {
  await packed();
  const copy = path.join(folder, name);
  // Hard links: they are real files there, and no copies.
  await run("cp", ["-al", path.join(folder, "empty"), copy]);
  return copy;
}

/** Mocha's workers share it. */
async function installOnce(place: string, install: (into: string) => Promise<void>): Promise<void> {
  const release = await takeLock(`${place}.lock`);
  try {
    if (fs.existsSync(place)) return;
    fs.mkdirSync(`${place}.new`);
    await install(`${place}.new`);
    fs.renameSync(`${place}.new`, place);
  } finally {
    await release();
  }
}

async function packAndInstallInto(into: string): Promise<void> {
  const user = path.join(into, "empty");
  fs.mkdirSync(user, { recursive: true });
  const [, pack] = block("docs/install.md", "npm pack").trim().split("\n");
  await lines(pack, checkout, { npm_config_pack_destination: into });
  const install = block("docs/install.md", "npm init --yes").replace(
    " pulumi-loopback-ha ",
    ` ${path.join(into, TARBALL)} `,
  );
  assert.ok(install.includes(TARBALL));
  await lines(install, user, { npm_config_prefer_offline: "true" });
}

async function lines(text: string, cwd: string, env: Record<string, string>): Promise<void> {
  await run("bash", ["-ec", text], { cwd, env, timeoutMs: INSTALL_MS });
}
