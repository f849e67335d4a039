/** `npm run pictures -- [farm] [failover] [browser] [watch]`: the pictures of the docs, by default all. */
import { ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { checkout } from "../../lab/state";
import { Farm, textOf } from "../lab/support";
import { browserPicture } from "./browser";
import { failoverPicture } from "./failover";
import { terminalPicture } from "./terminal";
import { watchPagePicture } from "./watchPage";

const folder = path.join(checkout, "docs", "images");

/** Of a farm in the lab with one server in maintenance. */
async function farmPictures(): Promise<void> {
  const farm = new Farm();
  const clients: ChildProcess[] = [];
  /** So many connections to a VIP that stay open. */
  const connect = async (vip: string, count: number): Promise<void> => {
    const open = `for i in {1..${count}}; do exec {fd}<>/dev/tcp/${vip}/80 || exit 1; done; echo open; exec sleep 600`;
    const client = await farm.lab.spawn("client", ["bash", "-c", open]);
    await once(client.stdout!, "data");
    clients.push(client);
  };
  const run = async (args: string[], env: Record<string, string> = {}): Promise<string> => {
    const result = await farm.project.cli(args, { env });
    if (result.code !== 0) throw new Error(textOf(result));
    return result.stdout;
  };
  try {
    await farm.build();
    const [first, second, third, fourth] = farm.vips;
    await connect(first, 31);
    await connect(second, 12);
    await connect(third, 27);
    await connect(fourth, 35);
    await run(["drain", "web2", "--yes"]);
    await connect(second, 4);
    await run(["diagram", "--out", path.join(folder, "diagram.svg")]);
    const status = await run(["status"], { FORCE_COLOR: "1" });
    fs.writeFileSync(path.join(folder, "status.svg"), `${terminalPicture("loopback-ha status", status)}\n`);
  } finally {
    for (const client of clients) client.kill();
    await farm.destroy();
  }
}

const PICTURES: Record<string, () => Promise<void>> = {
  farm: farmPictures,
  failover: () => failoverPicture(folder),
  browser: () => browserPicture(folder),
  watch: () => watchPagePicture(folder),
};

async function main(names: string[]): Promise<void> {
  const unknown = names.find((name) => !Object.hasOwn(PICTURES, name));
  if (unknown !== undefined)
    throw new Error(`there is no picture '${unknown}': one of ${Object.keys(PICTURES).join(", ")}`);
  fs.mkdirSync(folder, { recursive: true });
  for (const name of names.length > 0 ? names : Object.keys(PICTURES)) await PICTURES[name]();
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
