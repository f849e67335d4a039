/** The router's guard: the real scripts and the real prober, on a router and four servers that are networks of their own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { block } from "../pages";
import { installScripts } from "./machineScripts";

const COMPONENTS = path.join(__dirname, "../../components");
const LINUX = path.join(COMPONENTS, "routerRoute/linux");

// First on the scripts' PATH.
const PROGRAMS: Record<string, string> = {
  systemctl:
    'wants=/etc/systemd/system/multi-user.target.wants; [[ $1 != enable ]] || { mkdir -p $wants; ln -sf "../${*: -1}" $wants; }; [[ $1 != is-* ]]',
  "systemd-run": "exit 0",
  conntrack: "exit 0",
};
/** What goes to a router only with a guard. */
const GUARD_FILES = fs.readdirSync(path.join(LINUX, "guard")).join(" ");
/** A web server: what answers on its port 80 by http, on others by an alert of TLS, and after so many seconds. */
const SERVER = `use Socket; my ($name, $port, $after) = @ARGV; socket(my $s, PF_INET, SOCK_STREAM, 6); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($port, INADDR_ANY)) or die; listen($s, 64);
while (1) { accept(my $c, $s) or next; sysread $c, my $q, 4096; select undef, undef, undef, $after;
syswrite $c, $port == 80 ? "HTTP/1.0 200 OK\\r\\n\\r\\n$name widgetco\\n" : pack "H*", "15030300020228"; close $c }`;

/*
 * bundle VERSION [SECONDS] [SETTING=VALUE...]: prefixes 32, 64, 96 and 128 at web1 to web4, and who takes them over; edit it in
 * /run/bundle.VERSION/want. apply VERSION: as pulumi does. guard: begins. die WEB [PORT], live WEB [PORT [SECONDS]]: its service;
 * unplug, plug WEB: its link.
 * served: by whom the four are served, as the kernel has it, by number.
 */
