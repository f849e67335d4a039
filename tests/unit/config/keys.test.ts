import assert from "assert";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { ConfigError, checkSecrets, enableSecretKey, isSecretKey } from "../../../components/config";
import { readStackConfig } from "../../../components/config/stack";
import { Json, classicFarm, problemsOf, refuses, row, table } from "./support";

describe("config: bad homes, detectDrift and keys", () => {
  table([
    row(["homes", "192.0.2.64/27"], "web22", "did you mean web2?", "web2"),
    row(["homes", "192.0.2.64/27"], 2, "is not a server", "web2"),
    row(
      ["homes", "192.0.2.65/27"],
      "web2",
      "did you mean 192.0.2.64/27?",
      undefined,
      'homes["192.0.2.65/27"]',
    ),
    row(["homes"], "web2", "must be an object", {}),
    row(["detectDrift"], "yes", "use true or false", "true"),
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
    ["detectDrifts", "detectDrifts", "did you mean detectDrift?"],
  ];
  for (const [name, path, says] of stray)
    it(`the key ${name} without a value`, () => refuses(classicFarm(), path, says, [name]));

  it("but not a key of another namespace, or a known one", () => {
    assert.deepStrictEqual(
      problemsOf(classicFarm(), ["aws:region", "pulumi:tags", "loopback-ha:servers"]),
      [],
    );
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
            Object.entries(classicFarm()).map(([key, value]) => [`farm:${key}`, JSON.stringify(value)]),
          ),
          "farm:enableSecret": "x",
          "loopback-ha:else": "1",
        },
        secretKeys,
      });
    read(["farm:enableSecret"]);
    assert.throws(() => read([]), /^ConfigError: enableSecret: is stored in clear text/);
    assert.throws(
      () => read(["farm:enableSecret", "farm:servers"]),
      /^ConfigError: servers: contains a secret/,
    );
  });

  it("a text that only looks like an object", () => {
    const all = { "farm:ssh": "{user: root}" };
    assert.throws(
      () => readStackConfig({ project: "farm", all, secretKeys: [] }),
      /^ssh: "\{user: root\}" must be an object/m,
    );
  });

  describe("sitesFile", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-sites-"));
    after(() => fs.rmSync(folder, { recursive: true }));
    const { sites, ...rest } = classicFarm();
    const read = (file: string, config: Json) => {
      fs.writeFileSync(path.join(folder, "sites.json"), file);
      const values = Object.entries({ ...rest, ...config });
      const all = Object.fromEntries(
        values.map(([key, value]) => [
          `farm:${key}`,
          typeof value === "string" ? value : JSON.stringify(value),
        ]),
      );
      return readStackConfig({ project: "farm", all, secretKeys: [], folder });
    };
    const { gadgets, widgetco } = sites as Json;

    it("has more sites, read from the project's folder", () => {
      const farm = read(JSON.stringify({ widgetco }), { sites: { gadgets }, sitesFile: "sites.json" });
      assert.deepStrictEqual(farm, read("", { sites }));
      assert.deepStrictEqual(
        read(JSON.stringify(sites), { sitesFile: "sites.json" }).sites.map(({ name }) => name),
        ["gadgets", "widgetco"],
      );
    });

    const refused: [string, string, Json, RegExp][] = [
      [
        "is not there",
        "{}",
        { sitesFile: "other.json" },
        /^sitesFile: "other.json" can't be read \(ENOENT\); use a JSON file/,
      ],
      [
        "is not valid JSON",
        "a: b",
        { sitesFile: "sites.json" },
        /^sitesFile: "sites.json" is not valid JSON; /,
      ],
      [
        "is a list",
        "[]",
        { sitesFile: "sites.json" },
        /^sitesFile: "sites.json" does not contain an object with sites by name/,
      ],
      [
        "has a name that moves cursors",
        "{}",
        { sitesFile: "\x1b[2J\0" },
        /^sitesFile: "\\u001b\[2J\\u0000" can't be read \([A-Z_]+\); [ -~]+$/,
      ],
      ["has no name", "{}", { sitesFile: {} }, /^sitesFile: \{\} is not a file name/],
      [
        "has a site that the config has, too",
        JSON.stringify({ gadgets }),
        { sites: { gadgets }, sitesFile: "sites.json" },
        /^sites.gadgets: is also in "sites.json"; keep it in only one of the two/,
      ],
      [
        "has a site that is wrong",
        JSON.stringify({ gadgets: { ...(gadgets as Json), hostNumber: 99 } }),
        { sitesFile: "sites.json" },
        /^sites.gadgets.hostNumber: 99 is not a whole number from 1 to 30/,
      ],
    ];
    for (const [what, file, config, says] of refused)
      it(what, () =>
        assert.throws(
          () => read(file, config),
          (error: unknown) => error instanceof ConfigError && says.test(error.message),
        ),
      );
  });

  it("an enable secret: only as a secret, of all routers or of one that is there", () => {
    checkSecrets(["loopback-ha:enableSecret-r1"], ["loopback-ha:enableSecret-r1"]);
    assert.throws(
      () => checkSecrets(["loopback-ha:enableSecret-r1"], []),
      /^ConfigError: enableSecret-r1: is stored in clear text; .*--secret enableSecret-r1$/,
    );
    assert.deepStrictEqual(problemsOf(classicFarm(), ["loopback-ha:enableSecret", "enableSecret-r1"]), []);
    refuses(classicFarm(), "enableSecret-r9", 'there is no router "r9"; use r1', ["enableSecret-r9"]);
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
