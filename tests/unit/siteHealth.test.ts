/** Whether a site may move by what its own page says: siteHealth.sh's own functions, with a prober of ours. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asRoutersLib, installScripts } from "./machineScripts";

/**
 * Health paths are well; pages answer with what NOW has by site while the check's path is not there, and NEW when it is: a status
 * or a cause, and of https +CERTIFICATE+BEGINS+named|another.
 */
const PROBER = `my %answer = map { split /=/ } split /,/, $ENV{-e "$ENV{FOLDER}/path" ? 'NEW' : 'NOW'};
  open my $log, '>>', "$ENV{FOLDER}/asked";
  while (<STDIN>) {
    chomp; my @f = split /\\t/;
    if ($f[0] eq 'http' && $f[5] eq '200' && !-e "$ENV{FOLDER}/path" && $ENV{STRANGE} && $f[-1] =~ /$ENV{STRANGE}/)
      { print join("\\t", 'fail', $f[1], $f[-1], 'x', $ENV{STRANGELY}, 3), "\\n"; next }
    if ($f[0] !~ /^https?$/ || $f[5] eq '200') { print join("\\t", 'ok', $f[1], $f[-1], '', '', 3), "\\n"; next }
    print $log "$f[1] ", ($f[0] eq 'http' ? '' : "$f[0]:$f[2] "), "$f[3]$f[4]\\n";
    my ($site) = split / /, $f[-1];
    my ($is, @certificate) = split /\\+/, $answer{$site} // $ENV{ELSE} // 'unasked';
    $is = $1 if !-e "$ENV{FOLDER}/path" && -e "$ENV{FOLDER}/compared" && ($ENV{LATER} // '') =~ /^$site=(.*)/;
    kill 9, $$ if $is eq 'killed';
    print join("\\t", 'fail', $f[1], $f[-1], 'x', $is =~ /^\\d/ ? "status $is" : $is, 3, @certificate), "\\n";
  }
`;

