import * as fs from "node:fs";
import * as path from "node:path";
import { Lab } from "../../../lab/lab";
import { debians } from "../../../lab/machines";

/** Takes away what a rival brought to the machines. */
export async function cleanMachines(lab: Lab): Promise<void> {
  const script = fs.readFileSync(path.join(__dirname, "clean.sh"), "utf8");
  await Promise.all(debians.map(({ name }) => lab.exec(name, ["bash", "-c", script], { check: true })));
}
