import * as fs from "node:fs";
import * as path from "node:path";
import { Lab } from "../../../examples/lab/lab";
import { debians } from "../../../examples/lab/machines";

/** Takes away what a rival brought to the machines. */
export async function cleanMachines(lab: Lab): Promise<void> {
  const script = fs.readFileSync(path.join(__dirname, "clean.sh"), "utf8");
  await Promise.all(debians.map(({ name }) => lab.exec(name, ["bash", "-c", script], { check: true })));
}

/** Ends all of the operator's standing ssh connections, whichever tool made them. */
export async function forgetConnections(lab: Lab): Promise<void> {
  const forget =
    "for s in $(find ~/.ssh -type s); do ssh -o ControlPath=$s -O exit x 2>/dev/null || rm -f $s; done; true";
  await lab.exec("operator", ["bash", "-c", forget], { check: true });
}
