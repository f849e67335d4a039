/** Every path on which we run ssh, with a false ssh in its place that writes down how it was called. */
import { spawn } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { keepWarm } from "../../../cli/watch/warm";
import type { FarmModel } from "../../../components/config";
import { askInstalled, followInstalled, runOver } from "../../../components/host/installed";
import { lookOverSsh } from "../../../components/host/observe";
import { HostArgs, sharedSshArguments, sshArguments, sudoPrefix } from "../../../components/host/ssh";
import { ciscoIos } from "../../../components/routerRoute/ciscoIos";
import { showVerdicts } from "../../../components/webServerPool/tls/show.cjs";

const COMPONENTS = path.join(__dirname, "../../../components");
export const HOST: HostArgs = { name: "web1", address: "192.0.2.2", ssh: { user: "deploy" } };
const INSTANCE = "farm.prod.web-web1.vips";

/** How ssh was called once. */
export interface Call {
  words: string[];
  environment: string[];
  input: string;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  seconds: number;
}

/** A folder with a false ssh: what it does is a shell script, which has its arguments as $*, and its stdin in $input. */
export class FalseSsh {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "false-ssh-"));

  constructor(reply = "") {
    // It has the keyword by which ssh is known to be new: forkafterauthentication.
    const program = `#!/bin/bash
# forkafterauthentication
dir=\${0%/*}
call=$(mktemp -d "$dir/new.XXXXXX")
printf '%s\\0' "$@" >"$call/words"
env -0 >"$call/environment"
: >"$call/input"
exec 3>"$call/input"
done="$dir/call.$(date +%s%N).$$"
mv "$call" "$done"
. "$dir/reply"
`;
    fs.writeFileSync(path.join(this.folder, "ssh"), program, { mode: 0o755 });
    this.reply(reply);
  }

  reply(script: string): void {
    fs.writeFileSync(path.join(this.folder, "reply"), script);
  }

  get calls(): Call[] {
    const read = (name: string, file: string): string =>
      fs.readFileSync(path.join(this.folder, name, file), "utf8");
    return fs
      .readdirSync(this.folder)
      .filter((name) => name.startsWith("call."))
      .sort()
      .map((name) => ({
        words: read(name, "words").split("\0").slice(0, -1),
        environment: read(name, "environment").split("\0").slice(0, -1),
        input: read(name, "input"),
      }));
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true });
  }

  get path(): string {
    return `${this.folder}:${process.env.PATH}`;
  }

  /** Runs something of this process with it. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    const { PATH } = process.env;
    process.env.PATH = this.path;
    try {
      return await work();
    } finally {
      process.env.PATH = PATH;
    }
  }

  /** Runs a program with it. */
  run(command: string, args: string[], env: Record<string, string>, input = ""): Promise<Ended> {
    const begin = Date.now();
    const child = spawn(command, args, { env: { ...process.env, ...env, PATH: this.path } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined).end(input);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout, stderr, seconds: (Date.now() - begin) / 1000 }));
    });
  }

  environment(rest: Record<string, string> = {}): Record<string, string> {
    return {
      LOOPBACK_HA_MACHINE: HOST.name,
      LOOPBACK_HA_ADDRESS: HOST.address,
      LOOPBACK_HA_SSH: sshArguments(HOST).join(" "),
      LOOPBACK_HA_SUDO: sudoPrefix(HOST),
      LOOPBACK_HA_STACK: "farm/prod",
      LOOPBACK_HA_INSTANCE: INSTANCE,
      LOOPBACK_HA_ROLE: "vips",
      LOOPBACK_HA_SCRIPTS: path.join(COMPONENTS, "loopbackVip"),
      // Nobody else stands in its line.
      TMPDIR: this.folder,
      ...rest,
    };
  }

  /** Of a role whose scripts are in the folder `room`. */
  deliver(
    rest: Record<string, string> = {},
    want: Record<string, string> = {},
    room = "loopbackVip",
  ): Promise<Ended> {
    const file = path.join(COMPONENTS, "host/deliver.cjs");
    const scripts = { LOOPBACK_HA_SCRIPTS: path.join(COMPONENTS, room) };
    return this.run("node", [file], this.environment({ ...scripts, ...rest }), JSON.stringify({ want }));
  }

  deliverIos(rest: Record<string, string> = {}): Promise<Ended> {
    const want = { routes: "192.0.2.32/27 web1 192.0.2.2\n", block: "192.0.2.0/24\n", settings: "" };
    const file = path.join(COMPONENTS, "routerRoute/ciscoIos/deliver.cjs");
    return this.run("node", [file], this.environment(rest), JSON.stringify({ want }));
  }

  removeOverSsh(rest: Record<string, string> = {}, edit = (text: string) => text): Promise<Ended> {
    const text = fs.readFileSync(path.join(COMPONENTS, "host/remove-over-ssh.sh"), "utf8");
    return this.run("sh", ["-c", edit(text)], this.environment(rest));
  }

  removeIos(rest: Record<string, string> = {}): Promise<Ended> {
    return this.run("sh", ["-c", ciscoIos.driver!.remove], this.environment(rest));
  }
}

