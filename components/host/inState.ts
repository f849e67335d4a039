import * as pulumi from "@pulumi/pulumi";
import { instanceOf } from "./appliedAs.cjs";

/** @returns the names under which what this stack's state has lies on the machines */
export async function instancesInState(): Promise<Set<string>> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const { outputs } = await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName });
  return new Set(
    Object.values((outputs ?? {}) as Record<string, { outputs?: { stdout?: unknown } }>).flatMap(
      (resource) => {
        const stdout = resource.outputs?.stdout;
        return (typeof stdout === "string" && instanceOf(stdout)) || [];
      },
    ),
  );
}
