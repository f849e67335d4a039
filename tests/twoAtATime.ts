/**
 * How test files share this machine when mocha runs two at a time, which it does for the whole suite: each of its
 * two workers has a lab of its own, and the files in tests/lab/alone, which hold limits in time, need most of the
 * machine or look at all of it, have it for themselves.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Lab } from "../lab/lab";
import { takeLock } from "../lab/lock";
import { defaultLabId, secondLabId } from "../lab/state";

/** The number of mocha's worker; undefined where mocha runs one file at a time, and in the process that has the workers. */
const worker = process.env.MOCHA_WORKER_ID;

const [first, second] = [defaultLabId(), secondLabId()];
const [ownLab, otherLab] = Number(worker) % 2 === 1 ? [second, first] : [first, second];
if (worker !== undefined) process.env.LOOPBACK_HA_LAB_ID = ownLab;

const FARM_ROLES = new Set(["router", "web", "dns"]);
const STATE_FOLDER = "/var/lib/loopback-ha";

/** For what is to outlive the run, such as what was said in a sequence that went wrong. */
export const lastingFolder = os.tmpdir();

/** One run's folder for temporary files, with what its test files share; it is removed when the run ends. */
export const sharedFolder =
  worker === undefined ? fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-tests-")) : os.tmpdir();
if (worker === undefined) {
  process.env.TMPDIR = sharedFolder;
  // What a test runs as another user passes through.
  fs.chmodSync(sharedFolder, 0o711);
  process.on("exit", () => fs.rmSync(sharedFolder, { recursive: true, force: true, maxRetries: 3 }));
}

/** Where the project is whose farm the test files of a worker hand on to each other: whoever ends its lab removes it. */
export const farmFolder = (labId: string): string => path.join(sharedFolder, `farm-${labId}`);

/** Ends the lab of the other worker, which does not use it while we are alone. */
export async function endOtherLab(): Promise<void> {
  if (worker === undefined) return;
  fs.rmSync(farmFolder(otherLab), { recursive: true, force: true });
  await new Lab(otherLab).down();
}

let release: (() => Promise<void>) | undefined;
let [file, began] = ["", 0];

/**
 * Mocha calls these before and after each file where it runs two at a time. TEST_TIMES may name a file that gets how many
 * seconds each test file has kept its worker busy.
 */
export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    if (worker === undefined) return;
    this.timeout(0);
    file = this.test?.parent?.suites[0]?.file ?? "";
    const alone = path.basename(path.dirname(file)) === "alone";
    release = await takeLock(path.join(sharedFolder, "files.lock"), alone ? "exclusive" : "shared");
    began = Date.now();
  },
  async afterAll(): Promise<void> {
    const times = process.env.TEST_TIMES;
    if (times && worker !== undefined)
      fs.appendFileSync(times, `${(Date.now() - began) / 1000} ${path.relative(__dirname, file)}\n`);
    await release?.();
  },
};

/** Tests take a lab that stands for one without a farm: one that the demo left, or a run that was killed, ends here. */
export async function endLabWithFarm(lab: Lab): Promise<void> {
  const machines = lab.status().filter(({ role }) => FARM_ROLES.has(role));
  const isEmpty = async (name: string): Promise<boolean> =>
    (await lab.exec(name, ["ls", STATE_FOLDER])).code !== 0;
  // One that is off has a disk, and one that can't even be asked is of no use.
  const empty = machines.every(({ power }) => power === "running")
    ? await Promise.all(machines.map(({ name }) => isEmpty(name))).catch(() => [false])
    : [false];
  if (!empty.every(Boolean)) await lab.down();
}

/** Called once, before anything else. */
export async function mochaGlobalSetup(): Promise<void> {
  for (const id of [first, second]) await endLabWithFarm(new Lab(id));
}

/** Called once, in the process that has the workers, with its runner. */
export async function mochaGlobalTeardown(this: { isParallelMode(): boolean }): Promise<void> {
  if (this.isParallelMode()) await new Lab(second).down();
}
