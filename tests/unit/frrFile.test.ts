import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const HOST = path.join(__dirname, "../../components/host/machine");
const ROUTER = path.join(__dirname, "../../components/routerRoute");

describe("FRR's file, in a folder of FRR's user (L2)", () => {
  let folder: string;
  let conf: string;
  let scripts: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lha-frr-"));
    conf = path.join(folder, "frr.conf");
    // As they lie on a router.
    scripts = fs.mkdtempSync(path.join(os.tmpdir(), "lha-scripts-"));
    for (const from of [HOST, ROUTER])
      for (const name of fs.readdirSync(from).filter((file) => /\.(sh|pl|awk)$/.test(file)))
        fs.symlinkSync(path.join(from, name), path.join(scripts, name));
  });
  afterEach(() => [folder, scripts].forEach((each) => fs.rmSync(each, { recursive: true })));

  /** The real script's save, with that folder in place of /etc/frr and one line of ours. */
  function save(): { status: number | null; stderr: string; late: boolean } {
    const script = fs
      .readFileSync(path.join(ROUTER, "frr/role.sh"), "utf8")
      .replace("frr=/etc/frr\n", `frr=${folder}\n`);
    const run = `scripts=${scripts}
bundle=x root=x run=x state=x instance=x machine=r1
say() { printf '%s\\n' "$*"; }
fail() { printf '%s\\n' "$*" >&2; exit 1; }
${script}
our_lines() { say 'ip route 192.0.2.64/27 192.0.2.2 tag 7676 2'; }
save`;
    const { status, stderr, error } = spawnSync("bash", ["-eu"], {
      input: run,
      encoding: "utf8",
      timeout: 10_000,
    });
    return { status, stderr, late: error !== undefined };
  }

  it("gets the farm's lines", () => {
    fs.writeFileSync(conf, "hostname r1\n!\nip route 10.0.0.0/8 192.0.2.9\n");
    assert.deepEqual(save(), { status: 0, stderr: "", late: false });
    assert.equal(
      fs.readFileSync(conf, "utf8"),
      "hostname r1\n!\nip route 192.0.2.64/27 192.0.2.2 tag 7676 2\nip route 10.0.0.0/8 192.0.2.9\n",
    );
  });

  for (const [what, make] of [
    ["a pipe without a writer", (): unknown => execFileSync("mkfifo", [conf])],
    ["a link", (): unknown => fs.symlinkSync("/dev/zero", conf)],
    ["a link to another file", (): unknown => fs.symlinkSync("/etc/hostname", conf)],
    ["a folder", (): unknown => fs.mkdirSync(conf)],
  ] as const) {
    it(`is refused at once where it is ${what}`, () => {
      make();
      const { status, stderr, late } = save();
      assert.ok(!late, "it waits");
      assert.equal(status, 1);
      assert.match(stderr, /frr\.conf could not be written: .* Is it a link, or not a regular file\?/);
    });
  }
});
