/** Plays surroundings.ts: as root, which gives it small file systems and takes its rights away. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as readline from "node:readline";

/** What should have been said in a sequence, and was not. */
export interface Played {
  seed: number;
  wrong: string[];
}

/** So many at once: they wait more than they work. */
const LANES = 8;

/**
 * @param first the first sequence's seed
 * @param heard is told of each sequence that has ended
 * @throws Error when not all were played
 */
export async function playSurroundings(
  first: number,
  count: number,
  heard: (played: Played) => void = () => {},
): Promise<Played[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-around-"));
  try {
    const bin = path.join(folder, "bin");
    fs.mkdirSync(bin);
    fs.writeFileSync(path.join(bin, "ssh"), "#!/bin/sh\nsleep 0.3\nexit 255\n", { mode: 0o755 });
    fs.writeFileSync(path.join(bin, "pulumi"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    fs.chmodSync(folder, 0o755);
    // The watcher is another user, and the tests' folder for temporary files may be ours alone.
    const temporary = path.join(folder, "tmp");
    fs.mkdirSync(temporary);
    fs.chmodSync(temporary, 0o777);
    const small = Array.from({ length: LANES }, (_, i) => path.join(folder, `small${i}`));
    for (const place of small) fs.mkdirSync(place);
    const script = `for t; do mount -t tmpfs -o size=256k,nr_inodes=100,mode=777 none "$t"; done
      exec "$NODE" -r ts-node/register/transpile-only "$SURROUNDINGS" "$FIRST" "$COUNT" "$@"`;
    const child = spawn("unshare", ["--mount", "sh", "-ec", script, "sh", ...small], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        ...{ NODE: process.execPath, SURROUNDINGS: path.join(__dirname, "surroundings.ts") },
        ...{ FIRST: `${first}`, COUNT: `${count}`, PATH: `${bin}:${process.env.PATH}` },
        ...{ TMPDIR: temporary, PULUMI_BACKEND_URL: "file://./state", PULUMI_CONFIG_PASSPHRASE: "x" },
      },
    });
    const all: Played[] = [];
    readline.createInterface(child.stdout).on("line", (line) => {
      const played = JSON.parse(line) as Played;
      all.push(played);
      heard(played);
    });
    let errors = "";
    child.stderr.on("data", (more) => (errors = (errors + String(more)).slice(-4000)));
    const [code] = (await once(child, "close")) as [number];
    if (code !== 0 || all.length !== count)
      throw new Error(
        `${all.length} of ${count} sequences were played (exit code ${code}): ${errors}${JSON.stringify(all.filter(({ wrong }) => wrong.length > 0))}`,
      );
    return all;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
