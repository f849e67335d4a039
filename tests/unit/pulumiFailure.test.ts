import assert from "node:assert/strict";
import { Exit, UsageError } from "../../cli/terminal/exit";
import { PulumiError } from "../../cli/pulumi/engine";
import { explainPulumi } from "../../cli/pulumi/failure";

describe("an error of pulumi", () => {
  for (const [stderr, exit, text] of [
    [
      "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n  file:///x.json: created by ann@ops (pid 12) at 2026-11-25T07:00:00Z",
      Exit.Locked,
      /another run holds the stack; nothing was touched\.\n {2}created by ann@ops \(pid 12\).*\nWait for it to end\. If its process is dead: loopback-ha unlock/,
    ],
    ["error: [409] Conflict: Another update is currently in progress.", Exit.Locked, /Wait for it/],
    [
      "error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables",
      Exit.Usage,
      /no passphrase is set: set PULUMI_CONFIG_PASSPHRASE/,
    ],
    ["error: getting secrets manager: incorrect passphrase", Exit.Usage, /the passphrase is wrong/],
    ["error: no stack named 'x' found", Exit.Failed, /^opening failed: no stack named 'x' found$/],
  ] as const) {
    it(`explains: ${stderr.slice(0, 60)}`, () => {
      const error = explainPulumi(new PulumiError(stderr), "opening");
      assert.match(error.message, text);
      assert.equal(error.exit, exit);
    });
  }

  it("says that pulumi is not installed", () => {
    assert.match(
      explainPulumi(new Error("spawn pulumi ENOENT"), "x").message,
      /pulumi is not on PATH; install it/,
    );
  });

  it("leaves loopback-ha's own messages as they are", () => {
    const own = new UsageError("no stack is selected");
    assert.equal(explainPulumi(own, "x"), own);
  });
});
