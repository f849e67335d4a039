import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asRoutersLib, installScripts } from "./machineScripts";

/** What stands on the router besides ours, and what is said of it. */
const CASES: [string, string, RegExp | ""][] = [
  ["nothing", "", ""],
  [
    "an empty forward chain with policy drop",
    "table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }",
    /^chain forward of table inet fw drops everything that this router forwards, so no visitor gets through\. See: nft list chain inet fw forward; /,
  ],
  [
    "the same of iptables",
    "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }",
    /^chain FORWARD of table ip filter drops everything .*nft list chain ip filter FORWARD/,
  ],
  [
    "a forward chain that logs and drops",
    'table inet fw { chain f { type filter hook forward priority 0; counter log prefix "accept " drop comment "accept"; accept; }; }',
    /^chain f of table inet fw drops everything/,
  ],
  [
    "a forward chain that rejects",
    "table inet fw { chain f { type filter hook forward priority 0; ct state invalid drop; reject with icmpx admin-prohibited; }; }",
    /^chain f of table inet fw drops everything/,
  ],
  [
    "a table that is dormant",
    "table inet fw { flags dormant; chain f { type filter hook forward priority 0; policy drop; }; }",
    "",
  ],
  [
    "a firewall of the router alone",
    "table inet fw { chain i { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }",
    "",
  ],
  [
    "a container engine's",
    `table ip filter { chain USER { return; }; chain ENGINE { oifname "docker0" ct state established accept; oifname "docker0" drop; iifname "docker0" accept; }
      chain FORWARD { type filter hook forward priority 0; policy drop; jump USER; jump ENGINE; }; }`,
    /^a new connection from \S+ \(by out0\) to 192\.0\.2\.69 tcp port 80 does not get through this router: table ip filter keeps it out, and 1 more .* See: nft list table ip filter;/,
  ],
  [
    "ufw's",
    `table ip filter { chain before { ct state established,related accept; icmp type echo-request accept; udp dport 67 accept; }
      chain FORWARD { type filter hook forward priority 0; policy drop; jump before; }; }`,
    /^a new connection .* table ip filter keeps it out/,
  ],
  [
    "firewalld's",
    `table inet firewalld { chain zone { }; chain f { type filter hook forward priority 10; policy accept; ct state established accept
      ct status dnat accept; iifname "out0" jump zone; ct state invalid drop; reject with icmpx admin-prohibited; }; }`,
    /^a new connection .* table inet firewalld keeps it out/,
  ],
  [
    "a filter on the way in",
    "table ip raw { chain p { type filter hook prerouting priority raw; tcp dport 80 drop; }; }",
    /^a new connection .* table ip raw keeps it out/,
  ],
  [
    "a filter of one device on the way in",
    'table netdev guard { chain in { type filter hook ingress device "out0" priority 0; tcp dport 80 drop; }; }',
    /^a new connection .* table netdev guard keeps it out.* See: nft list table netdev guard;/,
  ],
  [
    "the same in a table of both families",
    'table inet guard { chain in { type filter hook ingress device "out0" priority 0; tcp dport { 22, 80 } drop; }; }',
    /^a new connection .* table inet guard keeps it out/,
  ],
  [
    "one of a device that no visitor comes by",
    'table netdev guard { chain in { type filter hook ingress device "lan7" priority 0; tcp dport 80 drop; }; }',
    "",
  ],
  [
    "one that turns visitors aside",
    "table ip nat { chain p { type nat hook prerouting priority dstnat; tcp dport 80 redirect to 3128; }; }",
    /^a new connection .* table ip nat keeps it out/,
  ],
  [
    "two tables of which the second drops",
    `table inet a { chain f { type filter hook forward priority 0; policy drop; accept; }; }
      table inet b { chain f { type filter hook forward priority 1; policy drop; tcp dport 443 accept; }; }`,
    /table inet b keeps it out/,
  ],
  [
    "no way back",
    'table inet fw { chain f { type filter hook forward priority 0; policy drop; iifname "out0" accept; }; }',
    /^the answer to a new connection .* table inet fw keeps it out/,
  ],
  [
    "a list of VIPs that lacks one",
    "table inet fw { chain f { type filter hook forward priority 0; policy drop; ct state established accept; ip daddr 192.0.2.69 accept; }; }",
    /^a new connection from \S+ \(by out0\) to 192\.0\.2\.101 tcp port 80 [^,]*\. See/,
  ],
  [
    "rules that let visitors in and nothing else",
    "table inet fw { chain f { type filter hook forward priority 0; policy drop; ct state vmap { established : accept, invalid : drop }; ip daddr 192.0.2.64/26 tcp dport { 80, 443 } accept; }; }",
    "",
  ],
  [
    "rules by sets, interfaces and what the router is",
    `table inet fw { set vips { type ipv4_addr; flags interval; elements = { 192.0.2.64/26 }; }
      chain f { type filter hook forward priority 0; policy drop; ct state established accept; iif "lan7" drop; fib daddr type local drop
      iif "out0" oif "host0" ip daddr @vips accept; }; }`,
    "",
  ],
  [
    "rules that know only far clients",
    "table inet fw { chain f { type filter hook forward priority 0; policy drop; ct state established accept; ip saddr 198.51.100.0/24 drop; accept; }; }",
    "",
  ],
  [
    "a program that decides",
    "table inet fw { chain f { type filter hook forward priority 0; policy drop; ct state untracked synproxy; }; }",
    /^unknown\ta program makes the decision/,
  ],
];