const script = { host: HOST, instance: INSTANCE, script: "health.sh", args: ["--every", "0.5"] };
const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);

/** A change that waits for a confirmation. */
const CONFIRMING = `
case "$*" in
*' bash -s loopback-ha '*) timeout 5 head -c 30 >&3; echo 'LOOPBACK-HA-CONFIRM 20'; cat >&3 ;;
*' bash -s confirm '*) echo 'LOOPBACK-HA-APPLIED'; timeout 5 cat >&3 ;;
esac`;

/** Each path on which we run ssh, by the file that does it. */
export const PATHS: Record<string, { file: string; reply?: string; run(ssh: FalseSsh): Promise<unknown> }> = {
  look: { file: "components/host/observe.ts", run: (ssh) => ssh.within(() => quietly(lookOverSsh(HOST))) },
  ask: {
    file: "components/host/installed.ts",
    run: (ssh) => ssh.within(() => quietly(askInstalled(script, 5))),
  },
  follow: {
    file: "components/host/installed.ts",
    run: (ssh) => ssh.within(() => followInstalled(script, () => undefined).ended),
  },
  "run over": {
    file: "components/host/installed.ts",
    run: (ssh) =>
      ssh.within(() =>
        quietly(runOver(HOST, ["/usr/local/sbin/loopback-ha-move", "--down", "192.0.2.64/27", "web1"], 5)),
      ),
  },
  "keep warm": {
    file: "cli/watch/warm.ts",
    run: (ssh) =>
      ssh.within(async () => {
        const farm = { routers: [], servers: [HOST], nameServers: [] } as unknown as FarmModel;
        const stop = keepWarm(() => farm);
        while (ssh.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
        stop();
      }),
  },
  "deliver and confirm": {
    file: "components/host/delivery/conversation.cjs",
    reply: CONFIRMING,
    run: (ssh) => ssh.deliver({}, { settings: "confirm_seconds=20\n" }, "routerRoute"),
  },
  "ask peers": {
    file: "components/host/delivery/bundle.cjs",
    run: (ssh) =>
      ssh.deliver({
        LOOPBACK_HA_PEERS: JSON.stringify([sshArguments({ name: "ns2", address: "192.0.2.7" })]),
        LOOPBACK_HA_ASK_PEERS: "cat /var/lib/loopback-ha/farm.prod.x.zone/serial; date -u +%Y%m%d00",
      }),
  },
  "show a certificate": {
    file: "components/webServerPool/tls/show.cjs",
    run: (ssh) =>
      ssh.within(() =>
        showVerdicts(
          [{ site: "a", vip: "192.0.2.33", name: "a.example", certificate: "" }],
          sharedSshArguments(HOST),
        ),
      ),
  },
  remove: { file: "components/host/remove-over-ssh.sh", run: (ssh) => ssh.removeOverSsh() },
  "IOS deliver": {
    file: "components/routerRoute/cli/session.cjs",
    run: (ssh) => ssh.deliverIos(),
  },
  "IOS remove": {
    file: "components/routerRoute/cli/session.cjs",
    run: (ssh) => ssh.removeIos(),
  },
};
