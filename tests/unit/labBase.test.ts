/** Where the lab's disks come from, on hosts that are not ours: the real base.sh, with an apt and a debootstrap that tell. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const BASE = path.join(__dirname, "../../lab/base.sh");
/** Of the namespace that it runs in: the keys of Debian's archive are there, or are not. */
const ENTER = `mount -t tmpfs none /usr/share/keyrings
[ "$1" = without ] || : >/usr/share/keyrings/debian-archive-keyring.gpg
shift; exec "$@"`;

describe("the lab's disk, on any host", () => {
  let home: string;
  beforeEach(() => (home = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-base-"))));
  afterEach(() => fs.rmSync(home, { recursive: true }));

  /** @param sources lines of SITE, suite and component, as apt knows them */
  function build(sources: string[], release: string[], keys = "with"): { said: string; asked: string[] } {
    const programs = {
      "apt-get": `printf '%s\\n' ${sources.map((line) => `'${line}'`).join(" ")}`,
      "apt-config": "exit 0",
      debootstrap: 'printf "%s\\n" "$@" >"${0%/*}/asked"; exit 1',
    };
    for (const [name, text] of Object.entries(programs))
      fs.writeFileSync(path.join(home, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    const env = {
      PATH: `${home}:${process.env.PATH}`,
      HOME: home,
      LOOPBACK_HA_CACHE: path.join(home, "cache"),
    };
    const command = ["--mount", "bash", "-c", ENTER, "enter", keys, "bash", BASE, ...release];
    const { status, stdout, stderr } = spawnSync("unshare", command, { env, encoding: "utf8" });
    assert.equal(status, 1, stdout + stderr);
    const asked = path.join(home, "asked");
    const words = fs.existsSync(asked) ? fs.readFileSync(asked, "utf8").trim().split("\n") : [];
    return {
      said: stdout + stderr,
      asked: words.filter((word) => !word.startsWith("--") && !word.startsWith(home)),
    };
  }

  const BOOKWORM = [
    "http://deb.debian.org/debian bookworm main",
    "http://deb.debian.org/debian-security bookworm-security main",
  ];
  const TRIXIE = [
    "https://mirror.example/debian/ trixie contrib",
    "https://mirror.example/debian/ trixie main",
  ];
  const UBUNTU = [
    "http://archive.ubuntu.com/ubuntu questing main",
    "http://security.ubuntu.com/ubuntu questing-security main",
  ];
  const DOCKER = ["https://download.example/linux/debian trixie stable"];
  for (const [host, sources, release, asked] of [
    ["Debian 12", BOOKWORM, [], ["trixie", "http://deb.debian.org/debian"]],
    [
      "Debian 12, for its own release",
      BOOKWORM,
      ["--release", "12"],
      ["bookworm", "http://deb.debian.org/debian"],
    ],
    ["Debian 13", TRIXIE, [], ["trixie", "https://mirror.example/debian/"]],
    [
      "Debian 13, for the one before",
      TRIXIE,
      ["--release", "12"],
      ["bookworm", "https://mirror.example/debian/"],
    ],
    [
      "Debian 13 with a third party's packages first",
      [...DOCKER, ...TRIXIE],
      [],
      ["trixie", "https://mirror.example/debian/"],
    ],
    [
      "Debian whose disc is a source",
      ["cdrom://Debian trixie main", ...TRIXIE],
      [],
      ["trixie", "https://mirror.example/debian/"],
    ],
    ["Ubuntu", UBUNTU, [], ["trixie", "http://deb.debian.org/debian"]],
    [
      "Ubuntu, for the release before",
      UBUNTU,
      ["--release", "12"],
      ["bookworm", "http://deb.debian.org/debian"],
    ],
  ] as [string, string[], string[], string[]][])
    it(`${host}: ${asked.join(" of ")}`, () => assert.deepEqual(build(sources, release).asked, asked));

  for (const [what, keys, release, said] of [
    [
      "without the archive's keys",
      "without",
      [],
      /the keys of the Debian archive are missing \(.*\)\nnext: apt-get install debian-archive-keyring\n$/,
    ],
    [
      "of a release that it does not know",
      "with",
      ["--release", "11"],
      /the lab does not support Debian '11'\nnext: release 12 or 13/,
    ],
    [
      "where the mirror is out of reach",
      "with",
      [],
      /failed: debootstrap .*\nnext: read .*\.log, then run the same command again\n$/,
    ],
  ] as [string, string, string[], RegExp][])
    it(`${what}: says so, and what to do`, () => assert.match(build(BOOKWORM, release, keys).said, said));
});
