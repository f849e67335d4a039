import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { Edit, withEditedValues, withEdits } from "../../cli/pulumi/stackFile";

const FILE = `# production
encryptionsalt: v1:abc
config:
  farm:network: { block: 192.0.2.0/24, subnetPrefix: 27, vipSubnets: 4 } # a /24
  farm:servers:
    web1: { address: 192.0.2.2 }
    # the slow one
    web2:
      address: 192.0.2.3
      state: active # since May
  farm:overrides:
    192.0.2.64/27: web1
`;

describe("a stack's configuration file", () => {
  it("keeps comments, order and everything else", () => {
    assert.equal(
      withEdits(FILE, "farm", [{ path: ["servers", "web2", "state"], value: "maintenance" }]),
      FILE.replace("state: active", "state: maintenance"),
    );
  });

  it("adds what is missing, in the style around it", () => {
    const text = withEdits(FILE, "farm", [
      { path: ["servers", "web1", "state"], value: "down" },
      { path: ["sites", "acme"], value: { serverName: "www.acme.example", hostNumber: 7 } },
    ]);
    assert.match(text, /web1: \{ address: 192\.0\.2\.2, state: down \}/);
    assert.match(text, /farm:sites:\n {4}acme:\n {6}serverName: www\.acme\.example\n {6}hostNumber: 7\n/);
  });

  it("leaves each line that nothing changes as it is written", () => {
    const own = `config:
    farm:servers:
      # ours
        web1: {address: 192.0.2.2,   weight: 2}
        web2: {address: 192.0.2.3}
        web3:   { "address" :  192.0.2.4 }   # new
    farm:overrides: {"192.0.2.64/27": web1}

    farm:list: [a,b,   c]
`;
    const down = withEdits(own, "farm", [{ path: ["servers", "web2", "state"], value: "down" }]);
    assert.equal(down, own.replace("192.0.2.3}", "192.0.2.3, state: down}"));
    assert.equal(withEdits(down, "farm", [{ path: ["servers", "web2", "state"] }]), own);
    const added = withEdits(own, "farm", [{ path: ["servers", "web4", "address"], value: "192.0.2.5" }]);
    const [first, last] = [own.indexOf("    farm:overrides"), own.slice(own.indexOf("    farm:overrides"))];
    assert.equal(added, `${own.slice(0, first)}        web4:\n            address: 192.0.2.5\n${last}`);
  });

  for (const [what, lines, end = ""] of [
    ["a folded scalar", "  farm:note: >-\n    one line\n    and another\n\n    a paragraph\n"],
    ["a literal one, with blanks at its end", "  farm:note: |+\n      one\n        two\n\n"],
    ["text in quotes over two lines", '  farm:note: "one\n    two"\n'],
    ["braces over several lines", "  farm:more: {\n    a: 1,   # one\n    b: [ 2,\n      3 ]\n  }\n"],
    ["lists at their key's depth", "  farm:more:\n  - a\n  -   b\n"],
    ["numbers and words as YAML 1.1 writes them", "  farm:more: [0x1F, 1_000, yes, ~, null, 1.0]\n"],
    ["quotes of either kind", `  'farm:more': "a"\n  "farm:other": 'b''c'\n`],
    ["a document's marks and a comment at its end", "", "# the end\n...\n"],
  ])
    it(`leaves what it does not change as it is written: ${what}`, () => {
      const farm = (web2: string): string =>
        `config:\n${lines}  farm:servers:\n    web1: { address: 192.0.2.2 }\n    web2: { ${web2} }\n${end}`;
      const [own, expected] = [farm("address: 192.0.2.3"), farm("address: 192.0.2.3, state: down")];
      const edits = (value?: string) => [{ path: ["servers", "web2", "state"], value }];
      const down = withEdits(own, "farm", edits("down"));
      assert.equal(down, expected);
      assert.equal(withEdits(down, "farm", edits()), own);
      const dos = (text: string): string => text.replace(/\n/g, "\r\n");
      assert.equal(withEdits(dos(own), "farm", edits("down")), dos(expected));
    });

  it("removes a key, and what is empty then", () => {
    const text = withEdits(FILE, "farm", [{ path: ["overrides", "192.0.2.64/27"] }]);
    assert.doesNotMatch(text, /overrides/);
    assert.equal(withEdits(FILE, "farm", [{ path: ["overrides", "192.0.2.96/27"] }]), FILE);
  });

  it("turns an object that was set as text into one", () => {
    const text = `config:\n  farm:servers: '{"web1":{"address":"192.0.2.2"}}'\n`;
    const edited = withEdits(text, "farm", [{ path: ["servers", "web1", "state"], value: "down" }]);
    assert.deepEqual(parse(edited), {
      config: { "farm:servers": { web1: { address: "192.0.2.2", state: "down" } } },
    });
  });

  const FARM = "config:\n  farm:servers:\n";
  for (const [what, text, after] of [
    [
      "an alias",
      `${FARM}    web1: &w { weight: 2 }\n    web2: *w\n`,
      `${FARM}    web1: &w { weight: 2 }\n    web2: { weight: 2, state: down }\n`,
    ],
    [
      "an alias for all",
      `config:\n  farm:all: &all\n    web2: { weight: 2 }\n  farm:servers: *all\n`,
      `config:\n  farm:all: &all\n    web2: { weight: 2 }\n  farm:servers:\n    web2: { weight: 2, state: down }\n`,
    ],
    [
      "what another has by an alias",
      `${FARM}    web2: &w { weight: 2 }\n    web1: *w\n`,
      `${FARM}    web2: &w { weight: 2, state: down }\n    web1: { weight: 2 }\n`,
    ],
    [
      "what is merged",
      `${FARM}    web1: &w { weight: 2, state: active }\n    web2: { <<: *w, address: 192.0.2.3 }\n`,
      `${FARM}    web1: &w { weight: 2, state: active }\n    web2: { <<: *w, address: 192.0.2.3, state: down }\n`,
    ],
    [
      "what another merges",
      `${FARM}    web2: &w { weight: 2, state: active }\n    web1: { <<: *w, address: 192.0.2.3 }\n`,
      `${FARM}    web2: &w { weight: 2, state: down }\n    web1: { <<: { weight: 2, state: active }, address: 192.0.2.3 }\n`,
    ],
    [
      "a file with the line ends of DOS",
      `${FARM}    web2:\n      weight: 2\n`.replaceAll("\n", "\r\n"),
      `${FARM}    web2:\n      weight: 2\n      state: down\n`.replaceAll("\n", "\r\n"),
    ],
  ] as const)
    it(`changes ${what}, and no other stack's`, () => {
      const edits = [{ path: ["servers", "web2", "state"], value: "down" }];
      assert.equal(withEdits(text, "farm", edits), after);
    });

  it("says when it can't remove a merged value", () => {
    const text = `${FARM}    web1: &w { state: down }\n    web2: { <<: *w }\n`;
    assert.throws(
      () => withEdits(text, "farm", [{ path: ["servers", "web2", "state"] }]),
      /^UsageError: servers\.web2\.state can't be changed: the stack's config file shares it through a YAML anchor .* write the value out there$/,
    );
  });

  for (const [what, text, reason] of [
    ["what is no object", "config:\n  farm:servers: web1\n", /servers is not an object/],
    ["a secret", "config:\n  farm:servers:\n    secure: v1:abc\n", /servers is not an object/],
    ["what is no YAML", "config: [\n", /is not valid YAML/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => withEdits(text, "farm", [{ path: ["servers", "web1"], value: {} }]), reason);
    });
  }

  it("whatever is edited, the file and the engine's values agree, and everything else stays", () => {
    const name = fc.stringMatching(/^[a-z]{1,4}$/);
    const edit: fc.Arbitrary<Edit> = fc.record({
      path: fc.tuple(fc.constantFrom("servers", "overrides", "sites"), name).map((path) => [...path]),
      value: fc.option(fc.oneof(fc.string(), fc.record({ state: fc.string(), hostNumber: fc.integer() })), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 5 }), (edits) => {
        const values = (text: string): Record<string, unknown> => parse(text).config ?? {};
        const before = Object.fromEntries(
          Object.entries(values(FILE)).map(([key, value]) => [key, JSON.stringify(value)]),
        );
        const after = withEditedValues(before, "farm", edits);
        const text = withEdits(FILE, "farm", edits);
        assert.deepEqual(
          Object.fromEntries(Object.entries(after).map(([key, value]) => [key, JSON.parse(value)])),
          values(text),
        );
        assert.match(text, /^# production\n/);
      }),
    );
  });
});
