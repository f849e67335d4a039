/**
 * A farm as an earlier version of the package built it: the package itself (without its docs), its config, and the state that it
 * wrote. Made by make.ts once for each version, and never changed: what is called so on machines and in states stays so.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { Lab } from "../../../lab/lab";
import { Program } from "../../../lab/project";
import { TestPair, issue, makeAuthorities, writePair } from "../../certificates";
import { block } from "../../pages";
import { run } from "../../run";
import { sharedFolder } from "../../twoAtATime";
import { INSTALL_MS, packed } from "../installed";

export const VERSION = "0.1.0";
/** Served by http, and by https. */
export const [SITE, SHOP] = ["www.widgetco.example", "shop.gadgets.example"];

const frozen = path.join(__dirname, VERSION);
export const PACKAGE = path.join(frozen, "package.tgz");
/** Of `pulumi stack export`. */
export const STATE = path.join(frozen, "state.json");

/** The config, the program and the sites' certificates in a new folder, without a package. */
export function writeFrozen(name: string): { folder: string; authority: string } {
  const folder = fs.mkdtempSync(path.join(sharedFolder, `${name}-`));
  const { root, intermediate } = makeAuthorities();
  const pair: TestPair = issue(intermediate, [SHOP]);
  writePair(path.join(folder, "certs/shop"), pair);
  fs.copyFileSync(path.join(frozen, "Pulumi.lab.yaml"), path.join(folder, "Pulumi.lab.yaml"));
  fs.writeFileSync(path.join(folder, "Pulumi.yaml"), block("docs/install.md", "main: index.ts", "yaml"));
  fs.writeFileSync(path.join(folder, "index.ts"), block("docs/install.md", "export = program", "ts"));
  fs.writeFileSync(path.join(folder, "package.json"), '{ "name": "farm", "private": true }\n');
  return { folder, authority: root.certificate };
}

/** As docs/install.md has it; in the place of another version where there is one. */
export async function install(tarball: string, folder: string): Promise<void> {
  const [line] = block("docs/install.md", "npm init --yes")
    .split("\n")
    .filter((each) => each.startsWith("npm install"));
  await run("bash", ["-ec", line.replace(" pulumi-loopback-ha ", ` ${tarball} `)], {
    cwd: folder,
    env: { npm_config_prefer_offline: "true" },
    timeoutMs: INSTALL_MS,
  });
}

/** The package of this checkout. */
export const upgrade = async (folder: string): Promise<void> => install(await packed(), folder);

/** The farm of the earlier version, before its first `up`. */
export async function frozenFarm(lab: Lab): Promise<{ farm: Program; authority: string }> {
  const { folder, authority } = writeFrozen("frozen");
  await install(PACKAGE, folder);
  const farm = new Program(lab, "lab", folder);
  await farm.init();
  return { farm, authority };
}
