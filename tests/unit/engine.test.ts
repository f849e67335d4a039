import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Engine, PulumiError, selectedStack } from "../../cli/pulumi/engine";
import { explainPulumi } from "../../cli/pulumi/failure";
import { Exit } from "../../cli/terminal/exit";

describe("runs of pulumi", () => {
  let folder: string;
  const { PATH } = process.env;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-engine-"));
    process.env.PATH = `${folder}:${PATH}`;
  });
  afterEach(() => {
    process.env.PATH = PATH;
    fs.rmSync(folder, { recursive: true });
  });

  /** A script in place of pulumi, and the words that it was called with. */
  const script = (text: string): void =>
    fs.writeFileSync(
      path.join(folder, "pulumi"),
      `#!/bin/bash\nprintf '%s\\n' "$*" >>"$(dirname "$0")/calls"\n${text}\n`,
      { mode: 0o755 },
    );
  const calls = (): string[] => fs.readFileSync(path.join(folder, "calls"), "utf8").trim().split("\n");
  const engine = (): Engine => new Engine(folder, "acme/farm/prod");

  it("gets events as they happen, however they are cut, and nothing else that is printed", async () => {
    script(`
echo 'Updating (prod):'
printf '{"sequence":1,"stdoutEvent":{"message":"'
sleep 0.1
printf 'h\\xc3'; sleep 0.1; printf '\\xa4"}}\\n{"sequence":2}\\n\\nno event\\n'
[[ $MOVES == /file ]] || exit 1`);
    const events: unknown[] = [];
    await engine().up({ env: { MOVES: "/file" }, onEvent: (event) => events.push(event) });
    assert.deepEqual(events, [{ sequence: 1, stdoutEvent: { message: "hä" } }, { sequence: 2 }]);
    assert.deepEqual(calls(), [
      "up --yes --skip-preview --continue-on-error --stack acme/farm/prod --json --non-interactive",
    ]);
  });

  it("previews with a config file in place of the stack's own, and streams that, too", async () => {
    script(`[[ $PULUMI_ENABLE_STREAMING_JSON_PREVIEW == true ]] && echo '{"sequence":1}'`);
    const events: unknown[] = [];
    await engine().preview({ configFile: "/tmp/draft.yaml", onEvent: (event) => events.push(event) });
    assert.equal(events.length, 1);
    assert.deepEqual(calls(), [
      "preview --config-file /tmp/draft.yaml --stack acme/farm/prod --json --non-interactive",
    ]);
  });

  const failures: [string, string, RegExp, Exit][] = [
    [
      "who holds the stack",
      `echo 'error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file.
  file:///x.json: created by ann@op1 (pid 7) at 2026' >&2; exit 255`,
      /^another run holds the stack; nothing was touched\.\n {2}created by ann@op1 \(pid 7\)/,
      Exit.Locked,
    ],
    [
      "an error in its own words",
      "echo \"error: no stack named 'prod' found\" >&2; exit 255",
      /^opening the stack failed: no stack named 'prod' found$/,
      Exit.Failed,
    ],
    ["what it printed, where it has no error", "echo 'as it is'; exit 1", /as it is$/, Exit.Failed],
    ["its exit code, where it says nothing", "exit 3", /pulumi ended with exit code 3$/, Exit.Failed],
  ];
  for (const [what, text, pattern, exit] of failures)
    it(`a failure says ${what}`, async () => {
      script(text);
      const error = await engine()
        .config()
        .then(
          () => assert.fail("it ended well"),
          (found: unknown) => found,
        );
      assert.ok(error instanceof PulumiError);
      const explained = explainPulumi(error, "opening the stack");
      assert.match(explained.message, pattern);
      assert.equal(explained.exit, exit);
    });

  it("a missing pulumi is named, with where to get it", async () => {
    process.env.PATH = folder;
    await assert.rejects(engine().config(), (error: unknown) => {
      assert.match(explainPulumi(error, "x").message, /^pulumi is not on PATH; install it/);
      return true;
    });
  });

  it("an interruption is handed on once, and pulumi ends its own way", async () => {
    script(`trap 'echo "{\\"sequence\\":9}"; echo >>"$(dirname "$0")/signals"; exit 1' INT
echo '{"sequence":1}'
for i in $(seq 100); do sleep 0.1; done`);
    const end = new AbortController();
    const events: unknown[] = [];
    const run = engine().up({
      signal: end.signal,
      onEvent: (event) => {
        events.push(event);
        end.abort();
      },
    });
    await assert.rejects(run, PulumiError);
    assert.deepEqual(events, [{ sequence: 1 }, { sequence: 9 }]);
    assert.equal(fs.readFileSync(path.join(folder, "signals"), "utf8"), "\n");
  });

  it("finds the stack that is selected, if one is", async () => {
    script(`echo '[{"name":"dev","current":false},{"name":"prod","current":true}]'`);
    assert.equal(await selectedStack(folder), "prod");
    script("echo '[]'");
    assert.equal(await selectedStack(folder), undefined);
  });

  it("finds steps that were begun and never finished", async () => {
    script(`echo '{"deployment":{"pending_operations":[{"resource":{"urn":"urn:a"}}]}}'`);
    assert.deepEqual(await engine().pending(), ["urn:a"]);
    script(`echo '{"deployment":{}}'`);
    assert.deepEqual(await engine().pending(), []);
  });
});
