/** What a supervisor hears of: news.pl in a network of its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as path from "node:path";

const NEWS = path.join(__dirname, "../../components/host/machine/news.pl");

describe("events for a supervisor (L6, M10) (slow)", () => {
  /** Does news.pl say a line for what is done after it began to listen? */
  function hears(args: string, before: string, deed: string): boolean {
    const script = `set -euo pipefail
      ip link set lo up
      ${before}
      exec {news}< <(exec perl ${NEWS} ${args})
      read -r -t 10 -u $news line; [[ $line == listening ]]
      ${deed}
      if read -r -t 0.6 -u $news line; then echo "$line"; fi
      kill $!`;
    return execFileSync("unshare", ["-n", "bash", "-c", script], { encoding: "utf8" }) === "changed\n";
  }

  const OTHERS = "nft -f - <<<'table ip fw { set s { type ipv4_addr; }; chain c { }; }'";
  const OURS = "nft -f - <<<'table ip ours { set s { type ipv4_addr; }; }'";
  const MANY = `perl -e 'print "add element ip fw s {", join(",", map { sprintf "10.0.%d.%d", $_ / 256, $_ % 256 } 1 .. 2000), "}\\n"' | nft -f -`;
  const NFTABLES: [string, string, boolean][] = [
    ["a table comes", OTHERS, true],
    ["all rules are flushed", `nft flush ruleset`, true],
    ["a foreign rule is added", "nft add rule ip fw c ct state established accept", true],
    ["a foreign chain is deleted", "nft delete chain ip fw c", true],
    ["an element of the farm's set is added", "nft add element ip ours s '{ 10.0.0.1 }'", true],
    ["our set is emptied", "nft add element ip ours s '{ 10.0.0.1 }'; nft flush set ip ours s", true],
    ["an element of a foreign set is added", "nft add element ip fw s '{ 10.0.0.1 }'", false],
    ["2000 elements of a foreign set are added", MANY, false],
    ["nothing happens", "true", false],
  ];
  for (const [what, deed, expected] of NFTABLES)
    it(`nftables: ${what}: ${expected ? "news" : "no news"}`, () => {
      assert.equal(hears("nftables ours", `${OTHERS}; ${OURS}`, deed), expected);
    });

  const DEVICE = "ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up";
  const LO: [string, string, boolean][] = [
    ["an address of lo goes", "ip address del 192.0.2.33/32 dev lo", true],
    ["lo is flushed", "ip address flush dev lo scope global", true],
    ["lo goes down", "ip link set lo down", true],
    ["our route goes", "ip route flush proto 76", true],
    ["an unreachable route replaces the farm's", "ip route replace unreachable 192.0.2.64/27 metric 7", true],
    ["a foreign route is added", "ip route add 203.0.113.0/24 dev v0 proto 186", false],
    ["a device goes", "ip link del v0", false],
    ["nothing happens", "true", false],
  ];
  for (const [what, deed, expected] of LO)
    it(`lo: ${what}: ${expected ? "news" : "no news"}`, () => {
      const before = `${DEVICE}; ip address add 192.0.2.33/32 dev lo; ip route add unreachable 192.0.2.64/27 proto 76 metric 7`;
      assert.equal(hears("lo 76", `${before}; sleep 0.3`, deed), expected);
    });

  it("prints few lines for many events", () => {
    const said = execFileSync(
      "unshare",
      [
        "-n",
        "bash",
        "-c",
        `perl ${NEWS} nftables ours & sleep 0.3; end=$((SECONDS + 3)); while ((SECONDS < end)); do nft add table ip t$RANDOM; done; sleep 0.3; kill $!`,
      ],
      { encoding: "utf8" },
    );
    const lines = said.trim().split("\n").length;
    assert.ok(lines >= 2 && lines <= 20, said);
  });
});
