/** The jobs of examples/ci and examples/release, read as the services read them. */
import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";

const folder = path.join(__dirname, "../examples");

/** A file of the examples. */
export const textOf = (file: string): string => fs.readFileSync(path.join(folder, file), "utf8");

export interface GithubStep {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}

export interface GithubJob {
  if?: string;
  needs?: string;
  environment?: string;
  permissions: Record<string, string>;
  env?: Record<string, string>;
  steps: GithubStep[];
}

export interface GithubWorkflow {
  on: unknown;
  permissions: unknown;
  env: Record<string, string>;
  jobs: Record<string, GithubJob>;
}

export const github = (file = "ci/github-actions.yml"): GithubWorkflow =>
  parse(textOf(file)) as GithubWorkflow;

/** The shell parts of a job, in order. */
export const runsOf = ({ steps }: GithubJob): string[] => steps.flatMap(({ run }) => run ?? []);

export interface GitlabJob {
  stage: string;
  image: string;
  needs?: string[];
  environment?: { name: string; action: string };
  rules: { if: string; when?: string }[];
  before_script?: string[];
  script: string[];
}

const NO_JOBS = ["stages", "variables"];

export function gitlab(): {
  stages: string[];
  variables: Record<string, string>;
  jobs: Record<string, GitlabJob>;
} {
  const all = parse(textOf("ci/gitlab-ci.yml")) as Record<string, unknown>;
  return {
    stages: all.stages as string[],
    variables: all.variables as Record<string, string>,
    jobs: Object.fromEntries(Object.entries(all).filter(([key]) => !NO_JOBS.includes(key))) as Record<
      string,
      GitlabJob
    >,
  };
}
