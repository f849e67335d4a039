import assert from "assert";
import { ConfigError, checkSecrets, enableSecretKey, isSecretKey } from "../../../components/config";
import { readStackConfig } from "../../../components/config/stack";
import { article, problemsOf, refuses, row, table } from "./support";

describe("config: bad placement, observe and keys", () => {
  table([
    row(["placement", "192.0.2.64/27"], "web22", "did you mean web2?", "web2"),
    row(["placement", "192.0.2.64/27"], 2, "is no server", "web2"),
    row(
      ["placement", "192.0.2.65/27"],
      "web2",
      "did you mean 192.0.2.64/27?",
      undefined,
      'placement["192.0.2.65/27"]',
    ),
    row(["placement"], "web2", "is not an object", {}),
    row(["observe"], "yes", "use true or false", "true"),
    row(["server"], {}, "unknown key; did you mean servers?", undefined, "server"),
    row(
      ["servers.web1.state"],
      "down",
      "pulumi config set --path 'servers.web1.state'",
      undefined,
      "servers.web1.state",
    ),
    row(["servers[0]"], "down", "pulumi config rm 'servers[0]'", undefined, "servers[0]"),
  ]);

  const stray: [string, string, string][] = [
    ["loopback-ha:servers.web1.state", "servers.web1.state", "--path"],
    ["loopback-ha:netwrok", "netwrok", "did you mean network?"],
    ["observed", "observed", "did you mean observe?"],
  ];
  for (const [name, path, says] of stray)
    it(`the key ${name} that has no value here`, () => refuses(article(), path, says, [name]));

  it("but no key of another namespace, and no known one", () => {
    assert.deepStrictEqual(problemsOf(article(), ["aws:region", "pulumi:tags", "loopback-ha:servers"]), []);
  });

  it("secrets inside objects", () => {
    assert.throws(
      () => checkSecrets([], ["loopback-ha:servers", "zones"]),
      (error: unknown) =>
        error instanceof ConfigError &&
        /^servers: contains a secret.*top-level keys.*\nzones: contains a secret/.test(error.message),
    );
    checkSecrets(["loopback-ha:servers"], []);
  });

  it("of a project with another name, the same", () => {
    const read = (secretKeys: string[]): void =>
      void readStackConfig({
        project: "farm",
        all: {
          ...Object.fromEntries(
            Object.entries(article()).map(([key, value]) => [`farm:${key}`, JSON.stringify(value)]),
          ),
          "farm:enableSecret": "x",
          "loopback-ha:else": "1",
        },
        secretKeys,
      });
    read(["farm:enableSecret"]);
    assert.throws(() => read([]), /^ConfigError: enableSecret: is in clear text/);
    assert.throws(
      () => read(["farm:enableSecret", "farm:servers"]),
      /^ConfigError: servers: contains a secret/,
    );
  });

  it("a text that only looks like an object", () => {
    const all = { "farm:ssh": "{user: root}" };
    assert.throws(
      () => readStackConfig({ project: "farm", all, secretKeys: [] }),
      /^ssh: "\{user: root\}" is not an object/m,
    );
  });

  it("an enable secret: only as a secret, of all routers or of one that is there", () => {
    checkSecrets(["loopback-ha:enableSecret-r1"], ["loopback-ha:enableSecret-r1"]);
    assert.throws(
      () => checkSecrets(["loopback-ha:enableSecret-r1"], []),
      /^ConfigError: enableSecret-r1: is in clear text; .*--secret enableSecret-r1$/,
    );
    assert.deepStrictEqual(problemsOf(article(), ["loopback-ha:enableSecret", "enableSecret-r1"]), []);
    refuses(article(), "enableSecret-r9", 'there is no router "r9"; use r1', ["enableSecret-r9"]);
    assert.strictEqual(enableSecretKey("r1", ["enableSecret", "enableSecret-r1"]), "enableSecret-r1");
    assert.strictEqual(enableSecretKey("r2", ["enableSecret", "enableSecret-r1"]), "enableSecret");
    assert.strictEqual(enableSecretKey("r2", ["enableSecret-r1"]), undefined);
    assert.deepStrictEqual(["enableSecret", "enableSecret-r1", "servers"].map(isSecretKey), [
      true,
      true,
      false,
    ]);
  });
});
