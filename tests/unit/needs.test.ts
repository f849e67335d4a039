import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { missing } from "../../components/startup/needs.cjs";
import { attempt } from "../run";

const root = path.join(__dirname, "../..");

describe("the check of what must be installed (slow)", () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-needs-"))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** One sentence, and what a program reads; nothing else. */
  async function refusal(bin: string, args: string[] = [], nodeOptions = ""): Promise<string> {
    const file = path.join(bin, "bin/loopback-ha.cjs");
    const said = await attempt(process.execPath, [file, "--json", ...args], {
      env: { NODE_OPTIONS: nodeOptions },
    });
    assert.equal(said.code, 2, said.stderr);
    assert.match(said.stderr, /^[^\n]+\n$/);
    assert.deepEqual(JSON.parse(said.stdout), { error: said.stderr.trim(), exit: 2 });
    return said.stderr;
  }

  it("finds nothing missing when everything is there", () => {
    for (const node of ["20.0.0", "22.1.0", "100.0.0"])
      assert.equal(missing({ node, oldest: 20, has: () => true }), undefined);
  });

  for (const node of ["0.12.18", "8.17.0", "18.20.8", "19.9.0"])
    it(`Node ${node} is refused in one sentence`, async () => {
      const preload = path.join(folder, "node.cjs");
      fs.writeFileSync(preload, `Object.defineProperty(process.versions, "node", { value: "${node}" });`);
      const said = await refusal(root, ["status"], `-r ${preload}`);
      assert.equal(
        said,
        `pulumi-loopback-ha needs Node 20 or newer, but ${process.execPath} is Node ${node}: install a newer one, or put it first on PATH\n`,
      );
    });

  it("one sentence says how to get Pulumi's SDK", async () => {
    for (const file of ["package.json", "bin/loopback-ha.cjs", "components/startup/needs.cjs"]) {
      // As the package has them: nothing to be translated.
      const copy = path.join(folder, file.replace("components", "dist/components"));
      fs.mkdirSync(path.dirname(copy), { recursive: true });
      fs.copyFileSync(path.join(root, file), copy);
    }
    assert.match(
      await refusal(folder),
      /needs Pulumi's SDK installed next to it, .* npm install --ignore-scripts @pulumi\/pulumi/,
    );
  });

  it("a program without it prints only the message", async () => {
    const preload = path.join(folder, "node.cjs");
    fs.writeFileSync(preload, 'Object.defineProperty(process.versions, "node", { value: "18.20.8" });');
    for (const entry of ["components/index.ts", "components/program.ts"]) {
      const load = `try { require("./${entry}") } catch (error) { console.log(JSON.stringify([error.__pulumiRunError, error.stack, error.message])) }`;
      const { stdout } = await attempt(
        process.execPath,
        ["-r", "ts-node/register", "-r", preload, "-e", load],
        { cwd: root },
      );
      const [mark, stack, message] = JSON.parse(stdout);
      assert.equal(mark, true);
      assert.equal(stack, `Error: ${message}`);
      assert.match(message, /needs Node 20 or newer/);
    }
  });
});
