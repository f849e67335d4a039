import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Exit } from "../../cli/failure";
import type { Forecast } from "../../cli/forecast";
import { EACH } from "../../cli/preview/diff";
import { Farm, SERVERS, textOf } from "./support";

const MARKER = "<!-- loopback-ha preview of loopback-ha/lab -->";

describe("loopback-ha preview", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-preview-"));
  const out = path.join(folder, "preview.md");

  before("a farm in the lab", () => farm.build());
  after("the farm goes", async () => {
    fs.rmSync(folder, { recursive: true });
    await farm.destroy();
  });

  /** What it printed on stdout; it must end with this code. */
  async function run(exit: Exit, ...args: string[]): Promise<string> {
    const result = await farm.project.cli(["preview", ...args]);
    assert.equal(result.code, exit, `${args.join(" ")}: ${textOf(result)}`);
    return exit === Exit.Ok ? result.stdout : textOf(result);
  }
  /** The comment that it wrote. */
  async function comment(exit: Exit, ...args: string[]): Promise<string> {
    fs.rmSync(out, { force: true });
    await run(exit, "--markdown", "--out", out, ...args);
    return fs.readFileSync(out, "utf8");
  }
  const has = (text: string, ...parts: string[]): void => {
    for (const part of parts) assert.ok(text.includes(part), `${text}\nlacks ${part}`);
  };
  const configFile = (): string => farm.project.file("Pulumi.lab.yaml");

  it("says that nothing changes", async () => {
    assert.equal(await run(Exit.Ok), "loopback-ha/lab  nothing moves, nothing changes\n");
    assert.equal(
      await comment(Exit.Ok),
      `${MARKER}\n\n### \`loopback-ha/lab\`: nothing moves, nothing changes\n`,
    );
  });

  describe("of maintenance and a new site", () => {
    let observed: string;
    before("the config changes", async () => {
      await farm.setState("web2", "maintenance");
      await farm.set("sites.sprockets.serverName", "sprockets.widgetco.example");
      await farm.set("sites.sprockets.documentRoot", "/srv/www/sprockets");
      await farm.set("sites.sprockets.hostNumber", "7");
    });
    after("and back", async () => {
      await farm.setState("web2", "active");
      await farm.drop("sites.sprockets");
    });

    it("tells the moves with their open connections, and what changes on each machine", async () => {
      const connection = await farm.lab.spawn("client", [
        "bash",
        "-c",
        "exec 3<>/dev/tcp/192.0.2.69/80; echo open; exec sleep 100",
      ]);
      await once(connection.stdout!, "data");
      const config = fs.readFileSync(configFile());
      observed = await comment(Exit.Ok);
      connection.kill();
      has(
        observed,
        `${MARKER}\n\n### \`loopback-ha/lab\`: 1 prefix moves (web2 => web1); 1 open connection stays where it is until it ends; ns1, r1, web1, web2, web3, web4 change\n`,
        "| `192.0.2.64/27` | `web2` | `web1` | `gadgets`, `sprockets`, `widgetco` | 1 open connection stays with web2 until the end |",
        "| `web1` | 1 of 4 (25 %) => 2 of 4 (50 %) |",
        "| `web2` | 1 of 4 (25 %) => 0 of 4 (0 %) |",
        "<details><summary><b>ns1</b>: zone update (+4 −0)</summary>",
        "\n+sprockets               IN A   192.0.2.39\n",
        "<details><summary><b>r1</b>: linux-routes update (+5 −1)</summary>",
        "\n-192.0.2.64/27 web2 192.0.2.3\n+192.0.2.64/27 web1 192.0.2.2\n",
        `<details><summary><b>${SERVERS.join(", ")}</b>: vhosts update, vips update (+24 −0)</summary>`,
        `\n+    Alias "/.well-known/loopback-ha/@SECRET:health@" "/var/lib/loopback-ha/loopback-ha.lab.web-${EACH}.vhosts/health/sprockets"\n`,
        "\n+address 192.0.2.71\n",
      );
      assert.ok(!observed.includes(farm.healthPath.split("/").pop()!), "the secret health path is not shown");
      assert.deepEqual(fs.readFileSync(configFile()), config);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("tells the same without a machine to look at, by what was written to them last", async () => {
      await farm.lab.cut("operator");
      try {
        for (const args of [["--no-observe"], []]) {
          if (args.length === 0) await farm.set("observe", "false");
          const text = await comment(Exit.Ok, ...args);
          has(
            text,
            "r1: not looked at (observe is false); this is from what was last written to it",
            "**Warning:** observe is false: the machines were not looked at, so drift and early removals go unseen",
          );
          // Nobody counted the connections.
          const lines = (all: string): string[] =>
            all
              .replace(
                "1 open connection stays where it is until it ends",
                "open connections stay where they are until they end",
              )
              .replace("1 open connection stays with", "open connections stay with")
              .split("\n")
              .filter((line) => line !== "" && !/not looked at/.test(line));
          assert.deepEqual(lines(text), lines(observed));
        }
      } finally {
        await farm.drop("observe");
        await farm.lab.heal("operator");
      }
      assert.deepEqual(
        fs.readdirSync(farm.project.folder).filter((name) => name.includes("draft")),
        [],
      );
    });

    it("as one JSON document, and as text", async () => {
      const found = JSON.parse(await run(Exit.Ok, "--json")) as Forecast & { stack: string; verdict: string };
      assert.equal(found.stack, "loopback-ha/lab");
      assert.match(found.verdict, /^1 prefix moves \(web2 => web1\)/);
      assert.deepEqual(
        found.routers[0].moves.map(({ prefix, from, to }) => [prefix, from, to]),
        [["192.0.2.64/27", "web2", "web1"]],
      );
      assert.equal(found.changes.length, 2 * SERVERS.length + 2);
      const text = await run(Exit.Ok);
      has(text, "r1: 192.0.2.64/27: via web2 => via web1", "\n      +192.0.2.64/27 web1 192.0.2.2\n");
      assert.ok(!text.includes("\x1b"), "no colours without a terminal");
    });
  });

  it("shows drift that the next up repairs", async () => {
    await farm.sh("web3", "ip address del 192.0.2.37/32 dev lo");
    const text = await comment(Exit.Ok);
    has(
      text,
      "nothing moves; web3 changes; drift on web3 is repaired",
      "**Warning:** web3 differs from what was applied to it",
      "    - address 192.0.2.37/32 on lo\n",
    );
    await farm.sh("web3", "ip address add 192.0.2.37/32 dev lo");
  });

  describe("of bad input", () => {
    it("a config that is refused: the comment says so, with the path and a value that works", async () => {
      await farm.setState("web2", "mantenance");
      const text = await comment(Exit.Usage);
      await farm.setState("web2", "active");
      has(
        text,
        `${MARKER}\n\n### \`loopback-ha/lab\`: no preview\n\n\`\`\`\nservers.web2.state: "mantenance"`,
        "maintenance",
      );
    });

    it("a config that only the machines show to be wrong", async () => {
      await farm.set("sites.gadgets.hostNumber", "9");
      const text = await comment(Exit.Failed);
      await farm.set("sites.gadgets.hostNumber", "6");
      has(text, ": no preview", "set sites.gadgets.retiringHostNumber to 6");
    });

    const rows: [string, string[], RegExp][] = [
      ["two forms at once", ["--markdown", "--json"], /--markdown and --json are two forms of one result/],
      [
        "a file in no folder",
        ["--out", "/nowhere/preview.md"],
        /--out: "\/nowhere\/preview\.md" can't be written/,
      ],
      ["a folder for a file", ["--out", "/tmp"], /--out: "\/tmp" can't be written \(it is a folder\)/],
      ["an option that is none", ["--mardown"], /Did you mean --markdown\?/],
    ];
    for (const [what, args, expected] of rows)
      it(what, async () => assert.match(await run(Exit.Usage, ...args), expected));
  });
});
