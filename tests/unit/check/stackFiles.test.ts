import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { readStackFiles, stackConfigOf } from "../../../cli/check/stackFiles";
import { UsageError } from "../../../cli/terminal/exit";

describe("stack files, read without pulumi", () => {
  it("give the engine's values: JSON for objects, text for the rest, the stack before the project", () =>
    assert.deepEqual(
      stackConfigOf(
        {
          project: "farm",
          config: {
            network: { value: { vipSubnets: 4 } },
            detectDrift: { type: "boolean", default: true },
            "aws:region": "nowhere",
            described: { description: "only that" },
            overrides: { value: { a: "web1" } },
          },
        },
        {
          "farm:servers": { web1: { address: "192.0.2.2" } },
          "farm:detectDrift": false,
          "farm:enableSecret": { secure: "v1:abc" },
          "farm:sites": { a: { key: { secure: "v1:abc" } } },
        },
      ),
      {
        project: "farm",
        all: {
          "farm:network": '{"vipSubnets":4}',
          "farm:detectDrift": "false",
          "aws:region": "nowhere",
          "farm:overrides": '{"a":"web1"}',
          "farm:servers": '{"web1":{"address":"192.0.2.2"}}',
          "farm:enableSecret": '{"secure":"v1:abc"}',
          "farm:sites": '{"a":{"key":{"secure":"v1:abc"}}}',
        },
        secretKeys: ["farm:enableSecret", "farm:sites"],
      },
    ));

  describe("in a project's folder", () => {
    let cwd: string;
    const write = (name: string, text: string): void => fs.writeFileSync(path.join(cwd, name), text);
    beforeEach(() => (cwd = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-check-"))));
    afterEach(() => fs.rmSync(cwd, { recursive: true }));
    const refuses = (reason: RegExp, stack?: string): void =>
      assert.throws(
        () => readStackFiles({ cwd, stack }),
        (error) => error instanceof UsageError && reason.test(error.message),
      );

    it("are all read, or only the one that is named, with its organization or without", () => {
      fs.mkdirSync(path.join(cwd, "stacks"));
      write("Pulumi.yaml", "name: farm\nruntime: nodejs\nstackConfigDir: stacks\n");
      write("stacks/Pulumi.prod.yaml", "config:\n  farm:detectDrift: false\n");
      write("stacks/Pulumi.test.yaml", "environment:\n  - shared\n");
      assert.deepEqual(
        readStackFiles({ cwd }).map(({ stack, file, imports, config }) => [stack, file, imports, config.all]),
        [
          ["prod", "stacks/Pulumi.prod.yaml", false, { "farm:detectDrift": "false" }],
          ["test", "stacks/Pulumi.test.yaml", true, {}],
        ],
      );
      assert.equal(readStackFiles({ cwd, stack: "org/farm/prod" }).length, 1);
      refuses(/there is no Pulumi\.prd\.yaml in .*; did you mean prod\?/, "prd");
    });

    it("are named when they are missing", () => {
      refuses(/no Pulumi\.yaml in/);
      write("Pulumi.yaml", "name: farm\n");
      refuses(/there is no Pulumi\.STACK\.yaml in/);
      write("Pulumi.prod.yaml", "a: b: c\n");
      refuses(/Pulumi\.prod\.yaml can't be read: /);
      write("Pulumi.prod.yaml", "");
      refuses(/Pulumi\.prod\.yaml can't be read: it has no keys/);
      write("Pulumi.yaml", "[");
      refuses(/Pulumi\.yaml can't be read: /);
    });
  });
});
