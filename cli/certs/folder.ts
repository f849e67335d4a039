/** Where certbot works, and where it writes pairs to. */
import * as fs from "node:fs";
import * as path from "node:path";
import { FarmModel } from "../../components/config";
import { UsageError } from "../terminal/exit";

/** Where certificates lie when the config does not say, from the project's folder. */
export const DEFAULT_FOLDER = "acme/live";

/**
 * Where pairs lie, as the config has it.
 * @throws UsageError when certbot could not write them so
 */
export function pairsFolderOf({ tls }: Pick<FarmModel, "tls">): string {
  const { folder = DEFAULT_FOLDER, keys } = tls ?? {};
  if (keys !== undefined)
    throw new UsageError(
      `tls.keys is ${keys}, but certbot writes each key next to its certificate: pulumi config rm --path tls.keys, or keep using your own ACME client. Nothing was touched`,
    );
  if (path.basename(folder) === "live" && path.dirname(folder) !== ".") return folder;
  throw new UsageError(
    `tls.folder is ${folder}, which belongs to your own ACME client; certbot writes to a folder named live, such as ${DEFAULT_FOLDER}. To let certs take over: pulumi config set --path tls.folder ${DEFAULT_FOLDER}. Sites keep their certificates until new ones are ordered. Nothing was touched`,
  );
}

/** A new folder is for its owner alone, and out of version control. */
export function makePrivate(folder: string): void {
  if (fs.existsSync(folder)) return;
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  fs.mkdirSync(folder, { mode: 0o700 });
  fs.writeFileSync(path.join(folder, ".gitignore"), "# Private keys.\n*\n");
}
