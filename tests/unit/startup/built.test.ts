import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { FOLDERS, MADE_FROM, isBuilt, sumOf } from "../../../components/startup/built.cjs";
import { attempt } from "../../run";

const root = path.join(__dirname, "../../..");

describe("the library's built form in a checkout", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-built-"));
    write("components/a.ts", "a");
    write("components/deep/apply.sh", "apply");
    write("cli/main.ts", "main");
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function write(name: string, text: string): void {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  const build = (): void =>
    write(MADE_FROM, JSON.stringify(Object.fromEntries(FOLDERS.map((name) => [name, sumOf(folder, name)]))));

  it("is missing before a build, or after one that was cut off", () => {
    assert.equal(isBuilt(folder), undefined);
    write(MADE_FROM, '{ "components": "');
    assert.equal(isBuilt(folder), undefined);
    write(MADE_FROM, "{}");
    assert.equal(isBuilt(folder), false);
  });

  it("is current whenever the sources were written, and wherever they are", () => {
    build();
    fs.utimesSync(path.join(folder, "components/a.ts"), 1, 1);
    assert.equal(isBuilt(folder), true);
    const copy = `${folder}-copy`;
    fs.cpSync(folder, copy, { recursive: true });
    try {
      assert.equal(isBuilt(copy), true);
      // As a lab's project: without the command line.
      fs.rmSync(path.join(copy, "cli"), { recursive: true });
      assert.equal(isBuilt(copy, ["components"]), true);
    } finally {
      fs.rmSync(copy, { recursive: true });
    }
  });

  const changes: Record<string, () => void> = {
    "a changed source": () => write("components/a.ts", "b"),
    "a changed script": () => write("components/deep/apply.sh", "other"),
    "a changed source of the command line": () => write("cli/main.ts", "other"),
    "a new file": () => write("components/b.ts", ""),
    "a file less": () => fs.rmSync(path.join(folder, "components/a.ts")),
    "a renamed file": () =>
      fs.renameSync(path.join(folder, "components/a.ts"), path.join(folder, "components/b.ts")),
    "text that went from one file's end to the next one's start": () => {
      write("components/a.ts", "");
      write("components/deep/apply.sh", "aapply");
    },
  };
  for (const [what, change] of Object.entries(changes))
    it(`is stale after ${what}`, () => {
      build();
      change();
      assert.equal(isBuilt(folder), false);
    });

  describe("(slow)", () => {
    /** This checkout's entry point beside a program that says which form of it was loaded. */
    async function start(): Promise<{ stdout: string; stderr: string }> {
      for (const name of ["index.ts", "tsconfig.json", "components/startup/built.cjs"])
        write(name, fs.readFileSync(path.join(root, name), "utf8"));
      if (!fs.existsSync(path.join(folder, "node_modules")))
        fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
      write("components/program.ts", 'export const program = "source";');
      write("dist/components/program.js", 'exports.program = "built";');
      return attempt(process.execPath, ["-r", "ts-node/register", "-p", 'require("./index.ts")'], {
        cwd: folder,
      });
    }

    it("a planted stale build: the source wins, and one line says so", async () => {
      build();
      // start adds sources that are not in it.
      const { stdout, stderr } = await start();
      assert.equal(stdout, "source\n");
      assert.match(
        stderr,
        /^pulumi-loopback-ha: dist\/ was built from other sources, so the sources run[^\n]*npm run build\n$/,
      );
    });

    it("without a build the source runs, and nothing is said", async () => {
      assert.deepEqual(await start().then(({ stdout, stderr }) => [stdout, stderr]), ["source\n", ""]);
    });

    it("a build of these sources runs, and nothing is said", async () => {
      await start();
      build();
      assert.deepEqual(await start().then(({ stdout, stderr }) => [stdout, stderr]), ["built\n", ""]);
    });

    it("a benchmark measures no stale build", async () => {
      const bench = ["tests/bench/run.ts", "flip"];
      const preload = path.join(folder, "stale.cjs");
      write(
        "stale.cjs",
        `const built = require(${JSON.stringify(path.join(root, "components/startup/built.cjs"))});
built.isBuilt = () => false;`,
      );
      const { code, stdout, stderr } = await attempt(
        process.execPath,
        ["-r", "ts-node/register", "-r", preload, ...bench],
        { cwd: root },
      );
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /^dist\/ was not built from these sources[^\n]*npm run build[^\n]*\n$/);
    });
  });
});
