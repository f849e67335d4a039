import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const root = path.join(__dirname, "../..");

/** What dependency-cruiser prints, as far as it is read here. */
interface Report {
  summary: {
    violations: { from: string; to: string; rule: { name: string } }[];
    ruleSetUsed: { forbidden: { name: string; comment: string }[] };
  };
}

/** The rules held against a copy of the code, with something planted: what is appended to files, by their names. */
function reportOf(planted: Record<string, string>): Report["summary"] {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), "floors-"));
  try {
    for (const part of ["components", "cli", "lab"])
      fs.cpSync(path.join(root, part), path.join(copy, part), { recursive: true });
    fs.symlinkSync(path.join(root, "node_modules"), path.join(copy, "node_modules"));
    for (const [file, text] of Object.entries(planted))
      fs.appendFileSync(path.join(copy, file), `\n${text}\n`);
    const program = path.join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
    const rules = path.join(root, "tools/floors.cjs");
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [program, "--config", rules, "--output-type", "json", "components", "cli", "lab"],
      { cwd: copy, encoding: "utf8", maxBuffer: 64 << 20 },
    );
    assert.equal(stderr, "");
    return (JSON.parse(stdout) as Report).summary;
  } finally {
    fs.rmSync(copy, { recursive: true });
  }
}

describe("the floors of the house (slow)", () => {
  it("refuse each import that goes up, sideways or in a circle, type imports included, and say what to do", () => {
    const { violations, ruleSetUsed } = reportOf({
      // Upward: as a value, as a type alone, in a comment.
      "components/network/apportion.ts": 'export { printable } from "../host/foreignText.cjs";',
      "components/base/shellWord.ts":
        'import type { HostArgs } from "../host/ssh";\nexport type H = HostArgs;',
      "components/host/processOf.cjs":
        '/** @type {import("../routerRoute/kindContract").RouterKind | undefined} */\nexports.kind = undefined;',
      "cli/pulumi/backend.ts": 'export type { FarmStatus } from "../status/model";',
      // Beside.
      "components/dnsRoundRobin/soa.ts": 'export { RouterKind } from "../routerRoute/kindContract";',
      // Out of its part.
      "components/preflight/firstServers.ts": 'export { colors } from "../../cli/terminal/colors";',
      "cli/watch/warm.ts": 'export * from "../../lab/state";',
      // A circle of two files of one room, by types.
      "components/network/nameAddress.ts": 'export type { Home } from "./homes";',
      "components/network/homes.ts": 'export type { NameAddress } from "./nameAddress";',
      // The SDK, by a way round.
      "components/config/ssh.ts": 'export { LoopbackVip } from "../loopbackVip";',
    });
    const found = violations.map(
      ({ from, to, rule }) => `${rule.name}: ${from} -> ${to.replace(/^.*node_modules\//, "")}`,
    );
    assert.deepEqual(found.sort(), [
      "floors: cli/pulumi: cli/pulumi/backend.ts -> cli/status/model.ts",
      "floors: cli: cli/watch/warm.ts -> lab/state.ts",
      "floors: components/base: components/base/shellWord.ts -> components/host/ssh.ts",
      "floors: components/dnsRoundRobin: components/dnsRoundRobin/soa.ts -> components/routerRoute/kindContract.ts",
      "floors: components/host: components/host/processOf.cjs -> components/routerRoute/kindContract.ts",
      "floors: components/network: components/network/apportion.ts -> components/host/foreignText.cjs",
      "floors: components: components/preflight/firstServers.ts -> cli/terminal/colors.ts",
      "no Pulumi below: components/config/ssh.ts -> @pulumi/command/index.js",
      "no Pulumi below: components/config/ssh.ts -> @pulumi/pulumi/index.js",
      "no circle: components/network/homes.ts -> components/network/nameAddress.ts",
    ]);
    for (const { name } of violations.map(({ rule }) => rule)) {
      const comment = ruleSetUsed.forbidden.find((rule) => rule.name === name)?.comment;
      assert.match(comment ?? "", /Move what|Import a file that/, name);
    }
  });
});
