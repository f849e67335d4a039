/**
 * Tables of a command's arguments and options in pages, made from the command's own definition, so that a page says what --help says.
 * A page marks the place: `<!-- options: watch (made by npm run reference) -->`, the table, `<!-- options end -->`.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Argument, Command, Option } from "commander";
import { certsCommand } from "../cli/commands/certs";
import { watchCommand } from "../cli/commands/watch";

const COMMANDS: Record<string, () => Command> = { certs: certsCommand, watch: watchCommand };
const ROOT = path.join(__dirname, "..");
const PLACE = /(<!-- options: ([a-z]+) \(made by npm run reference\) -->\n)[^]*?(\n<!-- options end -->)/g;

/** A page with its tables made again. */
export function withOptionTables(page: string): string {
  return page.replace(PLACE, (_, begin: string, name: string, end: string) => {
    const command = COMMANDS[name]?.();
    if (command === undefined) throw new Error(`options: ${name}: no such command`);
    return `${begin}\n${tableOf(command)}\n${end}`;
  });
}

/** The names of pages with such a table. */
export function pagesWithOptions(): string[] {
  return fs
    .readdirSync(path.join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
    .filter((name) => new RegExp(PLACE).test(fs.readFileSync(path.join(ROOT, name), "utf8")));
}

function tableOf(command: Command): string {
  const rows = [...command.registeredArguments.map(argumentRow), ...command.options.map(optionRow)];
  return ["| option | default | |", "| --- | --- | --- |", ...rows].join("\n");
}

const argumentRow = (argument: Argument): string =>
  row(`${argument.name().toUpperCase()}...`, argument.description);

function optionRow({ flags, description, defaultValue, defaultValueDescription, envVar }: Option): string {
  const initial: unknown = defaultValueDescription ?? (defaultValue === true ? undefined : defaultValue);
  const env = envVar === undefined ? "" : `; also from \`${envVar}\``;
  return row(
    flags.replace(/<(.*)>/, (_, name: string) => name.toUpperCase()),
    description,
    initial === undefined ? undefined : String(initial),
    env,
  );
}

/** A default that only words can say is at the description's end. */
function row(name: string, description: string, initial?: string, more = ""): string {
  const [, text, said] = /^(.*?)(?: \(default: (.*)\))?$/.exec(description)!;
  return `| \`${name}\` | ${initial ?? said ?? ""} | ${text}${more} |`;
}

async function main(): Promise<void> {
  const { format, resolveConfig } = await import("prettier");
  for (const name of pagesWithOptions()) {
    const filepath = path.join(ROOT, name);
    const page = withOptionTables(fs.readFileSync(filepath, "utf8"));
    fs.writeFileSync(filepath, await format(page, { ...(await resolveConfig(filepath)), filepath }));
  }
}

if (require.main === module) void main();
