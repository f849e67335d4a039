/**
 * pulumi as a program, for one stack of one project. Not its Automation API, which adds half a second of loading and five
 * more runs of pulumi to each `up`: a failover waits for those (ADR 37).
 */
import { spawn } from "node:child_process";
import type { ConfigMap, EngineEvent } from "@pulumi/pulumi/automation";

/** A run of pulumi that failed. Its message is what pulumi printed: its errors, else its output. */
export class PulumiError extends Error {}

/** How pulumi is run. */
export interface RunOptions {
  /** Added to this program's environment. */
  env?: Record<string, string>;
  /** Ends it as Ctrl-C does. */
  signal?: AbortSignal;
  /** Gets each event of the engine while it runs. */
  onEvent?: (event: EngineEvent) => void;
}

/**
 * Runs pulumi in a folder, without questions.
 * @returns what it printed
 * @throws PulumiError when it fails
 */
function pulumi(folder: string, args: string[], { env, signal, onEvent }: RunOptions = {}): Promise<string> {
  const child = spawn("pulumi", [...args, ...(onEvent ? ["--json"] : []), "--non-interactive"], {
    cwd: folder,
    // A preview would have one document, at its end.
    env: { ...process.env, PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A terminal's Ctrl-C is for this program, which hands it on: pulumi ends at once at the second one.
    detached: true,
  });
  const interrupt = (): void => void child.kill("SIGINT");
  signal?.addEventListener("abort", interrupt);
  let stdout = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (onEvent === undefined) return;
    const lines = stdout.split("\n");
    stdout = lines.pop()!;
    for (const line of lines.filter((one) => one.startsWith("{"))) onEvent(JSON.parse(line) as EngineEvent);
  });
  return new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0
        ? resolve(stdout)
        : reject(new PulumiError(stderr.trim() || stdout.trim() || `pulumi ended with exit code ${code}`)),
    );
  }).finally(() => signal?.removeEventListener("abort", interrupt));
}

/** The name of the stack that is selected in a project's folder. */
export async function selectedStack(folder: string): Promise<string | undefined> {
  const stacks = JSON.parse(await pulumi(folder, ["stack", "ls", "--json"])) as {
    name: string;
    current: boolean;
  }[];
  return stacks.find(({ current }) => current)?.name;
}

/** One stack's runs. */
export class Engine {
  constructor(
    /** The project's folder. */
    readonly folder: string,
    /** The stack's name, with its organization if it was given with one. */
    readonly stack: string,
  ) {}

  private run(args: string[], options?: RunOptions): Promise<string> {
    return pulumi(this.folder, [...args, "--stack", this.stack], options);
  }

  /** Where the state is; fails where that can't be reached. */
  async whoAmI(): Promise<{ url?: string }> {
    return JSON.parse(await pulumi(this.folder, ["whoami", "--json"])) as { url?: string };
  }

  /** All of the stack's config, with secrets in clear. */
  async config(): Promise<ConfigMap> {
    return JSON.parse(await this.run(["config", "--show-secrets", "--json"])) as ConfigMap;
  }

  /** `pulumi preview`. @param configFile in place of the stack's own */
  async preview({ configFile, ...options }: RunOptions & { configFile?: string }): Promise<void> {
    const file = configFile === undefined ? [] : ["--config-file", configFile];
    await this.run(["preview", ...file], options);
  }

  /** `pulumi up`, which goes on where a machine fails. */
  async up(options: RunOptions): Promise<void> {
    await this.run(["up", "--yes", "--skip-preview", "--continue-on-error"], options);
  }

  /** URNs of steps that were begun and never finished. */
  async pending(): Promise<string[]> {
    const { deployment } = JSON.parse(await this.run(["stack", "export"])) as {
      deployment: { pending_operations?: { resource: { urn: string } }[] };
    };
    return (deployment.pending_operations ?? []).map(({ resource }) => resource.urn);
  }

  /** Forgets them. */
  async clearPending(): Promise<void> {
    await this.run(["refresh", "--yes", "--skip-preview", "--clear-pending-creates"]);
  }
}
