/** What outlives a watcher: a small file in the project's folder. */
import * as fs from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { tryWriteWhole, writeWhole } from "../../components/base/wholeFile";
import { UsageError } from "../terminal/exit";
import { OWN_FOLDER } from "../pulumi/session";
import type { SavedState } from "./state";

const NOTHING: SavedState = { flips: [], unfinished: [] };

const schema = z.object({
  flips: z.array(z.object({ server: z.string(), at: z.number(), sick: z.boolean().optional() })),
  unfinished: z.array(z.string()),
});

export class StateFile {
  /** Where it is. */
  readonly file: string;

  /**
   * @param folder the project's
   * @param stack its name
   */
  constructor(folder: string, stack: string) {
    this.file = path.join(folder, OWN_FOLDER, `watch.${stack}.json`);
  }

  /**
   * What was kept. It is advice only, and what is unfinished follows from the config: a file that can't be read, as
   * after a power cut, is set aside.
   * @param onLost gets the reason
   */
  read(onLost: (reason: string) => void): SavedState {
    try {
      if (!fs.existsSync(this.file)) return NOTHING;
      return schema.parse(JSON.parse(fs.readFileSync(this.file, "utf8")));
    } catch (error) {
      onLost(`${this.setAside()} (${(error as Error).message.split("\n")[0]})`);
      return NOTHING;
    }
  }

  private setAside(): string {
    const aside = `${this.file}.unreadable`;
    try {
      fs.renameSync(this.file, aside);
      return `${this.file} can't be read, and was renamed to ${aside}`;
    } catch {
      return `${this.file} can't be read, and can't be renamed either`;
    }
  }

  /**
   * All of it or nothing.
   * @throws UsageError when it can't be written
   */
  write(kept: SavedState): void {
    try {
      this.makeFolder();
      writeWhole(this.file, `${JSON.stringify(kept, undefined, 2)}\n`);
    } catch (error) {
      throw new UsageError(`${this.file} can't be written (${(error as Error).message})`);
    }
  }

  /** @throws Error when it could not be written now */
  tryWrite(): void {
    this.makeFolder();
    if (!fs.existsSync(this.file)) writeWhole(this.file, `${JSON.stringify(NOTHING)}\n`);
    tryWriteWhole(this.file);
  }

  private makeFolder(): void {
    const folder = path.dirname(this.file);
    fs.mkdirSync(folder, { recursive: true });
    // Nobody's commit.
    const ignored = path.join(folder, ".gitignore");
    if (!fs.existsSync(ignored)) fs.writeFileSync(ignored, "*\n");
  }
}
