import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { checkout } from "../../lab/state";
import { run } from "../run";
import { INSTALL_MS, packed, sharedTools, userFolder } from "./installed";
import { CONFIG, OLDEST_SDK, Project, emptyProject } from "./project";

describe("the package, however it is installed", function () {
  this.timeout(INSTALL_MS);
  let tarball: string;
  let npm: Record<string, unknown>;
  let tools: string;

  /** The line of docs/install.md for npm, with the file in place of the name. */
  const packages = (sdk = ""): string => `${tarball} @pulumi/pulumi${sdk}`;

  before("by npm, as install.md says", async () => {
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

  it("by pnpm, which hoists nothing: no command changes", async () => {
    const project = await emptyProject("by-pnpm");
    const pnpm = path.join(tools, "node_modules/.bin/pnpm");
    await project.shell(`${pnpm} add --ignore-scripts ${packages(`@${OLDEST_SDK}`)}`);
    assert.ok(fs.lstatSync(path.join(project.folder, "node_modules/pulumi-loopback-ha")).isSymbolicLink());
    assert.ok(!fs.existsSync(path.join(project.folder, "node_modules/@pulumi/command")));
    project.writeProgram();
    assert.deepEqual(await project.preview(), npm);
    assert.match(await project.shell(`${pnpm} exec loopback-ha check --stack prod`), /prod/);
  });

  it("by yarn 1: no command changes", async () => {
    const project = await emptyProject("by-yarn");
    const yarn = `node ${path.join(tools, "node_modules/yarn/bin/yarn.js")}`;
    await project.shell(`${yarn} add --ignore-scripts --ignore-engines ${packages()}`);
    project.writeProgram();
    assert.deepEqual(await project.preview(), npm);
    assert.match(await project.shell(`${yarn} --silent loopback-ha check --stack prod`), /prod/);
  });

  it("by yarn 4 with node_modules: no command changes", async () => {
    const project = await emptyProject("by-yarn-4");
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

  it("in an npm workspace: each command uses the workspace's folder", async () => {
    const whole = await emptyProject("workspace");
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

  it('with "type": "module": the program that init writes runs', async () => {
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

  it("with TypeScript's nodenext and the user's own settings", async () => {
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
