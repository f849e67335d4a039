import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { run } from "../../run";

const root = path.join(__dirname, "../../..");

/** What a user's program makes of modules that Pulumi's SDK and zod load, too. */
const USER = `
const show = (it) => [typeof it, Object.getOwnPropertyNames(it).sort(), Object.prototype.toString.call(it)];
const load = (name) => { try { return require(name); } catch (error) { return error.code; } };
const normalize = require("normalize-package-data");
const data = { name: " farm ", version: "v1.0.0" };
normalize(data);
const { fdir } = require("fdir");
const Arborist = require("@npmcli/arborist");
module.exports = JSON.stringify([
  data,
  new fdir().crawl(__dirname).sync(),
  new Arborist({ path: __dirname }) instanceof Arborist,
  new Arborist({ path: __dirname }).path,
  [normalize, require("fdir"), Arborist, load("./automation"), load("../locales/index.cjs")].map(show),
]);
`;

describe("the modules that are loaded (slow)", function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-loaded-")));
    fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  /** A path in names of modules that are not the user's. */
  const PLACES = [
    "user.js",
    "@pulumi/pulumi/index.js",
    "@pulumi/pulumi/runtime/closure/codePaths.js",
    "zod/v4/classic/external.cjs",
  ];
  const OURS = { "the program": "index.ts", "the components": "components/index.ts" };

  for (const place of PLACES)
    for (const [what, entry] of Object.entries(OURS))
      it(`${what} leaves the modules of ${place} alone`, async () => {
        const file = path.join(folder, place);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, USER);
        for (const [name, text] of [
          ["automation.js", "module.exports = class Own { static its() {} };"],
          ["../locales/index.cjs", "module.exports = function own() {};"],
        ]) {
          const other = path.join(path.dirname(file), name);
          fs.mkdirSync(path.dirname(other), { recursive: true });
          fs.writeFileSync(other, text);
        }
        const ask = async (first: string): Promise<string> =>
          (
            await run(
              process.execPath,
              ["-r", "ts-node/register", "-p", `${first}; require(${JSON.stringify(file)})`],
              { cwd: root },
            )
          ).stdout;
        assert.equal(await ask(`require("./${entry}")`), await ask("0"));
      });

  it("the program changes nothing in the process when it is loaded", async () => {
    const script = `
const Module = require("module");
const state = () => [Module._load, Module._resolveFilename, Module._compile, Module.prototype.require, Module.prototype._compile,
  ...Object.keys(require.extensions).flatMap((key) => [key, require.extensions[key]]),
  Error.stackTraceLimit, Error.prepareStackTrace, process.emitWarning, process.stdout.write, process.stderr.write];
const log = require("@pulumi/pulumi").log;
require("@pulumi/command"); require("@pulumi/random");
const logs = () => Object.entries(log).flat();
const before = [...state(), ...logs()];
require("./index.ts");
const after = [...state(), ...logs()];
if (before.length !== after.length || before.some((it, i) => it !== after[i])) throw new Error("changed: " + before.map((it, i) => it === after[i] ? "" : i).join(" "));
console.log(before.length > 20);`;
    const { stdout } = await run(process.execPath, ["-r", "ts-node/register", "-e", script], { cwd: root });
    assert.equal(stdout, "true\n");
  });

  it("the command line loads nothing of Pulumi's SDK", async () => {
    const farm = path.join(folder, "farm");
    const loaded = path.join(folder, "loaded.json");
    fs.mkdirSync(farm);
    fs.writeFileSync(path.join(farm, "Pulumi.yaml"), "name: loopback-ha\nruntime: nodejs\n");
    fs.copyFileSync(path.join(root, "lab/Pulumi.lab.yaml"), path.join(farm, "Pulumi.lab.yaml"));
    const preload = path.join(folder, "loaded.cjs");
    fs.writeFileSync(
      preload,
      `process.on("exit", () => require("fs").writeFileSync(${JSON.stringify(loaded)}, JSON.stringify(Object.keys(require.cache))));`,
    );
    const rows: [string[], RegExp][] = [
      [["complete", "--", "drain", ""], /^web1\b/m],
      [["complete", "--", "move", ""], /^192\.0\.2\.32\/27\b/m],
      [["complete", "bash"], /loopback-ha/],
      [["check"], /lab/],
      [["--version"], /^\d/],
      [["--help"], /drain/],
    ];
    for (const [args, expected] of rows) {
      const { stdout } = await run(
        process.execPath,
        ["-r", preload, path.join(root, "bin/loopback-ha.cjs"), ...args],
        { cwd: farm },
      );
      assert.match(stdout, expected);
      const files = JSON.parse(fs.readFileSync(loaded, "utf8")) as string[];
      assert.ok(files.some((file) => /cli[/\\]main\./.test(file)));
      assert.deepEqual(
        files.filter((file) => file.includes(`${path.sep}@pulumi${path.sep}`)),
        [],
        args.join(" "),
      );
    }
  });
});
