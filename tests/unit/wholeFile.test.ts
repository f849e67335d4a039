import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { tryWriteWhole, writeWhole } from "../../components/base/wholeFile";

describe("a file that is written whole (slow)", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-whole-"));
    fs.chmodSync(folder, 0o755);
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const isRoot = process.getuid!() === 0;
  const sees = (file: string): string => {
    const { mode, uid, gid } = fs.statSync(file);
    return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
  };
  const content = (file: string): string => fs.readFileSync(file, "utf8");

  it("keeps mode, owner and group, whatever the writer's umask is (H2)", () => {
    const file = path.join(folder, "Pulumi.prod.yaml");
    const umask = process.umask(0o077);
    try {
      for (const mode of [0o664, 0o640, 0o600, 0o444]) {
        fs.writeFileSync(file, "old");
        if (isRoot) fs.chownSync(file, 1000, 1001);
        fs.chmodSync(file, mode);
        const before = sees(file);
        writeWhole(file, "new");
        assert.deepEqual([content(file), sees(file)], ["new", before]);
        assert.deepEqual(fs.readdirSync(folder), ["Pulumi.prod.yaml"]);
        fs.rmSync(file);
      }
    } finally {
      process.umask(umask);
    }
  });

  it("is the target of a link; the link stays, even one without a target yet", () => {
    const place = path.join(folder, "checkout");
    fs.mkdirSync(place);
    fs.writeFileSync(path.join(place, "prod.yaml"), "old");
    const link = path.join(folder, "Pulumi.prod.yaml");
    fs.symlinkSync("checkout/prod.yaml", link);
    writeWhole(link, "new");
    assert.equal(fs.readlinkSync(link), "checkout/prod.yaml");
    assert.equal(content(path.join(place, "prod.yaml")), "new");
    const fresh = path.join(folder, "fresh");
    const early = path.join(place, "early");
    fs.symlinkSync("../fresh", early);
    fs.symlinkSync("checkout/early", path.join(folder, "earlier"));
    writeWhole(path.join(folder, "earlier"), "first");
    assert.deepEqual([fs.readlinkSync(early), content(fresh)], ["../fresh", "first"]);
    fs.rmSync(fresh);
    writeWhole(fresh, "second");
    assert.equal(content(fresh), "second");
  });

  /** In a process of its own: as another user, or with mounts. */
  function inChild(before: string[], body: string, ...args: string[]): string {
    const script = `
      const { tryWriteWhole, writeWhole } = require(${JSON.stringify(path.resolve("components/base/wholeFile"))});
      const fs = require("node:fs");
      const [file, elsewhere] = process.argv.slice(1);
      ${body}`;
    const command = [process.execPath, "-r", "ts-node/register/transpile-only", "-e", script, ...args];
    const { status, stdout, stderr } = spawnSync(before[0], [...before.slice(1), ...command], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    return stdout;
  }
  const asOther = (file: string, elsewhere: string): string =>
    inChild(
      ["env"],
      `process.setgroups([1001]); process.setgid(1001); process.setuid(1002);
      writeWhole(file, "new", elsewhere);`,
      file,
      elsewhere,
    );

  it("keeps its access list (H2)", () => {
    const file = path.join(folder, "Pulumi.prod.yaml");
    // setxattr(2) with what acl(5) is to the kernel: user 1234 may write. Debian's acl need not be there.
    const list = `my $list = pack "V(vvV)5", 2, 1,6,~0, 2,6,1234, 4,4,~0, 16,6,~0, 32,0,~0;`;
    const number = { x64: [188, 191], arm64: [5, 8] }[process.arch as "x64" | "arm64"];
    const perl = (code: string) =>
      spawnSync(
        "perl",
        ["-e", `${list} my ($file, $name) = ("${file}", "system.posix_acl_access"); ${code}`],
        { encoding: "utf8" },
      );
    fs.writeFileSync(file, "old");
    const set = perl(`exit(syscall(${number[0]}, $file, $name, $list, length $list, 0) ? 1 : 0)`);
    assert.equal(set.status, 0, `no access lists in ${folder}: its file system or perl (${set.stderr})`);
    writeWhole(file, "new");
    const got = perl(
      `my $got = "x" x 100; my $n = syscall(${number[1]}, $file, $name, $got, 100); print $n == length $list && substr($got, 0, $n) eq $list ? "same" : "other"`,
    );
    assert.deepEqual([content(file), got.stdout], ["new", "same"]);
  });

  it("is written in place if it has a second name: both stay the same file (H2)", () => {
    const file = path.join(folder, "Pulumi.prod.yaml");
    const other = path.join(folder, "other");
    fs.writeFileSync(file, "old");
    fs.linkSync(file, other);
    tryWriteWhole(file);
    writeWhole(file, "new");
    assert.deepEqual([content(file), content(other)], ["new", "new"]);
    assert.deepEqual(fs.readdirSync(folder).sort(), ["Pulumi.prod.yaml", "other"]);
  });

  it("stays its owner's when another user of its group writes it, even in a closed folder (H2)", function () {
    if (!isRoot) return void assert.throws(() => fs.chownSync(folder, 0, 0));
    const file = path.join(folder, "Pulumi.prod.yaml");
    const elsewhere = path.join(folder, "open");
    fs.mkdirSync(elsewhere, { mode: 0o777 });
    fs.chmodSync(elsewhere, 0o777);
    for (const mode of [0o2775, 0o755]) {
      fs.writeFileSync(file, "old, and longer");
      fs.chownSync(file, 1000, 1001);
      fs.chmodSync(file, 0o664);
      fs.chownSync(folder, 1000, 1001);
      fs.chmodSync(folder, mode);
      asOther(file, elsewhere);
      assert.deepEqual([content(file), sees(file)], ["new", "664 1000:1001"]);
      assert.deepEqual(fs.readdirSync(folder).sort(), ["Pulumi.prod.yaml", "open"]);
      assert.deepEqual(fs.readdirSync(elsewhere), []);
    }
  });

  it("is written in place if it is a mount of its own, with a copy until that is done (H2)", function () {
    if (!isRoot) return void assert.throws(() => fs.chownSync(folder, 0, 0));
    const file = path.join(folder, "Pulumi.prod.yaml");
    const outside = path.join(folder, "outside.yaml");
    fs.writeFileSync(outside, "old");
    fs.writeFileSync(file, "");
    const mounted = ["unshare", "--mount", "sh", "-c", `mount --bind ${outside} ${file} && exec "$@"`, "sh"];
    inChild(mounted, `writeWhole(file, "new")`, file);
    assert.equal(content(outside), "new");
    assert.deepEqual(fs.readdirSync(folder).sort(), ["Pulumi.prod.yaml", "outside.yaml"]);
  });

  /** Tells at the end what reached the disk, and in which order. */
  const SPY = `
    const fs = require("node:fs");
    const [names, done] = [new Map(), []];
    const watch = (name, note) => {
      const real = fs[name];
      fs[name] = (...args) => {
        const result = real(...args);
        note(args[0], result, args[1]);
        return result;
      };
    };
    const shown = (file) => file.replace(/[.]\\d+$/, ".PID").replace(/^.*[/]/, "");
    watch("openSync", (file, fd) => names.set(fd, file.startsWith(__dirname) ? shown(file) : ""));
    for (const name of ["write", "ftruncate", "fsync"])
      watch(name + "Sync", (fd) => names.get(fd) && done.push(name + " " + names.get(fd)));
    watch("renameSync", (from, _, to) => done.push("rename " + shown(from) + " " + shown(to)));
    watch("rmSync", (file) => file.endsWith(".before") && done.push("remove " + shown(file)));
    process.on("exit", () => console.log(done.join("\\n")));`;

  it("is on the disk before it has the name, and the name is before it is done: after a power cut it is the old or the new one (H4, H3)", function () {
    if (!isRoot) return void assert.throws(() => fs.chownSync(folder, 0, 0));
    const spy = path.join(folder, "spy.cjs");
    const place = path.join(folder, "project");
    const file = path.join(place, "Pulumi.prod.yaml");
    fs.writeFileSync(spy, SPY);
    fs.mkdirSync(place);
    fs.writeFileSync(file, "old, and longer");
    const spied = ["env", `NODE_OPTIONS=--require=${spy}`];
    const draft = ".Pulumi.prod.yaml.PID";
    assert.deepEqual(inChild(spied, `writeWhole(file, "new")`, file).trim().split("\n"), [
      `write ${draft}`,
      `fsync ${draft}`,
      `rename ${draft} Pulumi.prod.yaml`,
      "fsync project",
    ]);
    const mounted = ["unshare", "--mount", "sh", "-c", `mount --bind ${file} ${file} && exec "$@"`, "sh"];
    const steps = inChild([...mounted, ...spied], `writeWhole(file, "in place")`, file)
      .trim()
      .split("\n");
    const copied = steps.indexOf("fsync project");
    assert.deepEqual(steps.slice(copied - 2), [
      "write Pulumi.prod.yaml.before",
      "fsync Pulumi.prod.yaml.before",
      "fsync project",
      "write Pulumi.prod.yaml",
      "ftruncate Pulumi.prod.yaml",
      "fsync Pulumi.prod.yaml",
      "remove Pulumi.prod.yaml.before",
    ]);
  });

  /** Whether it is said to be possible, is done, and what was left. */
  const TRIED = `
    const state = (work) => { try { work(); return "done"; } catch (error) { return error.code ?? error.message; } };
    const files = (file) => fs.readdirSync(require("node:path").dirname(file)).sort().join();
    const both = (file, elsewhere) => {
      const before = [fs.readFileSync(file, "utf8"), files(file)];
      const tried = state(() => tryWriteWhole(file, elsewhere));
      const kept = String(before) === String([fs.readFileSync(file, "utf8"), files(file)]);
      return [tried, state(() => writeWhole(file, "anew", elsewhere)), kept];
    };`;

  it("is known to be impossible before it is written: rights (M14)", function () {
    if (!isRoot) return void assert.throws(() => fs.chownSync(folder, 0, 0));
    const states: string[][] = [];
    for (const [mode, owner] of [
      [0o664, 1000],
      [0o644, 1000],
      [0o640, 1000],
      [0o600, 1002],
      [0o444, 1002],
    ])
      for (const [around, holder] of [
        [0o2775, 1000],
        [0o755, 1000],
        [0o1777, 0],
      ])
        for (const open of [0o777, 0o755]) {
          const place = fs.mkdtempSync(path.join(folder, "state-"));
          const file = path.join(place, "Pulumi.prod.yaml");
          fs.mkdirSync(path.join(place, "copies"));
          fs.chmodSync(path.join(place, "copies"), open);
          fs.writeFileSync(file, "old");
          fs.chownSync(file, owner, 1001);
          fs.chmodSync(file, mode);
          fs.chownSync(place, holder, 1001);
          fs.chmodSync(place, around);
          states.push([file, path.join(place, "copies")]);
        }
    const out = inChild(
      ["env"],
      `process.setgroups([1001]); process.setgid(1001); process.setuid(1002); ${TRIED}
      console.log(JSON.stringify(JSON.parse(file).map((args) => both(...args))));`,
      JSON.stringify(states),
    );
    const results = JSON.parse(out) as [string, string, boolean][];
    for (const [tried, done, kept] of results) assert.ok(tried === done && kept, out);
    assert.ok(
      results.some(([tried]) => tried === "done") && results.some(([tried]) => tried === "EACCES"),
      out,
    );
  });

  it("is known to be impossible before it is written: mounts, full disks, immutable files, links (M14)", function () {
    if (!isRoot) return void assert.throws(() => fs.chownSync(folder, 0, 0));
    const states = [
      ["done", "true"],
      ["done", "mount --bind $f $f"],
      ["EROFS", "mount --bind $f $f; mount -o remount,ro,bind $f"],
      ["EROFS", "mount -o remount,ro $t"],
      ["ENOSPC", "head -c 999999 /dev/zero >$t/fill || true"],
      ["ENOSPC", "touch $t/1 $t/2 $t/3 $t/4 $t/5 $t/6 $t/7 2>/dev/null || true"],
      ["EPERM", "chattr +i $f"],
      ["EPERM", "chattr +a $f"],
    ];
    const places = states.map((_, i) => path.join(folder, `${i}`, "Pulumi.prod.yaml"));
    const script = states.map(
      ([, setup], i) =>
        `t=${path.dirname(places[i])} f=${places[i]}; mkdir $t; mount -t tmpfs -o size=64k,nr_inodes=8 none $t; head -c 9000 /dev/zero | tr '\\0' x >$f; ${setup}`,
    );
    const out = inChild(
      ["unshare", "--mount", "sh", "-ec", `${script.join("\n")}\nexec "$@"`, "sh"],
      `${TRIED}; console.log(JSON.stringify(process.argv.slice(1).map((each) => both(each))))`,
      ...places,
    );
    const results = JSON.parse(out) as unknown[][];
    states.forEach(([expected, setup], i) => assert.deepEqual(results[i], [expected, expected, true], setup));
    const link = path.join(folder, "link");
    for (const target of ["nowhere", "link"]) {
      fs.rmSync(link, { force: true });
      fs.symlinkSync(target, link);
      assert.throws(() => tryWriteWhole(link), /ENOENT|ELOOP/);
    }
  });
});
