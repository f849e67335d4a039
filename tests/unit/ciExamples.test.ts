import assert from "node:assert/strict";
import { attempt } from "../run";
import { github, gitlab, runsOf, textOf } from "../ciJobs";

/** Complaints of shellcheck. */
async function shellcheck(shell: string, script: string): Promise<string> {
  const { stdout } = await attempt("shellcheck", ["--shell", shell, "--format", "gcc", "-"], {
    input: `${script}\n`,
  });
  return stdout;
}

describe("examples/ci", () => {
  describe("github-actions.yml", () => {
    const { jobs, on, permissions } = github();

    it("names every action by its commit, with its version beside", () => {
      const uses = [...textOf("github-actions.yml").matchAll(/uses: (.*)/g)].map(([, use]) => use);
      assert.ok(uses.length > 5);
      for (const use of uses) assert.match(use, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    });

    it("gives each job the least: one may read, one reads and has secrets, one comments", () => {
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

    it("has shell parts without complaints, and no expression in them that a title or a branch's name could fill", async () => {
      for (const script of Object.values(jobs).flatMap(runsOf)) {
        assert.doesNotMatch(script, /\$\{\{/);
        assert.equal(await shellcheck("bash", script), "", script);
      }
    });
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

    it("has shell parts without complaints", async () => {
      for (const script of Object.values(jobs).flatMap((job) => [
        ...(job.before_script ?? []),
        ...job.script,
      ]))
        assert.equal(await shellcheck("sh", script), "", script);
    });
  });
});
