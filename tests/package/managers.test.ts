import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { checkout } from "../../examples/lab/state";
import { block } from "../pages";
import { attempt, run } from "../run";
import { INSTALL_MS, packed, sharedTools, userFolder } from "./installed";

const CONFIG = `${block("README.md", "loopback-ha:network", "yaml")}  loopback-ha:observe: false\n`;
/** Yarn takes the newest, which makes the same commands. */
const OLDER_SDK = "3.248.0";

/** The folder of a stack: README's files, a state of its own, and no look at machines, which are not there. */
class Project {
  readonly env: Record<string, string>;

  constructor(readonly folder: string) {
    fs.mkdirSync(path.join(folder, "state"), { recursive: true });
    this.env = {
      PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "tests",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
  }

  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
      fs.writeFileSync(path.join(this.folder, name), text);
    }
  }

  /** As README has it. */
  writeProgram(): void {
    this.write({
      "Pulumi.yaml": block("README.md", "main: index.ts", "yaml"),
      "index.ts": block("README.md", "export = program", "ts"),
      "Pulumi.prod.yaml": CONFIG,
    });
  }

  async shell(lines: string): Promise<string> {
    return (await run("bash", ["-ec", lines], { cwd: this.folder, env: this.env, timeoutMs: INSTALL_MS }))
      .stdout;
  }

  /** What the commands of all machines say in a preview, by their names. */
  async preview(): Promise<Record<string, unknown>> {
    await this.shell("pulumi stack init prod --non-interactive");
    const { code, stdout, stderr } = await attempt(
      "pulumi",
      ["preview", "--json", "--non-interactive", "--stack", "prod"],
      { cwd: this.folder, env: this.env, timeoutMs: INSTALL_MS },
    );
    assert.equal(code, 0, stdout + stderr);
    // A secret that the first run will make: newer SDKs know already that it is one.
    const { steps } = JSON.parse(stdout.replaceAll(/"\[secret\]"|"04da6b54-[0-9a-f-]+"/g, '"unknown"')) as {
      steps: Step[];
    };
    const commands = steps
      .filter(({ newState }) => newState?.type === "command:local:Command")
      .map(({ newState }): [string, unknown] => [newState!.urn, newState!.inputs]);
    // Both servers, the router, the name server.
    assert.equal(commands.length, 6, stdout);
    return Object.fromEntries(commands);
  }
}

interface Step {
  newState?: { type: string; urn: string; inputs: unknown };
}

