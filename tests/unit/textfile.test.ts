/** What a router writes for node_exporter. On a router: tests/lab/sharedFarm/watchPage.test.ts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parse } from "yaml";
import { readFarm } from "../../components/config";
import { block, blocks } from "../pages";
import { classicFarm } from "./config/support";
import { asRoutersLib, installScripts, libFunction } from "./machineScripts";
import { parse as parseMetrics } from "./observe/support";

const PAGE = "docs/monitoring.md";

describe("a router's file for node_exporter", () => {
  let folder: string;
  const file = (name: string): string => path.join(folder, name);
  const write = (name: string, text: string): void => {
    fs.mkdirSync(path.dirname(file(name)), { recursive: true });
    fs.writeFileSync(file(name), text);
  };
  const settings = (...lines: string[]): void => write("want/settings", `${lines.join("\n")}\n`);

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "textfile-"));
    installScripts(file("scripts"), "routerRoute", "routerRoute/linux");
    fs.mkdirSync(file("prom"));
    settings(`textfile=${file("prom")}`, "guard_interval=150");
    write("want/servers", "web1 192.0.2.2 up 0x2000000 76002\nweb2 192.0.2.3 up 0x3000000 76003\n");
    write("want/routes", "192.0.2.32/27 web1 192.0.2.2\n192.0.2.64/27 web2 192.0.2.3\n");
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** Sources the script as role.sh does, with the kernel's routes put in its place. */
  function sh(
    script: string,
    live = "live\\t192.0.2.32/27 192.0.2.2\\nlive\\t192.0.2.64/27 192.0.2.2\\n",
  ): string {
    const text = `set -eEuo pipefail
warn() { printf 'warning: %s\\n' "$*" >&2; }
fail() { printf '%s\\n' "$*" >&2; exit 1; }
${asRoutersLib()}scripts=$0/scripts
${libFunction("value_in").trimEnd()}
setting() { value_in "$1/want/settings" "$2"; }
guards() { [[ $(setting "$1" guard_interval) ]]; }
held_now=$0/held guard_history=$0/guard-history guard_unit=guard.service
systemctl() { [[ -e $0/runs ]]; }
live_routes() { printf '${live}'; }
. "$scripts/textfile.sh"
${script}`;
    return execFileSync("bash", ["-c", `${text}`, folder], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }
  const prom = (): string => file("prom/loopback-ha.r1.prom");
  const values = (): Record<string, number> =>
    Object.fromEntries(
      parseMetrics(fs.readFileSync(prom(), "utf8")).samples.map(({ name, labels, value }) => [
        `${name.replace("loopback_ha_router_", "")}{${Object.values(labels).join()}}`,
        value,
      ]),
    );

  it("says what goes where, what is not as it should be, what the guard holds and has moved", () => {
    write("held", "web2 2026-11-30T16:00:00Z refuses connections\n");
    write(
      "guard-history",
      "2026-11-30T16:00:00Z the guard moved x because y\n2026-11-30T16:00:01Z web2: no longer held\n",
    );
    write("runs", "");
    sh("repairs=3; write_textfile");
    const { "supervisor_timestamp_seconds{}": written, ...rest } = values();
    assert.ok(Math.abs(written - Date.now() / 1000) < 60);
    assert.deepEqual(rest, {
      "repairs_total{}": 3,
      "missing_prefixes{}": 1,
      "prefix_server_info{192.0.2.32/27,web1}": 1,
      "prefix_server_info{192.0.2.64/27,web1}": 1,
      "guard_running{}": 1,
      "guard_moves_total{}": 1,
      "held_servers{}": 1,
      "held_server_info{web2}": 1,
    });
    assert.equal(fs.statSync(prom()).mode & 0o777, 0o644);
    assert.deepEqual(fs.readdirSync(file("prom")), ["loopback-ha.r1.prom"]);
  });

  it("without a guard and without routes it says that", () => {
    settings(`textfile=${file("prom")}`);
    sh("write_textfile", "live\\t-\\n");
    assert.deepEqual(Object.keys(values()).sort(), [
      "missing_prefixes{}",
      "repairs_total{}",
      "supervisor_timestamp_seconds{}",
    ]);
    assert.equal(values()["missing_prefixes{}"], 2);
  });

  it("counts the guard's moves on, also when its history was cut", () => {
    const moved = (second: number): string =>
      `2026-11-30T16:00:${second + 10}Z the guard moved a because b\n`;
    const counted = (...seconds: number[]): number => {
      write("guard-history", seconds.map(moved).join(""));
      sh("write_textfile");
      return values()["guard_moves_total{}"];
    };
    assert.equal(counted(), 0);
    assert.equal(counted(1, 2), 2);
    assert.equal(counted(1, 2), 2);
    assert.equal(counted(2, 3, 4), 4);
    assert.equal(counted(4), 4);
    // All that was counted is gone: what is left is new.
    assert.equal(counted(5, 6, 7), 7);
    fs.rmSync(file("guard-history"));
    sh("write_textfile");
    assert.equal(values()["guard_moves_total{}"], 7);
    write("textfile-moves", "nonsense\n");
    assert.equal(counted(7), 1);
  });

  it("goes when the key goes, moves with it, and a removal deletes it", () => {
    sh("write_textfile");
    fs.mkdirSync(file("other"));
    settings(`textfile=${file("other")}`);
    sh("write_textfile");
    assert.deepEqual(fs.readdirSync(file("prom")), []);
    assert.deepEqual(fs.readdirSync(file("other")), ["loopback-ha.r1.prom"]);
    settings("guard_interval=150");
    sh("write_textfile");
    assert.deepEqual(fs.readdirSync(file("other")), []);
    assert.ok(!fs.existsSync(file("textfile")));
    settings(`textfile=${file("other")}`);
    sh("write_textfile; remove_textfile; remove_textfile");
    assert.deepEqual(fs.readdirSync(file("other")), []);
  });

  it("follows no link of the folder's owner, and what can't be written is said once", () => {
    write("theirs", "kept");
    fs.symlinkSync(file("theirs"), `${prom()}.loopback-ha-new`);
    fs.symlinkSync(file("theirs"), prom());
    sh("write_textfile");
    assert.equal(fs.readFileSync(file("theirs"), "utf8"), "kept");
    assert.ok(fs.lstatSync(prom()).isFile());
    fs.rmSync(file("prom"), { recursive: true });
    assert.match(
      sh("write_textfile 2>&1; write_textfile 2>&1"),
      /^warning: [^\n]*can't be written \([^\n]*reported once\n$/,
    );
    fs.mkdirSync(file("prom"));
    assert.equal(sh("write_textfile 2>&1"), "");
    fs.rmSync(file("prom"), { recursive: true });
    assert.match(sh("write_textfile 2>&1"), /can't be written/);
  });

  it("a folder that is not there is refused, and no key is no refusal", () => {
    sh("check_textfile");
    settings("textfile=/none/such");
    assert.throws(
      () => sh("check_textfile"),
      /routers\.r1\.textfile: there is no folder \/none\/such on this router; nothing was changed\. Install prometheus-node-exporter, or remove the key/,
    );
    settings("guard_interval=150");
    sh("check_textfile");
  });

  it("is written by a process of its own, when it is due, and none joins one that hangs", () => {
    const said = sh(`
write_textfile() { say "written by $BASHPID"; sleep 2; }
say "$$"
tell_textfile; tell_textfile; sleep 0.2
textfile_due=0; tell_textfile
kill "$textfile_writer"; wait "$textfile_writer" || true
textfile_due=0; tell_textfile; sleep 0.2
kill "$textfile_writer"`);
    const [own, ...written] = said.trim().split("\n");
    assert.equal(written.length, 2);
    assert.ok(written.every((line) => line !== `written by ${own}`));
    settings("guard_interval=150");
    assert.equal(
      sh(`write_textfile() { say x; }; tell_textfile; wait; say "$((textfile_due > 1000))"`),
      "1\n",
    );
  });

  it("monitoring.md has a config that is accepted, and every name", () => {
    const config = parse(block(PAGE, "textfile:", "yaml")) as Record<string, object>;
    const [router] = readFarm({ ...classicFarm(), routers: config["loopback-ha:routers"] }).routers;
    assert.equal(router.textfile, "/var/lib/prometheus/node-exporter");
    assert.equal(blocks(PAGE, "yaml").length, 2);
    write("held", "web2 2026-11-30T16:00:00Z refuses connections\n");
    sh("write_textfile");
    const names = new Set(Object.keys(values()).map((name) => name.replace(/\{.*/, "")));
    const [, section] = fs.readFileSync(path.join(__dirname, "../..", PAGE), "utf8").split("\n## Routers\n");
    const listed = [...section.split("\n## ")[0].matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    assert.deepEqual(listed.sort(), [...names].sort());
  });
});
