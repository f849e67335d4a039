import * as fs from "node:fs";
import * as path from "node:path";
import { routerKindNames } from "../../components/routerRoute/kindRegistry";
import { Command } from "commander";
import { UsageError } from "../terminal/exit";
import { Answers, filesOf, zoneFor } from "../init/files";
import { answer, machinesIn } from "../init/questions";
import { Terminal } from "../terminal/output";
import type { CommonOptions } from "./command";

interface InitOptions extends CommonOptions {
  project?: string;
  block?: string;
  server?: Record<string, string>;
  router?: Record<string, string>;
  routerKind?: string;
  nameServer?: Record<string, string>;
  user?: string;
  site?: string;
  serverName?: string;
  documentRoot?: string;
  contact?: string;
}

const collect = (text: string, all: Record<string, string> = {}): Record<string, string> => ({
  ...all,
  ...machinesIn(text),
});

/** `init`: a new project. */
export function initCommand(): Command {
  return new Command("init")
    .description("create a new project: asks for address block, router, servers and first site")
    .option("--project <name>", "the project's name (default: the folder's name)")
    .option("--block <prefix>", "the address block, such as 192.0.2.0/24")
    .option("--router <name=address>", "a router; repeatable", collect)
    .option("--router-kind <kind>", `what the router runs: ${routerKindNames().join(", ")}`)
    .option("--server <name=address>", "a web server; repeatable", collect)
    .option("--name-server <name=address>", "a name server that runs BIND; repeatable", collect)
    .option("--user <login>", "the login user on all machines")
    .option("--site <name>", "the first site's name in the config")
    .option("--server-name <domain>", "the first site's domain name")
    .option("--document-root <folder>", "the folder on the servers that has its files")
    .option("--contact <mail>", "the contact address of its DNS zone")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<InitOptions>();
      const folder = path.resolve(options.cwd ?? ".");
      const terminal = new Terminal(options);
      refuseProject(folder);
      const given = givenBy(options, folder);
      if (!process.stdin.isTTY) requireAll(given);
      const answers = await answer(given);
      const files = filesOf({ ...answers, esModules: hasEsModules(folder) });
      writeAll(folder, files);
      terminal.result({ folder, files: Object.keys(files) }, () =>
        nextSteps(folder, Object.keys(files), answers.stack),
      );
    });
}

function givenBy(options: InitOptions, folder: string): Partial<Answers> {
  const { block, router, routerKind, server, nameServer, user, contact, site, serverName, documentRoot } =
    options;
  const whole = site !== undefined && serverName !== undefined && documentRoot !== undefined;
  return {
    project: options.project ?? path.basename(folder).replace(/[^A-Za-z0-9._-]/g, "-"),
    stack: options.stack,
    ...{ block, routerKind, user, contact },
    ...{ routers: router, servers: server, nameServers: nameServer },
    site: whole ? { name: site, serverName, documentRoot } : undefined,
  };
}

/** Without a terminal, questions with a usual answer get it. @throws UsageError */
function requireAll(given: Partial<Answers>): void {
  given.routerKind ??= "linux";
  given.user ??= "root";
  given.nameServers ??= {};
  given.contact ??= given.site === undefined ? undefined : `hostmaster@${zoneFor(given.site.serverName)}`;
  const missing = [
    given.block === undefined && "--block",
    given.routers === undefined && "--router",
    given.servers === undefined && "--server",
    given.site === undefined && "--site, --server-name and --document-root",
  ].filter(Boolean);
  if (missing.length > 0)
    throw new UsageError(
      `cannot ask: stdin is not a terminal; give ${missing.join(", ")}. Nothing was written`,
    );
}

function refuseProject(folder: string): void {
  for (const file of ["Pulumi.yaml", "Pulumi.yml", "index.js"]) {
    if (fs.existsSync(path.join(folder, file)))
      throw new UsageError(
        `${path.join(folder, file)} already exists; use an empty folder, such as --cwd farm. Nothing was written`,
      );
  }
}

/** By the nearest package.json, as Node sees it. */
function hasEsModules(folder: string): boolean {
  const manifest = path.join(folder, "package.json");
  if (fs.existsSync(manifest)) return typeOf(manifest) === "module";
  const above = path.dirname(folder);
  return above !== folder && hasEsModules(above);
}

function typeOf(manifest: string): unknown {
  try {
    return (JSON.parse(fs.readFileSync(manifest, "utf8")) as { type?: unknown }).type;
  } catch {
    return undefined; // Node will say what is wrong with it
  }
}

/** All of them or none. */
function writeAll(folder: string, files: Record<string, string>): void {
  const written: string[] = [];
  try {
    fs.mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(folder, name);
      fs.writeFileSync(file, text, { flag: "wx" });
      written.push(file);
    }
  } catch (error) {
    for (const file of written) fs.rmSync(file, { force: true });
    throw new UsageError(
      `${folder} can't be written (${(error as Error).message}); no file of it was left there`,
    );
  }
}

function nextSteps(folder: string, files: string[], stack: string): string {
  return [
    `wrote ${files.join(", ")} in ${folder}`,
    "next:",
    "  ssh to each machine once, to accept its host key",
    `  pulumi stack init ${stack}`,
    "  pulumi preview --diff",
    "  pulumi up --continue-on-error",
    "  loopback-ha certs    # for https: order certificates once the names resolve to the VIPs",
    "  loopback-ha status",
  ].join("\n");
}
