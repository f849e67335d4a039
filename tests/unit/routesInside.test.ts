import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asRoutersLib, installScripts } from "./machineScripts";

const elsewhere = (what: string): string =>
  `192.0.2.64/27 should go to web1 (192.0.2.2), but a more specific route not managed by this stack sends part of it elsewhere: ${what}`;

/** What somebody else does on the router, and what is said of it. */
const CASES: [string, string, string][] = [
  ["nothing", ":", ""],
  [
    "a host route to the middle of a prefix",
    "ip route add 192.0.2.69/32 via 192.0.2.10",
    elsewhere(
      "192.0.2.69 via 192.0.2.10 dev host0. Remove it: ip route del 192.0.2.69 via 192.0.2.10 dev host0",
    ),
  ],
  [
    "one to its last address",
    "ip route add 192.0.2.95 dev host0",
    elsewhere("192.0.2.95 dev host0. Remove it: ip route del 192.0.2.95 dev host0"),
  ],
  [
    "an end of packets",
    "ip route add unreachable 192.0.2.80/28",
    elsewhere("unreachable 192.0.2.80/28. Remove it: ip route del unreachable 192.0.2.80/28"),
  ],
  [
    "several next hops",
    "ip route add 192.0.2.70 nexthop via 192.0.2.10 nexthop via 192.0.2.11",
    elsewhere(
      "192.0.2.70 via 192.0.2.11 dev host0. Remove it: ip route del 192.0.2.70 via 192.0.2.11 dev host0",
    ),
  ],
  [
    "a routing daemon's",
    "ip route add 192.0.2.72/30 via 192.0.2.10 proto 186",
    elsewhere(
      '192.0.2.72/30 via 192.0.2.10 dev host0. A routing daemon has set it (protocol 186): take it out there (FRR: vtysh -c "show ip route 192.0.2.72/30")',
    ),
  ],
  [
    "an address of the router's own",
    "ip address add 192.0.2.69/32 dev lo",
    elsewhere("local 192.0.2.69 dev lo. Take the address off: ip address del 192.0.2.69 dev lo"),
  ],
  ["one that leads where ours does", "ip route add 192.0.2.69 via 192.0.2.2", ""],
  ["ours, of another stack", "ip route add 192.0.2.69 via 192.0.2.10 proto 76", ""],
  [
    "ours, of FRR",
    `mkdir -p "$0/other/current/want"; echo "192.0.2.69/32 x 192.0.2.10" >"$0/other/current/want/routes"; ip route add 192.0.2.69 via 192.0.2.10 proto 196`,
    "",
  ],
  ["a wider one", "ip route add 192.0.2.0/24 via 192.0.2.10", ""],
  ["one beside ours", "ip route add 192.0.2.128/28 via 192.0.2.10", ""],
];

