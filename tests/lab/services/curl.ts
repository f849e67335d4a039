/** Transfers by curl on the client, over a failover. Files are read from web1 and web2 only. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Example } from "./example";

/** More than the buffers on the way hold. */
const BYTES = 30_000_000;

/** Puts a large file into a folder on web1 and web2: it is made of the server's number. */
export async function makeLargeFile(example: Example, folder: string): Promise<void> {
  for (const name of ["web1", "web2"])
    await example.sh(name, `head -c ${BYTES} /dev/zero | tr '\\0' ${name.at(-1)} >${folder}/large`);
}

/**
 * One curl that fetches `large` and stops in its middle. `rest` goes on with it, then fetches `server`, by the same
 * connection if it can, and tells from which servers the two came, or what curl said.
 */
export async function heldTransfer(
  example: Example,
  url: string,
  options: string[] = [],
): Promise<{ rest(): Promise<string> }> {
  const files = ["large", "server"].flatMap((name) => ["-o", "-", `${url}/${name}`]);
  const child = await example.lab.spawn("client", ["curl", "-sS", "--max-time", "250", ...options, ...files]);
  const end = once(child, "close");
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [first] = (await once(child.stdout!, "data")) as [Buffer];
  child.stdout!.pause();
  return {
    async rest() {
      const chunks = [first];
      child.stdout!.on("data", (chunk: Buffer) => chunks.push(chunk)).resume();
      await end;
      const all = Buffer.concat(chunks);
      const large = all.subarray(0, BYTES);
      const whole = large.length === BYTES && large.every((byte) => byte === large[0]);
      return whole ? `web${String.fromCharCode(large[0])} ${all.subarray(BYTES)}${said}` : said;
    },
  };
}

/** What curl says each time, when `url/server` is fetched again and again while something happens. */
export async function fetching(
  example: Example,
  url: string,
  work: () => Promise<unknown>,
  options: string[] = [],
): Promise<string[]> {
  // Until its input ends: a line that comes in the moment of the timeout can get lost.
  const loop = 'while read -t 0.02 -r _; (($? > 128)); do curl -sS --max-time 5 "$@" 2>&1; done';
  const argv = ["bash", "-c", loop, "fetching", ...options, `${url}/server`];
  const child = await example.lab.spawn("client", argv);
  let said = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (said += text));
  const end = once(child, "close");
  try {
    await sleep(1000);
    await work();
    await sleep(1000);
  } finally {
    child.stdin!.end();
    await end;
  }
  return said.trim().split("\n");
}

/** Without what is there twice in a row. */
export const changes = (all: string[]): string[] => all.filter((line, i) => line !== all[i - 1]);
