/** What the program says will move, in a preview and in `up`: by a file, as JSON. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { MOVES_FILE, MOVES_NOTE, MovesReport } from "../../components/preflight/report";

/** MOVES_FILE: without the file the run fails. MOVES_NOTE: then nothing is known of it; a full disk must hold up no failover. */
type Variable = typeof MOVES_FILE | typeof MOVES_NOTE;

/**
 * Runs pulumi so that the program writes it.
 * @param work is given what reads it, which gives undefined where the program has not come so far, or could not write it; and
 *   the environment that pulumi needs for it
 */
export async function withMovesFile<T>(
  variable: Variable,
  work: (read: () => MovesReport | undefined, env: Record<string, string>) => Promise<T>,
): Promise<T> {
  const folder = newFolder(variable);
  if (folder === undefined) return work(() => undefined, {});
  const file = path.join(folder, "moves.json");
  try {
    return await work(
      () => (fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as MovesReport) : undefined),
      { [variable]: file },
    );
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function newFolder(variable: Variable): string | undefined {
  try {
    return fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-"));
  } catch (error) {
    if (variable === MOVES_NOTE) return undefined;
    throw error;
  }
}
