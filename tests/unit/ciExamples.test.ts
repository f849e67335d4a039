import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { runScript, standIns } from "../lab/ciRunner";
import { attempt, run } from "../run";
import { GithubJob, github, gitlab, runsOf, textOf } from "../ciJobs";

const WORKFLOWS = ["ci/github-actions.yml", "release/github-actions.yml"];

/** What shellcheck reports. */
async function shellcheck(shell: string, script: string): Promise<string> {
  const { stdout } = await attempt("shellcheck", ["--shell", shell, "--format", "gcc", "-"], {
    input: `${script}\n`,
  });
  return stdout;
}

/** Each by what somebody has read; the examples all use the same. */
function namesActionsByCommit(file: string): void {
  it("names every action by its commit and version, the same as the other examples", () => {
    const uses = [...textOf(file).matchAll(/uses: (.*)/g)].map(([, use]) => use);
    assert.ok(uses.length > 5);
    for (const use of uses) {
      assert.match(use, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      const [action] = use.split("@");
      for (const other of WORKFLOWS.flatMap((name) => textOf(name).match(/uses: .*/g) ?? []))
        if (other.startsWith(`uses: ${action}@`)) assert.equal(other, `uses: ${use}`);
    }
  });
}

function hasCleanShellParts(jobs: Record<string, GithubJob>): void {
  it("has shell parts that pass shellcheck, without an expression that a title or a branch name could fill", async () => {
    for (const script of Object.values(jobs).flatMap(runsOf)) {
      assert.doesNotMatch(script, /\$\{\{/);
      assert.equal(await shellcheck("bash", script), "", script);
    }
  });
}

describe("examples/ci (slow)", () => {
  describe("github-actions.yml", () => {
    const { jobs, on, permissions } = github();

    namesActionsByCommit("ci/github-actions.yml");

    it("gives each job the least rights: one may read, one reads and has secrets, one comments", () => {
      assert.equal(on, "pull_request");
      assert.deepEqual(permissions, {});
      assert.deepEqual(
        Object.entries(jobs).map(([name, job]) => [name, job.permissions]),
        [
          ["check", { contents: "read" }],
          ["preview", { contents: "read" }],
          ["comment", { "pull-requests": "write" }],
        ],
      );
      const secret = /secrets\.|github\.token/;
      assert.doesNotMatch(JSON.stringify(jobs.check), secret);
      assert.match(JSON.stringify(jobs.preview), /secrets\.PULUMI_CONFIG_PASSPHRASE/);
      assert.doesNotMatch(JSON.stringify(jobs.comment), /secrets\./);
      for (const step of jobs.comment.steps)
        assert.doesNotMatch(`${step.uses} ${step.run}`, /checkout|npm|npx/);
      for (const { uses, with: given } of Object.values(jobs).flatMap(({ steps }) => steps))
        if (uses?.startsWith("actions/checkout@")) assert.equal(given?.["persist-credentials"], false);
    });

    it("has no preview for a fork, and no comment without a preview", () => {
      assert.equal(jobs.preview.if, "github.event.pull_request.head.repo.full_name == github.repository");
      assert.equal(jobs.comment.needs, "preview");
    });

    hasCleanShellParts(jobs);
  });

  describe("gitlab-ci.yml", () => {
    const { jobs, stages } = gitlab();
    const [check, preview, comment] = ["check", "preview", "comment"].map(
      (name) => jobs[`loopback-ha ${name}`],
    );

    it("has jobs of known stages, with images of a version, that need each other", () => {
      assert.equal(Object.keys(jobs).length, 3);
      for (const { stage, image, needs = [] } of Object.values(jobs)) {
        assert.ok(stages.includes(stage));
        assert.match(image, /^[\w/-]+:\d+[\w.-]*$/);
        for (const name of needs) assert.ok(name in jobs);
      }
    });

    it("gives each job the variables of its own environment only, and a fork none", () => {
      assert.equal(check.environment, undefined);
      assert.deepEqual(
        [preview, comment].map(({ environment }) => environment),
        ["preview", "comment"].map((name) => ({ name: `loopback-ha-${name}`, action: "access" })),
      );
      const own = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID";
      for (const { rules } of [preview, comment])
        for (const rule of rules) assert.ok(rule.if.endsWith(` && ${own}`));
      for (const { rules } of Object.values(jobs))
        for (const rule of rules)
          assert.ok(rule.if.startsWith('$CI_PIPELINE_SOURCE == "merge_request_event"'));
    });

    it("has shell parts that pass shellcheck", async () => {
      for (const script of Object.values(jobs).flatMap((job) => [
        ...(job.before_script ?? []),
        ...job.script,
      ]))
        assert.equal(await shellcheck("sh", script), "", script);
    });
  });
});

describe("examples/release (slow)", () => {
  const root = path.join(__dirname, "../..");

  describe("github-actions.yml", () => {
    const { jobs, on, permissions } = github("release/github-actions.yml");

    namesActionsByCommit("release/github-actions.yml");
    hasCleanShellParts(jobs);

    it("runs for tags only, and gives each job the least rights: one reads, one is known to npm, one writes the release", () => {
      assert.deepEqual(on, { push: { tags: ["v*"] } });
      assert.deepEqual(permissions, {});
      assert.deepEqual(
        Object.entries(jobs).map(([name, job]) => [name, job.permissions]),
        [
          ["make", { contents: "read" }],
          ["publish", { "id-token": "write" }],
          ["release", { contents: "write" }],
        ],
      );
      assert.doesNotMatch(textOf("release/github-actions.yml"), /secrets\.|NODE_AUTH_TOKEN|NPM_TOKEN/);
      assert.doesNotMatch(JSON.stringify(jobs.make), /github\.token/);
      // What may publish runs nothing of the repository or its dependencies, and somebody lets it go on.
      for (const job of [jobs.publish, jobs.release])
        for (const step of job.steps)
          assert.doesNotMatch(
            `${step.uses} ${step.run}`,
            /actions\/checkout|npm (ci|i|install|run|exec)|npx|tools\//,
          );
      assert.equal(jobs.publish.environment, "npm");
      assert.deepEqual([jobs.publish.needs, jobs.release.needs], ["make", "publish"]);
    });

    for (const [tag, channel] of [
      ["v0.2.0", "latest"],
      ["v1.0.0-rc.1", "next"],
    ])
      it(`publishes ${tag} with provenance, and as ${channel}`, async () => {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-release-"));
        try {
          const said = 'echo "$(basename "$0") $*"';
          const PATH = standIns(path.join(folder, "bin"), { npm: said, gh: said });
          fs.writeFileSync(path.join(folder, "checksums.txt"), "");
          for (const file of ["schema.json", `pulumi-loopback-ha-${tag.slice(1)}.tgz`, "p.tar.gz"]) {
            fs.writeFileSync(path.join(folder, file), "");
            const { stdout } = await run("sha256sum", [file], { cwd: folder });
            fs.appendFileSync(path.join(folder, "checksums.txt"), stdout);
          }
          const env = { PATH, GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: "owner/name" };
          const text = async (job: GithubJob): Promise<string> => {
            const ended = await runScript("bash", runsOf(job).join("\n"), folder, env);
            assert.equal(ended.code, 0, ended.text);
            return ended.text;
          };
          assert.equal(
            await text(jobs.publish),
            `npm publish ./pulumi-loopback-ha-${tag.slice(1)}.tgz --ignore-scripts --provenance --access public --tag ${channel}\n`,
          );
          assert.match(
            await text(jobs.release),
            /^gh release create \S+ --repo owner\/name --verify-tag .* pulumi-loopback-ha-\S+\.tgz p\.tar\.gz schema\.json checksums\.txt$/m,
          );
        } finally {
          fs.rmSync(folder, { recursive: true });
        }
      });
  });

  describe("tools/release.sh --check", () => {
    const ADDRESS = "https://git.example/owner/name";
    const GOOD = {
      version: "1.2.3",
      repository: { type: "git", url: `git+${ADDRESS}.git` } as unknown,
      changelog: "# Changelog\n\n## 1.2.3\n\n### Added\n\n- All.\n\n## 1.2.2\n\n- Less.\n",
      tag: "v1.2.3",
    };
    for (const [what, change, expected] of [
      ["all is right", {}, undefined],
      ["the repository in short", { repository: ADDRESS }, undefined],
      [
        "a tag of another version",
        { tag: "v1.2.4" },
        /^The tag is v1\.2\.4, and package\.json has version 1\.2\.3: /,
      ],
      [
        "no word of it in the changelog",
        { changelog: "## Unreleased\n\n- All.\n" },
        /^CHANGELOG\.md says nothing of 1\.2\.3: /,
      ],
      [
        "an empty part in the changelog",
        { changelog: "## 1.2.3\n\n## 1.2.2\n\n- x\n" },
        /^CHANGELOG\.md says nothing/,
      ],
      [
        "a part of a version that begins like it",
        { changelog: "## 1.2.30\n\n- x\n" },
        /^CHANGELOG\.md says nothing/,
      ],
      [
        "the repository is not filled in",
        { repository: undefined },
        /^package\.json names no repository, .*git\+https:\/\/git\.example\/owner\/name\.git/,
      ],
      [
        "another repository",
        { repository: `git+${ADDRESS}2.git` },
        /^package\.json names the repository https:.*name2\.git, and this is/,
      ],
    ] as [string, Partial<typeof GOOD>, RegExp | undefined][])
      it(what, async () => {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-release-"));
        try {
          const { changelog, tag, ...manifest } = { ...GOOD, ...change };
          for (const file of ["tools/release.sh", "tools/engine/folder.sh"]) {
            fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
            fs.copyFileSync(path.join(root, file), path.join(folder, file));
          }
          fs.writeFileSync(path.join(folder, "CHANGELOG.md"), changelog);
          fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
          const { code, stderr } = await attempt("bash", ["tools/release.sh", "--check", tag, ADDRESS], {
            cwd: folder,
          });
          if (expected === undefined) return assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
          assert.equal(code, 1);
          assert.match(stderr, expected);
          assert.match(stderr, /Nothing was published\.\n$/);
        } finally {
          fs.rmSync(folder, { recursive: true });
        }
      });
  });
});
