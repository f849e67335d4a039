// @ts-check
"use strict";
/**
 * The program loads this before Pulumi's SDK, because a failover waits for its start: what only serialized functions
 * and other engines need is loaded when something of it is asked for, and our TypeScript is translated once. Where the
 * SDK or ts-node are others, the program starts as any other and does the same. See docs/decisions/0006.
 */
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

const components = path.join(__dirname, "..");

/** Modules that are late, and the path of those whose request for them is: any, where none is named. */
const LATE = new Map([
  ["@npmcli/arborist", ""],
  ["normalize-package-data", ""],
  ["fdir", ""],
  ["./automation", path.join("@pulumi", "pulumi", "index.js")],
  // Messages in fifty languages.
  ["../locales/index.cjs", path.join("zod", "v4")],
]);

/** @typedef {Record<string | symbol, unknown>} Exports */
const loader =
  /** @type {{ _load(request: string, parent: NodeJS.Module | null, main: boolean): Exports }} */ (
    /** @type {unknown} */ (Module)
  );

function loadLate() {
  const load = loader._load;
  loader._load = function (request, parent, ...rest) {
    const asker = LATE.get(request);
    if (asker === undefined || !parent?.filename?.includes(asker))
      return load.call(this, request, parent, ...rest);
    /** @type {Exports | undefined} */
    let module;
    const late = () => (module ??= load.call(this, request, parent, ...rest));
    return new Proxy(
      {},
      {
        // TypeScript's import helpers copy, so ask for, all members of what is no ES module.
        get: (_, name) => {
          if (name === "__esModule") return true;
          const { [name]: member, __esModule } = late();
          return name === "default" && !__esModule ? module : member;
        },
      },
    );
  };
}

const OPTIONS = {
  jsc: { target: /** @type {const} */ ("es2022"), parser: { syntax: /** @type {const} */ ("typescript") } },
  module: { type: /** @type {const} */ ("commonjs") },
  sourceMaps: /** @type {const} */ ("inline"),
  swcrc: false,
};

/** Translates as ts-node with swc does, which begins anew in every run. */
function translateOnce() {
  const { version } = require("@swc/core/package.json");
  const cache = path.join(components, "..", "node_modules", ".cache", "loopback-ha");
  /** @type {Map<string, string>} */
  const translated = new Map();
  const translate = (/** @type {string} */ file) => {
    const source = fs.readFileSync(file, "utf8");
    // Without its folder: copies of this library share what is kept.
    const options = { ...OPTIONS, sourceFileName: path.basename(file) };
    const key = createHash("sha256")
      .update(JSON.stringify([version, options, source]))
      .digest("hex");
    const kept = path.join(cache, `${key}.js`);
    try {
      return fs.readFileSync(kept, "utf8");
    } catch {
      const { code } = require("@swc/core").transformSync(source, options);
      keep(kept, code);
      return code;
    }
  };
  const other = require.extensions[".ts"];
  require.extensions[".ts"] = (module, file) => {
    if (!file.startsWith(components + path.sep)) return other?.(module, file);
    const code = translate(file);
    translated.set(file, code);
    /** @type {NodeJS.Module & { _compile(code: string, file: string): void }} */ (module)._compile(
      code,
      file,
    );
  };
  // ts-node's, for the lines in stack traces.
  const maps = require.resolve("@cspotcode/source-map-support", { paths: [require.resolve("ts-node")] });
  require(maps).install({ retrieveFile: (/** @type {string} */ file) => translated.get(file) ?? null });
}

/** @param {string} file @param {string} text */
function keep(file, text) {
  const draft = `${file}.${process.pid}`;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(draft, text);
    fs.renameSync(draft, file);
  } catch {
    // A folder that can't be written costs time only.
  }
}

loadLate();
try {
  // Not in the package: it is JavaScript.
  if (fs.existsSync(path.join(components, "index.ts"))) translateOnce();
} catch {
  // Another way to run TypeScript: it does what we would have done.
}
