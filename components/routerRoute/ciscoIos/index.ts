/** Routers with IOS's command line and no shell: driven by an interactive session over ssh. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { RouterKind } from "../kind";

/** Kind `cisco-ios`; see docs/router-kinds.md. */
export const ciscoIos: RouterKind = {
  concern: "ios-routes",
  scripts: [],
  pinsFlows: false,
  notice:
    "kind cisco-ios can't ask a server for its VIPs before they move, and is not looked at for drift. It cannot pin flows: a prefix that moves has its open connections reset",
  driver: { deliver: path.join(__dirname, "deliver.cjs"), remove: removeScript() },
};

/** The delete command as one text: it stands in the state and runs without the files of this checkout. */
function removeScript(): string {
  const files = [
    "../../host/foreignText.cjs",
    "../../host/appliedAs.cjs",
    "../../host/sshHere.cjs",
    "../../host/sshFailure.cjs",
    "screen.cjs",
    "table.cjs",
    "session.cjs",
    "router.cjs",
    "remove.cjs",
  ];
  const modules = files.map((file) => {
    const text = fs.readFileSync(path.join(__dirname, file), "utf8");
    return `modules[${JSON.stringify(path.basename(file))}] = (module, require) => {\n${text}};\n`;
  });
  return `command -v node >/dev/null || { echo "node is missing here; $LOOPBACK_HA_MACHINE was not touched" >&2; exit 1; }
exec node - <<'LOOPBACK-HA-END'
const modules = {}, loaded = {};
const load = (name) => {
  const file = name.split("/").pop();
  if (!modules[file]) return require(name);
  if (!loaded[file]) modules[file]((loaded[file] = { exports: {} }), load);
  return loaded[file].exports;
};
${modules.join("")}load("./remove.cjs");
LOOPBACK-HA-END
`;
}
