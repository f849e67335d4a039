import { Command } from "commander";
import { UserError } from "../../components/base/userError";
import { previewDraft } from "../edits/change";
import { UsageError } from "../terminal/exit";
import { Preview, preview } from "../pulumi/preview";
import { renderFailure, renderMarkdown } from "../preview/markdown";
import { renderPreview } from "../preview/text";
import { verdict } from "../preview/verdict";
import type { Session } from "../pulumi/session";
import { open } from "./command";

interface PreviewOptions {
  markdown?: boolean;
  detectDrift: boolean;
}

/** `preview`: what `up` would do. */
export function previewCommand(): Command {
  return new Command("preview")
    .description("show what up would do: what moves, and which files change on each machine; changes nothing")
    .option("--markdown", "as Markdown, for a comment on a pull request")
    .option("--no-detect-drift", "don't connect to any machine, for example in CI without ssh access")
    .option("-o, --out <file>", "write the result to this file")
    .action(async ({ markdown, detectDrift }: PreviewOptions, command: Command) => {
      const { session, terminal } = await open(command);
      if (markdown && terminal.json)
        throw new UsageError("--markdown and --json can't be combined; give only one of them");
      try {
        const found = await look(session, detectDrift);
        terminal.result({ stack: session.id, verdict: verdict(found), ...found }, () =>
          markdown ? renderMarkdown(session.id, found) : renderPreview(session.id, found),
        );
      } catch (error) {
        // Or a comment would go on showing the preview before.
        if (markdown && error instanceof UserError)
          terminal.result(undefined, () => renderFailure(session.id, error.message));
        throw error;
      }
    });
}

async function look(session: Session, detectDrift: boolean): Promise<Preview> {
  const farm = await session.farm();
  if (detectDrift || !farm.detectDrift) return preview(session, farm);
  return previewDraft(session, await session.draft([{ path: ["detectDrift"], value: false }]));
}
