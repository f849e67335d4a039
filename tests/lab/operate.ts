/** What pages of the docs say is run as the operator would. */
import assert from "node:assert/strict";
import { ExecResult } from "../../lab/lab";
import { Program } from "../../lab/project";

/** Runs lines of a block in the program's folder; answers yes to pulumi's question. */
export function tryIn(program: Program, lines: string): Promise<ExecResult> {
  return program.operate(["bash", "-ec", lines], {
    timeoutMs: 110_000,
    env: { PULUMI_SKIP_CONFIRMATIONS: "true", PULUMI_NON_INTERACTIVE: "true" },
  });
}

/** The same; they must succeed. */
export async function operateIn(program: Program, lines: string): Promise<string> {
  const { code, stdout, stderr } = await tryIn(program, lines);
  assert.equal(code, 0, `${lines}\n${stdout}${stderr}`);
  return stdout;
}
