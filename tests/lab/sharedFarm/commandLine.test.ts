import assert from "node:assert/strict";
import { ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Exit } from "../../../cli/terminal/exit";
import { FarmStatus } from "../../../cli/status/model";
import { COMMAND_LINE } from "../../../lab/project";
import { checkout } from "../../../lab/state";
import { AWAY, Farm, SERVERS, hold, textOf, within } from "../support";

const [PREFIX, VIP] = ["192.0.2.64/27", "192.0.2.69"];

describe("loopback-ha, the command line", function () {
  this.timeout(300_000);
  const farm = new Farm();

  before("a farm in the lab", () => farm.take());
  after("the next has the farm", () => farm.handOn());
  let good = "";
  beforeEach(() => void (good = config()));
  afterEach("all is at home", async function () {
    if (this.currentTest?.state !== "failed") return;
    // A failure must not make others fail.
    fs.writeFileSync(configFile(), good);
    for (const name of [...SERVERS, "r1"]) await farm.lab.start(name);
    await farm.project.recover();
    await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
  });

  /** What it printed; it must end with this code. */
  async function run(exit: Exit, ...args: string[]): Promise<string> {
    const result = await farm.project.cli(args);
    assert.equal(result.code, exit, `${args.join(" ")}: ${textOf(result)}`);
    return textOf(result);
  }
  const done = (...args: string[]): Promise<string> => run(Exit.Ok, ...args, "--yes");
  async function status(exit: Exit = Exit.Ok): Promise<FarmStatus> {
    const { code, stdout, stderr } = await farm.project.cli(["status", "--json"]);
    assert.equal(code, exit, stdout + stderr);
    return JSON.parse(stdout) as FarmStatus;
  }
  const configFile = (): string => farm.project.file("Pulumi.lab.yaml");
  const config = (): string => fs.readFileSync(configFile(), "utf8");
  /** Asks for something that is refused, and sees to it that nothing was touched. */
  async function refused(exit: Exit, reason: RegExp, ...args: string[]): Promise<void> {
    const before = config();
    assert.match(await run(exit, ...args, "--yes"), reason);
    assert.equal(config(), before);
    assert.deepEqual(
      fs.readdirSync(farm.project.folder).filter((name) => name.includes("draft")),
      [],
    );
  }

  /** The command line at work, and what it has printed. */
  async function begin(...args: string[]): Promise<{ child: ChildProcess; printed: () => string }> {
    const child = await farm.lab.spawn("operator", farm.project.cliCommand(args), {
      cwd: checkout,
      env: farm.project.env,
    });
    let printed = "";
    for (const stream of [child.stdout!, child.stderr!])
      stream.on("data", (text) => (printed += String(text)));
    return { child, printed: () => printed };
  }

  describe("status", () => {
    it("shows a healthy farm, and exits 0 (story)", async () => {
      const { problems, servers, prefixes, sites, zones, routers } = await status();
      assert.deepEqual(problems, []);
      assert.deepEqual(
        prefixes.map(({ live, wanted }) => [live, wanted]),
        SERVERS.map((name) => [name, name]),
      );
      for (const server of servers)
        assert.deepEqual(
          [server.state, server.carries, server.wanted, server.failure],
          ["active", 1, 1, null],
        );
      for (const { health } of servers) assert.equal(health!.ok, health!.asked);
      for (const { asked, ok } of sites) assert.deepEqual([asked, ok], [4, 4]);
      assert.ok(zones.length > 0 && zones.every(({ serial }) => serial! > 2026_00_00_00));
      assert.deepEqual(
        routers.map(({ name, kind, failure }) => [name, kind, failure]),
        [["r1", "linux", null]],
      );
      const text = await run(Exit.Ok, "status");
      assert.match(text, /everything matches the config/);
      assert.ok(!text.includes("\x1b"), "no colours without a terminal");
    });

    it("says what is wrong, never hangs, and exits 4", async () => {
      await farm.lab.cut("web4");
      await farm.sh("r1", `ip route replace ${PREFIX} via 192.0.2.4 proto 76 && nft flush ruleset`);
      const began = Date.now();
      const text = await run(Exit.Degraded, "status");
      assert.ok(Date.now() - began < 40_000, `${Date.now() - began} ms`);
      assert.match(text, /web4: web4 does not answer|web4 did not answer/);
      assert.match(text, /site widgetco does not answer on 192\.0\.2\.133 \(web4\)/);
      await farm.lab.heal("web4");
      await within(
        20,
        "the supervisor's repair",
        async () => (await farm.project.cli(["status"])).code === Exit.Ok,
      );
    });

    it("shows the open connections of each server", async () => {
      const held = await hold(farm.lab, VIP, 60);
      const { prefixes, servers } = await status();
      assert.deepEqual(prefixes.find(({ prefix }) => prefix === PREFIX)?.flows, { web2: 1 });
      assert.equal(servers.find(({ name }) => name === "web2")?.flows, 1);
      await held.end();
    });

    it("repeats with --watch until Ctrl-C", async () => {
      const { child, printed } = await begin("status", "--watch", "--interval", "200ms");
      const screens = (): number => printed().split("everything matches the config").length - 1;
      await within(60, "three screens", () => Promise.resolve(screens() >= 3));
      child.kill("SIGINT");
      const [code] = await once(child, "exit");
      assert.equal(code, Exit.Interrupted);
    });
  });

  describe("drain, restore, down, move", () => {
    it("drains a server and ends within a second of its last connection; restore brings it back", async () => {
      const held = await hold(farm.lab, VIP, 120);
      const { child, printed: text } = await begin("drain", "web2", "--wait", "2m", "--yes");
      let last = 0;
      child.stdout!.on(
        "data",
        (piece) => (last ||= /no more connections to wait for/.test(String(piece)) ? Date.now() : 0),
      );
      await within(120, "waiting", () => Promise.resolve(/web2: 1 open connection/.test(text())));
      await sleep(2000);
      await held.end();
      const [code] = await once(child, "exit");
      const printed = text();
      assert.equal(code, Exit.Ok, printed);
      assert.match(printed, /1 open connection stays with web2 until the end/);
      assert.match(printed, /moved {2}r1: 192\.0\.2\.64\/27 web2 => web1/);
      assert.match(printed, /web2: 1 open connection\n/);
      const late = last - (await held.ended);
      assert.ok(late >= -200 && late <= 1000, `${late} ms after its last connection: ${printed}`);
      assert.deepEqual(await farm.serving(), AWAY);
      assert.match(await done("restore", "web2"), /moved {2}r1: 192\.0\.2\.64\/27 web1 => web2/);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("says at the deadline what is left, and lets the rest move when asked", async () => {
      const held = await hold(farm.lab, VIP, 120, 3);
      assert.match(
        await run(Exit.Deadline, "drain", "web2", "--wait", "1s", "--yes"),
        /the deadline has passed: web2 is in maintenance, with 1 open connection\. .*loopback-ha down web2/s,
      );
      assert.match(
        await done("drain", "web2", "--wait", "5s", "--tcp-idle", "1s"),
        /1 idle ones that are not waited for/,
      );
      const text = await done("drain", "web2", "--wait", "1s", "--move-rest");
      assert.match(text, /the deadline has passed with 1 open connection: moving them now/);
      assert.equal((await status()).servers.find(({ name }) => name === "web2")?.state, "down");
      await held.end();
      assert.match(await done("restore", "web2"), /step 1: bring web2 up to date/);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("Ctrl-C while it waits leaves a farm that status explains", async () => {
      const held = await hold(farm.lab, VIP, 120);
      const { child, printed } = await begin("drain", "web2", "--wait", "2m", "--yes");
      await within(120, "waiting", () => Promise.resolve(/web2: 1 open connection/.test(printed())));
      child.kill("SIGINT");
      const [code] = await once(child, "exit");
      assert.equal(code, Exit.Interrupted, printed());
      assert.match(printed(), /interrupted: web2 stays in maintenance, with 1 open connection/);
      const { servers, problems } = await status();
      assert.deepEqual(problems, []);
      const web2 = servers.find(({ name }) => name === "web2")!;
      assert.deepEqual([web2.state, web2.flows, web2.carries], ["maintenance", 1, 0]);
      await held.end();
      await done("restore", "web2");
    });

    it("sets a dead server down, and its traffic moves", async () => {
      await farm.lab.crash("web2");
      assert.match(await done("down", "web2"), /moved {2}r1: 192\.0\.2\.64\/27 web2 => web1/);
      assert.deepEqual(await farm.serving(), AWAY);
      assert.match(await run(Exit.Failed, "restore", "web2", "--yes"), /web2 does not answer/);
      await farm.lab.start("web2");
      await done("restore", "web2");
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("moves one prefix, and home again without a pin (story)", async () => {
      await done("move", PREFIX, "web4");
      assert.match(config(), /overrides/);
      assert.deepEqual(await farm.serving(), ["web1", "web4", "web3", "web4"]);
      await done("move", PREFIX, "web2");
      assert.doesNotMatch(config(), /overrides/);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("when the new server fails its health check, nothing moves and the config is as it was", async () => {
      const before = config();
      // What pulumi could repair is repaired, and then checked.
      const drop = `table ip foreign { chain c { type filter hook input priority 0; iifname "host0" tcp dport 80 drop; }; }`;
      await farm.sh("web1", `nft -f - <<<'${drop}'`);
      assert.match(
        await run(Exit.Failed, "drain", "web2", "--yes"),
        /does not answer for 192\.0\.2\.\d+.*nothing was moved.*nothing moved, and the config is as it was/s,
      );
      await farm.sh("web1", "nft delete table ip foreign");
      assert.equal(config(), before);
      await farm.up();
      assert.deepEqual(await farm.serving(), SERVERS);
    });
  });

  describe("site", () => {
    it("adds one with the next free host number, and removes it in two steps", async () => {
      const add = ["site", "add", "sprockets", "--server-name", "sprockets.widgetco.example"];
      const text = await done(...add, "--document-root", "/srv/www/sprockets");
      assert.match(text, /sprockets has 192\.0\.2\.33, 192\.0\.2\.65, 192\.0\.2\.97, 192\.0\.2\.129/);
      await refused(Exit.Usage, /site "sprockets" already exists/, ...add, "--document-root", "/srv/www/x");
      assert.match(
        await done("site", "remove", "sprockets"),
        /is out of DNS; the servers still answer for it/,
      );
      await refused(Exit.Failed, /sprockets\.widgetco\.example/, "site", "remove", "sprockets");
      const removal = await farm.project.cli(["site", "remove", "sprockets", "--yes"], {
        env: { LOOPBACK_HA_FORCE_REMOVAL: "1" },
      });
      assert.equal(removal.code, Exit.Ok, textOf(removal));
      assert.doesNotMatch(config(), /sprockets/);
    });
  });

  describe("what can't be done", () => {
    it("is refused with the nearest name, or a value that would work (story)", async () => {
      await refused(Exit.Usage, /there is no server "web22"; did you mean web2\?/, "drain", "web22");
      await refused(
        Exit.Usage,
        /there is no prefix "192\.0\.2\.65\/27"; did you mean 192\.0\.2\.64\/27\?/,
        "move",
        "192.0.2.65/27",
        "web1",
      );
      await refused(
        Exit.Usage,
        /there is no site "widgetc"; did you mean widgetco\?/,
        "site",
        "remove",
        "widgetc",
      );
      await refused(
        Exit.Usage,
        /"soon" is not a duration; use a number with a unit \(ms, s, m or h\)/,
        "drain",
        "web2",
        "--wait",
        "soon",
      );
      await refused(Exit.Usage, /Did you mean drain\?/, "drian", "web2");
      await refused(Exit.Usage, /unknown option/, "drain", "web2", "--wiat");
      const asked = await farm.project.cli(["drain", "web2"]);
      assert.equal(asked.code, Exit.Usage);
      assert.match(
        textOf(asked),
        /cannot ask for confirmation: stdin is not a terminal.*; nothing was touched\. Pass --yes/,
      );
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("the last active server stays", async () => {
      const before = config();
      for (const name of ["web2", "web3", "web4"]) await farm.setState(name, "maintenance");
      await refused(
        Exit.Usage,
        /web1 is the last active server.*first run loopback-ha restore web2/,
        "drain",
        "web1",
      );
      fs.writeFileSync(configFile(), before);
    });

    it("a locked stack: the message says who has locked it; unlock removes only the lock of a dead process", async () => {
      const locks = farm.project.file("state/.pulumi/locks/organization/loopback-ha/lab");
      const hostname = (await farm.sh("operator", "hostname")).trim();
      const lock = (pid: number): void => {
        fs.mkdirSync(locks, { recursive: true });
        const it = { pid, username: "root", hostname, timestamp: new Date().toISOString() };
        fs.writeFileSync(path.join(locks, "9c0ffee0-0000-4000-8000-000000000000.json"), JSON.stringify(it));
      };
      lock(process.pid);
      await refused(
        Exit.Locked,
        new RegExp(`another run holds the stack.*pid ${process.pid}`, "s"),
        "drain",
        "web2",
      );
      await refused(Exit.Locked, /that process is still running.*nothing was touched/, "unlock");
      const dead = await farm.lab.spawn("operator", ["true"]);
      await once(dead, "exit");
      lock(dead.pid!);
      assert.match(
        await done("unlock"),
        new RegExp(`removed the lock of process ${dead.pid}.*that process is dead`),
      );
      assert.match(await done("unlock"), /the stack is not locked/);
      await farm.up();
    });

    it("unlock makes a stack usable after an up that was killed", async () => {
      const up = await farm.lab.spawn(
        "operator",
        ["pulumi", "up", "--yes", "--skip-preview", "--stack", "lab", "--non-interactive"],
        { cwd: farm.project.folder, env: farm.project.env },
      );
      await farm.setState("web2", "maintenance");
      const locks = farm.project.file("state/.pulumi/locks/organization/loopback-ha/lab");
      await within(30, "the lock", () =>
        Promise.resolve(fs.existsSync(locks) && fs.readdirSync(locks).length > 0),
      );
      process.kill(up.pid!, "SIGKILL");
      await once(up, "exit");
      assert.match(await done("unlock"), /removed the lock of process \d+/);
      await done("restore", "web2");
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("no passphrase, a wrong one, no stack, no project, a config that can't be written", async () => {
      const drain = farm.project.cliCommand(["drain", "web2", "--yes"]);
      for (const [reason, ...prefix] of [
        [/the passphrase is wrong/, "env", "PULUMI_CONFIG_PASSPHRASE=x"],
        [/no passphrase is set: set PULUMI_CONFIG_PASSPHRASE/, "env", "-u", "PULUMI_CONFIG_PASSPHRASE"],
      ] as [RegExp, ...string[]][]) {
        const result = await farm.lab.exec("operator", [...prefix, ...drain], {
          cwd: checkout,
          env: farm.project.env,
        });
        assert.equal(result.code, Exit.Usage, textOf(result));
        assert.match(textOf(result), reason);
        assert.doesNotMatch(textOf(result), /^\s+at /m);
      }
      const elsewhere = (...args: string[]): ReturnType<typeof farm.lab.exec> =>
        farm.lab.exec("operator", [...COMMAND_LINE, ...args], {
          cwd: checkout,
          env: farm.project.env,
        });
      for (const [reason, ...args] of [
        [/no stack named 'nix' found/, "status", "--cwd", farm.project.folder, "--stack", "nix"],
        [/no Pulumi\.yaml in \/ or above.*loopback-ha init/, "status", "--cwd", "/"],
      ] as [RegExp, ...string[]][]) {
        const result = await elsewhere(...args);
        assert.notEqual(result.code, 0);
        assert.match(textOf(result), reason);
      }
      const bind = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"';
      const command = ["unshare", "-m", "bash", "-c", bind, configFile()];
      const result = await farm.lab.exec("operator", [...command, ...drain], {
        cwd: checkout,
        env: farm.project.env,
      });
      assert.equal(result.code, Exit.Usage, textOf(result));
      assert.match(textOf(result), /Pulumi\.lab\.yaml can't be written .*nothing was touched/);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("no router answers: nothing moves, and the config is as it was", async () => {
      const before = config();
      await farm.forgetConnections();
      await farm.lab.cut("r1", "inside");
      const text = await run(Exit.Failed, "drain", "web2", "--yes");
      await farm.lab.heal("r1", "inside");
      assert.match(text, /r1 does not answer over ssh.*nothing moved, and the config is as it was/s);
      assert.equal(config(), before);
      await farm.up();
      assert.deepEqual(await farm.serving(), SERVERS);
    });
  });
});