describe("what a router forwards (forward policy drop) (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-forwarding-"));
  const scripts = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-scripts-"));
  after(() => [folder, scripts].forEach((each) => fs.rmSync(each, { recursive: true })));
  before("a bundle", () => {
    installScripts(scripts, "routerRoute");
    fs.mkdirSync(path.join(folder, "want/private"), { recursive: true });
    const write = (name: string, text: string): void =>
      fs.writeFileSync(path.join(folder, "want", name), text);
    write("routes", "192.0.2.64/27 web1 192.0.2.2\n192.0.2.96/27 web2 192.0.2.3\n");
    write("private/vips", "192.0.2.69,192.0.2.101 widgetco http www.widgetco.example /x\n");
  });

  /** What the scripts print on a router with these rules, in a network of its own. */
  function on(rules: string, script: string): string {
    const begin = `set -Eeuo pipefail
      trap 'echo "line $LINENO: $BASH_COMMAND"' ERR
      ${asRoutersLib()}scripts=$1
      echo 1 >/proc/sys/net/ipv4/ip_forward
      for link in host0 out0 lan7; do ip link add "$link" type veth peer name "$link-end"; ip link set "$link" up; ip link set "$link-end" up; done
      ip address add 192.0.2.1/27 dev host0; ip address add 198.51.100.1/24 dev out0
      . "$1/routes.sh"
      nft -f - <<<"$2"`;
    return execFileSync("unshare", ["-n", "bash", "-c", `${begin}\n${script}`, folder, scripts, rules], {
      encoding: "utf8",
    });
  }

  for (const [what, rules, expected] of CASES)
    it(what, () => {
      const said = on(rules, "forwarding_trouble");
      if (expected === "") assert.equal(said, "");
      else assert.match(said, expected);
      assert.equal(said.split("\n").length, expected === "" ? 1 : 2);
      assert.deepEqual(fs.readdirSync(folder), ["want"]);
    });

  for (const [setting, expected] of [
    [
      "ip_forward",
      /^this machine does not forward packets, so it can't be a router\tSet net\.ipv4\.ip_forward=1/,
    ],
    [
      "conf/host0/forwarding",
      /^this router does not forward packets that arrive on host0\tSet net\.ipv4\.conf\.host0/,
    ],
    ["conf/out0/forwarding", /^this router does not forward packets that arrive on out0\t/],
  ] as const)
    it(`${setting} is 0`, () =>
      assert.match(on("", `echo 0 >/proc/sys/net/ipv4/${setting}; forwarding_faults`), expected));

  it("is checked again and again for the watcher, until that stops reading", () => {
    const said = on(
      "",
      `fail() { say "$*"; exit 1; }; sleep() { command sleep 0.2; }
      . <(sed -n '/^look_aside()/,/^}/p' "$1/health.sh")
      look_aside "$0/aside" & looking=$!
      until [[ -e $0/aside ]]; do command sleep 0.05; done
      say "first: $(<"$0/aside")"
      nft -f - <<<'table inet fw { chain f { type filter hook forward priority 0; policy drop; }; }'
      until [[ -s $0/aside ]]; do command sleep 0.05; done
      say "then: $(<"$0/aside")"
      nft flush ruleset
      while [[ -s $0/aside ]]; do command sleep 0.05; done
      say over
      kill "$looking"; rm -f "$0"/aside*`,
    );
    assert.match(said, /^first: \nthen: chain f of table inet fw drops everything [^\n]+\nover\n$/);
  });

  it("is judged by the default route's device, or by the only network of a router", () => {
    assert.equal(on("", "ip route add default via 198.51.100.2; echo host0 | visitor_devices"), "out0\n");
    assert.equal(on("", "ip route add default via 192.0.2.30; echo host0 | visitor_devices"), "host0\n");
    assert.equal(on("", "ip address flush dev out0; echo host0 | visitor_devices"), "host0\n");
  });
});
