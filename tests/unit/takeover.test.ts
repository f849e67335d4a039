/** A stack under another name takes over what it has on a machine: the real apply.sh, in a /run, /var/lib and network of its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const COMPONENTS = path.join(__dirname, "../../components");

// As far as our scripts ask it: what is enabled is a link, what runs is a file.
const SYSTEMCTL = `#!/bin/bash
verb=$1; shift; while [[ $1 == --* ]]; do [[ $1 != --now ]] || now=1; shift; done
wants=/etc/systemd/system/multi-user.target.wants; mkdir -p $wants /run/active
case $verb in
  enable) ln -sf ../$1 $wants/$1 ;;
  disable) rm -f $wants/$1; [[ ! $now ]] || rm -f /run/active/$1 ;;
  start | restart) touch /run/active/$1 ;;
  stop) rm -f /run/active/$1 ;;
  is-enabled) [[ -L $wants/$1 ]] ;;
  is-active) [[ -e /run/active/$1 ]] ;;
esac`;

const ROLE = `
setting() { value_in "$1/want/settings" "$2"; }
protocol=76
. "$scripts/pinning.sh"
. "$scripts/guard.sh"
check() { [[ ! -e /run/refuse ]] || fail refused; }
is_live() { cmp -s "$1/want/text" /run/live && [[ $(list_pins) ]]; }
activate() {
  if [[ ! $1 ]]; then rm -f /run/live; drop_pins; return; fi
  cp "$1/want/text" /run/live
  [[ $(list_pins) ]] || { [[ ! -e /run/built ]] || fail 'the table was gone'; pins; touch /run/built; }
}
pins() { say "add table ip $pin_table
add chain ip $pin_table c
add rule ip $pin_table c counter" >"$pins_loaded"; nft -f "$pins_loaded"; list_pins >"$pins_listed"; }
verify() { [[ ! -e /run/broken ]]; }
report() { say "$machine: done"; }
drift() { :; }
`;

// bundle NAME TEXT [FORMER], apply FOLDER, seen: all that a machine has of ours.
const PRELUDE = `
exec 2>&1
mount -t tmpfs none /run; mount -t tmpfs none /var/lib; mount -t tmpfs none /etc/systemd/system
mount --bind "$0/systemctl" "$(readlink -f /usr/bin/systemctl)"
bundle() {
  rm -rf "/run/$1"; mkdir -p "/run/$1/want"; cp -r "$0/scripts" "/run/$1/scripts"
  printf '%s\\n' "instance=farm.$1.r1.linux-routes" "stack=farm/$1" role=linux-routes machine=r1 "version=$2" >"/run/$1/meta"
  echo "$2" >"/run/$1/want/text"; : >"/run/$1/want/settings"
  [[ ! $3 ]] || echo "farm.$3.r1.linux-routes" >"/run/$1/former"
}
apply() { LOOPBACK_HA_TOKEN=t bash "/run/$1/scripts/apply.sh"; }
# Killed before the Nth step of carry; fails once there are fewer.
apply_killed() {
  ! LOOPBACK_HA_TOKEN=t STEP=$2 bash -c 'set -T; n=0; trap "[[ \\\${FUNCNAME[0]:-} != carry ]] || ((++n != STEP)) || kill -9 \\$\\$" DEBUG; . "$0"' "/run/$1/scripts/apply.sh" >/dev/null
}
seen() {
  (cd /var/lib/loopback-ha && for i in .[!.]* *; do [[ ! -e $i ]] || echo "$i $(sed -n 's/^instance=//p; s/^stack=//p' $i/current/meta | xargs) $(cat $i/current/want/text) $(cd $i && ls | xargs)"; done)
  (cd /etc/systemd/system && for i in *.service; do [[ ! -e $i ]] || echo "$i $(grep -o 'ha/[^/]*/current' $i) $([[ -L multi-user.target.wants/$i ]] && echo enabled) $([[ -e /run/active/$i ]] && echo active)"; done)
  nft list tables
  echo "live $(cat /run/live) $(cd /run/loopback-ha && ls | grep -v -e '^lock$' -e '^holder$' -e '^text$' | xargs)"
}
set -e
bundle lab 1; apply lab >/dev/null; rm /var/lib/loopback-ha/*/in-doubt
`;

/** What is there of a stack after a run that went well, acknowledged or not yet. */
const whole = (name: string, text = 1, doubt = "in-doubt taken-from "): string => {
  const instance = `farm.${name}.r1.linux-routes`;
  return [
    `${instance} ${instance} farm/${name} ${text} applied current ${doubt}versions`,
    `loopback-ha.${instance}.service ha/${instance}/current enabled active`,
    `table ip loopback-ha.${instance}`,
    `live ${text} pins.${instance}.listed pins.${instance}.loaded`,
    "",
  ].join("\n");
};

