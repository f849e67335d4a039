/** What `npm run demo` and `npm test` do about a Pulumi engine on a machine that they never ran on (tools/prerequisites.sh). */
import { strict as assert } from "assert";
import { execFileSync, spawn } from "child_process";
import { createHash } from "crypto";
import { once } from "events";
import * as fs from "fs";
import * as http from "http";
import { AddressInfo } from "net";
import * as os from "os";
import * as path from "path";
import { dependencies, devDependencies } from "../../package.json";

const ROOT = path.join(__dirname, "../..");
const VERSION = devDependencies["@pulumi/pulumi"];
const COMMAND = `resource-command-v${dependencies["@pulumi/command"]}`;
const RANDOM = `resource-random-v${dependencies["@pulumi/random"]}`;
const ARCHIVE = `pulumi-v${VERSION}-linux-${process.arch}.tar.gz`;

/** A pulumi that knows its version and, where it may, brings plugins. */
const pulumi = (version: string, brings = true): string => `#!/bin/bash
case "$1 $2" in
  "version ") echo ${version} ;;
  "plugin install") echo "plugin install $*" >>"\${PULUMI_HOME:-$HOME/.pulumi}.asked"
    ${brings ? "true" : "echo 'no such host' >&2; exit 1"}
    mkdir -p "\${PULUMI_HOME:-$HOME/.pulumi}/plugins/resource-$4-v$5" ;;
  *) exit 2 ;;
esac
`;
/** A go that has a version, and builds something that runs. */
const go = (version: string): string => `#!/bin/bash
case $1 in
  env) echo go${version} ;;
  build) while [[ $1 != -o ]]; do shift; done; mkdir -p "\${2%/*}"; printf '#!/bin/sh\\n' >"$2"; chmod 755 "$2" ;;
  *) exit 2 ;;
esac
`;

enum Site {
  Answers,
  /** What it sends is something else than its checksum says. */
  Lies,
  /** It has the checksums, and sends the archive to nobody. */
  Breaks,
  Refuses,
  /** It takes connections and says nothing. */
  Silent,
}