describe("foreign routes inside a prefix (foreign /32) (slow)", () => {
  let folder: string;
  const scripts = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-scripts-"));
  before(() => installScripts(scripts, "routerRoute"));
  after(() => fs.rmSync(scripts, { recursive: true }));
  beforeEach("a bundle", () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-inside-"));
    fs.mkdirSync(path.join(folder, "want"));
    fs.writeFileSync(
      path.join(folder, "want/routes"),
      "192.0.2.64/27 web1 192.0.2.2\n192.0.2.97/32 web2 192.0.2.3\n",
    );
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** What the scripts print on a router that has our routes, in a network of its own. */
  function on(change: string, script: string): string {
    const begin = `set -Eeuo pipefail
      trap 'echo "line $LINENO: $BASH_COMMAND"' ERR
      ${asRoutersLib()}fail() { say "$*"; exit; }; warn() { say "warning: $*"; }; scripts=$1 state=$0/none
      of_all_versions() { :; }; warn_of_losses() { :; }
      for link in host0 out0; do ip link add "$link" type veth peer name "$link-end"; ip link set "$link" up; ip link set "$link-end" up; done
      ip address add 192.0.2.1/27 dev host0; ip address add 198.51.100.1/24 dev out0; ip link set lo up
      echo 1 >/proc/sys/net/ipv4/ip_forward
      . "$1/routes.sh"
      ip route add 192.0.2.64/27 via 192.0.2.2 proto 76; ip route add 192.0.2.97 via 192.0.2.3 proto 76`;
    return execFileSync("unshare", ["-n", "bash", "-c", `${begin}\n${change}\n${script}`, folder, scripts], {
      encoding: "utf8",
    }).trim();
  }

  for (const [what, change, expected] of CASES)
    it(what, () => {
      assert.equal(on(change, 'routes_inside "$bundle" | inside_messages'), expected);
      assert.equal(on(change, 'verify "$bundle"'), expected);
      const during = (prefix: string, script: string): string =>
        on(change, `affected="${prefix} via x"; ${script}`);
      assert.equal(during("192.0.2.64/27", "check_inside"), expected && `${expected}; nothing was moved`);
      assert.equal(during("192.0.2.64/27", 'verify "$bundle"'), expected);
      // What was so before keeps no other prefix where it is, and is said once.
      assert.equal(
        during("192.0.2.97/32", 'check_inside; verify "$bundle"'),
        expected && `warning: ${expected}`,
      );
    });

  for (const [what, rule] of [
    ["for one address of a prefix", "to 192.0.2.70"],
    ["for what comes in by a device", "iif out0"],
  ])
    it(`a rule ${what}`, () => {
      const change = `ip rule add ${rule} lookup 99; ip route add default via 192.0.2.10 table 99`;
      assert.match(
        on(change, 'verify "$bundle"'),
        /^192\.0\.2\.64\/27 should go to web1 \(192\.0\.2\.2\), but packets to \S+ don't: the kernel forwards them like this: .*via 192\.0\.2\.10 .*rule not managed by this stack is in the way$/,
      );
      if (rule.startsWith("to"))
        assert.match(
          on(change, 'affected="192.0.2.97/32 via x"; verify "$bundle"'),
          /^warning: 192\.0\.2\.64\/27 should go to web1 /,
        );
    });

  for (const [what, former, lost, affected, left] of [
    [
      "a next hop that changes",
      "192.0.2.64/27 web2 192.0.2.3",
      "",
      "192.0.2.64/27",
      "192.0.2.64/27 web2 192.0.2.3",
    ],
    [
      "a change, beside a route that another admin keeps away",
      "192.0.2.64/27 web2 192.0.2.3\n192.0.2.97/32 web2 192.0.2.3",
      "192.0.2.97",
      "192.0.2.64/27",
      "192.0.2.64/27 web2 192.0.2.3",
    ],
    [
      "a route that another admin keeps away",
      "192.0.2.64/27 web1 192.0.2.2\n192.0.2.97/32 web2 192.0.2.3",
      "192.0.2.97",
      "192.0.2.97/32",
      "192.0.2.97/32 web2 192.0.2.3",
    ],
    ["all, the first time", "", "192.0.2.97", "192.0.2.64/27 192.0.2.97/32", ""],
    ["nothing", "192.0.2.64/27 web1 192.0.2.2\n192.0.2.97/32 web2 192.0.2.3", "", "", ""],
  ])
    it(`a run affects: ${what}`, () => {
      const set = `live_items() { ip route show proto 76 | awk '{ print ($1 ~ /\\// ? $1 : $1 "/32"), $2, $3 }' | sort; }
        state=$0/stack; mkdir -p "$state/current/want"; echo "${former}" >"$state/current/want/routes"; : >"$0/want/block"
        ${former.startsWith("192.0.2.64/27 web2") ? "ip route replace 192.0.2.64/27 via 192.0.2.3 proto 76" : ""}
        ${former ? "" : "ip route del 192.0.2.64/27 proto 76"}
        ${lost && `ip route del ${lost}`}`;
      assert.equal(
        on(set, `note_moves; echo $(awk '{ print $1 }' <<<"$affected"); echo $left`),
        `${affected}\n${left}`.trim(),
      );
    });

  it("does not take a link that is down for a foreign rule", () => {
    assert.match(
      on("ip link set host0 down", 'verify "$bundle"'),
      /^192\.0\.2\.64\/27 should go to web1 .*: the kernel has no route there \(.* unreachable\): is the link to the servers down\? See: ip -br link/,
    );
  });

  it("ignores a rule that changes nothing, and finds the smallest prefix around all of the farm's", () => {
    const change = "ip rule add iif out0 lookup 99; ip route add 203.0.113.0/24 via 192.0.2.10 table 99";
    assert.equal(on(change, 'verify "$bundle"'), "");
    assert.equal(on(":", 'supernet <"$bundle/want/routes"'), "192.0.2.64/26");
    assert.equal(
      on(":", "echo 10.0.0.0/8 | supernet; echo 10.1.2.3/32 | supernet"),
      "10.0.0.0/8\n10.1.2.3/32",
    );
    assert.equal(on(":", "printf '%s\\n' 10.0.0.0/8 192.0.2.0/24 | supernet"), "0.0.0.0/0");
  });
});
