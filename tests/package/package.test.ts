import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { whoServes } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { Program } from "../../lab/project";
import { checkout } from "../../lab/state";
import { emptyLab, textOf } from "../lab/support";
import { block } from "../pages";
import { run } from "../run";
import { INSTALL_MS, packed, userFolder } from "./installed";

/** Everything that may be in it; `dist` is also compared with the sources. */
const ALLOWED = [
  /^(package\.json|(README|CHANGELOG|SECURITY)\.md|LICENSE|bin\/loopback-ha\.cjs)$/,
  /^docs\/[\w/-]+\.(md|svg|gif|png)$/,
  /^docs\/monitoring\/loopback-ha\.(rules\.yml|rules\.test\.yml|dashboard\.json)$/,
  /^examples\/(network\.ts|\w+\/[\w.-]+)$/,
  /^lab\/(Pulumi\.lab\.yaml|README\.md)$/,
  /^plugin\/(PulumiPlugin\.yaml|package\.json|index\.cjs|pulumi-resource-loopback-ha)$/,
  /^dist\/(schema\.json|(components|cli)\/[\w/-]+\.(js|cjs|sh|pl|awk|service)|components\/[\w/-]+\.d\.c?ts)$/,
];

describe("the package", function () {
  this.timeout(INSTALL_MS);
  before("packed and installed", packed);

  it("has what a user needs, and nothing else (story)", async () => {
    const { stdout } = await run("tar", ["-tzf", await packed()]);
    const files = stdout
      .trim()
      .split("\n")
      .map((name) => name.replace(/^package\//, ""));
    assert.deepEqual(
      files.filter((name) => !ALLOWED.some((allowed) => allowed.test(name))),
      [],
    );
    const built = files.filter((name) => /^dist\/c.*(?<!\.d\.c?ts)$/.test(name));
    const sources = ["components", "cli"].flatMap((folder) => filesBelow(folder));
    assert.deepEqual(built.sort(), sources.map((name) => `dist/${name.replace(/\.ts$/, ".js")}`).sort());
  });

  it("has what README links to: the page at a registry can link nowhere else", async () => {
    const { stdout } = await run("tar", ["-tzf", await packed()]);
    const files = stdout
      .trim()
      .split("\n")
      .map((name) => name.replace(/^package\//, ""));
    const links = [...fs.readFileSync(path.join(checkout, "README.md"), "utf8").matchAll(/\]\(([^)#]+)/g)]
      .map(([, link]) => link)
      .filter((link) => !link.startsWith("https://"));
    assert.ok(links.length > 10);
    assert.deepEqual(
      links.filter((link) => !files.some((name) => name === link || name.startsWith(`${link}/`))),
      [],
    );
  });

  it("can be published: npm neither refuses nor corrects anything", async () => {
    const said = textOf(await run("npm", ["publish", "--dry-run", "--tag", "next", await packed()]));
    assert.match(said, /\+ pulumi-loopback-ha@/);
    assert.doesNotMatch(said, /auto-corrected|npm error/i);
  });

  it("has the checkout's host scripts, byte for byte", async () => {
    const dist = path.join(await userFolder("scripts"), "node_modules/pulumi-loopback-ha/dist");
    const scripts = filesBelow("components").filter((name) => !name.endsWith(".ts"));
    assert.ok(scripts.length > 20);
    for (const name of scripts) {
      assert.ok(
        fs.readFileSync(path.join(checkout, name)).equals(fs.readFileSync(path.join(dist, name))),
        name,
      );
    }
  });

  it("has no problem that publint finds", async () => {
    const installed = path.join(await userFolder("publint"), "node_modules/pulumi-loopback-ha");
    const publint = path.join(checkout, "node_modules/.bin/publint");
    const { stdout } = await run(publint, ["run", "--strict", "--pack", "false", installed]);
    assert.match(stdout, /All good!/);
  });

  const resolutions = [
    { module: "commonjs", moduleResolution: "node10", program: "export = program;" },
    { module: "node16", moduleResolution: "node16", program: "export = program;" },
    { module: "esnext", moduleResolution: "bundler", program: "export default program;" },
  ];
  for (const { module, moduleResolution, program } of resolutions) {
    it(`has types where TypeScript looks for them with ${moduleResolution}`, async () => {
      const folder = await userFolder(`types-${moduleResolution}`);
      fs.writeFileSync(
        path.join(folder, "program.ts"),
        `import { program } from "pulumi-loopback-ha/program";\n${program}\n`,
      );
      fs.writeFileSync(
        path.join(folder, "components.ts"),
        `${block("docs/components.md", "new lha.WebServerPool", "ts")}
const vips: lha.LoopbackVipArgs = { server: servers[0], vips: site.vips, prefixes: plan.vipSubnets };
export const report: import("@pulumi/pulumi").Output<string> = new lha.LoopbackVip("vips", vips).report;
// @ts-expect-error
new lha.LoopbackVip("wrong", { ...vips, vips: "192.0.2.37" });
`,
      );
      const tsc = path.join(checkout, "node_modules/.bin/tsc");
      const options = ["--noEmit", "--strict", "--target", "es2022", "--skipLibCheck"];
      const modules = ["--module", module, "--moduleResolution", moduleResolution];
      await run(tsc, [...options, ...modules, "program.ts", "components.ts"], { cwd: folder });
    });
  }

  it("exports to CommonJS and to ES modules what the checkout exports (story)", async () => {
    const folder = await userFolder("javascript");
    // Without types, which the checkout's translator takes for values.
    const ours = Object.entries(await import("../../components")).filter(([, value]) => value !== undefined);
    const expected = ours.map(([name]) => name).sort();
    const print = "process.stdout.write(JSON.stringify(Object.keys(lha).sort()))";
    const common = `const lha = require("pulumi-loopback-ha"); ${print}`;
    const esm = `import * as lha from "pulumi-loopback-ha"; ${print}`;
    const ask = async (...args: string[]): Promise<string[]> =>
      JSON.parse((await run(process.execPath, args, { cwd: folder })).stdout);
    assert.deepEqual(await ask("-e", common), expected);
    const names = await ask("--input-type=module", "-e", esm);
    // An ES module sees a CommonJS module's whole and its mark, too.
    assert.deepEqual(
      names.filter((name) => !["default", "module.exports", "__esModule"].includes(name)),
      expected,
    );
  });

  it("has the command line, as the checkout has (story)", async () => {
    const folder = await userFolder("command-line");
    const { version } = JSON.parse(fs.readFileSync(path.join(checkout, "package.json"), "utf8"));
    const installed = await run("npx", ["--no-install", "loopback-ha", "--version"], { cwd: folder });
    assert.equal(installed.stdout, `${version}\n`);
    const ours = await run(process.execPath, [path.join(checkout, "bin/loopback-ha.cjs"), "--version"], {
      cwd: folder,
    });
    assert.equal(ours.stdout, `${version}\n`);
  });

  it("runs what its init writes (story)", async () => {
    const lab = new Lab();
    await emptyLab(lab);
    const folder = await userFolder("init");
    const answers = {
      block: "192.0.2.0/24",
      router: "r1=192.0.2.1",
      server: "web1=192.0.2.2",
      site: "widgetco",
      "server-name": "www.widgetco.example",
      "document-root": "/srv/www/widgetco",
    };
    const flags = Object.entries(answers).flatMap(([name, value]) => [`--${name}`, value]);
    await run("npx", ["--no-install", "loopback-ha", "init", "--stack", "prod", ...flags], { cwd: folder });
    const farm = new Program(lab, "prod", folder);
    await farm.init();
    const { code, stdout, stderr } = await farm.pulumi(["preview", "--stack", "prod"]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /RouterRoute r1 create/);
    assert.doesNotMatch(stdout, /warning: Could not find entry point/);
  });

  it("runs a stack of its own program", async () => {
    const lab = new Lab();
    await emptyLab(lab);
    const farm = new Program(lab, "prod", await userFolder("farm"));
    fs.writeFileSync(farm.file("Pulumi.yaml"), block("docs/install.md", "main: index.ts", "yaml"));
    fs.writeFileSync(farm.file("index.ts"), block("docs/install.md", "export = program", "ts"));
    fs.writeFileSync(farm.file("Pulumi.prod.yaml"), block("README.md", "loopback-ha:network", "yaml"));
    await farm.init();
    try {
      const first = await farm.up();
      assert.equal(first.code, 0, textOf(first));
      const healthPath = (await farm.output("healthPath")) as string;
      const served = (vip: string): Promise<string> =>
        whoServes(lab, vip, "www.widgetco.example", healthPath);
      assert.deepEqual([await served("192.0.2.37"), await served("192.0.2.69")], ["web1", "web2"]);
      const second = await farm.pulumi([
        "up",
        ...["--yes", "--skip-preview", "--expect-no-changes", "--stack", "prod"],
      ]);
      assert.equal(second.code, 0, textOf(second));
      const status = await lab.exec(
        "operator",
        ["npx", "--no-install", "loopback-ha", "status", "--stack", "prod"],
        { cwd: farm.folder, env: farm.env },
      );
      assert.equal(status.code, 0, textOf(status));
      assert.match(status.stdout, /192\.0\.2\.64\/27.*web2/);
    } finally {
      const gone = await farm.destroy();
      assert.equal(gone.code, 0, textOf(gone));
    }
  });
});

/** Files of a folder of the checkout, by their paths in it. */
function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(path.join(checkout, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(checkout, path.join(entry.parentPath, entry.name)));
}