describe("a first run's engine (slow)", () => {
  let home: string;
  let server: http.Server | undefined;
  beforeEach(() => (home = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-first-"))));
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    fs.rmSync(home, { recursive: true });
  });
  const put = (name: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    fs.writeFileSync(path.join(home, name), text, { mode: 0o755 });
  };

  function archive(): Buffer {
    put("official/pulumi/pulumi", pulumi(`v${VERSION}`));
    put("official/pulumi/pulumi-language-nodejs", "#!/bin/sh\n");
    return execFileSync("tar", ["-C", path.join(home, "official"), "-cz", "pulumi"]);
  }

  async function serve(kind: Site): Promise<string> {
    if (kind === Site.Refuses) return "http://127.0.0.1:9/releases";
    const body = archive();
    const sum = createHash("sha256")
      .update(kind === Site.Lies ? "another" : body)
      .digest("hex");
    const answers: Record<string, string | Buffer | undefined> = {
      [`/sdk/pulumi-${VERSION}-checksums.txt`]: `${"0".repeat(64)}  another.tar.gz\n${sum}  ${ARCHIVE}\n`,
      [`/sdk/${ARCHIVE}`]: kind === Site.Breaks ? undefined : body,
    };
    server = http.createServer((request, response) => {
      if (kind === Site.Silent) return;
      const answer = answers[request.url!];
      response.writeHead(answer === undefined ? 404 : 200).end(answer);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  interface Machine {
    /** On PATH, with these plugins. */
    installed?: { version: string; plugins?: string[]; brings?: boolean };
    site: Site;
    go?: string;
  }

  /** A first run on such a machine: how it ended, what it said, and the engine it made. */
  async function firstRun({ installed, site, go: version }: Machine) {
    if (installed) put("bin/pulumi", pulumi(installed.version, installed.brings));
    for (const plugin of installed?.plugins ?? []) put(`.pulumi/plugins/${plugin}/PulumiPlugin.yaml`, "");
    if (version !== undefined) put("bin/go", go(version));
    const address = await serve(site);
    // Nothing of what this machine has but the system's own programs.
    const PATH = `${home}/bin:/usr/bin:/bin`;
    const env = { HOME: home, PATH, LOOPBACK_HA_CACHE: `${home}/cache`, LOOPBACK_HA_ENGINE_SITE: address };
    const script = `set -euo pipefail; again=test; . "$0"; export PATH=${PATH}; require_built engine; . "$1"; engine_env && type -P pulumi`;
    const tools = ["tools/prerequisites.sh", "tools/engine/env.sh"].map((name) => path.join(ROOT, name));
    const child = spawn("bash", ["-c", script, ...tools], { env });
    let [said, found] = ["", ""];
    child.stderr.on("data", (text) => (said += String(text)));
    child.stdout.on("data", (text) => (found += String(text)));
    const [code] = (await once(child, "close")) as [number];
    const asked = path.join(home, ".pulumi.asked");
    return {
      code,
      said,
      found: found.trim().replace(home, ""),
      asked: fs.existsSync(asked) ? fs.readFileSync(asked, "utf8").split("\n").length - 1 : 0,
    };
  }

  const INSTALLED = "/bin/pulumi";
  const MADE = /^\/cache\/engine\/[0-9a-f]{16}\/bin\/pulumi$/;
  const both = [COMMAND, RANDOM];
  for (const [what, machine, found, words, asked = 0] of [
    [
      "installed with its plugins: nothing is done",
      { installed: { version: `v${VERSION}`, plugins: both }, site: Site.Refuses },
      INSTALLED,
      /^$/,
    ],
    [
      "installed, of a later version",
      { installed: { version: "v3.999.0", plugins: both }, site: Site.Refuses },
      INSTALLED,
      /^$/,
    ],
    [
      "installed with an empty home: its plugins are installed before anything else",
      { installed: { version: `v${VERSION}` }, site: Site.Refuses },
      INSTALLED,
      /Pulumi plugins: done/,
      2,
    ],
    [
      "installed with an empty home, and no way to plugins",
      { installed: { version: `v${VERSION}`, brings: false }, site: Site.Refuses },
      undefined,
      /no such host[^]*continue: .*LOOPBACK_HA_ENGINE=build npm test/,
      1,
    ],
    [
      "installed, too old",
      { installed: { version: "v3.100.0", plugins: both }, site: Site.Answers },
      undefined,
      /^pulumi on PATH is v3\.100\.0, and 3\.\d+\.0 or a newer 3 is needed: update it \(.*\), or leave it aside: LOOPBACK_HA_ENGINE=build npm test\n$/,
    ],
    [
      "installed, of another major version",
      { installed: { version: "v4.0.0", plugins: both }, site: Site.Answers },
      undefined,
      /^pulumi on PATH is v4\.0\.0/,
    ],
    ["none, the site answers, no Go", { site: Site.Answers }, MADE, /Pulumi engine .*: done/],
    [
      "none, the site answers, an old Go",
      { site: Site.Answers, go: "1.19.8" },
      MADE,
      /Pulumi engine .*: done/,
    ],
    [
      "none, the site refuses, a new Go: built",
      { site: Site.Refuses, go: "1.99.0" },
      MADE,
      /Pulumi engine .*: done/,
    ],
    [
      "none, the site is silent, a new Go: built",
      { site: Site.Silent, go: "1.99.0" },
      MADE,
      /Pulumi engine .*: done/,
    ],
    [
      "none, the download breaks, a new Go: built",
      { site: Site.Breaks, go: "1.99.0" },
      MADE,
      /Pulumi engine .*: done/,
    ],
    [
      "none, the site refuses, no Go",
      { site: Site.Refuses },
      undefined,
      /^No Pulumi engine, and its download is out of reach: install Pulumi \(.*\), or Go 1\.[0-9.]+ or newer to build it here \(Go now: none\)\.\n$/,
    ],
    [
      "none, the site is silent, an old Go",
      { site: Site.Silent, go: "1.24.4" },
      undefined,
      /^No Pulumi engine, .* \(Go now: go1\.24\.4\)\.\n$/,
    ],
    [
      "none, the download is not what its checksum says",
      { site: Site.Lies },
      undefined,
      /does not match its checksum: it was deleted/,
    ],
  ] as [string, Machine, string | RegExp | undefined, RegExp, number?][])
    it(what, async () => {
      const began = Date.now();
      const run = await firstRun(machine);
      assert.match(run.said, words);
      assert.equal(run.code === 0, found !== undefined, run.said);
      if (found instanceof RegExp) assert.match(run.found, found);
      else assert.equal(run.found, found ?? "");
      assert.equal(run.asked, asked);
      assert.ok(Date.now() - began < 20_000, "quick to give up");
    });

  it("is made once: the next run finds it, and asks no registry", async () => {
    await firstRun({ site: Site.Answers });
    server!.close();
    const { said, found } = await firstRun({ site: Site.Refuses });
    assert.equal(said, "");
    assert.match(found, MADE);
  });
});
