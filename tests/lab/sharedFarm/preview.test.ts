import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Exit } from "../../../cli/terminal/exit";
import type { Preview } from "../../../cli/pulumi/preview";
import { COMMAND_LINE } from "../../../lab/project";
import { github, gitlab, runsOf } from "../../ciJobs";
import { blocks } from "../../pages";
import { Comment, GH, GitlabNotes, comment as noted, runScript, standIns } from "../ciRunner";
import { Farm, SERVERS, hold, textOf } from "../support";

const MARKER = "<!-- loopback-ha preview of loopback-ha/lab -->";

describe("loopback-ha preview", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-preview-"));
  const out = path.join(folder, "preview.md");

  before("a farm in the lab", () => farm.take());
  after("the next has the farm", async () => {
    fs.rmSync(folder, { recursive: true });
    await farm.handOn();
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

  it("says that nothing changes (story)", async () => {
    assert.equal(await run(Exit.Ok), "loopback-ha/lab  nothing moves, nothing changes\n");
    assert.equal(
      await comment(Exit.Ok),
      `${MARKER}\n\n### \`loopback-ha/lab\`: nothing moves, nothing changes\n`,
    );
  });

  it("needs no right to write the state", async () => {
    const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
    const preview = ["pulumi", "preview", "--stack", "lab", "--expect-no-changes", "--non-interactive"];
    const state = farm.project.file("state");
    const result = await farm.project.operate([
      "unshare",
      "--mount",
      "sh",
      "-ec",
      readOnly,
      state,
      ...preview,
    ]);
    assert.equal(result.code, 0, textOf(result));
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

    it("shows the moves with their open connections, and what changes on each machine (story)", async () => {
      const connection = await hold(farm.lab, "192.0.2.69", 100);
      const config = fs.readFileSync(configFile());
      observed = await comment(Exit.Ok);
      await connection.end();
      has(
        observed,
        `${MARKER}\n\n### \`loopback-ha/lab\`: 1 prefix moves (web2 => web1); 1 open connection stays where it is until it ends; ns1, r1, web1, web2, web3, web4 change\n`,
        "| `192.0.2.64/27` | `web2` | `web1` | `gadgets`, `sprockets`, `widgetco` | 1 open connection stays with web2 until the end |",
        "| `web1` | 1 of 4 (25 %) => 2 of 4 (50 %) |",
        "| `web2` | 1 of 4 (25 %) => 0 of 4 (0 %) |",
        "<details><summary><b>ns1</b>: zone update (+4 −0)</summary>",
        "\n+sprockets               IN A   192.0.2.39\n",
        "<details><summary><b>r1</b>: linux-routes update (+2 −1)</summary>",
        "\n-192.0.2.64/27 web2 192.0.2.3\n+192.0.2.64/27 web1 192.0.2.2\n",
        `<details><summary><b>${SERVERS.join(", ")}</b>: vhosts update, vips update (+5 −0)</summary>`,
        "\n+sprockets sprockets.widgetco.example 192.0.2.39,192.0.2.71,192.0.2.103,192.0.2.135 /srv/www/sprockets\n",
        "\n+address 192.0.2.71\n",
      );
      assert.ok(!observed.includes(farm.healthPath.split("/").pop()!), "the secret health path is not shown");
      assert.deepEqual(fs.readFileSync(configFile()), config);
      assert.deepEqual(await farm.serving(), SERVERS);
    });

    it("shows the same when no machine can be reached, from what was last written to them", async () => {
      await farm.lab.cut("operator");
      try {
        for (const args of [["--no-detect-drift"], []]) {
          if (args.length === 0) await farm.set("detectDrift", "false");
          const text = await comment(Exit.Ok, ...args);
          has(
            text,
            "r1: not looked at (detectDrift is false); based on the last configuration written to it:",
            "**Warning:** detectDrift is false: no machine was checked, so drift and premature removals go unnoticed",
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
              .filter((line) => line !== "" && !/not looked at|no machine was checked/.test(line));
          assert.deepEqual(lines(text), lines(observed));
        }
      } finally {
        await farm.drop("detectDrift");
        await farm.lab.heal("operator");
      }
      assert.deepEqual(
        fs.readdirSync(farm.project.folder).filter((name) => name.includes("draft")),
        [],
      );
    });

    it("prints one JSON document, or text", async () => {
      const found = JSON.parse(await run(Exit.Ok, "--json")) as Preview & { stack: string; verdict: string };
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
    await farm.sh("web3", "systemctl stop 'loopback-ha.*.vips.service'; ip address del 192.0.2.37/32 dev lo");
    const text = await comment(Exit.Ok);
    has(
      text,
      "nothing moves; web3 changes; drift on web3 is repaired",
      "**Warning:** web3 differs from what was applied to it",
      "    - address 192.0.2.37/32 on lo\n",
    );
    // systemctl's own patterns know no unit that was stopped.
    const start = "cd /etc/systemd/system; systemctl start loopback-ha.*.vips.service";
    await farm.sh("web3", `${start}; until ip address show lo | grep -q 192.0.2.37/; do sleep 0.1; done`);
  });

  describe("of a bad config", () => {
    it("says in the comment that the config is refused, with the path and a value that works (story)", async () => {
      await farm.setState("web2", "mantenance");
      const text = await comment(Exit.Usage);
      await farm.setState("web2", "active");
      has(
        text,
        `${MARKER}\n\n### \`loopback-ha/lab\`: no preview\n\n\`\`\`\nservers.web2.state: "mantenance"`,
        "maintenance",
      );
    });

    it("says what only the machines show to be wrong", async () => {
      await farm.set("sites.gadgets.hostNumber", "9");
      const text = await comment(Exit.Failed);
      await farm.set("sites.gadgets.hostNumber", "6");
      has(text, ": no preview", "set sites.gadgets.retiringHostNumber to 6");
    });

    const rows: [string, string[], RegExp][] = [
      ["two forms at once", ["--markdown", "--json"], /--markdown and --json can't be combined/],
      [
        "a file in no folder",
        ["--out", "/nowhere/preview.md"],
        /--out: "\/nowhere\/preview\.md" can't be written/,
      ],
      ["a folder for a file", ["--out", "/tmp"], /--out: "\/tmp" can't be written \(it is a directory\)/],
      ["an option that is none", ["--mardown"], /Did you mean --markdown\?/],
    ];
    for (const [what, args, expected] of rows)
      it(what, async () => assert.match(await run(Exit.Usage, ...args), expected));
  });

  describe("in CI, as examples/ci has it", () => {
    const SUBNETS = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
    const work = path.join(folder, "work");
    const [node, bin] = COMMAND_LINE;
    const PATH = standIns(path.join(folder, "bin"), {
      npm: `[ "$*" = "ci --ignore-scripts" ]`,
      npx: `[ "$1 $2" = "--no-install loopback-ha" ]; shift 2; exec ${node} '${bin}' "$@"`,
      gh: GH,
      apk: `[ "$*" = "add --no-cache curl jq" ]`,
    });
    const jobs = { github: github().jobs, gitlab: gitlab().jobs };
    const SHARED = { PULUMI_BACKEND_URL: "s3://state" };

    before(() => fs.mkdirSync(work));
    afterEach(() => fs.rmSync(farm.project.file("preview.md"), { force: true }));

    /** Parts of a job in the project's folder, where no machine can be reached; the first that fails ends it. */
    async function inProject(
      parts: string[],
      env: Record<string, string>,
    ): Promise<{ code: number; text: string }> {
      let text = "";
      for (const part of parts) {
        const result = await farm.lab.exec("operator", ["bash", "-e", "-c", part], {
          cwd: farm.project.folder,
          env: { PATH, STACK: farm.project.stack, ...env },
        });
        text += textOf(result);
        if (result.code !== 0) return { code: result.code, text };
      }
      return { code: 0, text };
    }

    const services: [string, { check: string[]; guard: string; preview: string[] }][] = [
      [
        "github-actions.yml",
        {
          check: runsOf(jobs.github.check),
          guard: runsOf(jobs.github.preview)[0],
          preview: runsOf(jobs.github.preview).slice(1),
        },
      ],
      [
        "gitlab-ci.yml",
        {
          check: jobs.gitlab["loopback-ha check"].script,
          guard: jobs.gitlab["loopback-ha preview"].script[0],
          preview: jobs.gitlab["loopback-ha preview"].script.slice(1),
        },
      ],
    ];
    for (const [file, { check, guard, preview }] of services) {
      it(`${file}: the check passes a good config, without a passphrase or a state`, async () => {
        const env = { PULUMI_BACKEND_URL: "", PULUMI_CONFIG_PASSPHRASE: "", PULUMI_HOME: work };
        const { code, text } = await inProject(check, env);
        assert.equal(code, 0, text);
        assert.match(text, /Pulumi\.lab\.yaml: 2 sites, each served by 4 servers or more/);
      });

      it(`${file}: the check refuses a config that leaves sites to one server, and its proposal works`, async () => {
        for (const prefix of SUBNETS) await farm.set(`overrides["${prefix}"]`, "web3");
        const { code, text } = await inProject(check, {});
        assert.equal(code, Exit.Failed, text);
        has(
          text,
          "Pulumi.lab.yaml: site gadgets would be served only by web3, on 192.0.2.38, 192.0.2.70, 192.0.2.102, 192.0.2.134 together; at least 2 servers are required",
          "Pulumi.lab.yaml: site widgetco would be served only by web3",
        );
        const [, proposal] = /to fix this:\n {2}(pulumi .*)/.exec(text)!;
        const { stdout } = await farm.lab.exec("operator", ["bash", "-ec", proposal], {
          cwd: farm.project.folder,
          env: farm.project.env,
          check: true,
        });
        const again = await inProject(check, {});
        assert.equal(again.code, 0, stdout + again.text);
        await farm.drop("overrides");
      });

      it(`${file}: the preview refuses a state of its own, and writes the comment without reaching a machine`, async () => {
        assert.equal((await inProject([guard], SHARED)).code, 0);
        for (const url of ["", farm.project.env.PULUMI_BACKEND_URL]) {
          const { code, text } = await inProject([guard], { PULUMI_BACKEND_URL: url });
          assert.equal(code, 1);
          assert.match(text, /set the variable PULUMI_BACKEND_URL to the backend that everybody uses/);
        }
        await farm.setState("web4", "maintenance");
        await farm.lab.cut("operator");
        const { code, text } = await inProject(preview, farm.project.env);
        await farm.lab.heal("operator");
        await farm.setState("web4", "active");
        assert.equal(code, 0, text);
        const written = fs.readFileSync(farm.project.file("preview.md"), "utf8");
        assert.ok(written.startsWith(MARKER));
        has(written, "| `192.0.2.128/27` | `web4` |");
      });
    }

    const others = [
      noted(1, "looks good", false),
      noted(2, `${MARKER}\nnot ours`, false),
      noted(3, "ours, of something else"),
    ];
    const body = `${MARKER}\n\n### new: @x "quoted" $(id) \\ é\n`;

    it("github-actions.yml: comments once, and updates that comment later", async () => {
      const [script] = runsOf(jobs.github.comment);
      const file = path.join(work, "comments.json");
      const env = { PATH, COMMENTS: file, GITHUB_REPOSITORY: "o/r", PULL_REQUEST: "5", GH_TOKEN: "t" };
      const post = async (comments: Comment[]): Promise<Comment[]> => {
        fs.writeFileSync(file, JSON.stringify(comments));
        fs.writeFileSync(path.join(work, "preview.md"), body);
        const { code, text } = await runScript("bash", script, work, env);
        assert.equal(code, 0, text);
        return JSON.parse(fs.readFileSync(file, "utf8")) as Comment[];
      };
      const first = await post(others);
      assert.deepEqual(first.slice(0, 3), others);
      assert.deepEqual([first.length, first[3].body], [4, body]);
      const second = await post([...others, noted(4, `${MARKER}\r\nold`), noted(5, "later", false)]);
      assert.deepEqual([second.length, second[3].body, second[4].body], [5, body, "later"]);
      assert.deepEqual(fs.readFileSync(`${file}.log`, "utf8").trim().split("\n"), [
        "GET repos/o/r/issues/5/comments",
        "POST repos/o/r/issues/5/comments",
        "GET repos/o/r/issues/5/comments",
        "PATCH repos/o/r/issues/comments/4",
      ]);
      fs.writeFileSync(path.join(work, "preview.md"), "something else");
      assert.equal((await runScript("bash", script, work, env)).code, 1);
    });

    it("gitlab-ci.yml: comments once, and updates that comment later, whichever page it is on", async () => {
      const { before_script: prepare = [], script } = jobs.gitlab["loopback-ha comment"];
      const service = new GitlabNotes([...others], "the-token");
      const env = {
        PATH,
        CI_API_V4_URL: await service.listen(),
        CI_MERGE_REQUEST_PROJECT_ID: "1",
        CI_MERGE_REQUEST_IID: "2",
        LOOPBACK_HA_COMMENT_TOKEN: "the-token",
      };
      const all = [...prepare, ...script].join("\n");
      const post = async (given: Record<string, string> = {}): Promise<{ code: number; text: string }> => {
        fs.writeFileSync(path.join(work, "preview.md"), body);
        return runScript("sh", all, work, { ...env, ...given });
      };
      try {
        assert.deepEqual(await post(), { code: 0, text: "" });
        assert.deepEqual([service.notes.length, service.notes[3].body], [4, body]);
        service.notes = [
          ...Array.from({ length: 150 }, (_, i) => noted(100 + i, "x", i % 2 === 0)),
          ...others,
          noted(4, `${MARKER}\nold`),
        ];
        assert.deepEqual(await post(), { code: 0, text: "" });
        assert.deepEqual([service.notes.length, service.notes[153].body], [154, body]);
        assert.deepEqual(service.notes.slice(150, 153), others);
        assert.equal(service.asked.at(-1), "PUT /projects/1/merge_requests/2/notes/4");
        const wrong = await post({ LOOPBACK_HA_COMMENT_TOKEN: "another" });
        assert.notEqual(wrong.code, 0);
        assert.match(wrong.text, /401/);
        fs.rmSync(path.join(work, "preview.md"));
        const { code, text } = await runScript("sh", all, work, env);
        assert.equal(code, 1);
        assert.match(text, /the preview wrote no comment; its job says why/);
      } finally {
        service.close();
      }
    });
  });

  describe("docs/command-line.md", () => {
    it("has commands that run as they are written", async () => {
      const [node, bin] = COMMAND_LINE;
      const PATH = standIns(path.join(folder, "docs"), {
        "loopback-ha": `exec ${node} '${bin}' "$@"`,
      });
      const lines = blocks("docs/command-line.md").flatMap((text) => text.trim().split("\n"));
      for (const command of ["status", "preview", "check", "diagram"])
        assert.ok(lines.some((line) => line.startsWith(`loopback-ha ${command}`)));
      for (const line of lines) {
        const result = await farm.lab.exec("operator", ["bash", "-ec", line], {
          cwd: farm.project.folder,
          env: { ...farm.project.env, PATH },
        });
        assert.equal(result.code, 0, `${line}: ${textOf(result)}`);
      }
      for (const [file, start] of [
        ["preview.md", MARKER],
        ["farm.svg", "<svg "],
        ["farm.mmd", "flowchart LR\n"],
      ]) {
        assert.ok(fs.readFileSync(farm.project.file(file), "utf8").startsWith(start), file);
        fs.rmSync(farm.project.file(file));
      }
    });
  });
});
