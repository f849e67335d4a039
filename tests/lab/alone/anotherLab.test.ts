import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab } from "../../../lab/lab";
import { machines } from "../../../lab/machines";
import { ifThere } from "../../../lab/processes";
import { endOtherLab } from "../../twoAtATime";
import { emptyLab } from "../support";

describe("another lab on the same host", function () {
  this.timeout(120_000);
  this.slow(20_000);

  const lab = new Lab();
  const other = new Lab("test");
  before("the lab that it is beside", async () => {
    // What a host allows by default (128 inotify instances) is enough for three labs, and somebody may have one.
    await endOtherLab();
    await emptyLab(lab);
  });
  after(() => other.down());

  const host = (command: string, ...args: string[]): string[] =>
    execFileSync(command, args, { encoding: "utf8" }).split("\n").sort();
  /** All that a lab could leave behind, apart from the processes of others. */
  const traces = () => ({
    mounts: fs.readFileSync("/proc/mounts", "utf8"),
    links: host("ip", "-o", "link"),
    processes: host("ps", "-eo", "args").filter((line) => /loopback-ha-lab\/test|labs\/test/.test(line)),
    temporary: fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith("nspawn")),
    cgroups: host("find", "/sys/fs/cgroup", "-ignore_readdir_race", "-path", "*loopback-ha-lab/test*"),
  });

  const pidsOf = (): string[] =>
    traces()
      .cgroups.filter((file) => file.endsWith("/cgroup.procs"))
      .flatMap((file) => ifThere(() => fs.readFileSync(file, "utf8").split("\n").filter(Boolean)) ?? []);
  const namespacesOf = (pid: string): string[] => {
    const folder = `/proc/${pid}/ns`;
    return ifThere(() => fs.readdirSync(folder).map((name) => fs.readlinkSync(`${folder}/${name}`))) ?? [];
  };

  it("runs beside this one, recovers from the death of all its processes, and leaves nothing", async () => {
    const [traceless, mine] = [traces(), lab.status()];
    const elsewhere = fs.readdirSync("/proc").flatMap(namespacesOf);
    await other.up();
    assert.equal((await other.exec("client", ["ping", "-c", "1", "-W", "1", "192.0.2.2"])).code, 0);
    assert.notDeepEqual(traces(), traceless);

    for (const pid of pidsOf()) ifThere(() => process.kill(Number(pid), "SIGKILL"));
    await sleep(500);
    assert.ok(other.status().every(({ power }) => power === "off"));
    await other.up();
    assert.equal((await other.exec("client", ["ping", "-c", "1", "-W", "1", "192.0.2.2"])).code, 0);

    await other.spawn("operator", ["sleep", "600"]);
    const own = new Set(pidsOf().flatMap(namespacesOf));
    for (const namespace of elsewhere) own.delete(namespace);
    assert.ok(own.size >= 6 * machines.length);
    await other.down();
    await sleep(200);
    const left = fs
      .readdirSync("/proc")
      .filter((pid) => namespacesOf(pid).some((namespace) => own.has(namespace)));
    assert.deepEqual(left, []);
    assert.deepEqual(traces(), traceless);
    assert.deepEqual(lab.status(), mine);
    assert.equal(fs.existsSync(`${other.folder}/machines`), false);
    await other.down();
  });

  it("shuts its machines down in order when it must keep its disks", async () => {
    await other.up();
    await other.exec("web1", ["touch", "/root/kept"]);
    await other.down({ keepDisks: true });
    await other.up();
    assert.equal((await other.exec("web1", ["ls", "/root/kept"])).code, 0);
  });
});
