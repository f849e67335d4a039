import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { readYaml, textOf } from "../../cli/pulumi/project";

describe("a file of a project", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-project-file-"));
  const file = path.join(folder, "Pulumi.prod.yaml");
  after(() => fs.rmSync(folder, { recursive: true }));
  afterEach(() => fs.rmSync(file, { recursive: true, force: true }));

  it("is read through links, and may be missing", () => {
    assert.equal(textOf(file), null);
    assert.throws(() => readYaml(file), /it does not exist/);
    fs.writeFileSync(path.join(folder, "other"), "a: 1\n");
    fs.symlinkSync("other", file);
    assert.equal(textOf(file), "a: 1\n");
    assert.deepEqual(readYaml(file), { a: 1 });
  });

  for (const [what, make] of [
    ["a pipe without a writer", () => execFileSync("mkfifo", [file])],
    ["a folder", () => fs.mkdirSync(file)],
    ["a device", () => fs.symlinkSync("/dev/zero", file)],
  ] as const) {
    it(`is refused at once if it is ${what} (H3)`, () => {
      make();
      assert.throws(() => textOf(file), /Pulumi\.prod\.yaml is not a regular file/);
      assert.throws(() => readYaml(file), /can't be read: .* is not a regular file/);
    });
  }
});
