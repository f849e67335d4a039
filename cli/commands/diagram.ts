import { Command, Option } from "commander";
import { renderMermaid } from "../diagram/mermaid";
import { renderSvg } from "../diagram/svg";
import { gather } from "../status/gather";
import type { FarmStatus } from "../status/model";
import { open } from "./command";

const FORMATS: Record<string, (status: FarmStatus) => string> = { svg: renderSvg, mermaid: renderMermaid };

/** `diagram`: the network as a picture. */
export function diagramCommand(): Command {
  return new Command("diagram")
    .description(
      "the network as a picture: who serves what now, who is in maintenance or down, open connections",
    )
    .addOption(
      new Option("--format <format>", "as an SVG file, or as Mermaid text")
        .choices(Object.keys(FORMATS))
        .default("svg"),
    )
    .option("-o, --out <file>", "the result into a file")
    .action(async ({ format }: { format: string }, command: Command) => {
      const { session, terminal } = await open(command);
      const status = await gather(await session.farm(), session.id, session.folder);
      terminal.result(status, () => FORMATS[format](status));
    });
}
