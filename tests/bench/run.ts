/** `npm run bench -- [NAME…]`: by default all of them, one after the other. `preview` may be followed by sizes: 40x10000. */
import { isBuilt } from "../../components/startup/built.cjs";
import { crashes } from "./crash";
import { failover } from "./failover";
import { flip } from "./flip";
import { https } from "./https";
import { preview } from "./preview";
import { rivals } from "./rivals";
import { scale } from "./scale";

const BENCHES: Record<string, (sizes: string[]) => Promise<void>> = {
  flip,
  failover,
  crash: crashes,
  scale,
  https,
  preview,
  rivals,
};

async function main(words: string[]): Promise<void> {
  const isSize = (word: string): boolean => /^[1-9][0-9]*x[1-9][0-9]*$/.test(word);
  const names = words.filter((word) => !isSize(word));
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) {
    throw new Error(`there is no benchmark '${unknown}': one of ${Object.keys(BENCHES).join(", ")}`);
  }
  if (!isBuilt())
    throw new Error(
      "dist/ was not built from these sources, and what is measured must be what is shipped: run npm run build first. Nothing was measured",
    );
  for (const name of names.length > 0 ? names : Object.keys(BENCHES))
    await BENCHES[name](words.filter(isSize));
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