const PRELUDE = `exec 2>&1
set -eE
trap 'echo "failed: $BASH_COMMAND; served $(served)"; cat $held /var/lib/said' ERR
mount -t overlay none -o "lowerdir=$0/etc:/etc" /etc
mount -t tmpfs none /run; mount -t tmpfs none /var/lib; mount -t tmpfs none /etc/systemd/system; mount -t tmpfs none /usr/local/sbin
mount -t overlay none -o "lowerdir=$0/bin:/usr/sbin" /usr/sbin
# As on a router without the packages perl and openssl, where perl-base has a folder of its own.
if compgen -G '/usr/lib/*/perl-base' >/dev/null; then
  for other in /etc/perl /usr/share/perl /usr/share/perl5 /usr/lib/*/perl /usr/lib/*/perl5; do [[ ! -d $other ]] || mount -t tmpfs none $other; done
  ! perl -MDigest::SHA -e 1 2>/dev/null
fi
[[ ! -e /usr/bin/openssl ]] || mount --bind /dev/null /usr/bin/openssl
instance=farm.lab.r1.linux-routes state=/var/lib/loopback-ha/farm.lab.r1.linux-routes
pending=/run/loopback-ha/pending.$instance held=/run/loopback-ha/held.$instance table=loopback-ha.$instance
ip link set lo up; ip link add host0 type bridge; ip link set host0 up; ip address add 192.0.2.1/27 dev host0
ip link add out0 type veth peer name out0-end; ip link set out0 up; ip link set out0-end up; ip address add 198.51.100.1/24 dev out0
echo 1 >/proc/sys/net/ipv4/ip_forward
live() { ip netns exec $1 perl -e "$SERVER" $1 \${2:-80} \${3:-0} >/dev/null 2>&1 & echo $! >/run/$1.\${2:-80}.pid; disown; }
die() { kill -9 "$(</run/$1.\${2:-80}.pid)"; }
# Its pings are not answered; or are again.
mute() { ip netns exec $1 bash -c "echo \${2:-1} >/proc/sys/net/ipv4/icmp_echo_ignore_all"; }
unplug() { ip link set to\${1#web} down; }
plug() { ip link set to\${1#web} up; }
for n in 1 2 3 4; do
  ip netns add web$n
  ip link add to$n type veth peer name eth0 netns web$n; ip link set to$n master host0 up
  printf '%s\\n' 'link set lo up' 'link set eth0 up' "address add 192.0.2.$((n + 1))/27 dev eth0" 'route add default via 192.0.2.1' \\
    'route add local 192.0.2.32/27 dev lo' 'route add local 192.0.2.64/27 dev lo' 'route add local 192.0.2.96/27 dev lo' 'route add local 192.0.2.128/27 dev lo' |
    ip -n web$n -batch -
  live web$n
done
bundle() {
  local at=/run/bundle.$1 n
  rm -rf "$at"; mkdir -p "$at/want/private"; cp -r "$0/scripts" "$at/scripts"
  printf '%s\\n' instance=$instance stack=farm/lab role=linux-routes machine=r1 "version=$1" >"$at/meta"
  for n in 1 2 3 4; do
    echo "192.0.2.$((n * 32))/27 web$n 192.0.2.$((n + 1))" >>"$at/want/routes"
    echo "web$n 192.0.2.$((n + 1)) up 0x$((n + 1))000000 7600$((n + 1))" >>"$at/want/servers"
    echo "192.0.2.$((n * 32))/27 web$((n % 4 + 1)) web$(((n + 1) % 4 + 1)) web$(((n + 2) % 4 + 1))" >>"$at/want/fallbacks"
  done
  echo 192.0.2.0/24 >"$at/want/block"
  echo '192.0.2.33,192.0.2.65,192.0.2.97,192.0.2.129 widgetco http www.widgetco.example /x' >"$at/want/private/vips"
  printf '%s\\n' server_subnet=192.0.2.0/27 check_source=198.51.100.1 pin_flows=yes mark_mask=0xff000000 rule_priority=7677 \\
    "confirm_seconds=\${2:-0}" check_seconds=5 helpers= track_only_vips=no \\
    guard_interval=100 guard_fall=3 guard_min_active=1 guard_dry_run=no guard_moves_per_hour=10 >"$at/want/settings"
  shift $(($# < 2 ? $# : 2))
  for setting; do sed -i "s/^\${setting%%=*}=.*/$setting/" "$at/want/settings"; done
}
# Without a guard, and without what goes only to a router with one.
unguarded() { bundle $1; sed -i /guard_/d /run/bundle.$1/want/settings; rm /run/bundle.$1/want/fallbacks; (cd /run/bundle.$1/scripts && rm $GUARD_FILES); }
unit=/etc/systemd/system/loopback-ha-guard.$instance.service command=/usr/local/sbin/loopback-ha-guard
apply() { LOOPBACK_HA_TOKEN=t$1 bash "/run/bundle.$1/scripts/apply.sh" && { [[ -e $pending ]] || rm -f $state/in-doubt; }; }
guard() { rm -f /run/loopback-ha/guard.$instance/answers; perl $state/current/scripts/guard.pl $state >>/var/lib/said 2>&1 & guarding=$!; until_so 10 ready; until_so 10 hears; sleep 0.5; }
hears() { [[ -s /run/loopback-ha/guard.$instance/answers ]]; }
ready() { [[ -e /run/loopback-ha/guard.$instance/plan.$(cut -d ' ' -f 1 /run/loopback-ha/guard.$instance/generation)/facts ]]; }
supervise() { bash $state/current/scripts/restore.sh --watch >>/var/lib/said 2>&1 & }
served() {
  local n way
  for n in 1 2 3 4; do way=$(ip -4 route show exact 192.0.2.$((n * 32))/27); way=\${way#*via 192.0.2.}; printf %s $((\${way%% *} - 1)); done
}
until_so() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do ((SECONDS < end)) || { echo "not so: $*; served $(served)"; cat /var/lib/said $held; exit 1; }; sleep 0.05; done
}
goes() { [[ $(served) == $1 ]]; }
said() { grep -q "$@" /var/lib/said; }
saved() { cmp -s $held $state/held; }
drift() { ! bash $state/current/scripts/drift.sh | grep -P "\\tdrift\\t"; }
# The kernel has what the version wants with the holds, marks included.
in_force() { bash -c '. $0/current/scripts/lib.sh; adapt "$state/current"; is_live "$state/current"' $state; }
`;

