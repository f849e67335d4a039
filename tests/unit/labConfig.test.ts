import assert from "node:assert/strict";
import { withConfigValue } from "../../lab/project";

const TEXT = `encryptionsalt: v1:abc
config:
  # the farm
  farm:servers:
    web1: { address: 192.0.2.2 }
    web2: { address: 192.0.2.3, state: active }
`;

/** Key path, value, and the lines that replace others, as Pulumi 3.248 writes them for the same words. */
const CASES: [string, string, string | undefined, string, string][] = [
  ["a nested key", "servers.web2.state", "down", "state: active", "state: down"],
  ["a new nested key", "servers.web1.weight", "2", "address: 192.0.2.2 }", "address: 192.0.2.2, weight: 2 }"],
  [
    "a key with dots",
    'overrides["192.0.2.64/27"]',
    "web1",
    "$",
    "  farm:overrides:\n    192.0.2.64/27: web1\n",
  ],
  [
    "a list",
    "sites.a.checkPorts[0]",
    "8443",
    "$",
    "  farm:sites:\n    a:\n      checkPorts:\n        - 8443\n",
  ],
  ["text at the top", "detectDrift", "false", "$", '  farm:detectDrift: "false"\n'],
  ["a boolean below it", "sites.a.retiring", "true", "$", "  farm:sites:\n    a:\n      retiring: true\n"],
  ["text that begins with 0", "sites.a.note", "007", "$", '  farm:sites:\n    a:\n      note: "007"\n'],
  ["a key taken out", "servers.web2.state", undefined, ", state: active", ""],
];

describe("the lab's config", () => {
  for (const [what, keyPath, value, old, now] of CASES) {
    it(`${what}: is as pulumi config set and rm write it`, () => {
      const wanted = old === "$" ? TEXT + now : TEXT.replace(old, now);
      assert.equal(withConfigValue(TEXT, "farm", keyPath, value), wanted);
    });
  }

  it("makes the file of a stack that has none", () => {
    assert.equal(
      withConfigValue("", "farm", "network.block", "192.0.2.0/24"),
      "config:\n  farm:network:\n    block: 192.0.2.0/24\n",
    );
  });
});
