import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { fromProject } from "../../components/host/fromProject";

const FILE = path.join(__dirname, "../../components/host/fromProject.ts");

describe("the path of a package's file in the state", () => {
  let folder: string;
  beforeEach(
    () => (folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-project-")))),
  );
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function install(at: string, name: string): void {
    const script = path.join(folder, at, "dist/host/deliver.cjs");
    fs.mkdirSync(path.dirname(script), { recursive: true });
    fs.writeFileSync(script, "");
    fs.writeFileSync(path.join(folder, at, "package.json"), JSON.stringify({ name }));
  }
  function link(from: string, to: string): void {
    fs.mkdirSync(path.dirname(path.join(folder, from)), { recursive: true });
    fs.symlinkSync(path.join(folder, to), path.join(folder, from));
  }
  const said = (project: string, file: string): string =>
    fromProject(path.join(folder, file), path.join(folder, project));
  const DELIVER = "node_modules/lha/dist/host/deliver.cjs";

  it("npm and yarn: is the file's own path", () => {
    install("farm/node_modules/lha", "lha");
    assert.equal(said("farm", `farm/${DELIVER}`), DELIVER);
  });

  it("pnpm: goes through the link, and not through versioned folders", () => {
    const store = "farm/node_modules/.pnpm/lha@0.1.0_@pulumi+pulumi@3.248.0/node_modules/lha";
    install(store, "lha");
    link("farm/node_modules/lha", store);
    assert.equal(said("farm", `${store}/dist/host/deliver.cjs`), DELIVER);
  });

  it("a workspace: goes through the workspace's link", () => {
    install("packages/lha", "lha");
    link("node_modules/lha", "packages/lha");
    fs.mkdirSync(path.join(folder, "farms/one"), { recursive: true });
    assert.equal(said("farms/one", "packages/lha/dist/host/deliver.cjs"), `../../${DELIVER}`);
  });

  it("another package of that name, or none: goes from folder to folder", () => {
    install("farm/node_modules/lha", "lha");
    install("elsewhere/lha", "lha");
    fs.mkdirSync(path.join(folder, "bare"));
    assert.equal(
      said("farm", "elsewhere/lha/dist/host/deliver.cjs"),
      "../elsewhere/lha/dist/host/deliver.cjs",
    );
    assert.equal(said("farm", "bare/deliver.cjs"), "../bare/deliver.cjs");
  });

  it("built in a checkout: is the source's path, as before the build", () => {
    install("farm", "lha");
    fs.mkdirSync(path.join(folder, "farm/host"));
    fs.writeFileSync(path.join(folder, "farm/host/deliver.cjs"), "");
    for (const file of ["dist/host/deliver.cjs", "host/deliver.cjs"])
      assert.equal(said("farm", `farm/${file}`), "host/deliver.cjs");
    assert.equal(said("farm", "farm/dist/host"), "host");
  });

  it("in this checkout: is the file's own path", () => {
    assert.equal(fromProject(FILE), "components/host/fromProject.ts");
  });
});
