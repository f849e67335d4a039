import assert from "node:assert/strict";
import { PackageSchema, PropertySchema, readSchema } from "../../tools/schema";

describe("schema: the components for other languages", () => {
  let schema: PackageSchema;
  before(async function () {
    // It reads all our types and the SDK's.
    this.timeout(120_000);
    schema = await readSchema();
  });

  it("has all components", () => {
    const components = ["DnsRoundRobin", "LoopbackVip", "RouterRoute", "WebServerPool"];
    assert.deepEqual(
      Object.keys(schema.resources).sort(),
      components.map((name) => `loopback-ha:index:${name}`),
    );
  });

  it("describes every component, input, output, and member of their types", () => {
    const undescribed = [
      ...Object.entries(schema.resources).flatMap(([token, resource]) => [
        ...withoutText(token, { itself: resource }),
        ...withoutText(token, resource.inputProperties),
        ...withoutText(token, resource.properties),
      ]),
      ...Object.entries(schema.types).flatMap(([token, type]) =>
        withoutText(token, {
          ...type.properties,
          ...Object.fromEntries((type.enum ?? []).map((value) => [value.name, value])),
        }),
      ),
    ];
    assert.deepEqual(undescribed, []);
  });

  it("has one shape of a server, and nothing that only the program passes to its commands", () => {
    const { Server, PoolServer } = Object.fromEntries(
      Object.entries(schema.types).map(([token, type]) => [token.split(":").at(-1)!, type]),
    );
    const shape = ["address", "name", "ssh", "state", "weight"];
    assert.deepEqual(Object.keys(Server.properties!).sort(), shape);
    assert.deepEqual(Object.keys(PoolServer.properties!).sort(), [...shape, "after"].sort());
    const members = [
      ...Object.values(schema.resources).map(({ inputProperties }) => inputProperties),
      ...Object.values(schema.types).map(({ properties = {} }) => properties),
    ].flatMap((properties) => Object.keys(properties));
    assert.deepEqual(
      members.filter((name) => /drift|^down$/i.test(name)),
      [],
    );
  });

  it("defines every type that it refers to, and none has the name of a TypeScript argument type", () => {
    const refs = [...JSON.stringify(schema).matchAll(/"#\/types\/([^"]+)"/g)].map(([, token]) => token);
    assert.deepEqual([...new Set(refs)].sort(), Object.keys(schema.types).sort());
    assert.doesNotMatch(refs.join(), /(Args|Model)\b/);
  });
});

/** Those that lack a description. A doc comment with a link in it comes as objects. */
function withoutText(token: string, members: Record<string, PropertySchema>): string[] {
  return Object.entries(members)
    .filter(([, { description }]) => !description?.trim() || description.includes("[object"))
    .map(([name]) => `${token}: ${name}`);
}
