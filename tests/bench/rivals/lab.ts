/** The lab as the rivals need it, and the check that one of them did its work. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as path from "node:path";
import { prepareServers, whoServes } from "../../../lab/client";
import { hostCommand } from "../../../lab/capture";
import { Lab, LabError } from "../../../lab/lab";
import { File, Target } from "../../../lab/load/spec";
import { debians } from "../../../lab/machines";
import { checkout } from "../../../lab/state";
import { FILE_BYTES } from "../../lab/flips";
import { within } from "../../lab/support";
import { DOCUMENT_ROOT } from "../farm";
import { SERVERS, WantedFarm, carriersOf, siteOf } from "./rival";

/** Answers with the server's name, whichever tool has set up the site. */
const WHO = "/server.txt";

/** What VIP subnet web2 carries gets all the load. */
export const targetsOf = ({ sites }: WantedFarm): Target[] =>
  Array.from({ length: sites }, (_, i) => siteOf(i)).map(({ serverName, vips }) => ({
    vip: vips[1],
    serverName,
    path: WHO,
  }));

/** New machines, with the packages that rivals need and the files of all sites; the file for downloads. */
export async function prepareLab(lab: Lab): Promise<File> {
  await lab.down();
  await lab.up();
  const base = (await hostCommand("bash", [path.join(checkout, "lab/base.sh"), "--path"])).trim();
  const folder = packagesFor(base, ["python3", "keepalived"]);
  const debs = execFileSync("tar", ["-C", folder, "-cf", "-", "."], { maxBuffer: 2 ** 28 });
  // Not dpkg, which keeps no order among them.
  const install =
    "d=$(mktemp -d) && tar -C $d -xf - && DEBIAN_FRONTEND=noninteractive apt-get -o APT::Sandbox::User=root install --yes --no-install-recommends $d/*.deb && rm -r $d";
  await Promise.all(
    debians.map(({ name }) => lab.exec(name, ["bash", "-c", install], { input: debs, check: true })),
  );
  const file = await prepareServers(lab, DOCUMENT_ROOT, FILE_BYTES);
  for (const name of SERVERS)
    await lab.exec(name, ["tee", DOCUMENT_ROOT + WHO], { input: `${name} bench\n`, check: true });
  return file;
}

function packagesFor(base: string, packages: string[]): string {
  try {
    const words = [path.join(__dirname, "packages.sh"), base, ...packages];
    return execFileSync("bash", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  } catch (error) {
    const [message, next] = String((error as { stderr?: string }).stderr)
      .trim()
      .split("\nnext: ");
    throw new LabError(message, next);
  }
}

async function answering(lab: Lab, site: number): Promise<string[]> {
  const { serverName, vips } = siteOf(site);
  return Promise.all(vips.map((vip) => whoServes(lab, vip, serverName, WHO)));
}

/** The first and the last site answer on their VIPs, each from the right server, and have their names. */
export async function checkFarm(lab: Lab, tool: string, wanted: WantedFarm): Promise<void> {
  const carriers = carriersOf(wanted);
  for (const site of new Set([0, wanted.sites - 1])) {
    let found: string[] = [];
    await within(20, `${tool}: s${site} is served by ${carriers.join(", ")}`, async () => {
      found = await answering(lab, site);
      return String(found) === String(carriers);
    }).catch((error: Error) => assert.fail(`${error.message}: by ${found.join(", ")}`));
    const { serverName, vips } = siteOf(site);
    let addresses = "";
    await within(5, `${tool}: ${serverName} has its addresses`, async () => {
      addresses = (await lab.exec("ns1", ["dig", "+short", "@192.0.2.10", serverName], { check: true }))
        .stdout;
      return String(addresses.trim().split("\n").sort()) === String([...vips].sort());
    }).catch((error: Error) => assert.fail(`${error.message}: ${addresses}`));
  }
}

/** Nobody serves anything: what answers next is the next one's work. */
export async function checkGone(lab: Lab, tool: string): Promise<void> {
  const found = await answering(lab, 0);
  assert.ok(!found.some((answer) => SERVERS.includes(answer)), `after ${tool}: ${found.join(", ")}`);
  const { stdout } = await lab.exec("ns1", [
    "dig",
    "+short",
    "+norecurse",
    "@192.0.2.10",
    siteOf(0).serverName,
  ]);
  assert.equal(stdout.trim(), "", `after ${tool}`);
}
