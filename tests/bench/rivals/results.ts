/** What a run has found, and what its pages are made from. */
import { Summary } from "../../../lab/load/record";
import { Times } from "../times";
import { CrashOutcome } from "./crash";
import { Sample, Unmeasured } from "./tables";

/** As tables and charts call this package. */
export const OURS = "pulumi-loopback-ha";

/** What is done without load, by what its heading says. */
export enum Work {
  Build = "First build",
  NoChange = "A run without a change",
  NewSite = "One new site",
  Flip = "A planned flip, without load",
}

/** The work by numbers of sites. */
export interface Builds {
  columns: number[];
  tools: string[];
  samples: Sample[];
}

/** Planned flips under load. */
export interface FlipRun {
  tool: string;
  summary: Summary;
  /** Of the operator's command. */
  wall: Times;
  flips: number;
  /** After how many of them the new server answered. */
  moved: number;
}

/** One crash. */
export interface CrashRun {
  tool: string;
  actor: string;
  outcome: CrashOutcome;
}

/** A part that was left out in a trial is undefined. */
export interface Results {
  rounds: number;
  /** Of all that took part. */
  versions: string[];
  unmeasured: Unmeasured[];
  builds?: Builds;
  flips?: FlipRun[];
  crashes?: CrashRun[];
}
