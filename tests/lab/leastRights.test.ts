/** The farm by a user who is not root, with the rights of examples/sudoers and no others. */
import assert from "node:assert/strict";
import { debians } from "../../lab/machines";
import { Farm, textOf } from "./support";

const INSTANCE = "/var/lib/loopback-ha/loopback-ha.lab.web-web1.vhosts";
const TOKEN = "0".repeat(24);

/** What a user may not run on web1; each of these is a way round the rules. */
const REFUSED = [
  "id",
  "bash",
  "bash -s",
  "bash -c id",
  "bash -s loopback-ha 110",
  "bash -s loopback-ha 110 x",
  `bash -s loopback-ha 110 ${TOKEN} 2`,
  `bash -s loopback-ha 110 ${TOKEN} 1 1`,
  `bash -s loopback-ha 110 ${TOKEN} despite`,
  `bash -s loopback-ha 110 ${TOKEN} despite shop /tmp/evil`,
  `bash -s loopback-ha 110 ${TOKEN} 'despite shop;id'`,
  `bash -x -s loopback-ha 110 ${TOKEN}`,
  `-u www-data bash -s loopback-ha 110 ${TOKEN}`,
  `LOOPBACK_HA_LOCK=9 bash ${INSTANCE}/current/scripts/look.sh`,
  `BASH_ENV=/tmp/evil bash ${INSTANCE}/current/scripts/look.sh`,
  `-E bash ${INSTANCE}/current/scripts/look.sh`,
  `bash ${INSTANCE}/current/scripts/apply.sh`,
  `bash ${INSTANCE}/current/scripts/remove.sh`,
  "bash /var/lib/loopback-ha/../../../tmp/evil/current/scripts/look.sh",
  "bash /var/lib/loopback-ha/../loopback-ha/current/scripts/look.sh",
  `bash ${INSTANCE}/current/scripts/look.sh /tmp/evil`,
  `bash ${INSTANCE}/current/scripts/health.sh --every "1;id"`,
  // A flood by who may only look (M9).
  `bash ${INSTANCE}/current/scripts/health.sh --every 0.00001`,
  `bash ${INSTANCE}/current/scripts/health.sh --every 0`,
  `bash ${INSTANCE}/current/scripts/health.sh --sample 9999999`,
  `bash ${INSTANCE}/current/scripts/health.sh --timeout 99999999`,
  `bash ${INSTANCE}/current/scripts/flows.sh --every 0`,
  `bash "${INSTANCE}/current/scripts/look.sh\nid"`,
  `timeout -k 5 110 bash /tmp/evil`,
  "/usr/local/sbin/loopback-ha-move --force --down --from web1 192.0.2.64/27 web2",
  "/usr/local/sbin/loopback-ha-move 192.0.2.64/27 web2",
  "/usr/local/sbin/loopback-ha-move --down --from web1 192.0.2.64/27 web2 --force",
  "/usr/local/sbin/loopback-ha-guard status",
  "/usr/local/sbin/loopback-ha-guard release web2 web3",
  `timeout -k 5 110 bash ${INSTANCE}/current/scripts/apply.sh`,
  `bash ${INSTANCE}/versions/../../../../../tmp/scripts/settle.sh ${TOKEN}`,
  "cat /etc/shadow",
];
/** What it may besides, when it may only look. */
const LOOKS = [`bash ${INSTANCE}/current/scripts/look.sh`];
const CHANGES = [
  `bash -s loopback-ha 110 ${TOKEN}`,
  `bash -s loopback-ha 110 ${TOKEN} 1 despite shop,blog-2`,
  `timeout -k 5 110 bash ${INSTANCE}/current/scripts/remove.sh`,
];

