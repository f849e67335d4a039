import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { prepareServers, startLoad } from "../../../lab/client";
import { ConnectionKind } from "../../../lab/load/record";
import {
  AWAY,
  CUT_SSH,
  Farm,
  HEAL_SSH,
  KILL_SSHD,
  SERVERS,
  START_SSHD,
  oncePending,
  pendingFile,
  within,
} from "../support";

const PENDING = pendingFile("linux");
const VIP = "192.0.2.69";
const SECONDS = 5;

describe("commit-confirm", function () {
  this.timeout(180_000);
  const farm = new Farm();
  const r1 = (command: string): Promise<string> => farm.sh("r1", command);
  /** For how long the router kept the change after it was in force and verified, in seconds; it is asked on its console. */
  const keptFor = async (): Promise<number> => {
    // One process, so that looking holds nothing up. The file is written again when the time for the confirmation begins.
    const look = `
      sub uptime { open my $file, "<", "/proc/uptime"; (split " ", <$file>)[0] }
      sub over { open my $file, "<", "${PENDING}" or return; local $/; <$file> =~ /^over=(\\d+)/m ? $1 / 100 : undef }
      my ($over, $now);
      until ($over && !-e "${PENDING}") { $over = ($now = over()) // $over; select undef, undef, undef, 0.01 }
      print uptime() - $over + ${SECONDS}`;
    return Number(await r1(`perl -e '${look}'`));
  };

  before("a farm in the lab", () => farm.take({ "routers.r1.confirmSeconds": String(SECONDS) }));
  after("the next has the farm", () => farm.handOn());
  afterEach("the farm is whole, and at home", async () => {
    await farm.setState("web2", "active");
    await farm.up();
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  /** A flip that can't be confirmed: `event` happens between apply and confirmation. */
  const unconfirmed = async (event: string, heal: string): Promise<{ printed: string; kept: number }> => {
    await farm.setState("web2", "maintenance");
    const kept = keptFor();
    const happened = r1(oncePending("linux", event));
    const up = farm.failingUp();
    let seconds: number;
    try {
      await happened;
      assert.deepEqual(await farm.serving(), AWAY);
      seconds = await kept;
      assert.deepEqual(await farm.serving(), SERVERS);
    } finally {
      await r1(heal);
      await up.catch(() => undefined); // awaited below, too
    }
    return { printed: await up, kept: seconds };
  };

  const table = "loopback-ha.loopback-ha.lab.r1.linux-routes";
  const moved = `ip route show exact 192.0.2.64/27 | grep -q 'via 192.0.2.2 ' && nft list table ip ${table} >/dev/null 2>&1`;
  for (const [what, event, heal] of [
    [
      // The supervisor keeps what waits, as it keeps what is in force.
      "the operator's link is cut, that to the servers flaps and the pins' table goes (M2)",
      `${CUT_SSH}; flock /run/loopback-ha/lock true; ip link set host0 down; ip link set host0 up; nft delete table ip ${table}
       for i in $(seq 60); do if ${moved}; then exit; fi; sleep 0.05; done; exit 8`,
      HEAL_SSH,
    ],
    ["sshd and all its sessions are killed", KILL_SSHD, START_SSHD],
  ]) {
    it(`${what} before the confirmation: the router reverts by itself within its time plus 1 s; up fails and says so; the next up flips`, async () => {
      const { printed, kept } = await unconfirmed(event, heal);
      assert.ok(kept > SECONDS - 1 && kept < SECONDS + 1, `kept for ${kept} s`);
      assert.match(
        printed,
        /r1.*(went back to its previous state by itself|undoes by itself|change was undone)/,
      );
      await farm.up();
      assert.deepEqual(await farm.serving(), AWAY);
    });
  }

  it("an unconfirmed change is not undone in favour of a dead server: it stays, and the machine is in doubt (M3) (story)", async () => {
    await farm.setState("web2", "maintenance");
    const kept = keptFor();
    const happened = r1(oncePending("linux", CUT_SSH));
    const up = farm.failingUp();
    try {
      await happened;
      await farm.sh("web2", "systemctl stop apache2");
      await kept;
      assert.deepEqual(await farm.serving(), AWAY);
      await r1("test -e /var/lib/loopback-ha/loopback-ha.lab.r1.linux-routes/in-doubt");
      // The journal takes its time on a busy machine.
      await within(10, "the reason in the journal", async () =>
        /r1: the change was not confirmed, but a server it moved traffic away from does not answer/.test(
          await r1("journalctl -u 'loopback-ha*' -o cat"),
        ),
      );
    } finally {
      await r1(HEAL_SSH);
      await farm.sh("web2", "systemctl start apache2");
      await up.catch(() => undefined); // awaited below, too
    }
    await up;
    await farm.up();
    assert.deepEqual(await farm.serving(), AWAY);
  });

  it("a confirmation that comes too late gets an error, and changes nothing", async () => {
    // The second connection is held up until the router has gone back.
    const { printed } = await unconfirmed(
      `${CUT_SSH}; (while [ -e ${PENDING} ]; do sleep 0.05; done; sleep 0.2; ${HEAL_SSH}) >/dev/null 2>&1 & true`,
      "true",
    );
    assert.match(printed, /r1: the confirmation came too late: the change was undone.*Run 'pulumi up' again/);
  });

  it("the time for the confirmation starts when the change is verified, however long that takes (M11)", async () => {
    // As where somebody's sets are large.
    await r1(`cp /usr/sbin/nft /run/nft; printf '%s\\n' '#!/bin/sh' '[ "$*" != "-t list ruleset" ] || [ ! -e ${PENDING} ] || sleep ${SECONDS + 1}' 'exec /run/nft "$@"' >/run/nft.slow
      chmod +x /run/nft.slow; mount --bind /run/nft.slow /usr/sbin/nft`);
    try {
      await farm.setState("web2", "maintenance");
      await farm.up();
    } finally {
      await r1("umount --lazy /usr/sbin/nft");
    }
    assert.deepEqual(await farm.serving(), AWAY);
  });

  it("a confirmation that comes in time counts, even when another run holds the lock for longer", async () => {
    await farm.setState("web2", "maintenance");
    const held = r1(oncePending("linux", `flock /run/loopback-ha/lock sleep ${SECONDS + 3}`));
    await farm.up();
    await held;
    assert.deepEqual(await farm.serving(), AWAY);
  });

  it("a confirmation goes before a loopback-ha-move that waits for the lock, too", async () => {
    await farm.setState("web2", "maintenance");
    // The lock is handed to nobody while the change waits, and the move is the first in the line for it.
    const moved = r1(oncePending("linux", "loopback-ha-move 192.0.2.96/27 web4"));
    await farm.up();
    await moved;
    assert.deepEqual(await farm.serving(), ["web1", "web1", "web4", "web4"]);
  });

  it("a revert never goes back to routes that are gone: what is in force stays", async () => {
    const state = "/var/lib/loopback-ha/loopback-ha.lab.r1.linux-routes";
    const { stderr } = await farm.lab.exec("r1", [
      "bash",
      "-c",
      `printf '%s\\n' token=t version=$(sed -n s/^version=//p ${state}/current/meta) previous=gone doubted= seconds=5 over=$(sed 's/[.]//; s/ .*//' /proc/uptime) >${PENDING}
       bash ${state}/current/scripts/revert.sh t; rm -f ${PENDING}`,
    ]);
    assert.match(
      stderr,
      /r1: version gone, the one to go back to, no longer exists here; what is in force stays/,
    );
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("the revert succeeds although one attempt is killed and a step fails in the next (M4, L18)", async () => {
    const state = "/var/lib/loopback-ha/loopback-ha.lab.r1.linux-routes";
    const unit = "loopback-ha.loopback-ha.lab.r1.linux-routes.service";
    // A first change has no supervisor, and its lock is somebody else's for a while.
    await r1(`systemctl stop ${unit}
      bash -c '. ${state}/current/scripts/lib.sh; confirm_seconds() { say 1; }; moves=1 LOOPBACK_HA_TOKEN=m4; arm "$version" ""'
      systemctl daemon-reload
      flock /run/loopback-ha/lock bash -c 'until systemctl is-active --quiet loopback-ha-revert-m4.service; do sleep 0.1; done
        sleep 0.2; systemctl kill -s KILL loopback-ha-revert-m4.service'
      [ -e ${PENDING} ]`);
    await within(9, "undone", async () => (await farm.lab.exec("r1", ["test", "-e", PENDING])).code !== 0);
    // A folder in the way of the link that decides.
    await r1(`mkdir ${state}/current.new
      printf '%s\n' token=t version=$(sed -n s/^version=//p ${state}/current/meta) previous=$(sed -n s/^version=//p ${state}/current/meta) doubted= seconds=1 over=100 >${PENDING}
      systemctl start ${unit}; sleep 2.5; [ -e ${PENDING} ]; rm -r ${state}/current.new`);
    await within(3, "undone", async () => (await farm.lab.exec("r1", ["test", "-e", PENDING])).code !== 0);
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("connections that began before the change, and while it waited, survive its revert (story)", async () => {
    const file = await prepareServers(farm.lab, "/srv/www/widgetco", 10_000_000);
    const load = await startLoad(farm.lab, {
      targets: farm.targets([VIP]),
      requestsPerSecond: 200,
      downloads: { count: 150, seconds: 10, everyMs: 400, file },
    });
    await unconfirmed(CUT_SSH, HEAL_SSH);
    const undone = load.mark("undone");
    await sleep(14_000);
    const record = await load.stop();
    const downloads = record.connections.filter(
      ({ kind, connected = 0 }) => kind === ConnectionKind.Download && connected < undone,
    );
    assert.deepEqual([...new Set(downloads.map(({ server }) => server))].sort(), ["web1", "web2"]);
    assert.deepEqual(
      downloads.filter(({ end }) => end !== "complete"),
      [],
    );
    assert.deepEqual(
      record.requests.filter(({ failure }) => failure),
      [],
    );
  });

  it("a reboot of the router before the confirmation restores the former state; the next up flips", async () => {
    await farm.setState("web2", "maintenance");
    const happened = r1(oncePending("linux", CUT_SSH));
    const up = farm.failingUp();
    await happened;
    await farm.lab.crash("r1");
    await farm.lab.start("r1");
    await within(10, "home again", async () => String(await farm.serving()) === String(SERVERS));
    await up;
    await farm.up();
    assert.deepEqual(await farm.serving(), AWAY);
  });

  for (const state of ["active", "maintenance"]) {
    it(`a reboot of the router ${state === "active" ? "before" : "after"} a flip keeps what is in force`, async () => {
      await farm.setState("web2", state);
      await farm.up();
      await farm.lab.crash("r1");
      await farm.lab.start("r1");
      const wanted = state === "active" ? SERVERS : AWAY;
      await within(10, "as before", async () => String(await farm.serving()) === String(wanted));
    });
  }

  it("pulumi killed before the confirmation: the router reverts, and the next up is clean", async () => {
    await farm.setState("web2", "maintenance");
    const up = await farm.project.beginUp();
    await r1(oncePending("linux", CUT_SSH));
    up.kill("SIGKILL");
    await up.ended;
    await within(SECONDS + 2, "home again", async () => String(await farm.serving()) === String(SERVERS));
    await r1(HEAL_SSH);
    await farm.project.recover();
    await farm.up();
    assert.deepEqual(await farm.serving(), AWAY);
  });

  it("confirmSeconds 0 waits for nothing", async () => {
    await farm.set("routers.r1.confirmSeconds", "0");
    await farm.setState("web2", "maintenance");
    await farm.up();
    assert.equal((await r1("systemctl list-timers --all --no-legend 'loopback-ha-revert*'")).trim(), "");
    assert.deepEqual(await farm.serving(), AWAY);
    await farm.set("routers.r1.confirmSeconds", String(SECONDS));
  });
});
