/** A router's scripts for tests that source some of them without lib.sh: in one folder, as they lie on a router. */
import * as fs from "node:fs";
import * as path from "node:path";
import { isMachineFile } from "../../components/host/payload.cjs";
import { libFunction } from "./machineScripts";

const COMPONENTS = path.join(__dirname, "../../components");
const LIB = path.join(COMPONENTS, "host/machine");

/** Links into a folder: those of all routers, those of a kind, and the functions for awk. What a test puts in place of one comes later. */
export function linkRouterScripts(folder: string, kind?: "linux" | "frr"): void {
  const rooms = [path.join(COMPONENTS, "routerRoute")];
  if (kind) rooms.push(path.join(COMPONENTS, "routerRoute", kind));
  for (const room of rooms)
    for (const file of fs.readdirSync(room).filter(isMachineFile))
      fs.symlinkSync(path.join(room, file), path.join(folder, file));
  fs.symlinkSync(path.join(LIB, "lib.awk"), path.join(folder, "lib.awk"));
}

/** For bash, before a script is sourced: what lib.sh sets. A test may have set some of it, or sets it afterwards. */
const SET = ["bundle", "run", "root", "state"].map((name) => `: "\${${name}=$0}"`).join("; ");

/** The same, and lib.sh's awk_file, which finds the programs in $scripts. */
export const FROM_LIB = `${SET}; : "\${instance=r1}" "\${machine=r1}" "\${protocol=76}"
${libFunction("awk_file").trimEnd()}`;