describe("least rights", function () {
  const farm = new Farm();
  /** `sudo -n COMMAND` as that user, over ssh as Pulumi comes. */
  const sudo = (user: string, command: string, machine = "web1") =>
    farm.lab.exec("operator", ["ssh", `${user}@${machine}`, `sudo -n ${command}`], { input: "" });
  const preview = async (env: Record<string, string> = {}): Promise<string> =>
    textOf(await farm.project.pulumi(["preview", "--diff", "--stack", "lab"], { env }));

  /** Another file of sudoers keeps what makes bash and perl run something first (M8). */
  const welcomeForeignEnvironment = async (): Promise<void> => {
    await farm.sh(
      "web1",
      `echo 'Defaults env_keep += "BASH_ENV PERL5LIB PERL5OPT", env_check += "ENV"' >/etc/sudoers.d/aa-keep
      chmod 440 /etc/sudoers.d/aa-keep; visudo -cqf /etc/sudoers.d/aa-keep
      mkdir -p /tmp/keep; chmod 755 /tmp/keep
      echo 'echo ran >>/tmp/keep/ran-$(id -u)' >/tmp/keep/bash.sh
      echo 'BEGIN { system "echo ran >>/tmp/keep/ran-\\$(id -u)" } 1;' >/tmp/keep/Foreign.pm`,
    );
  };
  const runsNothingFromEnvironment = async (user: string, command: string): Promise<void> => {
    const environment =
      "BASH_ENV=/tmp/keep/bash.sh ENV=/tmp/keep/bash.sh PERL5LIB=/tmp/keep PERL5OPT=-MForeign";
    const look = await farm.lab.exec(
      "operator",
      ["ssh", `${user}@web1`, `${environment} sudo -n ${command}`],
      { input: "" },
    );
    assert.equal(look.code, 0, `${user}: ${textOf(look)}`);
    assert.equal(await farm.sh("web1", "ls /tmp/keep | grep -x ran-0 || true"), "", `${user}: ${command}`);
  };

  before("a farm, built by deploy", () =>
    farm.build({
      "ssh.user": "deploy",
      // A secret's placeholder is a secret's placeholder in no file that others may read.
      'zones["widgetco.example"].records[0].name': "note",
      'zones["widgetco.example"].records[0].type': "TXT",
      'zones["widgetco.example"].records[0].value': "@SECRET:health@",
    }),
  );
  after("the farm goes, by deploy", async () => {
    await farm.destroy();
    for (const { name } of debians)
      assert.equal(
        await farm.sh(name, "ls -d /var/lib/loopback-ha /run/loopback-ha* 2>/dev/null || true"),
        "",
        name,
      );
  });

  it("flips and comes home, confirmed by a second connection (story)", async () => {
    await farm.setState("web2", "maintenance");
    await farm.up();
    assert.deepEqual(await farm.serving(), ["web1", "web1", "web3", "web4"]);
    await farm.setState("web2", "active");
    // Only the router hears of it.
    await farm.up({ LOOPBACK_HA_DESPITE_SITES: "widgetco,gadgets" });
    assert.deepEqual(await farm.serving(), ["web1", "web2", "web3", "web4"]);
    assert.match(
      await farm.sh("r1", "journalctl -o cat -t sudo | grep COMMAND"),
      /bash -s loopback-ha 110 [0-9a-f]{24} despite widgetco,gadgets/,
    );
  });

  it("sees drift on every kind of machine, and repairs it", async () => {
    await farm.sh("web4", "systemctl stop 'loopback-ha.*.vips.service'; ip address del 192.0.2.37/32 dev lo");
    await farm.sh("ns1", "sed -i '/loopback-ha/d' /etc/bind/named.conf.local");
    const seen = await preview();
    assert.match(seen, /web4 differs from what was applied to it.*\n.*\n.*- address 192\.0\.2\.37\/32 on lo/);
    assert.match(seen, /ns1 differs from what was applied to it/);
    assert.doesNotMatch(seen, /drift unknown/);
    await farm.up();
    assert.doesNotMatch(await preview(), /differs|DRIFT/);
  });

  it("shows in status who serves what, as the router answers", async () => {
    const { code, stdout, stderr } = await farm.project.cli(["status", "--json"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"web1"/);
  });

  it("removes a site", async () => {
    await farm.drop("sites.gadgets");
    await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
    assert.doesNotMatch(await farm.sh("web1", `cat ${INSTANCE}/current/want/sites`), /gadgets/);
  });

  it("delivers a text that looks like a secret's placeholder as it was written", async () => {
    const { stdout } = await farm.lab.exec("client", [
      "dig",
      "+short",
      "@192.0.2.10",
      "note.widgetco.example",
      "TXT",
    ]);
    assert.equal(stdout.trim(), '"@SECRET:health@"');
  });

  it("is logged, one line for each command", async () => {
    const log = await farm.sh("web1", "journalctl -o cat -t sudo | grep COMMAND");
    assert.match(log, /deploy : .*COMMAND=\/usr\/bin\/bash -s loopback-ha 110 [0-9a-f]{24}/);
    const ours = /COMMAND=\/usr\/bin\/(timeout -k 5 110 )?bash (-s loopback-ha|\/var\/lib\/loopback-ha\/)/;
    assert.deepEqual(
      log.split("\n").filter((line) => /deploy : (?!command not allowed)/.test(line) && !ours.test(line)),
      [],
    );
  });

  it("may run nothing else: no shell, no other user, no environment, no detour (story)", async () => {
    await farm.sh(
      "web1",
      "mkdir -p /tmp/evil/current/scripts; for f in /tmp/evil/evil /tmp/evil/current/scripts/look.sh; do echo 'echo EVIL $(id -u)' >$f; done",
    );
    for (const command of REFUSED) {
      const result = await sudo("deploy", command);
      assert.notEqual(result.code, 0, command);
      assert.doesNotMatch(textOf(result), /EVIL|uid=0|root:/, command);
      assert.match(result.stderr, /^sudo: /m, `${command}: ${textOf(result)}`);
    }
  });

  it("gets no terminal and forwards nothing, by its authorized_keys", async () => {
    const tty = await farm.lab.exec("operator", ["ssh", "-tt", "deploy@web1", "tty"], { input: "" });
    assert.notEqual(tty.code, 0, textOf(tty));
    const forward = await farm.lab.exec("operator", ["ssh", "-W", "127.0.0.1:80", "deploy@web1"], {
      input: "",
    });
    assert.notEqual(forward.code, 0, textOf(forward));
  });

  it("lets a user who may only look make previews, and change nothing", async () => {
    const rule = "norights ALL=(root) NOPASSWD: LOOPBACK_HA_LOOK";
    const all = debians.map(({ name }) => name);
    await Promise.all(all.map((name) => farm.sh(name, `echo '${rule}' >/etc/sudoers.d/zz-look`)));
    await welcomeForeignEnvironment();
    try {
      for (const user of ["norights", "deploy"])
        for (const command of LOOKS) await runsNothingFromEnvironment(user, command);
      await farm.sh(
        "web4",
        "systemctl stop 'loopback-ha.*.vips.service'; ip address del 192.0.2.37/32 dev lo",
      );
      const seen = await preview({ LOOPBACK_HA_LOOK_USER: "norights" });
      assert.match(seen, /web4 differs from what was applied to it/);
      assert.doesNotMatch(seen, /drift unknown|norights/);
      assert.match(seen, /~ 1 to update/);
      for (const command of LOOKS) assert.equal((await sudo("norights", command)).code, 0, command);
      for (const command of [...CHANGES, ...REFUSED])
        assert.match((await sudo("norights", command)).stderr, /^sudo: /m, command);
    } finally {
      await Promise.all(all.map((name) => farm.sh(name, "rm /etc/sudoers.d/zz-look")));
      await farm.sh("web1", "rm -rf /etc/sudoers.d/aa-keep /tmp/keep");
    }
    await farm.up();
    assert.deepEqual(await farm.serving(), ["web1", "web2", "web3", "web4"]);
  });

  it("works on a router with FRR", async () => {
    await farm.sh("r1", "systemctl start frr");
    try {
      await farm.set("routers.r1.kind", "frr");
      await farm.up();
      await farm.setState("web2", "maintenance");
      await farm.up();
      assert.deepEqual(await farm.serving(), ["web1", "web1", "web3", "web4"]);
      await farm.drop("routers.r1.kind");
      await farm.setState("web2", "active");
      await farm.up();
      assert.deepEqual(await farm.serving(), ["web1", "web2", "web3", "web4"]);
    } finally {
      await farm.sh("r1", "systemctl stop frr");
    }
  });
});
