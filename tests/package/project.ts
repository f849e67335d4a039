/** A user's project, with nothing in it but what docs/install.md says. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { block } from "../pages";
import { attempt, run } from "../run";
import { INSTALL_MS, packed } from "./installed";

export const CONFIG = `${block("README.md", "loopback-ha:network", "yaml")}  loopback-ha:detectDrift: false\n`;
/** Of the peer range; and the newest that tests know. */
export const [OLDEST_SDK, NEWEST_SDK] = ["3.248.0", "3.276.0"];

/** The folder of a stack: the files of docs/install.md, a state of its own, and no look at machines, which are not there. */
export class Project {
  readonly env: Record<string, string>;

  /** @param node the folder of the Node that runs all of it. Default: the one that runs the tests */
  constructor(
    readonly folder: string,
    node?: string,
  ) {
    fs.mkdirSync(path.join(folder, "state"), { recursive: true });
    this.env = {
      PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "tests",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      ...(node && { PATH: `${node}:${process.env.PATH}` }),
    };
  }

  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
      fs.writeFileSync(path.join(this.folder, name), text);
    }
  }

  /** As docs/install.md has it. */
  writeProgram(): void {
    this.write({
      "Pulumi.yaml": block("docs/install.md", "main: index.ts", "yaml"),
      "index.ts": block("docs/install.md", "export = program", "ts"),
      "Pulumi.prod.yaml": CONFIG,
    });
  }

  async shell(lines: string): Promise<string> {
    return (await run("bash", ["-ec", lines], { cwd: this.folder, env: this.env, timeoutMs: INSTALL_MS }))
      .stdout;
  }

  /** What the commands of all machines say in a preview, by their names. */
  async preview(): Promise<Record<string, unknown>> {
    await this.shell("pulumi stack init prod --non-interactive");
    const { code, stdout, stderr } = await attempt(
      "pulumi",
      ["preview", "--json", "--non-interactive", "--stack", "prod"],
      { cwd: this.folder, env: this.env, timeoutMs: INSTALL_MS },
    );
    assert.equal(code, 0, stdout + stderr);
    // A secret that the first run will make: newer SDKs know already that it is one.
    const { steps } = JSON.parse(stdout.replaceAll(/"\[secret\]"|"04da6b54-[0-9a-f-]+"/g, '"unknown"')) as {
      steps: Step[];
    };
    const commands = steps
      .filter(({ newState }) => newState?.type === "command:local:Command")
      .map(({ newState }): [string, unknown] => [newState!.urn, newState!.inputs]);
    // Both servers, the router, the name server.
    assert.equal(commands.length, 6, stdout);
    return Object.fromEntries(commands);
  }
}

interface Step {
  newState?: { type: string; urn: string; inputs: unknown };
}

/** One without a package. */
export async function emptyProject(name: string, node?: string): Promise<Project> {
  const folder = path.join(path.dirname(await packed()), name);
  fs.mkdirSync(folder);
  const project = new Project(folder, node);
  project.write({ "package.json": '{ "name": "farm", "version": "1.0.0", "private": true }\n' });
  return project;
}