describe("a machine whose stack was renamed (slow)", function () {
  this.timeout(150_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-takeover-"));
  before("the host scripts, and a role with a pinned table", () => {
    const scripts = path.join(folder, "scripts");
    fs.cpSync(path.join(COMPONENTS, "host/machine"), scripts, { recursive: true });
    const removal = "remove-over-ssh.sh";
    fs.copyFileSync(path.join(COMPONENTS, "host", removal), path.join(scripts, removal));
    const router = path.join(COMPONENTS, "routerRoute/linux");
    for (const file of fs.readdirSync(router).filter((each) => each !== "role.sh"))
      fs.copyFileSync(path.join(router, file), path.join(scripts, file));
    fs.writeFileSync(path.join(scripts, "role.sh"), ROLE);
    fs.writeFileSync(path.join(folder, "systemctl"), SYSTEMCTL, { mode: 0o755 });
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  const run = (script: string): string =>
    execFileSync("unshare", ["-m", "-n", "bash", "-c", PRELUDE + script, folder], { encoding: "utf8" });

  it("has the same under the new name, and nothing under the former one (stack renamed)", () => {
    assert.equal(run("seen"), whole("lab", 1, ""));
    assert.equal(run("bundle prod 1 lab; apply prod; seen"), `r1: done\n${whole("prod")}`);
    assert.equal(run("bundle prod 2 lab; apply prod; seen"), `r1: done\n${whole("prod", 2)}`);
  });

  it("may be renamed again, and back", () => {
    const all = run(
      "bundle prod 1 lab; apply prod; bundle last 1 prod; apply last; bundle lab 2 last; apply lab; seen",
    );
    assert.equal(all, `r1: done\n`.repeat(3) + whole("lab", 2));
  });

  for (const [what, file, said] of [
    ["a refusal", "refuse", /^r1: refused\n/],
    ["a failure after the change", "broken", /r1: the change failed; the previous state is back in force\n/],
  ] as const)
    it(`${what} leaves it under the former name, as it was`, () => {
      const all = run(`touch /run/${file}; bundle prod 2 lab; ! apply prod; seen`);
      assert.match(all, said);
      assert.equal(all.replace(/^r1: .*\n/gm, ""), whole("lab", 1, ""));
      const later = run(
        `touch /run/${file}; bundle prod 2 lab; ! apply prod >/dev/null 2>&1; rm /run/${file}; apply prod; seen`,
      );
      assert.equal(later, `r1: done\n${whole("prod", 2)}`);
    });

  it("killed at each step: one of the two is whole and comes up at boot, and the next run completes the takeover", () => {
    const all = run(
      `
      mkdir /run/kept; cp -a /var/lib/loopback-ha /etc/systemd/system /run/active /run/live /run/kept/; cp -a /run/loopback-ha /run/kept/run
      bundle prod 2 lab
      # Every third step: all of them take a minute on a busy machine.
      for ((step = 1; ; step += 3)); do
        apply_killed prod $step 2>/dev/null || break
        for unit in /etc/systemd/system/multi-user.target.wants/*; do
          state=$(sed -n 's|.*bash \\(.*/current\\)/.*|\\1|p' "$unit")
          [[ ! -e $state/meta ]] || grep -qx "instance=$(basename "\${state%/current}")" "$state/meta" && echo "boots $(cat $state/want/text 2>/dev/null)"
        done | grep 'boots 1' >/dev/null || echo "step $step: nothing would come up"
        [[ $(nft list tables) ]] || echo "step $step: no table"
        apply prod >/dev/null
        seen >/run/seen
        diff /run/seen <(echo -n "$EXPECTED") || echo "after step $step"
        nft flush ruleset
        rm -rf /var/lib/loopback-ha /etc/systemd/system/* /run/loopback-ha /run/active
        cp -a /run/kept/loopback-ha /var/lib/; cp -a /run/kept/system/. /etc/systemd/system; cp -a /run/kept/run/. /run/loopback-ha; cp -a /run/kept/active /run; cp -a /run/kept/live /run
        nft -f /run/loopback-ha/pins.*.loaded
      done
      echo "steps $step"`.replace("$EXPECTED", whole("prod", 2)),
    );
    assert.match(all, /^steps 2\d\n$/);
  });

  // As the engine does it, over an ssh that is none; and all that is left then.
  const destroy = `
    destroy() {
      mkdir -p /run/bin; printf '#!/bin/sh\n# forkafterauthentication\nexec sh -s\n' >/run/bin/ssh; chmod 755 /run/bin/ssh
      PATH=/run/bin:$PATH TMPDIR=/run LOOPBACK_HA_MACHINE=r1 LOOPBACK_HA_ADDRESS=r1 LOOPBACK_HA_SSH=r1 LOOPBACK_HA_SUDO= \
        LOOPBACK_HA_INSTANCE=farm.$1.r1.linux-routes sh "$0/scripts/remove-over-ssh.sh"
    }
    left() { ls -A /var/lib /etc/systemd/system /etc/systemd/system/*.wants /run/loopback-ha /run/live 2>/dev/null | grep -v -e : -e wants | xargs; nft list tables; }`;

  it("killed at each step, and destroyed by the state's name: nothing is left", () => {
    const all = run(`
      ${destroy}
      bundle prod 2 lab
      for ((step = 1; ; step += 2)); do
        bundle lab 1; apply lab >/dev/null; rm -f /var/lib/loopback-ha/*/in-doubt
        apply_killed prod $step 2>/dev/null || break
        destroy lab
        [[ ! $(left) ]] || echo "step $step: $(left)"
        rm -f /run/built
      done
      echo "steps $step"
      # It was taken over as a whole, and the engine was killed before the state had it.
      destroy lab; left`);
    assert.match(all, /^steps 2\d\n\n$/);
  });

  it("destroyed by a name that is no longer in the state, or by another stack: the new one stays", () => {
    const seen = run(`${destroy}
      bundle prod 1 lab; apply prod >/dev/null; rm /var/lib/loopback-ha/*/in-doubt; destroy other; ls /var/lib/loopback-ha
      bundle prod 1; apply prod >/dev/null; ls /var/lib/loopback-ha/*; destroy lab; ls /var/lib/loopback-ha`);
    const instance = "farm.prod.r1.linux-routes\n";
    assert.equal(seen, `${instance}applied\ncurrent\nversions\n${instance}`);
  });

  it("leaves alone what the state does not name, what is another role's, and what is another stack's beside its own", () => {
    const names = "ls /var/lib/loopback-ha | xargs";
    for (const setup of [
      "bundle prod 1",
      "bundle prod 1 nobody",
      "bundle prod 1 lab; echo ../farm.lab.r1.linux-routes >/run/prod/former",
      "bundle prod 1 lab; sed -i s/role=.*/role=vips/ /run/prod/meta",
      "bundle prod 1; rm /run/built; apply prod >/dev/null; bundle prod 2 lab",
    ])
      assert.equal(
        run(`${setup}; rm -f /run/built; apply prod >/dev/null; ${names}`),
        "farm.lab.r1.linux-routes farm.prod.r1.linux-routes\n",
        setup,
      );
  });
});
