import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ExecResult, Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { sshArguments } from "../../components/host/ssh";
import { ciscoIos } from "../../components/routerRoute/ciscoIos";
import { renderSettings } from "../../components/routerRoute/routes";
import { emptyLab, within } from "./support";

const TAG = / tag 76\d{7}$/;
const OTHERS = [
  "ip route 203.0.113.0 255.255.255.0 198.51.100.10",
  "ip route 192.0.2.224 255.255.255.224 192.0.2.9 tag 5",
];
/** What ssh would take for its own at the begin of a line is in it. */
const SECRET = "~~s3cret pässword#";

/** A router's command line of our own behind a real sshd: what no FRR does, and IOS does. */
describe("a session with an IOS router (emulated)", () => {
  const lab = new Lab();
  const home = "/var/lib/ios-emulator";

  const r1 = async (command: string, input?: string): Promise<string> =>
    (await lab.exec("r1", ["bash", "-c", command], { check: true, input })).stdout;
  const read = async (file: string): Promise<string[]> =>
    (await r1(`cat ${home}/${file} 2>/dev/null || true`)).split("\n").filter(Boolean);
  const table = async (): Promise<string[]> =>
    (await r1(`perl ${home}/ios --table`)).split("\n").filter(Boolean).sort();
  const commands = (): Promise<string[]> => read("log");
  const behave = (behaviour: Record<string, string | number> = {}): Promise<string> =>
    r1(
      `cd ${home} && rm -f log count logins dropped && cat >behaviour`,
      Object.entries(behaviour)
        .map(([key, value]) => `${key} ${value}\n`)
        .join(""),
    );

  /** The number of the command in a flip that is its first route. */
  const firstLine = async (): Promise<number> => {
    await good(deliver(flipped));
    const number = (await commands()).findIndex((line) => line.startsWith("ip route")) + 1;
    await reset(old);
    return number;
  };
  const environment = (secret?: string): Record<string, string> => ({
    LOOPBACK_HA_MACHINE: "r1",
    LOOPBACK_HA_SSH: sshArguments({ name: "r1", address: "192.0.2.1", ssh: { user: "ios" } }).join(" "),
    LOOPBACK_HA_INSTANCE: "loopback-ha.test.r1.ios-routes",
    ...(secret === undefined ? {} : { LOOPBACK_HA_SECRET_enable: secret }),
  });
  const hops = { "192.0.2.32/27": "192.0.2.2", "192.0.2.64/27": "192.0.2.3", "192.0.2.96/27": "192.0.2.4" };
  const flipped = { ...hops, "192.0.2.32/27": "192.0.2.3", "192.0.2.96/27": "192.0.2.3" };
  const deliver = (
    routes: Record<string, string>,
    options: { secret?: string; confirmSeconds?: number; env?: Record<string, string> } = {},
  ): Promise<ExecResult> =>
    lab.exec("operator", ["node", ciscoIos.driver!.deliver], {
      env: { ...environment(options.secret), ...options.env },
      timeoutMs: 100_000,
      input: JSON.stringify({
        want: {
          routes: Object.entries(routes)
            .map(([prefix, hop]) => `${prefix} web${Number(hop.split(".")[3]) - 1} ${hop}\n`)
            .join(""),
          block: "192.0.2.0/24\n",
          settings: renderSettings({
            serverSubnet: "192.0.2.0/27",
            pinFlows: false,
            confirmSeconds: options.confirmSeconds ?? 20,
          }),
          "private/vips": "",
        },
      }),
    });
  const remove = (env: Record<string, string> = {}): Promise<ExecResult> =>
    lab.exec("operator", ["sh", "-c", ciscoIos.driver!.remove], {
      cwd: "/",
      env: { ...environment(), ...env },
    });
  const good = async (result: Promise<ExecResult>): Promise<ExecResult> => {
    const ended = await result;
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    return ended;
  };
  const bad = async (result: Promise<ExecResult>, message: RegExp): Promise<string> => {
    const { code, stdout, stderr } = await result;
    assert.notEqual(code, 0, stdout);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /^ +at /m);
    assert.ok(!stderr.includes(SECRET));
    return stderr;
  };

  let old: string[];
  let wanted: string[];
  /** The former routes, running and saved. */
  const reset = (lines: string[]): Promise<string> =>
    r1(
      `cd ${home} && rm -f timer && cat >running && cp running startup && chown ios: running startup`,
      lines.join("\n") + "\n",
    );

  before("an sshd that leads to the emulator, and what its table is before and after a flip", async () => {
    await emptyLab(lab);
    await r1(
      `useradd --home-dir ${home} --create-home --shell /bin/sh ios
       install -d -o ios -m 700 ${home}/.ssh && install -o ios -m 600 ~/.ssh/authorized_keys ${home}/.ssh/
       cat >${home}/ios && printf 'Match User ios\\n  ForceCommand perl ${home}/ios\\n' >/etc/ssh/sshd_config.d/ios.conf
       printf '${OTHERS.join("\\n")}\\n' >${home}/running && cp ${home}/running ${home}/startup && chown -R ios: ${home}
       systemctl restart ssh`,
      fs.readFileSync(path.join(__dirname, "iosEmulator.pl"), "utf8"),
    );
    await behave();
    await good(deliver(hops));
    old = await table();
    await good(deliver(flipped));
    wanted = await table();
    assert.notDeepEqual(wanted, old);
  });
  beforeEach(async () => {
    await behave();
    await reset(old);
  });
  after(() =>
    r1("userdel --remove ios 2>/dev/null; rm -f /etc/ssh/sshd_config.d/ios.conf; systemctl reload ssh"),
  );

  it("adds the new next hop before it removes the old one, and saves at the end; others' lines stay (story)", async () => {
    const { stdout, stderr } = await good(deliver(flipped));
    const mine = wanted.filter((line) => TAG.test(line));
    assert.deepEqual(
      wanted.filter((line) => !TAG.test(line)),
      OTHERS.sort(),
    );
    assert.equal(mine.length, 4, mine.join("\n"));
    const sent = (await commands()).filter((line) => /^(no )?ip route|^write/.test(line));
    const tag = TAG.exec(mine[0])![0];
    assert.deepEqual(sent, [
      `ip route 192.0.2.32 255.255.255.224 192.0.2.3${tag}`,
      `no ip route 192.0.2.32 255.255.255.224 192.0.2.2${tag}`,
      `ip route 192.0.2.96 255.255.255.224 192.0.2.3${tag}`,
      `no ip route 192.0.2.96 255.255.255.224 192.0.2.4${tag}`,
      "write memory",
    ]);
    assert.deepEqual((await read("startup")).sort(), wanted);
    assert.match(
      stdout,
      /^192\.0\.2\.32\/27 is served by web2 \(192\.0\.2\.3\), moved\n192\.0\.2\.64\/27 is served by web2 \(192\.0\.2\.3\)$/m,
    );
    assert.match(stderr, /^warning: r1: it can't undo a change by itself/);
  });

  it("sends no configuration command and writes nothing when there is nothing to do", async () => {
    await good(deliver(hops));
    assert.deepEqual(
      (await commands()).filter((line) => /^(configure|ip|no|write)/.test(line)),
      [],
    );
  });

  const screens: [string, Record<string, string | number>, string?][] = [
    ["banners with prompts in them", { banner: "##########\\n# edge-1# #\\nPassword:\\nSwitch>\\nAccess#" }],
    ["an enable secret", { secret: SECRET }, SECRET],
    ["pages until they are turned off", { pages: "yes", secret: SECRET }, SECRET],
    ["pages that can't be turned off", { pages: "always" }],
    ["log messages behind every prompt", { noise: "yes" }],
    ["slow answers", { slow: 0.3 }],
    ["a terminal that stays narrow, so that lines scroll", { width: 40 }],
    ["a question before it saves", { overwrite: "yes" }],
    ["a host name that IOS shortens in configuration mode", { hostname: "edge-router-of-the-farm.example" }],
  ];
  for (const [what, behaviour, secret] of screens) {
    it(`copes with ${what}`, async () => {
      await behave(behaviour);
      await good(deliver(flipped, { secret }));
      assert.deepEqual(await table(), wanted);
    });
  }

  it("changes nothing with a wrong or missing enable secret, and shows no secret (story)", async () => {
    await behave({ secret: SECRET });
    await bad(
      deliver(flipped, { secret: "wrong" }),
      /^r1 refuses the enable secret; check enableSecret-r1; nothing was changed$/m,
    );
    await bad(
      deliver(flipped),
      /^r1 asks for an enable secret, but none is set: .*--secret enableSecret-r1; nothing was changed$/m,
    );
    assert.deepEqual(await table(), old);
    assert.deepEqual(
      (await commands()).filter((line) => line !== "enable"),
      [],
    );
  });

  const errors = [
    "% Invalid input detected at '^' marker.",
    "% Incomplete command.",
    '% Ambiguous command:  "ip route"',
    "Command authorization failed.",
    "%Inconsistent address and mask",
    "% Error: no room in the table",
  ];
  for (const text of errors) {
    it(`restores the former routes after '${text}' in the middle`, async () => {
      await behave({ error: `^ip route 192.0.2.96 255.255.255.224 192.0.2.3=${text}` });
      const stderr = await bad(deliver(flipped), /former routes are back, nothing has moved/);
      assert.ok(stderr.includes(text), stderr);
      assert.deepEqual(await table(), old);
    });
  }

  it("gives up on a command that is never answered, and restores the former routes", async () => {
    await behave({ hang: "^no ip route 192.0.2.32 255.255.255.224 192.0.2.2" });
    await bad(deliver(flipped), /^r1 did not answer 'no ip route .*' in time/m);
    assert.deepEqual(await table(), old);
  }).timeout(90_000);

  it("moves nothing to a server that does not answer the router, unless forced", async () => {
    await behave({ silent: "192.0.2.3" });
    await bad(
      deliver(flipped),
      /^r1: web2 \(192\.0\.2\.3\) does not answer r1 at all.*; nothing was changed$/m,
    );
    assert.deepEqual(await table(), old);
    const { stderr } = await good(deliver(flipped, { env: { LOOPBACK_HA_FORCE_MOVE: "1" } }));
    assert.match(stderr, /LOOPBACK_HA_FORCE_MOVE is set/);
    assert.deepEqual(await table(), wanted);
  });

  it("reports another admin's route that shadows its own, and undoes the change", async () => {
    await behave({ shadow: "192.0.2.96/27" });
    await bad(
      deliver(flipped),
      /192\.0\.2\.96\/27 should go to web2 .* is shadowed by a ospf 1 route.*former routes are back/,
    );
    assert.deepEqual(await table(), old);
  });

  it("reports another admin's longer route inside a prefix, and undoes the change (foreign /32)", async () => {
    await behave({ longer: "192.0.2.105/32=192.0.2.10" });
    await bad(
      deliver(flipped),
      /192\.0\.2\.96\/27 should go to web2 .* elsewhere: 'S +192\.0\.2\.105\/32 \[1\/0\] via 192\.0\.2\.10'.*former routes are back/,
    );
    assert.deepEqual(await table(), old);
    await behave({ longer: "192.0.2.105/32=192.0.2.3" });
    await good(deliver(flipped));
    assert.deepEqual(await table(), wanted);
  });

  it("leaves another admin's line for the block as it is, and adds none of its own", async () => {
    const block = "ip route 192.0.2.0 255.255.255.0 Null0";
    const others = [...OTHERS, block].sort();
    await reset(others);
    await good(deliver(hops));
    assert.deepEqual(
      (await table()).filter((line) => !TAG.test(line)),
      others,
    );
    await good(deliver(flipped));
    await good(remove());
    assert.deepEqual(await table(), others);
  });

  it("quotes the router when it can't save its configuration; the next run, or the next delete, saves it", async () => {
    const busy = "startup-config file open failed (Device or resource busy)";
    await behave({ error: `^write memory=${busy}` });
    const stderr = await bad(deliver(flipped), /its routes are as wanted, but not saved/);
    assert.ok(stderr.includes(busy), stderr);
    assert.deepEqual([await table(), (await read("startup")).sort()], [wanted, old]);
    await behave();
    await good(deliver(flipped));
    assert.deepEqual((await read("startup")).sort(), wanted);

    await behave({ error: `^write memory=${busy}` });
    assert.ok((await bad(remove(), /does not say \[OK\]/)).includes(busy));
    await behave();
    await good(remove());
    assert.deepEqual((await read("startup")).sort(), OTHERS.sort());
  });

  describe("with archive: commit-confirm", () => {
    const archive = { archive: "yes", minute: 10 };

    it("confirms over a second login, then saves, and leaves no timer", async () => {
      await behave(archive);
      const { stderr } = await good(deliver(flipped));
      // No VIP answers behind the emulator; and no word that it could not go back by itself.
      assert.match(stderr, /^warning: r1: the moved VIPs were not checked: [^\n]*\n$/);
      assert.deepEqual(await read("logins"), ["2"]);
      const sent = await commands();
      assert.ok(sent.includes("configure terminal revert timer 1"));
      assert.ok(sent.indexOf("write memory") > sent.indexOf("configure confirm"));
      assert.deepEqual(await read("timer"), []);
      assert.deepEqual(await table(), wanted);
    });

    it("reverts at once when the second login fails, and leaves saved routes untouched", async () => {
      await behave({ ...archive, logins: 1 });
      await bad(deliver(flipped), /former routes are back, nothing has moved/);
      assert.deepEqual(await table(), old);
      assert.deepEqual((await read("startup")).sort(), old);
      assert.deepEqual(await read("timer"), []);
    });

    it("a router that can no longer be reached reverts by itself, and the message says so", async () => {
      await behave(archive);
      await behave({ ...archive, gone: "yes", dropafter: await firstLine() });
      await bad(deliver(flipped), /can't be rolled back now; it undoes the change by itself within 1 min/);
      assert.notDeepEqual(await read("running"), old);
      await within(20, "back by itself", async () => isDeepStrictEqual(await table(), old));
    });

    it("leaves another session's pending change alone", async () => {
      await behave(archive);
      await r1(`cd ${home} && (echo 9999999999; cat running) >timer`);
      await bad(deliver(flipped), /a change on \S+ is waiting for its confirmation.*nothing was changed/);
      assert.deepEqual(await table(), old);
    });

    it("confirmSeconds 0: no timer", async () => {
      await behave(archive);
      await good(deliver(flipped, { confirmSeconds: 0 }));
      assert.ok((await commands()).includes("configure terminal"));
    });
  });

  it("a router that is lost in the middle is in doubt: the message has its former lines, and the next run repairs it", async () => {
    await behave({ gone: "yes", dropafter: await firstLine() });
    const stderr = await bad(deliver(flipped), /r1 is in doubt/);
    for (const line of old.filter((text) => TAG.test(text))) assert.ok(stderr.includes(`'${line}'`), stderr);
    const half = await table();
    assert.notDeepEqual(half, old);
    assert.notDeepEqual(half, wanted);
    await behave();
    await good(deliver(flipped));
    assert.deepEqual(await table(), wanted);
  });

  for (const archive of ["no", "yes"]) {
    for (const when of ["dropat", "dropafter"]) {
      it(`the connection ends ${when === "dropat" ? "before" : "after"} each step (archive: ${archive}): the table is old or new, never half, and the message says which`, async () => {
        await behave({ archive });
        await good(deliver(flipped));
        const steps = await commands();
        for (let step = 1; step <= steps.length; step++) {
          await reset(old);
          await behave({ archive, [when]: step });
          const { code, stderr } = await deliver(flipped);
          const now = await table();
          const at = `${steps[step - 1]}: ${code} ${stderr}`;
          if (code === 0) {
            assert.deepEqual(now, wanted, at);
            assert.deepEqual((await read("startup")).sort(), wanted, at);
          } else {
            assert.match(stderr, /nothing was changed|nothing has moved/, at);
            assert.deepEqual(now, old, at);
            assert.deepEqual(await read("timer"), [], at);
          }
        }
      }).timeout(240_000);
    }
  }

  it("the program passes the enable secret on, and it is nowhere in clear text", async () => {
    await behave({ secret: SECRET });
    await reset(OTHERS);
    const project = new Project(lab);
    await project.init();
    await project.set("routers.r1.kind", "cisco-ios");
    await project.set("routers.r1.ssh.user", "ios");
    const setSecret = (...how: string[]): Promise<ExecResult> =>
      project.pulumi(["config", "set", ...how, "enableSecret-r1", SECRET, "--stack", "lab"], { check: true });
    await setSecret("--plaintext");
    const refused = await project.pulumi(["preview", "--stack", "lab"]);
    assert.match(
      refused.stdout + refused.stderr,
      /enableSecret-r1: is stored in clear text; .*--secret enableSecret-r1/,
    );
    await setSecret("--secret");
    try {
      const { stdout, stderr } = await good(project.up());
      assert.ok(!(stdout + stderr).includes(SECRET));
      assert.equal((await table()).filter((line) => TAG.test(line)).length, 5);
      const clear = await lab.exec("operator", [
        "grep",
        "-rlF",
        SECRET,
        project.file("state"),
        project.file("Pulumi.lab.yaml"),
      ]);
      assert.equal(clear.stdout, "");
    } finally {
      await good(project.destroy());
    }
    assert.deepEqual(await table(), OTHERS.sort());
  }).timeout(180_000);

  it("delete removes the farm's lines, keeps those of others, and saves; an unreachable router is a warning, a refused key an error", async () => {
    await good(remove());
    assert.deepEqual(await table(), OTHERS.sort());
    assert.deepEqual((await read("startup")).sort(), OTHERS.sort());
    assert.equal((await good(remove())).stderr, "");
    const away = await good(
      remove({ LOOPBACK_HA_SSH: environment().LOOPBACK_HA_SSH.replace("192.0.2.1", "192.0.2.29") }),
    );
    assert.match(away.stderr, /^warning: r1 does not answer, so its routes stay.*tag 76/);
    await bad(
      remove({ LOOPBACK_HA_SSH: environment().LOOPBACK_HA_SSH.replace("ios@", "nobody@") }),
      /^r1 refuses this user or key/,
    );
  });
});
