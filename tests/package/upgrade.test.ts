/** An upgrade of the package: a farm and a state of an earlier version are the new one's, as they are. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { prepareServers, startLoad, targetsOf } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { failures } from "../../lab/load/record";
import { File } from "../../lab/load/spec";
import { Program } from "../../lab/project";
import { farmMachines, pictures } from "../lab/pictures";
import { emptyLab, textOf } from "../lab/support";
import { attempt } from "../run";
import { SHOP, SITE, STATE, VERSION, frozenFarm, upgrade, writeFrozen } from "./frozen/farm";
import { INSTALL_MS } from "./installed";
import { Project } from "./project";

/** Of `pulumi preview --json`. */
interface Step {
  op: string;
  urn: string;
}
/** What an upgrade may do to a resource: its commands bring the new scripts. */
const HARMLESS = ["same", "update"];
const DOWNLOADS = { count: 10, seconds: 40, everyMs: 300 };

const stepsOf = (json: string): Step[] => (JSON.parse(json) as { steps: Step[] }).steps;
const harmful = (steps: Step[]): string[] =>
  steps.filter(({ op }) => !HARMLESS.includes(op)).map(({ op, urn }) => `${op} ${urn}`);

describe(`the package, after ${VERSION}`, function () {
  this.timeout(INSTALL_MS);
  const lab = new Lab();
  let farm: Program;
  let authority: string;
  let file: File;
  let pristine: Map<string, string>;

  before("a farm of the earlier version", async () => {
    await emptyLab(lab);
    for (const root of ["widgetco", "shop"]) file = await prepareServers(lab, `/srv/www/${root}`, 30_000_000);
    pristine = await pictures(lab);
    ({ farm, authority } = await frozenFarm(lab));
    const up = await farm.up();
    assert.equal(up.code, 0, textOf(up));
  });
  after(() => lab.down());

  it("reads the state of that version: all names in it are the same", async () => {
    const { folder } = writeFrozen("state");
    const project = new Project(folder);
    // The one that the state was made with.
    project.env.PULUMI_CONFIG_PASSPHRASE = "lab";
    await upgrade(folder);
    fs.appendFileSync(path.join(folder, "Pulumi.lab.yaml"), "  loopback-ha:detectDrift: false\n");
    await project.shell(`pulumi stack init lab; pulumi stack import --stack lab --file ${STATE}`);
    const { code, stdout, stderr } = await attempt(
      "pulumi",
      ["preview", "--json", "--non-interactive", "--stack", "lab"],
      { cwd: folder, env: project.env, timeoutMs: INSTALL_MS },
    );
    assert.equal(code, 0, stdout + stderr);
    const steps = stepsOf(stdout);
    assert.ok(steps.length > 0, stdout);
    assert.deepEqual(harmful(steps), []);
  });

  it("takes the farm over by one up: no request fails, no connection ends, nothing is replaced", async () => {
    const healthPath = (await farm.output("healthPath")) as string;
    const sites = (await farm.output("sites")) as Record<string, string[]>;
    await upgrade(farm.folder);
    const { stdout } = await farm.pulumi(["preview", "--json", "--stack", "lab"], { check: true });
    assert.deepEqual(harmful(stepsOf(stdout)), []);

    const load = await startLoad(lab, {
      targets: [
        ...targetsOf({ serverName: SITE, healthPath, vips: sites.widgetco }),
        ...targetsOf({ serverName: SHOP, healthPath, vips: sites.shop }).map((target) => ({
          ...target,
          authority,
        })),
      ],
      requestsPerSecond: 400,
      downloads: { ...DOWNLOADS, file },
    });
    let record;
    try {
      await sleep(DOWNLOADS.count * DOWNLOADS.everyMs);
      const up = await farm.up();
      assert.equal(up.code, 0, textOf(up));
      assert.doesNotMatch(up.stdout, /created|deleted|replaced/);
      // As long as the last download takes.
      await sleep(DOWNLOADS.seconds * 1000);
    } finally {
      record = await load.stop();
    }
    assert.deepEqual(failures(record), []);
    assert.deepEqual(
      record.connections.map(({ end }) => end),
      Array<string>(DOWNLOADS.count).fill("complete"),
    );
  });

  it("has nothing to change then, and destroys all of it", async () => {
    const again = await farm.pulumi([
      ...["up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "lab"],
    ]);
    assert.equal(again.code, 0, textOf(again));
    const gone = await farm.destroy();
    assert.equal(gone.code, 0, textOf(gone));
    const now = await pictures(lab);
    for (const name of farmMachines) assert.equal(now.get(name), pristine.get(name), name);
  });
});
