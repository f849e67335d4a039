import assert from "node:assert/strict";
import { checkout } from "../../lab/state";
import { attempt } from "../run";

interface Advisory {
  name: string;
  severity: string;
  range: string;
}

/** What `npm audit --json` prints: a report, or why there is none. */
interface Audit {
  vulnerabilities?: Record<string, Advisory>;
  message?: string;
}

describe("known vulnerabilities", () => {
  it("are neither high nor critical in what a user installs", async function () {
    const { stdout, stderr, code } = await attempt(
      "npm",
      ["audit", "--omit=dev", "--audit-level=high", "--json"],
      { cwd: checkout, timeoutMs: 60_000 },
    );
    const { vulnerabilities, message } = reportIn(stdout);
    if (!vulnerabilities) {
      const reason = message ?? (stderr.trim().split("\n")[0] || "no answer");
      console.log(`      NOT KNOWN: the registry did not answer npm audit (${reason})`);
      this.skip();
    }
    const severe = Object.values(vulnerabilities)
      .filter(({ severity }) => /^(high|critical)$/.test(severity))
      .map(({ name, severity, range }) => `${name} ${range}: ${severity}`);
    assert.deepEqual(severe, []);
    assert.equal(code, 0, stderr);
  });
});

function reportIn(text: string): Audit {
  try {
    return JSON.parse(text) as Audit;
  } catch {
    return {};
  }
}
