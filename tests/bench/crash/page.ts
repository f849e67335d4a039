/** Where the sections of crash.md go: a trial's to a file of its own. */
import * as fs from "node:fs";
import * as path from "node:path";
import { lastingFolder } from "../../twoAtATime";
import { Report, reportSection } from "../report";

/** What a trial may make smaller. */
const isTrial = ["ROUNDS", "SECONDS", "MINUTES"].some((name) => process.env[`BENCH_${name}`]);
let trialFile: string | undefined;

/** Writes sections of the page, or of a trial's. */
export function sectionWriter(): (level: "#" | "##", of: Report) => Promise<void> {
  if (isTrial && trialFile === undefined)
    trialFile = path.join(fs.mkdtempSync(path.join(lastingFolder, "loopback-ha-trial-")), "crash.md");
  return async (level, of) => {
    await reportSection(trialFile ?? "crash.md", level, of);
    if (trialFile) console.log(`a trial, written to ${trialFile}`);
  };
}
