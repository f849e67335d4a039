/** `npm run bench -- [NAME…]`: by default all of them, one after the other. */
import { crashes } from "./crash";
import { failover } from "./failover";
import { flip } from "./flip";
import { rivals } from "./rivals";
import { scale } from "./scale";

const BENCHES: Record<string, () => Promise<void>> = { flip, failover, crash: crashes, scale, rivals };

async function main(names: string[]): Promise<void> {
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) {
    throw new Error(`there is no benchmark '${unknown}': one of ${Object.keys(BENCHES).join(", ")}`);
  }
  for (const name of names.length > 0 ? names : Object.keys(BENCHES)) await BENCHES[name]();
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
