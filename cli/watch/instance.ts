/** One watcher for each stack and machine, and one who orders certificates: see docs/decisions/0008. */
import { createHash } from "node:crypto";
import * as net from "node:net";
import * as os from "node:os";
import { CliError, Exit, UsageError } from "../terminal/exit";
import { shownLine } from "../../components/host/foreignText.cjs";

const PATIENCE_MS = 1000;
/** Any user of this machine may hold the name. */
const LONGEST_ANSWER = 200;

/**
 * Takes the stack's lock; the kernel gives it back when this process ends, however that happens.
 * @param key identifies the stack
 * @throws CliError that says who has it
 */
export async function becomeTheWatcher(key: string): Promise<void> {
  if (process.platform !== "linux") throw new UsageError("watch runs on Linux only; nothing was touched");
  await hold("watch", key, "another watcher is already running for this stack");
}

/**
 * The same for who orders certificates, so that two runs don't meet. Elsewhere than on Linux certbot's own lock must do.
 * @param folder where its files lie
 * @throws CliError that says who has it
 */
export async function becomeTheOrderer(folder: string): Promise<void> {
  if (process.platform === "linux")
    await hold("certs", folder, `another run is ordering certificates in ${folder}`);
}

async function hold(what: string, key: string, refusal: string): Promise<void> {
  const name = `\0loopback-ha-${what}-${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
  const since = new Date().toISOString();
  const whoIAm = `process ${process.pid} of ${userName()}, since ${since}`;
  const server = net.createServer((client) => {
    client.on("error", () => client.destroy());
    client.end(whoIAm);
  });
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once("listening", () => resolve(false));
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(true) : reject(error),
    );
    server.listen(name);
  });
  if (taken) throw new CliError(`${refusal}: ${await whoHas(name)}; nothing was touched`, Exit.Locked);
  // Somebody who can't be answered, for want of files perhaps, ends no watcher.
  server.on("error", () => undefined);
  server.unref();
}

/** A container's uid need not have a name. */
export function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}

function whoHas(name: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const client = net.connect(name).setEncoding("utf8").setTimeout(PATIENCE_MS);
    const done = (): void => {
      client.destroy();
      resolve(shownLine(text.slice(0, LONGEST_ANSWER)) || "a process that does not identify itself");
    };
    client.on("data", (more: string) => {
      text += more;
      if (text.length > LONGEST_ANSWER) done();
    });
    client.on("end", done).on("error", done).on("timeout", done);
  });
}
