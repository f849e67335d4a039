import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asRoutersLib, installScripts } from "./machineScripts";

/** A prober whose nth run is killed after its first answer; in the others the present server answers, and the new one late. */
const PROBER = `my ($count) = grep { !-e "$ENV{SEEN}$_" } 1 .. 9;
  open my $seen, '>', "$ENV{SEEN}$count" or die;
  $| = 1;
  my $bad = $ENV{BAD} =~ /$count/;
  while (<STDIN>) {
    chomp; my @f = split /\\t/;
    print join("\\t", $bad ? 'fail' : 'ok', $f[1], $f[-1], $bad ? 'no answer' : ''), "\\n";
    kill 9, $$ if $count == $ENV{DIES};
  }
  exit($bad ? 1 : 0);
`;

describe("a health check before a move whose prober dies (M13)", () => {
  let folder: string;
  beforeEach("a bundle, and a prober of our own", () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-prober-"));
    fs.mkdirSync(path.join(folder, "want/private"), { recursive: true });
    const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder, name), text);
    write("want/routes", "192.0.2.64/27 web1 192.0.2.2\n");
    write("want/private/vips", "192.0.2.69,192.0.2.70,192.0.2.71 widgetco http www.widgetco.example /x\n");
    write("want/settings", "check_source=198.51.100.1\ncheck_seconds=5\n");
    installScripts(folder, "routerRoute");
    write("probe.pl", PROBER);
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** What a health check says whose questions are answered badly in these runs of the prober, and which dies in one of them. */
  function checked(bad: string, dies: number, force = ""): { status: number | null; said: string } {
    const script = `set -Eeuo pipefail
      ${asRoutersLib()}warn() { say "warning: $*"; }; fail() { say "$*"; exit 1; }
      state=$0/state
      . "$0/routes.sh"
      setting() { sed -n "s/^$2=//p" "$1/want/settings"; }
      begin_check_path() { :; }; end_check_path() { :; }; silent_server() { :; }; live_items() { :; }
      moves='192.0.2.64/27 via 192.0.2.2'
      check_before_move
      say "healthy: $(wc -l <"$checks/healthy")"`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script, folder], {
      encoding: "utf8",
      env: {
        ...process.env,
        SEEN: path.join(folder, "seen"),
        BAD: bad,
        DIES: String(dies),
        LOOPBACK_HA_FORCE_MOVE: force,
      },
    });
    return { status, said: stdout + stderr };
  }

  it("whole: servers answer at once, after a while, and not at all", () => {
    assert.deepEqual(checked("-", 0), { status: 0, said: "healthy: 3\n" });
  });

  // The runs: all at once; what the present server answers; what it answers of the new one, twice; and all once more.
  for (const [bad, dies] of [
    ["-", 1],
    ["1", 2],
    ["1", 3],
    ["13", 4],
    ["1", 4],
  ] as const)
    it(`in run ${dies}, with ${bad} answered badly: refused, and nothing is healthy`, () => {
      const { status, said } = checked(bad, dies);
      assert.equal(status, 1, said);
      assert.match(
        said,
        /^the health check on this router ended without a result \(.*\); nothing was moved$/m,
      );
      assert.doesNotMatch(said, /healthy:/);
    });

  it("does not stop a forced move, which says so", () =>
    assert.match(
      checked("-", 1, "1").said,
      /^warning: LOOPBACK_HA_FORCE_MOVE: moved although the health check on this router[^]*healthy: 1\n/,
    ));

  it("a refusal names the address that it asked from, and how to change it", () =>
    assert.match(
      checked("134", 0).said,
      /does not answer for 192\.0\.2\.69: no answer; nothing was moved\. It was asked from 198\.51\.100\.1: .*routers\.r1\.checkSource/,
    ));
});
