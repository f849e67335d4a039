/** What outlives a watcher: a small file in the project's folder. */
import * as fs from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { UsageError } from "../failure";
import type { Kept } from "./memory";

const FOLDER = ".loopback-ha";

const schema = z.object({
  flips: z.array(z.object({ server: z.string(), at: z.number() })),
  unfinished: z.array(z.string()),
});

export class KeptFile {
  /** Where it is. */
  readonly file: string;

  /**
   * @param folder the project's
   * @param stack its name
   */
  constructor(folder: string, stack: string) {
    this.file = path.join(folder, FOLDER, `watch.${stack}.json`);
  }

  /** @throws UsageError when there is one that nobody can read: what it had is not forgotten unasked */
  read(): Kept {
    if (!fs.existsSync(this.file)) return { flips: [], unfinished: [] };
    try {
      return schema.parse(JSON.parse(fs.readFileSync(this.file, "utf8")));
    } catch {
      throw new UsageError(
        `${this.file} can't be read, which is where the watcher keeps its last flips; nothing was touched. Remove it to begin without`,
      );
    }
  }

  /**
   * All of it or nothing.
   * @throws UsageError when it can't be written
   */
  write(kept: Kept): void {
    const folder = path.dirname(this.file);
    const draft = `${this.file}.${process.pid}`;
    try {
      fs.mkdirSync(folder, { recursive: true });
      // Nobody's commit.
      if (!fs.existsSync(path.join(folder, ".gitignore")))
        fs.writeFileSync(path.join(folder, ".gitignore"), "*\n");
      fs.writeFileSync(draft, `${JSON.stringify(kept, undefined, 2)}\n`);
      fs.renameSync(draft, this.file);
    } catch (error) {
      fs.rmSync(draft, { force: true });
      throw new UsageError(`${this.file} can't be written (${(error as Error).message})`);
    }
  }
}
