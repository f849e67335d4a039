/** Scripts in perl as they run on a machine that has perl-base and not the rest of perl. */
import { execFileSync } from "node:child_process";

/** Where Debian has the modules of perl-base, and no others; elsewhere all modules. */
const FOLDERS = execFileSync("perl", ["-e", 'print join "\\n", @INC'], { encoding: "utf8" }).split("\n");
const BASE = FOLDERS.filter((folder) => folder.endsWith("/perl-base"));

/** @returns arguments of perl that run a script with only these */
export const withPerlBaseOnly = (script: string): string[] => [
  "-e",
  `BEGIN { @INC = qw(${(BASE.length > 0 ? BASE : FOLDERS).join(" ")}) } my $script = shift; $0 = $script; defined do $script or die $@ || "$script: $!"`,
  script,
];
