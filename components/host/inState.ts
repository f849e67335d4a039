import * as pulumi from "@pulumi/pulumi";
import { instanceOf } from "./appliedAs.cjs";

/** The outputs of what this stack's state has, by URN. */
export async function outputsInState(): Promise<Record<string, { outputs?: Record<string, unknown> }>> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const { outputs } = await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName });
  return (outputs ?? {}) as Record<string, { outputs?: Record<string, unknown> }>;
}

/** @returns the names of this stack's instances on the machines */
export async function instancesInState(): Promise<Set<string>> {
  return new Set(
    Object.values(await outputsInState()).flatMap((resource) => {
      const stdout = resource.outputs?.stdout;
      return (typeof stdout === "string" && instanceOf(stdout)) || [];
    }),
  );
}
