import { Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { timeUp } from "../lab/wallTimes";

/** A program with the library's imports and as many commands as a farm has, which do nothing; built. */
export async function buildBaseline(lab: Lab, farm: Project): Promise<Project> {
  const { stdout } = await farm.pulumi(["stack", "export", "--stack", "lab"], { check: true });
  const { resources } = JSON.parse(stdout).deployment as { resources: { type: string }[] };
  const commands = resources.filter(({ type }) => type === "command:local:Command").length;
  const project = new Project(lab, "bench", "tests/bench/baseline");
  await project.init();
  await project.set("commands", String(commands));
  await project.set("state", "active");
  await timeUp(project, ["--skip-preview"]);
  return project;
}
