import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab } from "../../lab/lab";
import { addressOf, machines } from "../../lab/machines";
import { endLabWithFarm } from "../twoAtATime";
import { emptyLab, within } from "./support";

const lab = new Lab();

const output = async (name: string, ...argv: string[]): Promise<string> =>
  (await lab.exec(name, argv, { check: true, timeoutMs: 30_000 })).stdout;
const shell = (name: string, script: string): Promise<string> => output(name, "sh", "-c", script);
const statusOf = (name: string, of = lab) => of.status().find((machine) => machine.name === name);
const answers = async (from: string, to: string): Promise<boolean> =>
  (await lab.exec(from, ["ping", "-c", "1", "-W", "1", to])).code === 0;

describe("lab", function () {
  this.timeout(120_000);
  this.slow(5_000);

  before(() => emptyLab(lab));

  it("is up, and a second `up` leaves everything alone (story)", async () => {
    const before = lab.status();
    assert.deepEqual(
      before.map(({ power }) => power),
      machines.map(() => "running"),
    );
    await lab.up();
    assert.deepEqual(lab.status(), before);
  });

  it("connects the client with every server, through the router", async () => {
    for (const machine of machines.filter(({ kind }) => kind === "debian")) {
      assert.ok(await answers("client", addressOf(machine)), machine.name);
    }
    assert.match(await shell("client", "ip route get 192.0.2.2"), /via 198\.51\.100\.1 /);
    assert.equal(await shell("client", "curl -so /dev/null -w '%{http_code}' http://192.0.2.2/"), "200");
  });

  it("lets the operator in by plain ssh, with and without sudo (story)", async () => {
    for (const host of ["r1", "192.0.2.5", "ns1"]) {
      assert.equal(await output("operator", "ssh", host, "id -un"), "root\n");
    }
    const rights = await output("operator", "ssh", "deploy@web1", "sudo -n -l");
    assert.match(rights, /NOPASSWD: \/usr\/bin\/bash .*look/);
    for (const user of ["deploy", "norights"])
      assert.notEqual((await lab.exec("operator", ["ssh", `${user}@web1`, "sudo -n id"])).code, 0);
  });

  it("passes input, output, exit code, environment and folder of a command", async () => {
    for (const name of ["web1", "client"]) {
      const script = 'cat; echo "$GREETING" >&2; pwd; exit 7';
      const options = { input: "in ", env: { GREETING: "hello" }, cwd: "/usr/bin" };
      assert.deepEqual(await lab.exec(name, ["sh", "-c", script], options), {
        code: 7,
        stdout: "in /usr/bin\n",
        stderr: "hello\n",
        timedOut: false,
      });
    }
    await assert.rejects(lab.exec("web1", ["false"], { check: true }), /web1: false: exit code 1/);
    await assert.rejects(lab.exec("wbe1", ["true"]), /no machine 'wbe1': did you mean 'web1'\?/);
  });

  it("kills a command on the machine after its timeout, or on request", async () => {
    const sleepers = () =>
      lab.exec("web1", ["pgrep", "-fc", "^sleep 98[76]$"]).then(({ stdout }) => stdout.trim());
    const result = await lab.exec("web1", ["sleep", "987"], { timeoutMs: 200 });
    assert.equal(result.code, 124);
    const child = await lab.spawn("web1", ["sleep", "986"]);
    await within(5, "it runs", async () => (await sleepers()) === "1");
    child.kill();
    await once(child, "exit");
    assert.equal(await sleepers(), "0");
  });

  it("loses what is not on the disk in a reboot", async () => {
    await shell("web1", "ip address add 203.0.113.7/32 dev lo; touch /run/lost /root/kept");
    const ids = async () =>
      (await shell("web1", "cat /etc/machine-id /proc/sys/kernel/random/boot_id")).split("\n");
    const [machineId, bootId] = await ids();
    const pid = statusOf("web1")?.pid;
    await lab.reboot("web1");
    assert.notEqual(statusOf("web1")?.pid, pid);
    assert.equal(await output("operator", "ssh", "web1", "cat /root/kept; ls /run/lost || true"), "");
    assert.doesNotMatch(await output("web1", "ip", "address"), /203\.0\.113\.7/);
    const after = await ids();
    assert.equal(after[0], machineId);
    assert.notEqual(after[1], bootId);
  });

  it("boots a router that reboots itself, with both network cards", async () => {
    const pid = statusOf("r1")?.pid;
    await lab.exec("r1", ["systemctl", "reboot"]);
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
      const { power, pid: now } = statusOf("r1") ?? {};
      if (power === "running" && now !== pid) break;
    }
    await within(5, "its other leg", () => answers("client", "192.0.2.2"));
  });

  it("survives ifdown and ifup on the router", async () => {
    await shell("r1", "ifdown host0");
    assert.equal(await answers("client", "192.0.2.2"), false);
    await shell("r1", "ifup host0");
    // The bridge forwards once the kernel has seen the link.
    await within(5, "the other leg", () => answers("client", "192.0.2.2"));
  });

  it("cuts the power of a machine, which stays off until it is started", async () => {
    await shell("web2", "echo kept >/root/kept");
    await lab.crash("web2");
    assert.equal(statusOf("web2")?.power, "off");
    await assert.rejects(lab.exec("web2", ["true"]), /web2 is off\n {2}next: .*start web2/);
    await lab.start("web2");
    assert.equal(await output("operator", "ssh", "web2", "cat /root/kept"), "kept\n");
  });

  it("unplugs cables, even across a reboot, and plugs them in again", async () => {
    await lab.cut("web3");
    assert.equal(await answers("operator", "192.0.2.4"), false);
    await lab.reboot("web3");
    assert.match(
      await output("web3", "ip", "address", "show", "host0"),
      /NO-CARRIER[^]*inet 192\.0\.2\.4\/27/,
    );
    assert.equal(await answers("operator", "192.0.2.4"), false);
    await lab.heal("web3");
    // Its first boot without a carrier: networkd sets the interface up anew when the cable is back.
    await within(5, "web3 answers again", () => answers("operator", "192.0.2.4"));

    await lab.cut("r1", "outside");
    assert.deepEqual(statusOf("r1")?.cut, ["outside"]);
    assert.equal(await answers("client", "198.51.100.1"), false);
    assert.ok(await answers("operator", "192.0.2.1"));
    await lab.heal("r1");
    assert.ok(await answers("client", "198.51.100.1"));
  });

  it("gives a machine a new disk with the same identity", async () => {
    await shell("web4", "touch /etc/changed; systemctl disable apache2");
    await lab.reset("web4");
    const script = "ls /etc/changed; systemctl is-active apache2";
    assert.equal((await lab.exec("operator", ["ssh", "web4", script])).stdout, "active\n");
  });

  it("is shut down before tests when a farm is left in it, and stays up otherwise (demo, then tests)", async () => {
    await endLabWithFarm(lab);
    assert.equal(statusOf("r1")?.power, "running");
    await shell("web2", "mkdir -p /var/lib/loopback-ha");
    await endLabWithFarm(lab);
    assert.equal(statusOf("r1")?.power, "off");
    await lab.up();
    await lab.exec("web2", ["ls", "/var/lib/loopback-ha"]).then(({ code }) => assert.notEqual(code, 0));
  });
});
