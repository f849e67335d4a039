/** What the program says will move, in a preview and in `up`: by a file, as JSON. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { MOVES_FILE, MovesReport } from "../../components/preflight/report";
import type { Session } from "./session";

/**
 * Runs pulumi so that the program writes it.
 * @param work is given what reads it: undefined where the program has not come so far
 */
export async function withMovesFile<T>(
  { stack: { workspace } }: Session,
  work: (read: () => MovesReport | undefined) => Promise<T>,
): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-"));
  const file = path.join(folder, "moves.json");
  const { envVars } = workspace;
  workspace.envVars = { ...envVars, [MOVES_FILE]: file };
  try {
    return await work(() =>
      fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as MovesReport) : undefined,
    );
  } finally {
    workspace.envVars = envVars;
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
