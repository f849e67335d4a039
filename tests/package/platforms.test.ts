import assert from "node:assert/strict";
import * as path from "node:path";
import { INSTALL_MS, installedOnce, packed, userFolder } from "./installed";
import { NEWEST_SDK, OLDEST_SDK, Project, emptyProject } from "./project";

/** Exact: a new one is none of a test's news. */
const NODES = ["20.20.2", "22.23.5", "24.22.3"];

describe("Node and Pulumi's SDK, from the oldest to the newest", function () {
  this.timeout(INSTALL_MS);
  let commands: Record<string, unknown>;
  const nodes: Record<string, string> = {};

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
    it(`Node ${node} with SDK ${sdk}: no command is another`, async () => {
      const project = await emptyProject(`node-${node}-${sdk}`, nodes[node]);
      assert.equal(await project.shell("node --version"), `v${node}\n`);
      await project.shell(
        `npm install --ignore-scripts --prefer-offline ${await packed()} @pulumi/pulumi@${sdk}`,
      );
      project.writeProgram();
      assert.deepEqual(await project.preview(), commands);
      assert.match(await project.shell("npx --no-install loopback-ha check --stack prod"), /prod/);
    });
});
