import assert from "node:assert/strict";
import { whoServes } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { emptyLab } from "./support";

describe("examples/widgetco: a program that uses the components directly", function () {
  const lab = new Lab();
  let project: Project;

  before("a lab and a copy of the program", async () => {
    await emptyLab(lab);
    project = new Project(lab, "widgetco", "examples/widgetco");
    await project.init();
  });
  after(() => project?.remove());

  it("comes up, fails over, and is gone after destroy (story)", async () => {
    const serving = async (): Promise<string[]> => {
      const path = (await project.output("healthPath")) as string;
      const vips = (await project.output("vips")) as string[];
      return Promise.all(vips.map((vip) => whoServes(lab, vip, "www.widgetco.example", path)));
    };
    const expectUp = async (env: Record<string, string> = {}): Promise<void> => {
      const { code, stdout, stderr } = await project.up({ env });
      assert.equal(code, 0, stdout + stderr);
    };
    await expectUp();
    assert.deepEqual(await serving(), ["web1", "web2", "web3", "web4"]);
    await expectUp({ WEB2_STATE: "maintenance" });
    assert.deepEqual(await serving(), ["web1", "web1", "web3", "web4"]);
    const { code, stdout, stderr } = await project.destroy();
    assert.equal(code, 0, stdout + stderr);
  });
});
