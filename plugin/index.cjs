// @ts-check
"use strict";
// The components for programs in other languages: the engine starts this and asks it for them.
const fs = require("node:fs");
const path = require("node:path");

// Built by npm pack: a program in another language starts without reading the types again.
const dist = path.join(__dirname, "..", "dist");
try {
  require(path.join(dist, "components", "startup", "needs.cjs"));
} catch (error) {
  process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
  process.exit(1);
}
const pulumi = require("@pulumi/pulumi");
const schema = fs.readFileSync(path.join(dist, "schema.json"), "utf8");
const { resources, version } = JSON.parse(schema);
const components = require(path.join(dist, "components"));

/** @type {import("@pulumi/pulumi").provider.Provider} */
const provider = {
  version,
  schema,
  async construct(name, type, inputs, options) {
    if (!Object.hasOwn(resources, type))
      throw new Error(`${type} is not one of ${Object.keys(resources).join(", ")}`);
    const component = new components[type.split(":")[2]](name, inputs, options);
    const outputs = Object.keys(resources[type].properties).map((key) => [key, component[key]]);
    return { urn: component.urn, state: Object.fromEntries(outputs) };
  },
};

void pulumi.provider.main(provider, process.argv.slice(2));
