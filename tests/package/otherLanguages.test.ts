import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { whoServes } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { Program } from "../../lab/project";
import { PackageSchema } from "../../tools/schema";
import { CUT_SSH, HEAL_SSH, emptyLab, forgetConnections, textOf } from "../lab/support";
import { block } from "../pages";
import { attempt, run } from "../run";
import { INSTALL_MS, packed, userFolder } from "./installed";

const PAGE = "docs/other-languages.md";
const PLUGIN = "./node_modules/pulumi-loopback-ha/plugin";
/** Of the line that the engine of this checkout is of. */
const PYTHON_SDK = "3.247.0";
const COMPONENTS = ["DnsRoundRobin", "LoopbackVip", "RouterRoute", "WebServerPool"];

describe("other languages", function () {
  this.timeout(INSTALL_MS);
  before("packed and installed", packed);

  it("get-schema gives all components, and the engine finds no fault in it", async () => {
    const folder = await userFolder("schema");
    const line = block(PAGE, "get-schema");
    const { stdout, stderr } = await run("bash", ["-ec", line], {
      cwd: folder,
      env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    assert.equal(stderr, "");
    const schema: PackageSchema = JSON.parse(stdout);
    assert.deepEqual(
      Object.keys(schema.resources).sort(),
      COMPONENTS.map((name) => `loopback-ha:index:${name}`),
    );
    for (const resource of Object.values(schema.resources)) {
      assert.ok(resource.description);
      for (const [name, { description }] of Object.entries(resource.inputProperties))
        assert.ok(description, name);
    }
  });

  it("the folder is a plugin where the language host can run one", async () => {
    const folder = await userFolder("folder");
    const ended = await attempt("pulumi", ["package", "get-schema", PLUGIN], { cwd: folder });
    const said = textOf(ended);
    // A host of before 2023 gets as far as this.
    if (ended.code !== 0) assert.match(said, /Finished installing dependencies[\s\S]*not supported/);
    else for (const name of COMPONENTS) assert.match(said, new RegExp(`loopback-ha:index:${name}`));
  });

  it("the folder runs with the call of newer language hosts", async () => {
    const folder = await userFolder("host");
    const plugin = require.resolve("@pulumi/pulumi/cmd/run-plugin", { paths: [folder] });
    const host = spawn(process.execPath, [plugin, path.join(folder, PLUGIN), "127.0.0.1:1"], {
      cwd: folder,
      env: { ...process.env, PULUMI_NODEJS_TYPESCRIPT: "false" },
    });
    const ended = once(host, "close");
    let errors = "";
    host.stderr.on("data", (text) => (errors += String(text)));
    try {
      // The port where it answers.
      const [first] = await Promise.race([once(host.stdout, "data"), ended.then(() => [errors])]);
      assert.match(String(first), /^\d+\n$/);
    } finally {
      host.kill();
      await ended;
    }
  });

  /** In which the Python SDK is. */
  async function python(): Promise<string> {
    const folder = await userFolder("venv");
    const made = await attempt("python3", ["-m", "venv", "venv"], { cwd: folder });
    assert.equal(made.code, 0, `no Python with venv here (apt-get install python3-venv): ${textOf(made)}`);
    await run("venv/bin/pip", ["install", "--quiet", `pulumi==${PYTHON_SDK}`], { cwd: folder });
    return path.join(folder, "venv/bin/python");
  }

  it("a Python program builds the same farm", async () => {
    const interpreter = await python();
    const lab = new Lab();
    await emptyLab(lab);
    const farm = new Program(lab, "prod", await userFolder("python"));
    const [plugins] = /^plugins:\n(?: .*\n)+/m.exec(block(PAGE, "runtime: yaml", "yaml"))!;
    fs.writeFileSync(farm.file("Pulumi.yaml"), `name: farm\nruntime: python\n${plugins}`);
    fs.writeFileSync(farm.file("__main__.py"), block(PAGE, "import pulumi", "python"));
    const operator = async (program: string, ...args: string[]): Promise<string> => {
      const result = await lab.exec("operator", [program, ...args], {
        ...{ cwd: farm.folder, timeoutMs: 110_000 },
        env: { ...farm.env, PULUMI_NON_INTERACTIVE: "true" },
      });
      assert.equal(result.code, 0, textOf(result));
      return result.stdout;
    };
    try {
      await operator("bash", "-ec", block(PAGE, "pulumi stack init").replace(/^pulumi up.*$/m, ""));
      const printed = await operator(interpreter, path.join(__dirname, "run.py"), farm.folder);
      for (const name of COMPONENTS) assert.match(printed, new RegExp(`loopback-ha:index:${name} `));
      assert.match(printed, /\+ 12 created/);
      const healthPath = (await farm.output("healthPath")) as string;
      for (const [vip, server] of [
        ["192.0.2.37", "web1"],
        ["192.0.2.69", "web2"],
      ])
        assert.equal(await whoServes(lab, vip, "www.widgetco.example", healthPath), server);
    } finally {
      const gone = await farm.destroy();
      assert.equal(gone.code, 0, textOf(gone));
    }
  });

  it("a YAML program builds a farm and fails over, also past a sick server (story)", async () => {
    const lab = new Lab();
    await emptyLab(lab);
    const farm = new Program(lab, "prod", await userFolder("yaml"));
    const pulumi = async (lines: string): Promise<string> => {
      const result = await lab.exec("operator", ["bash", "-ec", lines], {
        cwd: farm.folder,
        timeoutMs: 110_000,
        env: { ...farm.env, PULUMI_SKIP_CONFIRMATIONS: "true", PULUMI_NON_INTERACTIVE: "true" },
      });
      assert.equal(result.code, 0, textOf(result));
      return result.stdout;
    };
    const program = block(PAGE, "runtime: yaml", "yaml");
    fs.writeFileSync(farm.file("Pulumi.yaml"), program);
    try {
      await pulumi(block(PAGE, "pulumi stack init"));
      const healthPath = (await farm.output("healthPath")) as string;
      const served = (vip: string): Promise<string> =>
        whoServes(lab, vip, "www.widgetco.example", healthPath);
      assert.deepEqual([await served("192.0.2.37"), await served("192.0.2.69")], ["web1", "web2"]);
      assert.match(await pulumi("pulumi up --continue-on-error --expect-no-changes"), /unchanged/);

      await lab.exec("web2", ["bash", "-c", CUT_SSH], { check: true });
      await forgetConnections(lab);
      const moved = program
        .replace(
          "192.0.2.64/27, server: web2, nextHop: 192.0.2.3",
          "192.0.2.64/27, server: web1, nextHop: 192.0.2.2",
        )
        .replace("serverName: www.widgetco.example\n", "$&          aliases: [widgetco.example]\n");
      assert.notEqual(moved, program);
      fs.writeFileSync(farm.file("Pulumi.yaml"), moved);
      const flip = await farm.up();
      assert.notEqual(flip.code, 0, textOf(flip));
      assert.match(textOf(flip), /web2 does not answer over ssh/);
      assert.equal(await served("192.0.2.69"), "web1");
    } finally {
      await lab.exec("web2", ["bash", "-c", HEAL_SSH]);
      const gone = await farm.destroy();
      assert.equal(gone.code, 0, textOf(gone));
    }
  });
});
