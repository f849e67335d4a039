import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { Session } from "../../../cli/pulumi/session";
import { Facts, Hindrance, Said, hindrances, tell } from "../../../cli/watch/able";
import { gatherFacts, shownUrl } from "../../../cli/watch/facts";
import { StateFile } from "../../../cli/watch/stateFile";

const FINE: Facts = {
  machine: "op1",
  user: "farm",
  config: { path: "/srv/farm/Pulumi.prod.yaml" },
  kept: { path: "/srv/farm/.loopback-ha/watch.prod.json" },
  temporary: { path: "/tmp" },
  state: { path: "/srv/farm/state/.pulumi" },
  missing: [],
  searched: "/usr/bin",
};
const trouble = (path: string, code: string, owner?: string): Facts["config"] => ({
  path,
  trouble: { code, message: `${code}: so it is` },
  owner,
});
const CONFIG = "/srv/farm/Pulumi.prod.yaml";

describe("watch: whether a flip could be made (M14)", () => {
  it("says nothing if all is well", () => assert.deepEqual(hindrances(FINE), []));

  for (const [what, facts, ...texts] of [
    [
      "config",
      { config: trouble(CONFIG, "EACCES", "of uid 1001, gid 1000, mode 644") },
      /^the stack's config file \/srv\/farm\/Pulumi\.prod\.yaml on op1 can't be written by farm \(EACCES: so it is\): no server can be set down until that is fixed\. It is of uid 1001, gid 1000, mode 644: give farm write access to it/,
    ],
    [
      "config",
      { config: trouble(CONFIG, "EROFS") },
      /mounted read-only: findmnt -T \/srv\/farm\/Pulumi\.prod\.yaml/,
    ],
    ["config", { config: trouble(CONFIG, "ENOSPC") }, /Free space or inodes there: df -h .*; df -i /],
    ["config", { config: trouble(CONFIG, "EDQUOT") }, /Free space or inodes there/],
    ["config", { config: trouble(CONFIG, "EPERM", "of uid 0") }, /immutable \(lsattr\)/],
    ["config", { config: trouble(CONFIG, "ENOENT") }, /a dangling link/],
    ["config", { config: trouble(CONFIG, "EBUSY") }, /a mount point/],
    ["config", { config: trouble(CONFIG, "EIO") }, /Check it: ls -l/],
    [
      "edit",
      { unchangeable: "servers is not set in it but in Pulumi.yaml" },
      /^no server can be set down in \/srv\/farm\/Pulumi\.prod\.yaml on op1 \(servers is not set in it but in Pulumi\.yaml\)$/,
    ],
    [
      "state",
      { state: trouble("/mnt/state/.pulumi", "EROFS") },
      /the state's folder \/mnt\/state\/\.pulumi on op1 can't be written/,
    ],
    ["state", { state: trouble("/mnt/state/.pulumi", "ETIMEDOUT") }, /file system does not respond/],
    [
      "state",
      { state: undefined, backend: { url: "s3://b", trouble: "no \u001b[2J way" } },
      /the state at s3:\/\/b can't be reached from op1 \(no \\u\{1b\}\[2J way\)/,
      /loopback-ha-move works on the routers/,
    ],
    [
      "move-r1",
      { unmoving: [{ router: "r1", reason: "sudo: a password is required" }] },
      /^traffic can't be moved on r1 directly \(sudo: a password is required\): flips work only while no other run holds the stack/,
    ],
    ["temporary", { temporary: trouble("/tmp", "ENOSPC") }, /the folder for temporary files \/tmp/],
    [
      "secrets",
      { secrets: "neither PULUMI_CONFIG_PASSPHRASE nor PULUMI_CONFIG_PASSPHRASE_FILE is set" },
      /PASSPHRASE_FILE is set on op1: no server/,
    ],
    [
      "program",
      { program: "Cannot find module '@pulumi/pulumi'" },
      /^the stack's program can't start on op1 \(Cannot find module '@pulumi\/pulumi'\): no server .*npm ci$/,
    ],
    ["ssh", { missing: ["ssh"] }, /ssh is not on the watcher's PATH on op1 \(\/usr\/bin\)/],
    [
      "kept",
      { kept: trouble("/srv/farm/.loopback-ha/watch.prod.json", "EACCES") },
      /flips still happen, but a restarted watcher will not know of them/,
    ],
    ["log", { log: "write EPIPE" }, /the log can't be written on op1 \(write EPIPE\): flips still happen/],
  ] as [string, Partial<Facts>, ...RegExp[]][]) {
    it(`${what}: ${texts[0].source.slice(0, 60)}`, () => {
      const [found, ...others] = hindrances({ ...FINE, ...facts });
      assert.deepEqual([found.what, others], [what, []]);
      for (const text of texts) assert.match(found.text, text);
    });
  }

  it("logs each problem once, again when it changes, and when it is gone", () => {
    const said: Said = new Map();
    const of = (...names: string[]): Hindrance[] =>
      names.map((name) => ({ what: name.split(" ")[0], kind: name, text: `${name} is in the way` }));
    const words = (...now: string[]): string[] =>
      tell(said, of(...now)).map(({ event, fields }) => `${event} ${fields.what}`);
    assert.deepEqual(words("config EACCES", "ssh"), ["unable config", "unable ssh"]);
    assert.deepEqual(words("config EACCES", "ssh"), []);
    assert.deepEqual(words("config ENOSPC", "ssh"), ["unable config"]);
    assert.deepEqual(words("ssh"), ["able config"]);
    assert.deepEqual(words(), ["able ssh"]);
    assert.deepEqual(words(), []);
  });

  describe("on a machine", () => {
    let folder: string;
    const NAMES = [
      "PATH",
      "TMPDIR",
      "PULUMI_BACKEND_URL",
      "PULUMI_CONFIG_PASSPHRASE",
      "PULUMI_CONFIG_PASSPHRASE_FILE",
    ];
    const before = NAMES.map((name) => process.env[name]);
    const setAll = (values: (string | undefined)[]): void =>
      NAMES.forEach((name, i) => {
        if (values[i] === undefined) delete process.env[name];
        else process.env[name] = values[i];
      });
    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-able-"));
      fs.mkdirSync(path.join(folder, "state/.pulumi/stacks/farm"), { recursive: true });
      fs.mkdirSync(path.join(folder, "bin"));
      for (const name of ["pulumi", "ssh"])
        fs.writeFileSync(path.join(folder, "bin", name), "", { mode: 0o755 });
      fs.writeFileSync(path.join(folder, "Pulumi.prod.yaml"), "encryptionsalt: v1:x\nconfig: {}\n");
      setAll([path.join(folder, "bin"), undefined, `file://${path.join(folder, "state")}`, "x", undefined]);
    });
    afterEach(() => {
      setAll(before);
      fs.rmSync(folder, { recursive: true });
    });
    const found = async (): Promise<string[]> => {
      const session = {
        folder,
        project: "farm",
        name: "prod",
        configFile: path.join(folder, "Pulumi.prod.yaml"),
      };
      const kept = new StateFile(folder, "prod");
      const facts = await gatherFacts({ session: session as unknown as Session, kept });
      return hindrances(facts).map(({ what, kind }) => (kind.length < 12 ? `${what} ${kind}` : what));
    };
    const listed = (): string[] => fs.readdirSync(folder, { recursive: true }).map(String).sort();

    it("leaves nothing behind but the watcher's own file", async () => {
      const files = listed();
      assert.deepEqual(await found(), []);
      const own = [".loopback-ha", ".loopback-ha/.gitignore", ".loopback-ha/watch.prod.json"];
      assert.deepEqual(listed(), [...files, ...own].sort());
    });

    for (const [what, breakIt] of [
      ["config ENOENT", () => fs.rmSync(path.join(folder, "Pulumi.prod.yaml"))],
      ["state ENOENT", () => fs.rmSync(path.join(folder, "state/.pulumi"), { recursive: true })],
      ["state ENOTDIR", () => fs.writeFileSync(path.join(folder, "state/.pulumi/locks"), "")],
      ["kept EEXIST", () => fs.writeFileSync(path.join(folder, ".loopback-ha"), "")],
      ["secrets", () => delete process.env.PULUMI_CONFIG_PASSPHRASE],
      [
        "secrets",
        () => (
          delete process.env.PULUMI_CONFIG_PASSPHRASE,
          (process.env.PULUMI_CONFIG_PASSPHRASE_FILE = folder)
        ),
      ],
      [
        "secrets",
        () => {
          const pipe = path.join(folder, "pipe");
          execFileSync("/usr/bin/mkfifo", [pipe]);
          delete process.env.PULUMI_CONFIG_PASSPHRASE;
          process.env.PULUMI_CONFIG_PASSPHRASE_FILE = pipe;
        },
      ],
      ["program", () => fs.writeFileSync(path.join(folder, "Pulumi.yaml"), "name: farm\nruntime: nodejs\n")],
      [
        "program",
        () =>
          fs.writeFileSync(
            path.join(folder, "Pulumi.yaml"),
            '{"name":"farm","runtime":{"name":"nodejs"},"main":"x"}',
          ),
      ],
      [
        "program",
        () =>
          fs.writeFileSync(
            path.join(folder, "Pulumi.yaml"),
            "name: farm\nruntime:\n  name: nodejs\n  options: { nodeargs: x }\n",
          ),
      ],
      ["ssh", () => fs.chmodSync(path.join(folder, "bin/ssh"), 0o644)],
      [
        "pulumi",
        () => (fs.rmSync(path.join(folder, "bin/pulumi")), fs.mkdirSync(path.join(folder, "bin/pulumi"))),
      ],
      ["temporary ENOENT", () => (process.env.TMPDIR = path.join(folder, "gone"))],
    ] as [string, () => void][]) {
      it(`finds ${what}`, async () => {
        breakIt();
        assert.deepEqual(await found(), [what]);
      });
    }

    it("finds nothing wrong with a program that has its packages, or is in another language", async () => {
      const project = path.join(folder, "Pulumi.yaml");
      fs.writeFileSync(project, "name: farm\nruntime: yaml\n");
      assert.deepEqual(await found(), []);
      fs.writeFileSync(project, "name: farm\nruntime: nodejs\n");
      fs.symlinkSync(path.resolve("node_modules"), path.join(folder, "node_modules"));
      assert.deepEqual(await found(), []);
      fs.rmSync(path.join(folder, "node_modules"));
      assert.deepEqual(await found(), ["program"]);
    });

    it("shows a backend's address without what may be a secret", () => {
      assert.equal(shownUrl("postgres://me:secret@db.example/x?password=y"), "postgres://db.example/x");
      assert.equal(shownUrl("s3://bucket?region=x"), "s3://bucket");
      assert.equal(shownUrl(undefined), "Pulumi's service");
    });
  });
});
