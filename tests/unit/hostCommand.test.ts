import assert from "assert";
import * as pulumi from "@pulumi/pulumi";
import { hostCommandOptions, instanceName } from "../../components/host/hostCommand";
import { Role } from "../../components/preflight/roles";
import { SshOptions, forLooking, sshArguments, sudoPrefix } from "../../components/host/ssh";

function mock(project: string, stack: string): Promise<void> {
  const newResource = ({ name, inputs }: pulumi.runtime.MockResourceArgs) => ({ id: name, state: inputs });
  return pulumi.runtime.setMocks({ newResource, call: () => ({}) }, project, stack);
}

describe("hostCommandOptions", () => {
  type Options = pulumi.CustomResourceOptions;
  const replaced = { replaceOnChanges: ["environment.LOOPBACK_HA_ROLE"] };
  const interpreter = { ignoreChanges: ["interpreter"], ...replaced };
  const untouched = { ignoreChanges: ["*"], retainOnDelete: true, dependsOn: [] };
  const rows: [Options, { down?: boolean; drifted?: boolean }, Options][] = [
    [{}, {}, interpreter],
    [{}, { drifted: true }, replaced],
    [{ ignoreChanges: ["stdin"] }, {}, { ...replaced, ignoreChanges: ["stdin", "interpreter"] }],
    [{ ignoreChanges: ["stdin"] }, { drifted: true }, { ...replaced, ignoreChanges: ["stdin"] }],
    [{ dependsOn: [] }, { down: false }, { dependsOn: [], ...interpreter }],
    [{}, { down: true }, untouched],
    [{}, { down: true, drifted: true }, untouched],
    [{ ignoreChanges: ["stdin"], retainOnDelete: false }, { down: true }, untouched],
  ];
  for (const [opts, state, expected] of rows) {
    it(`${JSON.stringify(opts)}, ${JSON.stringify(state)}`, () => {
      const given = { ...opts, protect: true };
      assert.deepStrictEqual(hostCommandOptions(given, state), { protect: true, ...expected });
      assert.deepStrictEqual(given, { ...opts, protect: true });
    });
  }
});

describe("instanceName", () => {
  before(() => mock("farm", "prod"));
  after(() => mock("project", "stack"));

  for (const name of ["web", "a", "9", "widgetco.example", "web-web1", "A_b", "x".repeat(63)]) {
    it(`takes ${name}`, () => assert.strictEqual(instanceName(name, Role.Vips), `farm.prod.${name}.vips`));
  }
  const bad = [..."'\"\n\r\t /\\$`;&|*?<>()!~#%@:,+=é\0".split("")].map((letter) => `a${letter}b`);
  for (const name of [
    "",
    ".",
    "..",
    "-a",
    "a-",
    ".a",
    "a.",
    "_a",
    "a\n",
    "\na",
    "../a",
    "x".repeat(64),
    ...bad,
  ]) {
    it(`refuses ${JSON.stringify(name)}`, () => {
      assert.throws(() => instanceName(name, Role.Vips), /becomes part of file names on the machines/);
    });
  }
  for (const [project, stack] of [
    ["fa rm", "prod"],
    ["farm", "pr'od"],
  ]) {
    it(`refuses project ${project} with stack ${stack}`, async () => {
      await mock(project, stack);
      assert.throws(() => instanceName("web", Role.Zone), /becomes part of file names/);
      await mock("farm", "prod");
    });
  }
});

describe("forLooking", () => {
  const host = { name: "web1", address: "192.0.2.2", ssh: { user: "deploy", port: 2222, sudo: true } };
  const asUser = (user: string) => {
    process.env.LOOPBACK_HA_LOOK_USER = user;
    try {
      return forLooking(host);
    } finally {
      delete process.env.LOOPBACK_HA_LOOK_USER;
    }
  };

  it("is the ordinary login, unless the environment names a user for looking", () => {
    assert.strictEqual(forLooking(host), host);
    assert.strictEqual(asUser(""), host);
    assert.deepStrictEqual(asUser("preview").ssh, { user: "preview", port: 2222, sudo: true });
    assert.deepStrictEqual(asUser("root").ssh, { user: "root", port: 2222, sudo: false });
    assert.throws(() => asUser("-oProxyCommand=id"), /LOOPBACK_HA_LOOK_USER: .* is not a valid user name/);
  });
});

describe("sshArguments", () => {
  const rows: [SshOptions | undefined, string[], string, string][] = [
    [undefined, [], "root@192.0.2.2", ""],
    [{ user: "root", sudo: true }, [], "root@192.0.2.2", "sudo -n"],
    [{ user: "admin" }, [], "admin@192.0.2.2", "sudo -n"],
    [{ user: "admin", sudo: false }, [], "admin@192.0.2.2", ""],
    [{ port: 2222 }, ["-p", "2222"], "root@192.0.2.2", ""],
    [{ configFile: "ssh.conf", port: 22 }, ["-F", "ssh.conf", "-p", "22"], "root@192.0.2.2", ""],
  ];
  for (const [ssh, first, last, sudo] of rows) {
    it(JSON.stringify(ssh ?? {}), () => {
      const host = { name: "web1", address: "192.0.2.2", ssh };
      const words = sshArguments(host);
      assert.deepStrictEqual(words.slice(0, first.length), first);
      assert.strictEqual(words.at(-1), last);
      assert.deepStrictEqual(
        words.filter((word) => /\s/.test(word)),
        [],
      );
      const options = words.slice(first.length, -1);
      assert.ok(options.every((word, i) => (word === "-o") === (i % 2 === 0)));
      for (const needed of [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ConnectTimeout=5",
        "ForwardAgent=no",
      ])
        assert.ok(options.includes(needed));
      assert.strictEqual(sudoPrefix(host), sudo);
    });
  }
});