describe("the guard's awk", () => {
  const awk = (program: string, args: string[], input = ""): string =>
    spawnSync(
      "awk",
      [
        "-f",
        path.join(COMPONENTS, "host/machine/lib.awk"),
        "-f",
        path.join(LINUX, "guard", program),
        ...args,
      ],
      { encoding: "utf8", input },
    ).stdout;

  const SERVERS =
    "web1 192.0.2.2 up 0x2 2\nweb2 192.0.2.3 up 0x3 3\nweb3 192.0.2.4 down 0x4 4\nweb4 192.0.2.5 up 0x5 5\n";
  const ROUTES = "a/27 web1 192.0.2.2\nb/27 web2 192.0.2.3\nc/27 web4 192.0.2.5\n";
  const FALLBACKS = "a/27 web2 web3 web4\nb/27 web3 web1 web4\nc/27 web1 web2\n";
  const cases: [name: string, held: string[], also: string, but: string, routes: string, down: string][] = [
    ["nothing is held", [], "", "", "a:web1 b:web2 c:web4", "web3"],
    ["a held server: its first fallback", ["web1"], "", "", "a:web2 b:web2 c:web4", "web1 web3"],
    ["a fallback that is down is passed over", ["web2"], "", "", "a:web1 b:web1 c:web4", "web2 web3"],
    ["one that is held, too", ["web1", "web2"], "", "", "a:web4 b:web4 c:web4", "web1 web2 web3"],
    ["a death that is only planned", ["web1"], "web2", "", "a:web4 b:web4 c:web4", "web1 web2 web3"],
    ["one that is released", ["web1", "web2"], "", "web1", "a:web1 b:web1 c:web4", "web2 web3"],
    [
      "no fallback is left: it stays",
      ["web1", "web2", "web4"],
      "",
      "",
      "a:web1 b:web2 c:web4",
      "web1 web2 web3 web4",
    ],
    ["a server that is no more", ["web9"], "", "", "a:web1 b:web2 c:web4", "web3"],
  ];
  for (const [name, held, also, but, routes, down] of cases)
    it(`adapts routes and servers to holds: ${name}`, () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-adapt-"));
      try {
        const at = (file: string): string => path.join(folder, file);
        fs.writeFileSync(
          at("held"),
          held.map((server) => `${server} 2026-11-30T16:00:00Z refuses connections\n`).join(""),
        );
        fs.writeFileSync(at("fallbacks"), FALLBACKS);
        fs.writeFileSync(at("servers"), SERVERS);
        fs.writeFileSync(at("routes"), ROUTES);
        const given = { also, but, servers_out: at("s"), routes_out: at("r") };
        awk("adapt.awk", [
          ...Object.entries(given).flatMap(([key, value]) => ["-v", `${key}=${value}`]),
          ...["held", "fallbacks", "servers", "routes"].flatMap((file) => [`part=${file}`, at(file)]),
        ]);
        const lines = (file: string): string[][] =>
          fs
            .readFileSync(at(file), "utf8")
            .trim()
            .split("\n")
            .map((line) => line.split(" "));
        assert.equal(
          lines("r")
            .map(([prefix, server]) => `${prefix[0]}:${server}`)
            .join(" "),
          routes,
        );
        const address = new Map(lines("s").map(([server, hop]) => [server, hop]));
        for (const [, server, hop] of lines("r")) assert.equal(hop, address.get(server));
        assert.equal(
          lines("s")
            .filter(([, , state]) => state === "down")
            .map(([server]) => server)
            .join(" "),
          down,
        );
        assert.equal(lines("s").length, 4);
      } finally {
        fs.rmSync(folder, { recursive: true });
      }
    });

  it("asks each server itself, and one VIP of each of its services in turn, by its mark", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-questions-"));
    try {
      const servers = path.join(folder, "servers");
      fs.writeFileSync(servers, "web1 192.0.2.2 up 0x2000000 76002\n");
      const vips =
        "192.0.2.33 shop http www.shop.example /x / https\n192.0.2.65 shop http www.shop.example /x / https\n192.0.2.33 wiki http www.wiki.example /y\n192.0.2.97 mail tcp 25 220 mail\n";
      assert.equal(
        awk("guardQuestions.awk", [servers, "-"], vips),
        [
          "group",
          "host\t192.0.2.2\thost web1",
          "mark\t0x2000000",
          "group",
          "http\t192.0.2.33\t80\twww.shop.example\t/x\t200\t-\tmarked web1",
          "http\t192.0.2.65\t80\twww.shop.example\t/x\t200\t-\tmarked web1",
          "group",
          "hello\t192.0.2.33\t443\twww.shop.example\tmarked web1",
          "hello\t192.0.2.65\t443\twww.shop.example\tmarked web1",
          "group",
          "tcp\t192.0.2.97\t25\t-\tmarked web1",
          "",
        ].join("\n"),
      );
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});

describe("the guard on a router (slow)", function () {
  this.timeout(120_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-guard-"));
  before("the host scripts, and programs of our own", () => {
    const scripts = path.join(folder, "scripts");
    installScripts(scripts, "routerRoute", "routerRoute/linux", "routerRoute/linux/guard");
    // A run can be held up where it asks the servers.
    fs.appendFileSync(
      path.join(scripts, "role.sh"),
      "hold_up() { while [[ -e /run/hold-up.$1 ]]; do touch /run/held-up.$1; sleep 0.05; done; }\n" +
        "check_inside() { hold_up check; }\nverify_inside() { hold_up verify; [[ ! -e /run/broken ]] || fail broken; }\n",
    );
    fs.mkdirSync(path.join(folder, "etc/loopback-ha"), { recursive: true });
    fs.mkdirSync(path.join(folder, "bin"));
    for (const [name, text] of Object.entries(PROGRAMS))
      fs.writeFileSync(path.join(folder, "bin", name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  function run(script: string): string {
    const alone = ["-m", "-n", "-p", "-f", "--mount-proc", "--kill-child"];
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      [...alone, "bash", "-c", `${PRELUDE}${script}`, folder],
      { encoding: "utf8", env: { ...process.env, SERVER, GUARD_FILES }, timeout: 110_000 },
    );
    assert.equal(status, 0, `${stdout}${stderr}`);
    return stdout;
  }

  it("moves a dead server's prefixes, keeps it held, and brings it back when it is released", () => {
    const told = run(`bundle 1; apply 1 >/dev/null; guard; goes 1234
      die web2; until_so 5 goes 1334; until_so 5 saved; until_so 5 in_force
      cat $held; drift; bash $state/current/scripts/drift.sh | grep -P '\\theld\\t' | cut -f 2-
      cat /usr/local/sbin/loopback-ha-guard >/dev/null
      # It does not answer yet.
      ! /usr/local/sbin/loopback-ha-guard release web2 2>&1 | tail -n 1; goes 1334; until_so 5 saved; grep -c web2 $held
      live web2; sleep 1; goes 1334
      /usr/local/sbin/loopback-ha-guard release web2 | tail -n 1; goes 1234; [[ ! -e $held && ! -e $state/held ]]; in_force; drift
      cat $state/guard-history /var/lib/said`);
    const lines = told.trim().split("\n");
    assert.match(lines.shift() ?? "", /^web2 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ refuses connections$/, told);
    assert.match(lines.shift() ?? "", /^held\tweb2 .*Z refuses connections$/, told);
    assert.match(lines.shift() ?? "", /^loopback-ha-guard: web2 was not released, and is still held/, told);
    assert.equal(lines.shift(), "1", told);
    assert.equal(lines.shift(), "web2 is released", told);
    assert.match(
      told,
      /Z the guard moved 192\.0\.2\.64\/27 from web2 to web3 because web2 refuses connections$/m,
    );
    assert.match(told, /Z web2: released by root with loopback-ha-guard$/m);
    assert.match(
      told,
      /^r1: the guard moved 192\.0\.2\.64\/27 to web3 because web2 refuses connections, \d+ ms after its last answer; the tables took \d+ ms\. It stays so: loopback-ha adopt, or loopback-ha-guard release web2$/m,
    );
  });

  it("moves off a server that is silent, ping included, and not off one that is for less than three rounds, or whose service hangs", () => {
    const told = run(`bundle 1; apply 1 >/dev/null; guard
      unplug web3; sleep 0.15; plug web3; sleep 1; goes 1234; [[ ! -e $held ]]
      kill -STOP $(</run/web1.80.pid); sleep 1.5; goes 1234; kill -CONT $(</run/web1.80.pid)
      die web4; sleep 0.15; live web4; sleep 1; goes 1234
      unplug web3; until_so 5 goes 1244; plug web3; sleep 1; goes 1244; in_force; cat $held; cat /var/lib/said`);
    assert.match(told, /^web3 .* answers neither connections nor pings$/m);
    assert.equal(told.match(/the guard moved/g)?.length, 1, told);
  });

  it("asks https, too: one of two ports that is closed is no death, both are", () => {
    const told =
      run(`bundle 1; sed -i 's|/x$|/x / https|' /run/bundle.1/want/private/vips; for n in 1 2 3 4; do live web$n 443; done
      apply 1 >/dev/null; guard; grep -c hello /run/loopback-ha/guard.$instance/plan.*/questions
      die web2 443; sleep 1; goes 1234; die web4 80; sleep 1; goes 1234; [[ ! -e $held ]]; live web4 80
      die web2 80; until_so 5 goes 1334; until_so 5 saved; cat /var/lib/said`);
    assert.match(told, /^16$/m);
    assert.match(told, /because web2 refuses connections/);
  });

  it("the silence of a server that never answers ping is no death, until it answers no ARP either", () => {
    const told = run(`mute web3; bundle 1; apply 1 2>&1 >/dev/null; guard
      for n in 2 3; do ip netns exec web$n nft 'add table ip x; add chain ip x in { type filter hook input priority 0; }; add rule ip x in tcp dport 80 drop'; done
      sleep 2; goes 1234; [[ ! -e $held ]]; for n in 2 3; do ip netns exec web$n nft delete table ip x; done; sleep 1
      /usr/local/sbin/loopback-ha-guard status
      mute web4; until_so 10 said 'web4 no longer answers ping'; unplug web4; sleep 2; goes 1234; plug web4
      began=$EPOCHREALTIME; unplug web3; until_so 20 goes 1244; awk -v b=$began -v e=$EPOCHREALTIME 'BEGIN { print "by ARP after", e - b }'; cat $held`);
    assert.match(told, /^warning: r1: web3 does not answer ping, so the guard can't tell/m);
    assert.equal(told.match(/does not answer ping, so/g)?.length, 1, told);
    assert.match(told, /^ {2}web3 does not answer ping/m);
    assert.match(told, /^web3 .* answers neither connections nor pings$/m);
    console.log(`      ${/by ARP after .*/.exec(told)}`);
  });

  it("says how late answers are: once a minute, and in its status", () => {
    const told = run(`bundle 1; apply 1 >/dev/null; guard; die web2; live web2 80 0.07
      until_so 5 said 'web2 answers late'; sleep 10.5; goes 1234; /usr/local/sbin/loopback-ha-guard status; cat /var/lib/said`);
    assert.equal(told.match(/r1: web2 answers late: /g)?.length, 1, told);
    assert.match(
      told,
      /in the last \d+ s, \d+ of its answers took longer than 50 ms, half of guard\.interval \((the longest \d+ ms|at least one had not come after 90 ms)\)/,
    );
    const line =
      /^ {2}web1: 99 % of \d{2,} answers within \d+ ms, the longest \d+ ms \(last (\d+ )?minutes?\)$/m;
    assert.match(told, line);
    assert.match(block("docs/guard.md", "99 %", "text"), line);
    assert.match(told, /^ {2}web2: 99 % of \d{2,} answers within ([7-9]\d|100) ms/m);
  });

  it("runs the administrator's hooks after a move, and none that another user could have written", () => {
    const told =
      run(`mount -t tmpfs -o mode=755 none /etc/loopback-ha; at=/etc/loopback-ha/guard-hooks.d; mkdir $at
      hook() { printf '#!/bin/bash\n%s\n' "$2" >$at/$1; chmod 755 $at/$1; }
      hook 10-good '{ env | grep ^LOOPBACK_HA_ | sort; cat; } >/run/hooked'
      hook 20-fails 'exit 3'; hook 30-slow 'sleep 60'; hook 40-others 'touch /run/others'; chmod 777 $at/40-others; ln -s 10-good $at/50-link
      hook 60-plain 'touch /run/others'; chmod 644 $at/60-plain; hook 70-kept~ 'touch /run/others'; hook 80-last.sh 'touch /run/last'
      bundle 1; sed -i s/hook_seconds=10/hook_seconds=1/ /run/bundle.1/scripts/guardHooks.sh; apply 1 >/dev/null; guard
      die web2; until_so 5 goes 1334; until_so 10 [ -e /run/last ]; [[ ! -e /run/others ]]; cat /run/hooked /var/lib/said
      chmod 775 $at; rm /run/last; die web1; until_so 5 goes 3334; until_so 5 said 'runs no hooks'; [[ ! -e /run/last ]]`);
    for (const line of [
      "LOOPBACK_HA_EVENT=guard-moved",
      "LOOPBACK_HA_FROM=web2",
      "LOOPBACK_HA_MACHINE=r1",
      "LOOPBACK_HA_PREFIXES=192.0.2.64/27",
      "LOOPBACK_HA_REASON=web2 refuses connections",
      "LOOPBACK_HA_SERVERS=web2",
      "LOOPBACK_HA_STACK=farm/lab",
      "LOOPBACK_HA_TEXT=r1: the guard moved 192.0.2.64/27 from web2 to web3 because web2 refuses connections",
      "LOOPBACK_HA_TO=web3",
      "192.0.2.64/27 web2 web3",
      "r1: the guard's hook /etc/loopback-ha/guard-hooks.d/20-fails failed (exit code 3)",
      "r1: the guard's hook /etc/loopback-ha/guard-hooks.d/30-slow took longer than 1 s and was ended",
      "r1: the guard does not run /etc/loopback-ha/guard-hooks.d/40-others, because it is a link, or not only root may write it",
      "r1: the guard does not run /etc/loopback-ha/guard-hooks.d/50-link, because it is a link, or not only root may write it",
    ])
      assert.ok(told.split("\n").includes(line), `${line}\n\n${told}`);
    assert.match(told, /^LOOPBACK_HA_TIME=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m);
  });

  it("a disk that takes no writes holds up no move and no hook; the hold is saved as soon as it takes some", () => {
    const told = run(`bundle 1; apply 1 >/dev/null; guard
mount -t tmpfs -o mode=755 none /etc/loopback-ha; mkdir -m 755 /etc/loopback-ha/guard-hooks.d
printf '#!/bin/bash\necho "$LOOPBACK_HA_FROM" >/run/hooked\n' >/etc/loopback-ha/guard-hooks.d/page
chmod 755 /etc/loopback-ha/guard-hooks.d/page
mount --bind $state $state; mount -o remount,ro,bind $state
die web2; until_so 5 goes 1334; until_so 5 test -e /run/hooked
echo "hooked for $(cat /run/hooked)"
[[ ! -e $state/held ]]
until_so 5 said "holds can't be saved in"
umount $state
until_so 8 saved
until_so 2 said 'holds are saved now'
echo served $(served)`);
    assert.match(told, /^hooked for web2\nserved 1334$/m);
  });

  it("two that die at once: the prefixes of both go to the living, and none to the dead", () => {
    const told = run(`bundle 1; apply 1 >/dev/null; guard
      unplug web2 & unplug web3 & wait $!; until_so 5 goes 1444; until_so 5 in_force; until_so 5 saved; cat /var/lib/said; drift`);
    assert.doesNotMatch(told, /from web2 to web3|drift/, told);
  });

  it("moves nothing when no server answers, below minActive, by a dry run, or beyond its limit an hour; and says each once", () => {
    const nobody = run(`bundle 1; apply 1 >/dev/null; guard
      for n in 1 2 3 4; do unplug web$n; done; sleep 2; for n in 1 2 3 4; do plug web$n; done; sleep 1; goes 1234; [[ ! -e $held ]]; cat /var/lib/said`);
    assert.equal(nobody.match(/no server answers this router/g)?.length, 1, nobody);
    const few = run(`bundle 1 0 guard_min_active=3; apply 1 >/dev/null; guard
      die web1; until_so 5 goes 2234; die web2; sleep 2; goes 2234; cat /var/lib/said`);
    assert.match(
      few,
      /web2: dead, but only 2 servers that answer would be left, and guard\.minActive is 3; nothing is moved/,
    );
    assert.equal(few.match(/would be left/g)?.length, 1, few);
    const dry = run(`bundle 1 0 guard_dry_run=yes; apply 1 >/dev/null; guard
      die web1; sleep 2; goes 1234; [[ ! -e $held ]]; live web1; sleep 1; die web1; sleep 1; cat /var/lib/said`);
    assert.equal(
      dry.match(
        /dry run: the guard would move 192\.0\.2\.32\/27 to web2 now, because web1 refuses connections/g,
      )?.length,
      2,
      dry,
    );
    const limit = run(`bundle 1 0 guard_moves_per_hour=1; apply 1 >/dev/null; guard
      die web1; until_so 5 goes 2234; until_so 5 saved; kill $guarding; wait $guarding || true; guard; die web3; sleep 2; goes 2234; cat /var/lib/said`);
    assert.equal(
      limit.match(/web3: dead, but the guard has already moved the prefixes of 1 servers within an hour/g)
        ?.length,
      1,
      limit,
    );
  });

  it("a boot brings no prefix back to a held server; nor does the supervisor, which has nothing to do after a move", () => {
    run(`bundle 1; apply 1 >/dev/null; guard; supervise; sleep 1
      die web2; until_so 5 goes 1334; until_so 5 saved; sleep 2; goes 1334; in_force; ! said restored
      kill $guarding; live web2
      # As after a boot.
      nft delete table ip $table; ip route flush proto 76; rm -r /run/loopback-ha; until_so 20 goes 1334; until_so 5 in_force; grep web2 $held
      guard; sleep 1; goes 1334`);
  });

  it("a run under way brings no prefix back to a server that dies meanwhile, and the guard does not wait for it", () => {
    run(`bundle 1; apply 1 >/dev/null; guard
      bundle 2; sed -i 's/web1 192.0.2.2$/web4 192.0.2.5/' /run/bundle.2/want/routes
      # It asks the servers, with nothing written yet.
      touch /run/hold-up.check; apply 2 >/run/applied 2>&1 & applying=$!; until_so 10 [ -e /run/held-up.check ]
      die web2; until_so 5 goes 1334; rm /run/hold-up.check; wait $applying || { cat /run/applied; exit 1; }
      goes 4334; in_force; [[ $(readlink $state/current) == versions/2 ]]; saved; drift
      # And when it has written, and verifies.
      bundle 3; until_so 10 ready; sleep 0.5; touch /run/hold-up.verify
      apply 3 >/run/applied 2>&1 & applying=$!; until_so 20 [ -e /run/held-up.verify ]; until_so 10 ready; sleep 0.5; goes 1334; die web3; until_so 5 goes 1444; rm /run/hold-up.verify; wait $applying || true
      goes 1444; until_so 5 in_force; until_so 5 saved`);
  });

  it("the revert of an unconfirmed change brings no prefix back to a server that died meanwhile", () => {
    run(`bundle 1; apply 1 >/dev/null; guard
      bundle 2 60; sed -i 's/web2 192.0.2.3$/web1 192.0.2.2/' /run/bundle.2/want/routes; apply 2 >/dev/null; [[ -e $pending ]]; goes 1134
      until_so 5 ready; sleep 0.5; die web3; until_so 5 goes 1144; until_so 5 saved
      sed -i s/^over=.*/over=1/ $pending; bash $state/versions/2/scripts/revert.sh t2
      [[ ! -e $pending && $(readlink $state/current) == versions/1 ]]; goes 1244; in_force; saved; drift`);
  });

  it("a hold ends when the config says down, and nothing moves; loopback-ha-move and a run without that change end none", () => {
    run(`bundle 1; apply 1 >/dev/null; guard; die web2; until_so 5 goes 1334; until_so 5 saved
      ! /usr/local/sbin/loopback-ha-move 192.0.2.32/27 web2 >/run/moved 2>&1; grep -q 'guard holds web2' /run/moved
      /usr/local/sbin/loopback-ha-move 192.0.2.32/27 web4 >/dev/null; goes 4334; grep -q web2 $held; in_force
      bundle 2; apply 2 >/dev/null; goes 1334; saved; drift
      bundle 3; sed -i 's/^web2 192.0.2.3 up/web2 192.0.2.3 down/' /run/bundle.3/want/servers; sed -i 's/web2 192.0.2.3$/web3 192.0.2.4/' /run/bundle.3/want/routes
      apply 3 >/dev/null; goes 1334; [[ ! -e $held && ! -e $state/held ]]; in_force; drift
      unguarded 4; live web2; apply 4 >/dev/null; goes 1234
      [[ ! -e $command && ! -e /run/loopback-ha/guard.$instance && ! -e $unit ]]
      bash $state/current/scripts/remove.sh; [[ ! -e /run/loopback-ha && ! -e /var/lib/loopback-ha ]]`);
  });

  it("a run that fails and had turned the guard off, or on, leaves it as it was, with its holds", () => {
    run(`fails() { touch /run/broken; ! apply $1 >/run/applied 2>&1; grep -q 'previous state is back in force' /run/applied; rm /run/broken; }
      bundle 1; apply 1 >/dev/null; guard; die web2; until_so 5 goes 1334; until_so 5 saved; live web2
      unguarded 2; fails 2; [[ -e $unit && -e $command ]]; goes 1334; grep web2 $held; saved; in_force; drift
      # It goes on.
      until_so 10 ready; sleep 0.5; die web3; until_so 5 goes 1444; until_so 5 saved; live web3
      apply 2 >/dev/null; goes 1234; [[ ! -e $unit && ! -e $command && ! -e $held && ! -e $state/held ]]; drift; kill $guarding
      bundle 3; fails 3; [[ ! -e $unit && ! -e $command && ! -e $held && ! -e $state/held ]]; drift; goes 1234
      apply 3 >/dev/null; [[ -e $unit && -e $command ]]; drift`);
  });

  for (const step of ["held", "nft", "ip"])
    it(`killed in a move (${step}): the tables are the new ones soon after, by the supervisor or the next guard`, () => {
      run(`bundle 1; apply 1 >/dev/null; LOOPBACK_HA_GUARD_DIES=${step} guard; supervise; sleep 0.5
        die web2; wait $guarding || true; until_so 10 goes 1334; until_so 10 in_force
        guard; until_so 5 saved; goes 1334; drift`);
      run(`bundle 1; apply 1 >/dev/null; LOOPBACK_HA_GUARD_DIES=${step} guard
        die web2; wait $guarding || true; guard; until_so 10 goes 1334; until_so 10 in_force; until_so 5 saved`);
    });
});
