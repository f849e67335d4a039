/** Which answers of a new server are enough before something moves to it: routes.sh's own functions, with a prober of ours. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asRoutersLib, installScripts } from "./machineScripts";

const REASON = {
  silent: "no answer within 1 s",
  late: "no answer within 1 s",
  refused: "Connection refused",
  other: 'answered "web9 widgetco" instead of "web1 widgetco"',
  unasked: "Operation not permitted",
};

/** Answers with the words of NOW while the check's path is not there, which is the present server, and of NEW when it is. */
const PROBER = `my %reason = (${Object.entries(REASON).map(([cause, text]) => `'${cause}', q{${text}},`)});
  my $cause = $ENV{-e "$ENV{FOLDER}/path" ? 'NEW' : 'NOW'};
  my $bad = $cause ne 'ok';
  while (<STDIN>) {
    chomp; my @f = split /\\t/;
    print join("\\t", $bad ? 'fail' : 'ok', $f[1], $f[-1], $bad ? ($reason{$cause} // "HTTP \\u$cause instead of 200", $cause) : ('', ''), 3), "\\n";
  }
  exit($bad ? 1 : 0);
`;

describe("a health check before a move accepts any answer when the current server gives none better (slow)", () => {
  let folder: string;
  beforeEach("a bundle, what was healthy before, and a prober of our own", () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-answers-"));
    for (const at of ["want/private", "state", "former/want"])
      fs.mkdirSync(path.join(folder, at), { recursive: true });
    const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder, name), text);
    write("want/private/vips", "192.0.2.69,192.0.2.70 widgetco http www.widgetco.example /x\n");
    write("state/healthy", "192.0.2.69\tsite widgetco\n192.0.2.70\tsite widgetco\n");
    for (const [at, server] of [
      ["", "web1 192.0.2.2"],
      ["former/", "web2 192.0.2.3"],
    ]) {
      write(`${at}want/routes`, `192.0.2.64/27 ${server}\n`);
      write(`${at}want/block`, "192.0.2.0/24\n");
      write(`${at}want/settings`, "check_source=198.51.100.1\ncheck_seconds=5\n");
    }
    fs.cpSync(path.join(folder, "want/private"), path.join(folder, "former/want/private"), {
      recursive: true,
    });
    installScripts(folder, "routerRoute");
    write("probe.pl", PROBER);
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function run(now: string, newer: string, lines: string): { status: number | null; said: string } {
    const script = `set -Eeuo pipefail
      ${asRoutersLib()}warn() { say "warning: $*"; }; fail() { say "$*"; exit 1; }
      state=$0/state
      . "$0/routes.sh"
      setting() { sed -n "s/^$2=//p" "$1/want/settings"; }
      begin_check_path() { touch "$0/path"; }; end_check_path() { rm -f "$0/path"; }; silent_server() { :; }; live_items() { :; }
      ${lines}`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script, folder], {
      encoding: "utf8",
      env: { ...process.env, FOLDER: folder, NOW: now, NEW: newer },
    });
    return { status, said: stdout + stderr };
  }
  const checked = (now: string, newer: string) =>
    run(now, newer, "moves='192.0.2.64/27 via 192.0.2.2'\ncheck_before_move");

  const dead = ["silent", "refused", "late"];
  const rows: [now: string, newer: string, moves: boolean][] = [
    ["ok", "ok", true],
    // A redirect, a login or an error of the operator's in all virtual hosts.
    ...["status 301", "status 401", "status 403", "status 503", "status 404", "status 421"].map(
      (word): [string, string, boolean] => [word, word, true],
    ),
    ...dead.flatMap((now) =>
      [
        ["status 301", true],
        ["status 401", true],
        ["status 403", true],
        ["status 503", true],
        // The site is not there: Apache has nothing of it.
        ["status 404", false],
        ["status 421", false],
        ["refused", false],
        ["silent", false],
        ["other", false],
      ].map(([newer, moves]): [string, string, boolean] => [now, String(newer), Boolean(moves)]),
    ),
    // The present one does better, or nobody knows.
    ["ok", "status 301", false],
    ["ok", "status 403", false],
    ["status 301", "status 403", false],
    ["unasked", "status 301", false],
    ["other", "other", false],
    ["status 301", "silent", false],
  ];
  for (const [now, newer, moves] of rows)
    it(`the current server: ${now}, the new one: ${newer}: ${moves ? "moves" : "moves nothing"}`, () => {
      const { status, said } = checked(now, newer);
      assert.equal(status, moves ? 0 : 1, said);
      if (!moves)
        assert.match(
          said,
          /^site widgetco on web1 does not answer for 192\.0\.2\.69: .*; nothing was moved/m,
        );
      else if (newer === "ok") assert.equal(said, "");
      else {
        assert.match(
          said,
          /^warning: site widgetco on web1 answers HTTP Status \d+ instead of 200 for 192\.0\.2\.69, but /,
        );
        assert.doesNotMatch(said, /but neither did any server before/);
      }
    });

  // Whether a change that nobody confirmed stays, as the server it led away from is dead.
  const kept: [former: string, newer: string, stays: boolean][] = [
    ["silent", "ok", true],
    ["silent", "status 301", true],
    ["refused", "status 403", true],
    ["silent", "status 421", false],
    ["silent", "silent", false],
    ["ok", "ok", false],
    // It lives.
    ["status 301", "ok", false],
    ["other", "ok", false],
  ];
  for (const [former, newer, stays] of kept)
    it(`unconfirmed, the former server: ${former}, the new one: ${newer}: ${stays ? "stays" : "goes back"}`, () => {
      // The path is there for both: the first of them asks the former one.
      const switched = `begin_check_path() { [[ ! -e $0/begun ]] || touch "$0/path"; touch "$0/begun"; }
        better_kept "$0" "$0/former" && say stays || say "goes back"`;
      assert.equal(run(former, newer, switched).said, stays ? "stays\n" : "goes back\n");
    });
});
