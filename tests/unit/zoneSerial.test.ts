import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asLib, installScripts } from "./machineScripts";

const ROLE = path.join(__dirname, "../../components/dnsRoundRobin/role.sh");
const LIMIT = "2026113099";

const scripts = path.join(os.tmpdir(), `loopback-ha-zone-${process.pid}`);

/** What pick_serial of the real script says of these lines, for the text with hash "x". */
function pick(lines: string[], limit = LIMIT): string[] {
  const run = `${asLib()}scripts=$3; . "$1"; pick_serial x "$2"`;
  const input = `${lines.join("\n")}\n`;
  return execFileSync("bash", ["-euc", run, "bash", ROLE, limit, scripts], { input, encoding: "utf8" })
    .trim()
    .split("\n");
}

/** What a function of the real script says, where date reads no words, as uutils' does not. */
const says = (...words: string[]): string =>
  execFileSync("bash", ["-euc", `${asLib()}date() { exit 9; }; . "$0"; "$@"`, ROLE, ...words], {
    encoding: "utf8",
  });

describe("days and times of a zone", () => {
  for (const [serial, last] of [
    ["2026112900", "2026120199"],
    ["2026123105", "2027010299"],
    ["2028022700", "2028022999"],
    ["4000000000", "3999120299"],
  ])
    it(`the last serial two days after ${serial} is ${last}`, () =>
      assert.equal(says("last_serial_of", serial), last));

  for (const text of [
    "Mon, 30 Nov 2026 00:09:55 GMT",
    "Thu, 29 Feb 2024 23:59:59 GMT",
    "Fri, 01 Jan 2038 00:00:00 GMT",
  ])
    it(`reads BIND's "${text}"`, () =>
      assert.equal(Number(says("seconds_of", text)), Date.parse(text) / 1000));

  it("takes no other text as a time", () => assert.throws(() => says("seconds_of", "never")));
});

describe("serial of a zone (M12)", () => {
  before(() => installScripts(scripts, "dnsRoundRobin"));
  after(() => fs.rmSync(scripts, { recursive: true }));
  const own = ["- 2026112807 old", "- 2026112900"];
  const cases: [string, string[], string[]][] = [
    ["is today's first on a new machine", ["- 2026112900"], ["serial 2026112900"]],
    ["is the next one today", ["- 2026112900 old", "- 2026112900"], ["serial 2026112901"]],
    [
      "is the configured one where that is beyond, and goes on from there",
      ["- 2026112807 x", "- 2026112900", "- 2099123099 unknown", "root@a 2026112807 x"],
      ["serial 2099123100"],
    ],
    [
      "stays where it is beyond the configured one",
      ["- 2099123100 x", "- 2026112900", "- 2099123099 unknown", "root@a 2099123100 x"],
      ["serial 2099123100"],
    ],
    ["stays for the same text", ["- 2026112807 x", "- 2026112900"], ["serial 2026112807"]],
    ["is a peer's for its text", [...own, "root@a 2026112903 x"], ["serial 2026112903"]],
    ["is beyond a peer's of another text", [...own, "root@a 2026112903 y"], ["serial 2026112904"]],
    ["follows a peer's date of tomorrow", [...own, "root@a 2026113000"], ["serial 2026113000"]],
    [
      "is not moved by a peer that says the last serials of all",
      [...own, "root@a 4294967294 x", "root@b 2026112901 y"],
      ["beyond root@a 4294967294", "serial 2026112902"],
    ],
    [
      "is not moved by a peer whose clock says 2099",
      [...own, "root@a 2099123100"],
      ["beyond root@a 2099123100", "serial 2026112900"],
    ],
    [
      "of a zone that is far ahead here goes on with its peers",
      ["- 2099123100 old", "- 2026112900", "root@a 2099123102 x"],
      ["serial 2099123102"],
    ],
    [
      "is never half of all serials beyond what was served",
      ["- 5 old", "- 2026112900", "root@a 3000000000 x"],
      ["beyond root@a 3000000000", "serial 2026112900"],
    ],
    [
      "is no word's",
      [...own, "root@a 99999999999 x", "root@a -1 x", "root@a x"],
      ["beyond root@a 99999999999", "serial 2026112900"],
    ],
  ];
  for (const [title, lines, expected] of cases) {
    it(title, () => assert.deepEqual(pick(lines), expected));
  }

  it("starts above the config's serial (zone that moves here)", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-serial-"));
    const script = `${asLib()}fail() { say "$*"; exit 1; }; value_in() { sed -n "s/^$2=//p" "$1"; }
      state=$0/state bundle=$0 version=1 scripts=$2; . "$1"; served_serial() { :; }; choose_serial "$0"`;
    const chosen = (settings: string): string => {
      fs.writeFileSync(path.join(folder, "want/settings"), `zone=w.example\n${settings}`);
      return execFileSync("bash", ["-euc", script, folder, ROLE, scripts], { encoding: "utf8" }).trim();
    };
    try {
      fs.mkdirSync(path.join(folder, "want"));
      fs.writeFileSync(path.join(folder, "want/zone"), "w.example. SOA\n");
      assert.equal(chosen("serial_at_least=2099123101\n"), "2099123101");
      assert.match(chosen(""), /^20\d{6}00$/);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it("is never half of all serials above the one that was served, whatever the limit", () => {
    const said = pick(["- 5 old", "root@a 3000000000 x"], "4000000000");
    assert.deepEqual(said, ["beyond root@a 3000000000", "serial 6"]);
  });

  it("never becomes the last serial of all because of a peer's answer, whatever the limit", () => {
    const said = pick(["- 4294967200 old", "root@a 4294967295 x"], "4294967295");
    assert.deepEqual(said, ["beyond root@a 4294967295", "serial 4294967201"]);
  });
});
