import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asRoutersLib, installScripts } from "./machineScripts";

const LIB = path.join(__dirname, "../../components/host/machine/lib.sh");

describe("a Linux router's conntrack and rules of others (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-pinning-"));
  const scripts = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-scripts-"));
  before(() => installScripts(scripts, "routerRoute", "routerRoute/linux"));
  after(() => [folder, scripts].forEach((each) => fs.rmSync(each, { recursive: true })));

  /** What a script prints that has pinning.sh, in a network of its own. */
  function run(script: string): string {
    const begin = `set -Eeuo pipefail
      ${asRoutersLib()}ask_kernel() { ip -4 -force -batch - 2>/dev/null || true; }; macs=$0/macs scripts=$1
      mkdir -p "$0/want"; touch "$0/macs" "$0/want/servers" "$0/want/routes"
      . "$1/obstacles.sh"
      . <(sed 's|^readonly tracked=.*|tracked='"$0"'/conntrack|' "$1/pinning.sh")
      . "$1/tracking.sh"`;
    return execFileSync("unshare", ["-n", "bash", "-c", `${begin}\n${script}`, folder, scripts], {
      encoding: "utf8",
    });
  }

  const FILLS: [number, number, RegExp][] = [
    [79, 100, /^$/],
    [
      80,
      100,
      /^the conntrack table is 80 % full \(80 of 100\): once it is full, the kernel drops new connections, including those to the router itself\. Raise net\.netfilter\.nf_conntrack_max to at least 200\b/,
    ],
    [
      262143,
      262144,
      /99 % full \(262143 of 262144\): the kernel drops new connections, including those to the router itself\. /,
    ],
    [101, 100, /101 % full \(101 of 100\): the kernel drops/],
    [5, 0, /^$/],
  ];
  for (const [count, max, expected] of FILLS)
    it(`a conntrack table with ${count} of ${max} entries (H1)`, () => {
      fs.writeFileSync(path.join(folder, "conntrack_count"), `${count}\n`);
      fs.writeFileSync(path.join(folder, "conntrack_max"), `${max}\n`);
      const said = run("conntrack_trouble");
      assert.match(said, expected);
      assert.doesNotMatch(said, /not pinned/);
    });

  it("says nothing without a conntrack table (H1)", () => {
    for (const file of ["conntrack_count", "conntrack_max"])
      fs.rmSync(path.join(folder, file), { force: true });
    assert.equal(run("conntrack_trouble"), "");
  });

  for (const [all, eth1, eth2, expected] of [
    [0, 0, 0, ""],
    [1, 0, 0, "eth1 eth2"],
    [0, 0, 1, "eth2"],
    [2, 1, 1, ""],
    [1, 2, 0, "eth2"],
  ] as const)
    it(`servers behind two devices, rp_filter ${all}, ${eth1} and ${eth2} (forward policy drop)`, () => {
      const said = run(`ip link add eth1 type veth peer name eth2
        for n in 1 2; do ip address add 10.0.$n.1/24 dev eth$n; ip link set eth$n up; done
        printf '%s\\n' 'web1 10.0.1.2' 'web2 10.0.2.2' >"$0/want/servers"
        set_filter() { echo "$2" >/proc/sys/net/ipv4/conf/$1/rp_filter; }
        set_filter all ${all}; set_filter eth1 ${eth1}; set_filter eth2 ${eth2}
        strict_devices; : >"$0/want/servers"`);
      const where = /rp_filter is 1 on ([^:]*):/.exec(said)?.[1] ?? "";
      assert.equal(where, expected);
    });

  it("reports a link that is down as such, and not as a foreign routing rule (No route to host)", () => {
    const said = run(`fail() { say "$*"; exit; }; eval "$(sed -n '/^down_links() {/,/^}/p' ${LIB})"
      ip link add host0 type veth peer name end0; ip link set end0 up; ip address add 192.0.2.1/27 dev host0; ip link set host0 up
      echo 'web1 192.0.2.2 up 0x2000000 76002' >"$0/want/servers"; echo '192.0.2.65 192.0.2.64/27 web1 192.0.2.2' >"$0/samples"
      ip route add default via 192.0.2.2 table 76002; ip rule add fwmark 0x2000000/0xff000000 lookup 76002
      verify_pins "$0"; say -; ip link set host0 down; (verify_pins "$0"); say -; ip link set lo up; ip link set host0 up; (verify_pins "$0"); : >"$0/want/servers"`);
    assert.match(
      said,
      /^-\npackets with mark 0x2000000 should go to web1 \(192\.0\.2\.2\), but .*: RTNETLINK answers: .*\. links that are down here:.* host0/,
    );
    // It took its route along when it went down.
    assert.match(
      said,
      /\n-\npackets with mark 0x2000000 should go to web1 .*: RTNETLINK answers: [^.]*\. One of loopback-ha's routes was lost in the meantime; run 'pulumi up' again\n$/,
    );
  });

  it("a mark that leads elsewhere stops the moves of its server, and of no other", () => {
    const said = run(`fail() { say "FAIL $*"; exit; }; warn() { say "warning $*"; }
      ip link add host0 type veth peer name end0; ip link set end0 up; ip address add 192.0.2.1/27 dev host0; ip link set host0 up
      printf '%s\n' 'web1 192.0.2.2 up 0x2000000 76002' 'web2 192.0.2.3 up 0x3000000 76003' >"$0/want/servers"
      printf '%s\n' '192.0.2.64/27 web2 192.0.2.3' '192.0.2.96/27 web1 192.0.2.2' >"$0/want/routes"
      echo '192.0.2.65 192.0.2.64/27 web2 192.0.2.3' >"$0/samples"
      for n in 2 3; do ip route add default via 192.0.2.$n table 7600$n; ip rule add fwmark 0x\${n}000000/0xff000000 lookup 7600$n; done
      ip rule add fwmark 0x2000000/0xff000000 lookup 76003 pref 10
      try() { (affected="$1" left="$2"; verify_pins "$0"); }
      try '' ''; try '192.0.2.96/27 via 192.0.2.2' ''; try '192.0.2.64/27 via 192.0.2.3' ''
      try '192.0.2.64/27 via 192.0.2.3' '192.0.2.64/27 web1 192.0.2.2'
      sed -i 's/192.0.2.2 up/192.0.2.2 down/' "$0/want/servers"
      try '192.0.2.64/27 via 192.0.2.3' '192.0.2.64/27 web1 192.0.2.2'
      : >"$0/want/servers"; : >"$0/want/routes"`);
    assert.deepEqual(
      said
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]),
      ["FAIL", "FAIL", "warning", "FAIL", "warning"],
      said,
    );
    for (const line of said.trim().split("\n"))
      assert.match(
        line,
        /packets with mark 0x2000000 should go to web1 \(192\.0\.2\.2\), but the kernel forwards them like this/,
      );
  });

  it("a script that has outlived its own bundle uses the awk programs of the one in force", () => {
    const said =
      run(`mkdir -p "$0/stack/current"; ln -s "$1" "$0/stack/current/scripts"; scripts=/nonexistent state=$0/stack
      printf 'table inet fw {\\n ct state new accept\\n}\\n' | tracking_rules`);
    assert.equal(said, "table inet fw (ct state new accept)\n");
  });

  it("foreign rules are found without reading their sets (M11)", () => {
    const said = run(`
      perl -e 'print "table ip foreign { set blocked { type ipv4_addr; elements = {", join(",", map { sprintf "10.%d.%d.1", $_ / 256, $_ % 256 } 0 .. 19999), "}; }; chain c { type filter hook prerouting priority raw; ip saddr \\@blocked notrack; }; chain d { meta mark set ct mark; }; }"' | nft -f -
      nft() { command nft "$@" | tee -a "$0/listed"; }
      pin_warnings`);
    assert.match(said, /^an nftables rule not managed by this stack says notrack/m);
    assert.match(said, /unmasked/);
    const bytes = fs.statSync(path.join(folder, "listed")).size;
    assert.ok(bytes > 0 && bytes < 10_000, `${bytes} bytes of rules were read`);
  });

  const TRACKERS: [string, RegExp][] = [
    [
      "table inet fw { chain in { type filter hook input priority 0; ct state established,related accept; }; }",
      /^table inet fw \(ct state established,related accept\)$/,
    ],
    ["table ip fw { chain in { ct state vmap { invalid : drop }; }; }", /^table ip fw /],
    [
      "table ip nat { chain post { type nat hook postrouting priority srcnat; }; }",
      /^table ip nat \(type nat hook/,
    ],
    [
      "table ip any { chain c { type filter hook output priority 0; meta mark set ct mark; }; }",
      /^table ip any /,
    ],
    ["table inet lim { chain c { tcp dport 22 ct count over 5 drop; }; }", /^table inet lim /],
    [
      "table ip loopback-ha.other { chain to_vip { ct state new accept; }; }",
      /^table ip loopback-ha\.other /,
    ],
    // These need nothing tracked, or not in IPv4.
    ["table ip6 fw { chain in { type filter hook input priority 0; ct state established accept; }; }", /^$/],
    [
      'table inet fw { chain direct { tcp dport 22 accept comment "no ct state here"; }; chain in { jump direct; }; }',
      /^$/,
    ],
    [
      "table ip raw { chain c { type filter hook prerouting priority raw; ip daddr 203.0.113.9 notrack; }; }",
      /^$/,
    ],
    ["table ip loopback-ha.r1 { chain to_vip { ct state new accept; }; }", /^$/],
  ];
  for (const [rules, expected] of TRACKERS)
    it(`whether connections are tracked for: ${rules} (H1)`, () =>
      assert.match(run(`nft -f - <<'RULES'\n${rules}\nRULES\ntrackers`).trim(), expected));

  it("rules that xtables made, and what nft can't list (H1)", () => {
    const listed = (by: string): string => run(`nft() { ${by}; }; trackers`).trim();
    assert.match(
      listed(
        `printf 'table ip filter {\\n\\tchain c {\\n\\t\\txt match "conntrack" counter accept\\n\\t}\\n}\\n'`,
      ),
      /^table ip filter \(xt match "conntrack"/,
    );
    assert.match(listed("return 1"), /can't list/);
  });

  // Of these, the kernel tells nobody.
  it("the supervisor notices conntrackd at once, and iptables-legacy within a second (H1)", () => {
    const waited = (begin: string): string =>
      run(`pins_flows() { :; }; wants_only_vips() { :; }; hear() { sleep "$1"; return 1; }
        . <(sed '/^readonly/d; s|/run/conntrackd.ctl|'"$0"'/ctl|; s|/proc/net/ip_tables_names|'"$0"'/names|' "$1/tracking.sh")
        wants_only_vips() { :; }; end_untracked() { :; }
        rm -f "$0/ctl" "$0/names"; changed=
        ${begin}
        from=\${EPOCHREALTIME/./}; await_change; echo "\${changed:-unchanged} $(((\${EPOCHREALTIME/./} - from) / 100000))"; wait`);
    assert.match(waited(":"), /^unchanged ([89]|\d\d)$/m);
    const socket = `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => shift, Listen => 1)' "$0/new"; (sleep 0.2; mv "$0/new" "$0/ctl") &`;
    assert.match(waited(socket), /^1 \d+$/m);
    assert.match(waited(`echo filter >"$0/names"`), /^1 ([89]|\d\d)$/m);
    assert.match(waited(`(sleep 0.2; echo nat >"$0/names") &`), /^1 \d+$/m);
  });

  it("a glance reads only the servers among the neighbours (M10)", () => {
    const seen = run(`printf '%s\\n' 'web1 10.0.0.2 up 0x1 1' 'web2 10.0.0.20 down 0x2 2' >"$0/want/servers"
      glanced=$(printf '%s\\n' '0: from all lookup local' '10.0.0.2 dev eth0 lladdr 02:00:00:00:00:02 REACHABLE ' '10.0.0.9 dev eth0 lladdr 02:00:00:00:00:09 STALE')
      forget_other_neighbours; printf %s "$glanced"; : >"$0/want/servers"`);
    assert.equal(seen, "0: from all lookup local\n10.0.0.2 02:00:00:00:00:02\n");
  });

  it("an nft that hangs is ended in time for the supervisor, and is named (H6)", () => {
    const said = run(`restoring=1; timeout() { command timeout "0.$1" sleep 9; }
      load_pins() { echo loaded; }; try_pins "$0"; cat "$0/pins.r1.failure"; rm "$0/pins.r1.failure"; list_pins; cat "$0/pins.r1.failure"`);
    assert.equal(said, "it does not answer within 3 s\n".repeat(2));
  });
});
