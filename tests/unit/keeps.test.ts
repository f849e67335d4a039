/** What keeps a router's routes: the real apply.sh, restore.sh and revert.sh, in a /run, /var/lib and network of their own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { installScripts } from "./machineScripts";

// First on the scripts' PATH. What is started by them is told, and nft can be broken.
const PROGRAMS: Record<string, string> = {
  systemctl: "[[ $1 != is-* ]]",
  "systemd-run": 'printf "%s\\n" "$@" >/run/timer',
  flock: 'echo "$*" >>/run/locked; exec /usr/bin/flock "$@"',
  conntrack: "exit 0",
  nft: '[[ ! -e /run/nft.off ]] || { echo "nft: no such module" >&2; exit 1; }; exec "${0%/*}/nft.real" "$@"',
};

// apply VERSION SECONDS HOP: a run that moves web2's prefix there, and waits so long for its confirmation.
const PRELUDE = `set -e
mount -t tmpfs none /run; mount -t tmpfs none /var/lib; mount -t tmpfs none /etc/systemd/system; mount -t tmpfs none /usr/local/sbin
mount -t overlay none -o "lowerdir=$0/bin:/usr/sbin" /usr/sbin
state=/var/lib/loopback-ha/farm.lab.r1.linux-routes pending=/run/loopback-ha/pending.farm.lab.r1.linux-routes table=loopback-ha.farm.lab.r1.linux-routes
for link in host0 out0; do ip link add "$link" type veth peer name "$link-end"; ip link set "$link" up; ip link set "$link-end" up; done
ip address add 192.0.2.1/27 dev host0; ip address add 198.51.100.1/24 dev out0; ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
bundle() {
  local at=/run/bundle.$1
  rm -rf "$at"; mkdir -p "$at/want/private"; cp -r "$0/scripts" "$at/scripts"
  printf '%s\\n' instance=farm.lab.r1.linux-routes stack=farm/lab role=linux-routes machine=r1 "version=$1" >"$at/meta"
  printf '%s\\n' '192.0.2.32/27 web1 192.0.2.2' "192.0.2.64/27 web2 $3" >"$at/want/routes"
  printf '%s\\n' 'web1 192.0.2.2 up 0x2000000 76002' 'web2 192.0.2.3 up 0x3000000 76003' >"$at/want/servers"
  echo 192.0.2.0/24 >"$at/want/block"
  echo '192.0.2.33,192.0.2.65 widgetco http www.widgetco.example /x' >"$at/want/private/vips"
  printf '%s\\n' server_subnet=192.0.2.0/27 check_source=198.51.100.1 pin_flows=yes mark_mask=0xff000000 rule_priority=7677 \\
    "confirm_seconds=$2" check_seconds=5 helpers= track_only_vips=no >"$at/want/settings"
}
apply() { bundle "$@"; LOOPBACK_HA_TOKEN=t$1 bash "/run/bundle.$1/scripts/apply.sh" >/dev/null; }
supervise() { bash $state/current/scripts/restore.sh --watch >>/var/lib/said 2>&1 & supervisor=$!; }
until_so() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do ((SECONDS < end)) || { echo "not so: $*"; cat /var/lib/said; exit 1; }; sleep 0.1; done
}
way() { [[ $(ip route show exact 192.0.2.64/27) == *"via $1 "* ]]; }
is_pinned() { "$0/bin/nft.real" list table ip $table; }
wipe() { "$0/bin/nft.real" flush ruleset; ip route flush proto 76; ! way 192.0.2; }
undone() { [[ ! -e $pending ]] && way 192.0.2.3; }
apply 1 0 192.0.2.3; rm $state/in-doubt
`;

describe("what keeps a router's routes (slow)", function () {
  this.timeout(120_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-keeps-"));
  before("the host scripts, and programs of our own", () => {
    const scripts = path.join(folder, "scripts");
    installScripts(scripts, "routerRoute", "routerRoute/linux");
    // Nobody is there who could answer.
    fs.appendFileSync(
      path.join(scripts, "role.sh"),
      "check_before_move() { [[ ! -e /run/asking ]] || { : >/run/asked; while [[ -e /run/asking ]]; do sleep 0.1; done; }; }\nbetter_kept() { [[ -e /run/better ]]; }\nverify_inside() { [[ ! -e /run/slow ]] || sleep 3; }\n",
    );
    fs.mkdirSync(path.join(folder, "bin"));
    fs.copyFileSync("/usr/sbin/nft", path.join(folder, "bin/nft.real"));
    for (const [name, text] of Object.entries(PROGRAMS))
      fs.writeFileSync(path.join(folder, "bin", name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  function run(script: string): string {
    const alone = ["-m", "-n", "-p", "-f", "--mount-proc", "--kill-child"];
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      [...alone, "bash", "-c", `exec 2>&1\n${PRELUDE}${script}`, folder],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, `${stdout}${stderr}`);
    return stdout;
  }

  it("restores the plain routes whatever nft does, even after a boot; says so once, and when it is over (H6)", () => {
    const said = run(`supervise
      until_so 20 is_pinned
      touch /run/nft.off; wipe; until_so 20 way 192.0.2.3
      sleep 3; rm /run/nft.off; until_so 20 is_pinned; until_so 20 grep -q 'in force again' /var/lib/said
      kill $supervisor; wait || true
      # As after a boot.
      touch /run/nft.off; wipe; rm -r /run/loopback-ha; supervise; until_so 20 way 192.0.2.3
      cat /var/lib/said`);
    const failure =
      /^warning: r1: not everything could be restored: .*pinning flows: nft fails: nft: no such module/;
    const [first, again, ...rest] = said.trim().split("\n");
    assert.match(first, failure, said);
    assert.equal(again, "r1: everything is in force again", said);
    for (const line of rest) assert.match(line, failure, said);
    assert.ok(rest.length <= 1, said);
  });

  it("restores the plain routes after a boot with a full /run, and says what is missing (H6)", () => {
    const said = run(`rm -r /run/loopback-ha; wipe
      mount -o remount,size=8m /run; head -c 20m /dev/zero >/run/fill 2>/dev/null || true
      supervise; until_so 20 way 192.0.2.3; until_so 20 test -s /var/lib/said
      rm /run/fill; until_so 20 is_pinned; until_so 20 grep -q 'in force again' /var/lib/said; cat /var/lib/said`);
    assert.match(said, /not everything could be restored: .*pinning flows/);
  });

  it("restores what is wiped while a run asks servers, and leaves that run's own rule alone", () => {
    const said = run(`supervise; touch /run/asking
      apply 2 0 192.0.2.2 & run=$!
      until_so 20 test -e /run/asked
      wipe; ip rule add from 198.51.100.1 lookup 7676 pref 7676
      until_so 5 way 192.0.2.3; until_so 5 is_pinned; ip rule show pref 7676 | grep -q 198.51.100.1; echo restored
      rm /run/asking; wait "$run"; way 192.0.2.2; is_pinned >/dev/null; echo moved`);
    assert.equal(said, "restored\nmoved\n");
  });

  it("restores nothing that a removal deletes", () => {
    const said = run(`supervise; sleep 1; rm -f /run/kept
      # For as long as the supervisor needs to see it.
      cat >>"$state/current/scripts/role.sh" <<'END'
remove_command() { sleep 2; ip route show proto 76 >/run/kept; }
END
      bash "$state/current/scripts/remove.sh" >/dev/null 2>&1 || true
      [[ -e /run/kept && ! -s /run/kept && ! -e $state ]]; ip route show proto 76; ip rule show | grep 7677 || true; echo gone`);
    assert.equal(said, "gone\n");
  });

  it("keeps an unconfirmed change as it keeps what is in force (M2)", () => {
    const said = run(`supervise
      apply 2 60 192.0.2.2; [[ -e $pending ]]; way 192.0.2.2
      wipe; until_so 20 way 192.0.2.2; until_so 20 is_pinned
      [[ -e $pending && $(readlink $state/current) == versions/1 ]]; echo kept`);
    assert.equal(said, "kept\n");
  });

  it("starts the time for the confirmation when the change is verified, however long that took (M11)", () => {
    const left = run(`touch /run/slow; apply 2 3 192.0.2.2
      read -r up _ </proc/uptime; echo $(($(sed -n s/^over=//p $pending) - 10#\${up/./}))`);
    assert.ok(Number(left) > 100 && Number(left) <= 300, left);
  });

  it("undoes no change in favour of servers that are dead: it stays, and the machine is in doubt (M3)", () => {
    const said = run(`supervise; touch /run/better
      apply 2 1 192.0.2.2; until_so 20 [ ! -e $pending ]; sleep 1
      way 192.0.2.2; [[ $(readlink $state/current) == versions/2 && -e $state/in-doubt ]]; cat /var/lib/said`);
    assert.match(
      said,
      /^(warning: )?r1: the change was not confirmed, but a server it moved traffic away from does not answer/m,
    );
  });

  it("reverts however long another run had the lock, and again after it was killed or a step failed (M4, L18)", () => {
    const said = run(`apply 2 1 192.0.2.2; tr '\\n' ' ' </run/timer; echo
      : >/run/locked; sleep 1; bash $state/versions/2/scripts/revert.sh t2; undone; head -n 1 /run/locked
      apply 3 1 192.0.2.2; mkdir $state/current.new; supervise; until_so 20 grep -q current.new /var/lib/said; sleep 2
      [[ -e $pending ]]; rm -r $state/current.new; until_so 20 undone; echo undone`);
    const [timer, lock, ...rest] = said.trim().split("\n");
    assert.match(timer, / --property=Restart=on-failure --property=RestartSec=5 /);
    assert.match(lock, /^-w 600 /);
    assert.equal(rest.pop(), "undone", said);
  });
});
