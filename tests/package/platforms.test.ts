import assert from "node:assert/strict";
import * as path from "node:path";
import { whoServes } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { emptyLab, textOf } from "../lab/support";
import { INSTALL_MS, installedOnce, packed, userFolder } from "./installed";
import { NEWEST_SDK, OLDEST_SDK, Project, emptyProject } from "./project";

/** Exact: a new one is none of a test's news. */
const NODES = ["20.20.2", "22.23.5", "24.22.3"];

describe("Node and Pulumi's SDK, from the oldest to the newest", function () {
  this.timeout(INSTALL_MS);
  let commands: Record<string, unknown>;
  const nodes: Record<string, string> = {};
  const projects: Record<string, Project> = {};

  before("the Nodes, as npm has them, and what the tests' own says", async () => {
    for (const version of NODES) {
      const name = `node-${process.platform}-${process.arch}`;
      const into = await installedOnce(`node-${version}`, [`${name}@${version}`]);
      nodes[version] = path.join(into, "node_modules", name, "bin");
    }
    const project = new Project(await userFolder("by-own-node"));
    project.writeProgram();
    commands = await project.preview();
  });

  for (const [node, sdk] of [
    [NODES[0], OLDEST_SDK],
    [NODES[1], OLDEST_SDK],
    [NODES[1], NEWEST_SDK],
    [NODES[2], OLDEST_SDK],
    [NODES[2], NEWEST_SDK],
  ])
    it(`Node ${node} with SDK ${sdk}: no command changes`, async () => {
      const project = await emptyProject(`node-${node}-${sdk}`, nodes[node]);
      assert.equal(await project.shell("node --version"), `v${node}\n`);
      await project.shell(
        `npm install --ignore-scripts --prefer-offline ${await packed()} @pulumi/pulumi@${sdk}`,
      );
      project.writeProgram();
      assert.deepEqual(await project.preview(), commands);
      projects[node + sdk] = project;
      assert.match(await project.shell("npx --no-install loopback-ha check --stack prod"), /prod/);
    });

  // What all other tests run with is a third pair.
  for (const [node, sdk] of [
    [NODES[1], OLDEST_SDK],
    [NODES[2], NEWEST_SDK],
  ])
    it(`Node ${node} with SDK ${sdk}: a farm on machines is built, fails over, and is gone`, async () => {
      const { folder, env } = projects[node + sdk];
      const lab = new Lab();
      await emptyLab(lab);
      const operate = async (lines: string): Promise<string> => {
        const result = await lab.exec("operator", ["bash", "-ec", lines], {
          ...{ cwd: folder, timeoutMs: INSTALL_MS },
          env: { ...env, PULUMI_NON_INTERACTIVE: "true", PULUMI_STACK: "prod" },
        });
        assert.equal(result.code, 0, textOf(result));
        return result.stdout;
      };
      await operate("pulumi config rm detectDrift && pulumi up --yes --skip-preview --continue-on-error");
      const healthPath = (await operate("pulumi stack output healthPath --show-secrets")).trim();
      const served = (): Promise<string> => whoServes(lab, "192.0.2.69", "www.widgetco.example", healthPath);
      try {
        assert.equal(await served(), "web2");
        await operate("npx --no-install loopback-ha drain web2 --yes");
        assert.equal(await served(), "web1");
      } finally {
        await operate("pulumi destroy --yes --skip-preview");
      }
    });
});
