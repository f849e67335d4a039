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
      "draw the network: which server serves what now, which are in maintenance or down, and open connections",
    )
    .addOption(
      new Option("--format <format>", "an SVG image, or Mermaid text")
        .choices(Object.keys(FORMATS))
        .default("svg"),
    )
    .option("-o, --out <file>", "write the result to this file")
    .action(async ({ format }: { format: string }, command: Command) => {
      const { session, terminal } = await open(command);
      const status = await gather(await session.farm(), session.id, session.folder);
      terminal.result(status, () => FORMATS[format](status));
    });
}