describe("a site's own page on the new server", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-site-"));
    fs.mkdirSync(path.join(folder, "want/private"), { recursive: true });
    fs.mkdirSync(path.join(folder, "state"));
    const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder, name), text);
    write(
      "want/private/vips",
      "192.0.2.69,192.0.2.101,192.0.2.70 shop http www.shop.example /h\n192.0.2.71 app http app.example /h /login\n192.0.2.72 safe http safe.example /h / https\n192.0.2.71 app tcp 443\n192.0.2.102 other http other.example /h\n",
    );
    write("want/servers", "web1 192.0.2.2 up 0x1 1\nweb2 192.0.2.3 up 0x2 2\nweb3 192.0.2.4 up 0x3 3\n");
    write("want/routes", "192.0.2.64/27 web1 192.0.2.2\n192.0.2.96/27 web3 192.0.2.4\n");
    write("want/block", "192.0.2.0/24\n");
    write("want/settings", "check_source=198.51.100.1\ncheck_seconds=5\n");
    write("live", "192.0.2.64/27 via 192.0.2.3\n192.0.2.96/27 via 192.0.2.4\nunreachable 192.0.2.0/24\n");
    installScripts(folder, "routerRoute");
    write("probe.pl", PROBER);
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function checked(
    now: string,
    newer: string,
    env: Record<string, string> = {},
  ): { status: number | null; said: string } {
    const script = `set -Eeuo pipefail
      ${asRoutersLib()}warn() { say "warning: $*" >&2; }; fail() { say "$*"; exit 1; }
      state=$0/state
      . "$0/routes.sh"
      setting() { sed -n "s/^$2=//p" "$1/want/settings"; }; live_items() { cat "$0/live"; }
      rm -f "$0/path" "$0/compared"
      begin_check_path() { touch "$0/path"; }; end_check_path() { [[ ! -e $0/path ]] || mv "$0/path" "$0/compared"; }; silent_server() { :; }; sleep() { :; }
      moves='192.0.2.64/27 via 192.0.2.2'
      check_before_move`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script, folder], {
      encoding: "utf8",
      env: {
        ...process.env,
        FOLDER: folder,
        NOW: now,
        NEW: newer,
        LOOPBACK_HA_UNMOVED: `${folder}/unmoved`,
        ...env,
      },
    });
    return { status, said: stdout + stderr };
  }
  const asked = (): string[] => {
    const file = path.join(folder, "asked");
    return fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  };

  for (const [now, newer, moves] of [
    ["200", "200", true],
    ["200", "204", true],
    ["301", "302", true],
    ["200", "403", false],
    ["200", "404", false],
    ["200", "500", false],
    ["200", "302", false],
    ["301", "200", false],
    ["200", "late", false],
    ["200", "refused", false],
    ["200", "unasked", true],
    // What is no good now, or gives no answer, is no measure.
    ["403", "404", true],
    ["503", "200", true],
    ["404", "late", true],
    ...["silent", "refused", "late", "unreachable", "unasked"].map((word) => [word, "404", true] as const),
  ] as const)
    it(`now ${now}, there ${newer}: ${moves ? "moves" : "nothing is moved"}`, () => {
      const { status, said } = checked(`shop=${now},app=200,safe=200`, `shop=${newer},app=200,safe=200`);
      assert.equal(status, moves ? 0 : 1, said);
      if ([now, newer].includes("unasked"))
        assert.match(said, /^warning: 2 of 3 sites' own pages were compared, .*each run compares others/);
      else if (moves) assert.equal(said, "");
      else {
        assert.match(
          said,
          /^site shop answers with (status \d+|nothing in time|no page \(x\)) on web1 \(192\.0\.2\.69\), but with status \d+ on web2, which has it now; nothing was moved\..*LOOPBACK_HA_DESPITE_SITES=shop for one run/,
        );
        assert.equal(fs.readFileSync(path.join(folder, "unmoved"), "utf8"), "192.0.2.64/27\n");
      }
    });

  it("is requested once for each site that moves, by the config's path, and again from both servers if it is worse", () => {
    checked("shop=200,app=200,safe=200", "shop=200,app=200,safe=200");
    const open = ["192.0.2.69 www.shop.example/", "192.0.2.71 app.example/login"];
    const once = [...open, "192.0.2.72 https:443 safe.example/"];
    assert.deepEqual(asked(), [...once, ...once]);
    fs.rmSync(path.join(folder, "asked"));
    const { said } = checked("shop=200,app=200,safe=200", "shop=500,app=404,safe=200");
    assert.match(said, /^site shop .* which has it now, and 1 more sites are worse there; nothing was moved/);
    assert.deepEqual(asked(), [...once, ...once, ...open, ...open, ...open, ...open]);
  });

  for (const [now, newer, refusal] of [
    ["200+a1+20261101000000+named", "200+a1+20261101000000+named"],
    // A renewal that the present server has not had yet.
    ["200+a1+20261101000000+named", "200+b2+20261120000000+named"],
    [
      "200+b2+20261120000000+named",
      "200+a1+20261101000000+named",
      /the older certificate of 2026-11-01 on web1/,
    ],
    ["200+a1+20261101000000+named", "200+b2+20261120000000+another", /one that is not for that name on web1/],
    ["200+a1+20261101000000+another", "200+b2+20261120000000+another"],
    ["200+a1+20261101000000+named", "421+b2+20261120000000+another", /status 421 on web1/],
    ["200+a1+20261101000000+named", "refused", /no page \(x\) on web1/],
    ["refused", "200+a1+20261101000000+named"],
    ["301+a1+20261101000000+named", "301+a1+20261101000000+named"],
  ] as const)
    it(`of a site with https now ${now}, there ${newer}: ${refusal ? "nothing is moved" : "moves"}`, () => {
      const { status, said } = checked(`shop=200,app=200,safe=${now}`, `shop=200,app=200,safe=${newer}`);
      if (refusal) assert.match(said, refusal);
      else assert.equal(said, "");
      assert.equal(status, refusal ? 1 : 0);
    });

  describe("of many sites", () => {
    const COUNT = 150;
    beforeEach(() =>
      fs.writeFileSync(
        path.join(folder, "want/private/vips"),
        Array.from(
          { length: COUNT },
          (_, i) => `192.0.2.${65 + (i % 30)} s${i} http s${i}.example /h\n`,
        ).join(""),
      ),
    );
    it("requests each page once, from both servers", () => {
      const { status, said } = checked("", "", { ELSE: "200" });
      assert.equal(said, "");
      assert.equal(status, 0);
      const all = asked().sort();
      assert.equal(all.length, 2 * COUNT);
      assert.equal(new Set(all).size, COUNT);
    });
    it("requests a hundred over https, others each time, and says so", () => {
      const vips = path.join(folder, "want/private/vips");
      fs.writeFileSync(vips, fs.readFileSync(vips, "utf8").replace(/\/h$/gm, "/h / https"));
      const sample = (): string => {
        fs.rmSync(path.join(folder, "asked"), { force: true });
        const { status, said } = checked("", "", { ELSE: "200" });
        assert.match(
          said,
          /^warning: 100 of 150 sites' own pages were compared, as time allows at most 100 by https, .*each run compares others/,
        );
        assert.equal(status, 0);
        const all = asked().sort();
        assert.equal(all.length, 200);
        assert.equal(new Set(all).size, 100);
        return all.join();
      };
      assert.notEqual(sample(), sample());
    });
    it("finds the one that is worse", () => {
      const { status, said } = checked("", "s77=403", { ELSE: "200" });
      assert.match(said, /^site s77 answers with status 403 on web1/);
      assert.equal(status, 1);
      assert.equal(asked().length, 2 * COUNT + 4);
    });
    it("says how many there was time for", () => {
      const some = Array.from({ length: 100 }, (_, i) => `s${i}=200`).join();
      const { status, said } = checked(some, some);
      assert.match(
        said,
        /^warning: 100 of 150 sites' own pages were compared, as time allows at most 100 by https, and only those whose TLS this router can check; each run compares others\n$/,
      );
      assert.equal(status, 0);
    });
    it("compares nothing more when the prober is killed, and says so", () => {
      const { status, said } = checked("s3=killed", "", { ELSE: "200" });
      assert.match(said, /warning: \d+ of 150 sites' own pages were compared/);
      assert.ok(Number(/warning: (\d+) of 150/.exec(said)![1]) < COUNT);
      assert.equal(status, 0);
    });
  });

  it("moves despite the sites that are named, and no others", () => {
    const despite = (names: string): ReturnType<typeof checked> =>
      checked("shop=200,app=200,safe=200", "shop=403,app=404,safe=200", { LOOPBACK_HA_DESPITE_SITES: names });
    const both = despite("app,shop");
    assert.equal(both.status, 0);
    assert.match(
      both.said,
      /^warning: LOOPBACK_HA_DESPITE_SITES: moved although site shop answers with status 403 on web1 .*\n.*site app answers with status 404/,
    );
    const one = despite("shop,hop,ap");
    assert.equal(one.status, 1);
    assert.match(one.said, /^site app answers with status 404 on web1/);
    assert.equal(despite("hop").status, 1);
  });

  for (const [answer, moves] of [
    ["status 404", true],
    ["status 421", true],
    ["status 301", false],
    ["late", false],
  ] as const)
    it(`the current server answers the site's health path with ${answer}: ${moves ? "it is another's, and moves" : "nothing is moved"}`, () => {
      const strange = { STRANGE: "^shop$", STRANGELY: answer };
      const { status, said } = checked("shop=200,app=200,safe=200", "shop=403,app=200,safe=200", strange);
      assert.equal(status, moves ? 0 : 1, said);
      assert.equal(checked("shop=200,app=200,safe=200", "shop=403,app=403,safe=200", strange).status, 1);
    });

  it("ignores a current server whose answer changes a moment later, as this run has just installed the site there", () => {
    const later = { LATER: "shop=403" };
    const { status, said } = checked("shop=200,app=200,safe=200", "shop=403,app=200,safe=200", later);
    assert.deepEqual({ status, said }, { status: 0, said: "" });
    assert.equal(checked("shop=200,app=200,safe=200", "shop=500,app=500,safe=200", later).status, 1);
  });

  it("is not compared if the current server will be down, is unknown, or the operator forces the move", () => {
    assert.equal(checked("shop=200", "shop=404", { LOOPBACK_HA_FORCE_MOVE: "1" }).status, 0);
    fs.writeFileSync(
      path.join(folder, "want/servers"),
      "web1 192.0.2.2 up 0x1 1\nweb2 192.0.2.3 down 0x2 2\n",
    );
    assert.equal(checked("shop=200", "shop=404").status, 0);
    fs.writeFileSync(path.join(folder, "want/servers"), "web1 192.0.2.2 up 0x1 1\n");
    assert.equal(checked("shop=200", "shop=404").status, 0);
    fs.rmSync(path.join(folder, "want/servers"));
    assert.equal(checked("shop=200", "shop=404").status, 0);
    assert.deepEqual(asked(), []);
  });

  it("is not compared if no server has the prefix now", () => {
    fs.writeFileSync(path.join(folder, "live"), "");
    assert.equal(checked("shop=200", "shop=404").status, 0);
    assert.deepEqual(asked(), []);
  });
});