describe("the package, however it is installed", function () {
  this.timeout(INSTALL_MS);
  let tarball: string;
  let npm: Record<string, unknown>;
  let tools: string;

  /** README's line for npm, with the file in place of the name. */
  const packages = (sdk = ""): string => `${tarball} @pulumi/pulumi${sdk}`;
  const empty = async (name: string): Promise<Project> => {
    const folder = path.join(path.dirname(tarball), name);
    fs.mkdirSync(folder);
    const project = new Project(folder);
    project.write({ "package.json": '{ "name": "farm", "version": "1.0.0", "private": true }\n' });
    return project;
  };

  before("by npm, as README says", async () => {
    [tarball, tools] = await Promise.all([packed(), sharedTools()]);
    const project = new Project(await userFolder("by-npm"));
    project.writeProgram();
    npm = await project.preview();
    const [{ create, environment }] = Object.values(npm) as { create: string; environment: object }[];
    assert.equal(create, "node node_modules/pulumi-loopback-ha/dist/components/host/deliver.cjs");
    assert.match(
      JSON.stringify(environment),
      /"LOOPBACK_HA_SCRIPTS":"node_modules\/pulumi-loopback-ha\/dist\//,
    );
  });

  it("by pnpm, which hoists nothing: no command is another", async () => {
    const project = await empty("by-pnpm");
    const pnpm = path.join(tools, "node_modules/.bin/pnpm");
    await project.shell(`${pnpm} add --ignore-scripts ${packages(`@${OLDER_SDK}`)}`);
    assert.ok(fs.lstatSync(path.join(project.folder, "node_modules/pulumi-loopback-ha")).isSymbolicLink());
    assert.ok(!fs.existsSync(path.join(project.folder, "node_modules/@pulumi/command")));
    project.writeProgram();
    assert.deepEqual(await project.preview(), npm);
    assert.match(await project.shell(`${pnpm} exec loopback-ha check --stack prod`), /prod/);
  });

  it("by yarn 1: no command is another", async () => {
    const project = await empty("by-yarn");
    const yarn = `node ${path.join(tools, "node_modules/yarn/bin/yarn.js")}`;
    await project.shell(`${yarn} add --ignore-scripts --ignore-engines ${packages()}`);
    project.writeProgram();
    assert.deepEqual(await project.preview(), npm);
    assert.match(await project.shell(`${yarn} --silent loopback-ha check --stack prod`), /prod/);
  });

  it("by yarn 4 with node_modules: no command is another", async () => {
    const project = await empty("by-yarn-4");
    const yarn = `node ${path.join(tools, "node_modules/@yarnpkg/cli-dist/bin/yarn.js")}`;
    project.write({
      ".yarnrc.yml": "nodeLinker: node-modules\nenableScripts: false\nenableTelemetry: false\n",
      "yarn.lock": "",
    });
    await project.shell(`${yarn} add ${packages()}`);
    project.writeProgram();
    assert.deepEqual(await project.preview(), npm);
    assert.match(await project.shell(`${yarn} loopback-ha check --stack prod`), /prod/);
  });

  it("in a workspace of npm: each command by the folder of the whole", async () => {
    const whole = await empty("workspace");
    whole.write({
      "package.json": '{ "name": "whole", "private": true, "workspaces": ["farms/*"] }\n',
      "farms/prod/package.json": '{ "name": "prod", "version": "1.0.0", "private": true }\n',
    });
    await whole.shell(`npm install --ignore-scripts --prefer-offline --workspace prod ${packages()}`);
    const project = new Project(path.join(whole.folder, "farms/prod"));
    project.writeProgram();
    const hoisted = JSON.stringify(npm).replaceAll(
      /(?<!\/)node_modules\/pulumi-loopback-ha/g,
      "../../node_modules/pulumi-loopback-ha",
    );
    assert.deepEqual(await project.preview(), JSON.parse(hoisted));
  });

  it('"type": "module": what init writes there runs', async () => {
    const project = new Project(await userFolder("by-module"));
    // Not into the file, which is the other folders' too.
    const manifest = fs.readFileSync(path.join(project.folder, "package.json"), "utf8");
    fs.rmSync(path.join(project.folder, "package.json"));
    project.write({ "package.json": JSON.stringify({ ...JSON.parse(manifest), type: "module" }) });
    await project.shell(
      "npx --no-install loopback-ha init --stack prod --project loopback-ha --block 192.0.2.0/24 --router r1=192.0.2.1 --server web1=192.0.2.2 --server web2=192.0.2.3 --name-server ns1=192.0.2.10 --site widgetco --server-name www.widgetco.example --document-root /srv/www/widgetco",
    );
    assert.match(fs.readFileSync(path.join(project.folder, "index.js"), "utf8"), /^export default /m);
    project.write({ "Pulumi.prod.yaml": CONFIG });
    assert.deepEqual(await project.preview(), npm);
  });

  it("TypeScript with nodenext and settings of its own", async () => {
    const project = new Project(await userFolder("by-nodenext"));
    for (const name of ["typescript", "@types/node", "undici-types"]) {
      const copy = path.join(project.folder, "node_modules", name);
      fs.mkdirSync(path.dirname(copy), { recursive: true });
      if (!fs.existsSync(copy)) await run("cp", ["-al", path.join(checkout, "node_modules", name), copy]);
    }
    project.writeProgram();
    const compilerOptions = {
      module: "nodenext",
      moduleResolution: "nodenext",
      target: "es2022",
      strict: true,
    };
    project.write({ "tsconfig.json": JSON.stringify({ compilerOptions, files: ["index.ts"] }) });
    await project.shell("node node_modules/typescript/bin/tsc --noEmit");
    assert.deepEqual(await project.preview(), npm);
  });
});
