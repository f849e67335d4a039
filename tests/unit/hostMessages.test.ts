/** What the host scripts say to an operator: the package of a program that is missing, and of a step that failed no shell code. */
import assert from "assert";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";

const LIB = path.resolve(__dirname, "../../components/host/machine/lib.sh");
/** Functions of lib.sh, which as a whole needs an installed bundle. */
const functions = (...names: string[]): string =>
  names.map((name) => `eval "$(sed -n '/^${name}() {/,/^}/p; /^${name}() {.*}$/p' ${LIB})"`).join("\n");

describe("messages of the host scripts", () => {
  const packages: [string, string][] = [
    ["ip", "iproute2"],
    ["ss", "iproute2"],
    ["nft", "nftables"],
    ["conntrack", "conntrack"],
    ["perl", "perl"],
    ["awk", "mawk"],
    ["apache2", "apache2"],
    ["apache2ctl", "apache2"],
    ["named", "bind9"],
    ["rndc", "bind9-utils"],
    ["named-checkzone", "bind9-utils"],
    ["named-checkconf", "bind9-utils"],
    ["dig", "bind9-dnsutils"],
    ["vtysh", "frr"],
    ["flock", "util-linux"],
    ["systemctl", "systemd"],
    ["systemd-run", "systemd"],
  ];
  it("the package that a message names has the missing program (H6)", () => {
    const script = `${functions("say", "package_of")}\nfor program; do package_of "$program"; done`;
    const said = execFileSync("bash", ["-c", script, "-", ...packages.map(([program]) => program)], {
      encoding: "utf8",
    });
    assert.deepStrictEqual(
      said.trim().split("\n"),
      packages.map(([, name]) => `apt-get install ${name}`),
    );
  });

  const steps: [string, RegExp][] = [
    ["mkdir /proc/secret-word", /^mkdir: [^\n]*\nr1: mkdir failed \(line 1 of \S+\); [^\n]*\n$/],
    ["SECRET=secret-word grep -q x /dev/null", /^r1: a step failed \(line 1 of \S+\); [^\n]*\n$/],
    ["x=$(say secret-word; false)", /^r1: a step failed \(line 1 /],
    ["set +e; (set -e; echo said >&2; exit 1); exit 1", /said\n$/],
    ["wanted() { [[ secret-word == x ]]; }; wanted", /^r1: a step failed \(line 1 /],
  ];
  for (const [step, expected] of steps) {
    it(`a failed step shows no shell code: ${step}`, () => {
      const trap = execFileSync("grep", ["^trap ", LIB], { encoding: "utf8" });
      const setup = `set -Eeuo pipefail; machine=r1; ${functions("say", "failed_step")}\n${trap}\nsource <(printf '%s\\n' "$1")`;
      const { status, stderr } = spawnSync("bash", ["-c", setup, "-", step], { encoding: "utf8" });
      assert.notStrictEqual(status, 0);
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr.replace(/^mkdir: .*\n/, ""), /secret-word|SECRET|set -e/);
    });
  }
});

describe("the environment of a login", () => {
  it("makes perl and bash run nothing else first (env_keep)", () => {
    const text = fs.readFileSync(LIB, "utf8");
    const first = text.slice(0, text.indexOf("umask "));
    const script = `${first}perl -e 'print "perl\n"'; bash -c 'echo bash'`;
    const env = { ...process.env, PERL5OPT: "-MForeign", PERL5LIB: "/nowhere" };
    const { stdout } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8", env });
    assert.strictEqual(stdout, "perl\nbash\n");
  });
});

describe("services that keep routes and VIPs", () => {
  const components = path.resolve(__dirname, "../../components");
  const units = fs
    .readdirSync(components, { encoding: "utf8", recursive: true })
    .filter((file) => file.endsWith("unit.service"))
    .map((file) => fs.readFileSync(path.join(components, file), "utf8"))
    .filter((text) => text.includes("Restart="));
  it("never give up (L5)", () => {
    assert.ok(units.length >= 2);
    for (const text of units) assert.match(text, /^StartLimitIntervalSec=0$/m);
  });
});
