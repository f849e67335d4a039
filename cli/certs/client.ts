/** certbot, which speaks ACME for us: see docs/decisions/0031. */
import { spawn } from "node:child_process";
import * as path from "node:path";
import { shownLine, withoutSequences } from "../../components/host/foreignText.cjs";
import { CliError, UsageError } from "../terminal/exit";

/** Where an ACME client works, and with whom. */
export interface Client {
  /** certbot's folder: configuration, account, certificates and logs. */
  folder: string;
  /** The CA's directory. */
  server: string;
}

/** What every call has. */
function common({ folder, server }: Client): string[] {
  return [
    ...["--non-interactive", "--no-directory-hooks", "--server", server],
    ...[
      "--config-dir",
      folder,
      "--work-dir",
      path.join(folder, "work"),
      "--logs-dir",
      path.join(folder, "logs"),
    ],
  ];
}

/** Makes an account, and agrees to the CA's terms. */
export function registerWords(client: Client, email: string | undefined): string[] {
  const mail =
    email === undefined ? ["--register-unsafely-without-email"] : ["--email", email, "--no-eff-email"];
  return ["register", "--agree-tos", ...mail, ...common(client)];
}

/** Orders a certificate; the challenge is answered by all servers already, so there is nothing to do for it. */
export function orderWords(client: Client, account: string, site: string, names: string[]): string[] {
  return [
    ...["certonly", "--manual", "--preferred-challenges", "http", "--manual-auth-hook", "true"],
    ...["--account", account, "--cert-name", site, "--key-type", "ecdsa"],
    // Whether one is due is decided before.
    ...["--force-renewal", "--renew-with-new-domains"],
    ...common(client),
    ...names.flatMap((name) => ["--domain", name]),
  ];
}

/** The reason in certbot's output: what the CA said of each name, else its last line that is not advice. */
export function reasonIn(output: string): string {
  const lines = withoutSequences(output)
    .split("\n")
    .map((line) => line.trim());
  const after = (name: string, text: string): string | undefined =>
    text.startsWith(`${name}:`) ? text.slice(name.length + 1).trim() : undefined;
  const said = lines.flatMap((line, i) => {
    const domain = after("Domain", line) ?? after("Identifier", line);
    const type = after("Type", lines[i + 1] ?? "");
    const detail = after("Detail", lines[i + 2] ?? "");
    return domain !== undefined && detail !== undefined ? [`${domain}: ${detail} (${type})`] : [];
  });
  if (said.length > 0) return shownLine(said.join("; "));
  const own = lines.filter((line) => line !== "" && !BOILERPLATE.some((text) => line.startsWith(text)));
  return shownLine(own.at(-1) ?? "it gave no reason");
}

const BOILERPLATE = [
  "Ask for help or search for solutions",
  "Saving debug log to",
  "See the logfile",
  "- - -",
  "Hint:",
];

/** How long a CA may take for one order. */
const PATIENCE_MS = 180_000;
const GRACE_MS = 15_000;

/** Secrets of the stack are none of its business. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PULUMI_")));

/**
 * Runs certbot to its end, which Ctrl-C does not hasten: an order that has begun is not left half done.
 * @throws CliError with its reason when it fails; UsageError when it is not here
 */
export async function certbot(words: string[]): Promise<void> {
  const child = spawn("certbot", words, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: environment(),
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-20_000)));
  let late = false;
  const end = (signal: NodeJS.Signals): void => void (child.exitCode === null && child.kill(signal));
  const timers = [
    setTimeout(() => ((late = true), end("SIGTERM")), PATIENCE_MS),
    setTimeout(() => end("SIGKILL"), PATIENCE_MS + GRACE_MS),
  ];
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (late) throw new CliError(`certbot took longer than ${PATIENCE_MS / 1000} s and was stopped`);
    if (code !== 0) throw new CliError(reasonIn(output));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UsageError(
      "certbot is not installed on this machine, and certs needs it: apt install certbot (or pipx install certbot). Nothing was ordered",
    );
  } finally {
    timers.forEach(clearTimeout);
  }
}
