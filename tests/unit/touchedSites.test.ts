import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asLib, installScripts } from "./machineScripts";

const site = (name: string, ...vips: string[]): string =>
  `${name} ${name}.example ${vips.join(",")} /srv/${name}`;

describe("touched_sites: the sites that a server checks after a change", () => {
  const state = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-touched-"));
  const scripts = path.join(state, "scripts");
  before(() => installScripts(scripts, "webServerPool"));
  after(() => fs.rmSync(state, { recursive: true }));

  function write(version: string, sites: string[], vhost = "one"): void {
    const want = path.join(state, "versions", version, "want");
    fs.mkdirSync(path.join(want, "private"), { recursive: true });
    fs.writeFileSync(path.join(want, "sites"), sites.map((line) => `${line}\n`).join(""));
    fs.writeFileSync(path.join(want, "private/vhost.conf"), vhost);
    fs.writeFileSync(path.join(want, "private/server.conf"), "");
  }
  /** The names asked for when version 2 is in place, with the settings given. */
  function touched(settings = "previous=1"): string[] {
    const script = `${asLib()} state=$0 scripts=$1 instance=web version=2; ${settings}; . "$1/role.sh"; touched_sites "$state/versions/2"`;
    const out = execFileSync("bash", ["-euc", script, state, scripts], { encoding: "utf8" });
    return out.split("\n").flatMap((line) => (line ? [line.split(" ")[0]] : []));
  }

  const many = Array.from({ length: 1000 }, (_, i) => site(`s${i}`, `10.1.${i >> 8}.${i & 255}`));
  const names = many.map((line) => line.split(" ")[0]);

  it("lists sites that differ, sites that share a VIP with one that differs or is gone, and a sample of the rest", () => {
    write("1", [...many, site("old", "10.1.0.7"), site("moved", "10.2.0.1")]);
    write("2", [...many, site("moved", "10.1.0.8"), site("new", "10.1.0.9")]);
    const found = touched();
    assert.deepEqual(
      ["moved", "new", "s7", "s8", "s9"].filter((name) => !found.includes(name)),
      [],
    );
    assert.equal(new Set(found).size, found.length);
    assert.ok(found.length >= 50 && found.length <= 60, String(found.length));
  });

  it("lists sites whose own lines have changed or are gone", () => {
    write("1", [site("a", "10.3.0.1"), ...many, site("b", "10.3.0.2"), site("c", "10.3.0.3")]);
    write("2", [site("a", "10.3.0.1"), ...many, site("b", "10.3.0.2"), site("c", "10.3.0.3")]);
    const directives = (version: string, text: string): void =>
      fs.writeFileSync(path.join(state, "versions", version, "want/private/directives"), text);
    directives("1", "a - x\nb - x\n");
    directives("2", "a - x\nc - y\n");
    const found = touched();
    for (const version of ["1", "2"])
      fs.rmSync(path.join(state, "versions", version, "want/private/directives"));
    assert.deepEqual(
      ["a", "b", "c"].map((name) => found.includes(name)),
      [false, true, true],
    );
  });

  for (const [what, settings] of [
    ["there is no version before", "previous="],
    ["the machine is in doubt", "previous=1 doubted=1"],
    ["the version is in force already", "previous=2"],
    ["the version before is gone", "previous=0"],
  ])
    it(`lists all sites where ${what}`, () => {
      write("1", many);
      write("2", many);
      assert.deepEqual(touched(settings), names);
    });

  /** How often each name, or a name that is unknown (""), is asked for. */
  function asked(sites: string[]): Map<string, number> {
    write("2", sites, '<Location "/health">\n');
    const script = `${asLib()} state=$0 scripts=$1 instance=web machine=web1; . "$1/role.sh"; questions "$state/versions/2" "$state/versions/2/want/sites"`;
    const out = execFileSync("bash", ["-euc", script, state, scripts], { encoding: "utf8" });
    const counts = new Map<string, number>();
    for (const line of out.split("\n").filter(Boolean)) {
      const [, , , host, target, status] = line.split("\t");
      const key = status === "421" ? "" : `${host}${target}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }
  const four = many.map((_, i) => site(`s${i}`, ...[1, 2, 3, 4].map((n) => `10.${n}.${i >> 8}.${i & 255}`)));

  it("checks a hundred sites on each of their VIPs, and an unknown name on one", () => {
    const counts = asked(four.slice(0, 100));
    assert.equal(counts.get(""), 100);
    for (let i = 0; i < 100; i++) assert.equal(counts.get(`s${i}.example/health`), 4, `s${i}`);
  });

  it("checks each of more sites on one VIP, and a hundred of them on all VIPs", () => {
    const counts = [...asked(four)];
    const onAll = counts.filter(([name, count]) => name !== "" && count === 4);
    const onOne = counts.filter(([name, count]) => name !== "" && count === 1);
    assert.equal(counts.find(([name]) => name === "")?.[1], 100);
    assert.deepEqual([onAll.length, onOne.length], [100, 900]);
  });

  it("lists all sites if Apache's text differs for all, or if there were none", () => {
    write("1", many, "another");
    assert.deepEqual(touched(), names);
    write("1", []);
    assert.deepEqual(touched(), names);
  });
});
