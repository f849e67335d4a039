/** Kinds of routers that have a command line and no shell: driven by an interactive session over ssh. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { RouterKind } from "../kindContract";

const SHARED = [
  "../../network/address.cjs",
  "../../host/foreignText.cjs",
  "../../host/appliedAs.cjs",
  "../../host/sshHere.cjs",
  "../../host/sshFailure.cjs",
  "routes.cjs",
  "screen.cjs",
  "session.cjs",
  "router.cjs",
  "remove.cjs",
].map((file) => path.join(__dirname, file));

/**
 * @param folder of the driver: driver.cjs, deliver.cjs, remove.cjs, and what they need of their own
 * @returns how routers of that kind are changed, for {@link RouterKind}
 */
export function commandLineDriver(folder: string): NonNullable<RouterKind["driver"]> {
  return {
    deliver: path.join(folder, "deliver.cjs"),
    // Read when a router of the kind is declared: every program and every look before it loads the table of kinds.
    get remove() {
      const own = fs
        .readdirSync(folder)
        .filter((file) => file.endsWith(".cjs") && file !== "deliver.cjs")
        .sort()
        .map((file) => path.join(folder, file));
      return asOneText([...SHARED, ...own], path.join(folder, "remove.cjs"));
    },
  };
}

/** The delete command: it is in the state and runs without the files of this checkout. */
function asOneText(files: string[], main: string): string {
  const nameOf = (file: string): string => path.relative(path.join(__dirname, "../.."), file);
  const modules = files.map((file) => {
    const text = fs.readFileSync(file, "utf8");
    return `modules[${JSON.stringify(nameOf(file))}] = (module, require) => {\n${text}};\n`;
  });
  return `command -v node >/dev/null || { echo "node is missing here; $LOOPBACK_HA_MACHINE was not touched" >&2; exit 1; }
exec node - <<'LOOPBACK-HA-END'
const { posix } = require("node:path");
const modules = {}, loaded = {};
const load = (from) => (name) => {
  const file = posix.join(posix.dirname(from), name);
  if (!modules[file]) return require(name);
  if (!loaded[file]) modules[file]((loaded[file] = { exports: {} }), load(file));
  return loaded[file].exports;
};
${modules.join("")}load("main")(${JSON.stringify(`./${nameOf(main)}`)});
LOOPBACK-HA-END
`;
}
