import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { check, describeFinding } from "../../../cli/check/check";
import { readFarm } from "../../../components/config";
import { makeKey } from "../../../components/webServerPool/tls/makeCertificate.cjs";
import { pairProblems } from "../../../components/preflight/pairsInFolder";
import { TestPair, inDays, issue, makeAuthorities, writePair } from "../../certificates";
import { configOf } from "../check/support";
import { classicFarm } from "../config/support";

const { intermediate } = makeAuthorities();
const NAMES = ["www.widgetco.example", "widgetco.example"];
const good = issue(intermediate, NAMES);
const soon = issue(intermediate, NAMES, { to: inDays(5) });
const day = inDays(5).toISOString().slice(0, 10);

describe("tls: the operator's folder, read without a plan", () => {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), "folder-"));
  after(() => fs.rmSync(project, { recursive: true }));
  const farm = readFarm({ ...classicFarm(), tls: { folder: "certs" } });
  // Name, the pair of widgetco, whether a server has one, what is said.
  const rows: [string, TestPair | undefined, boolean, RegExp | undefined][] = [
    ["a sound one", good, true, undefined],
    ["none, and none on a server", undefined, false, undefined],
    [
      "one that is gone",
      undefined,
      true,
      /^site widgetco: certs\/widgetco\/fullchain\.pem is missing; the certificate in force stays$/,
    ],
    [
      "a key that does not fit",
      { ...good, key: makeKey() },
      true,
      /^site widgetco: certs\/widgetco\/privkey\.pem is not the key/,
    ],
    [
      "a broken one",
      { ...good, chain: "" },
      true,
      /^site widgetco: certs\/widgetco\/fullchain\.pem has no certificate/,
    ],
    [
      "an alias that is not covered",
      issue(intermediate, NAMES.slice(0, 1)),
      true,
      /does not cover widgetco\.example/,
    ],
    [
      "one that expires",
      soon,
      true,
      new RegExp(`^site widgetco: its certificate expires on ${day}, in 5 days; renew`),
    ],
    [
      "one that has expired",
      issue(intermediate, NAMES, { to: inDays(-2) }),
      true,
      /^site widgetco: its certificate expired on [^\n]*$/,
    ],
  ];
  for (const [name, pair, isInForce, says] of rows) {
    it(name, () => {
      fs.rmSync(path.join(project, "certs"), { recursive: true, force: true });
      fs.mkdirSync(path.join(project, "certs"));
      if (pair) writePair(path.join(project, "certs/widgetco"), pair);
      const said = pairProblems(farm, project, new Date(), new Set(isInForce ? ["widgetco"] : [])).join("\n");
      if (says) assert.match(said, says);
      else assert.equal(said, "");
    });
  }

  it("says nothing about pairs in force without the folder", () => {
    fs.rmSync(path.join(project, "certs"), { recursive: true });
    assert.deepEqual(pairProblems(farm, project, new Date(), new Set(["widgetco"])), []);
  });

  it("check warns, and fails no rule", () => {
    writePair(path.join(project, "certs/widgetco"), soon);
    const config = { ...configOf({ tls: { folder: "certs" } }), folder: project };
    const finding = check({ stack: "prod", file: "Pulumi.prod.yaml", config, imports: false }, {});
    assert.deepEqual(finding.broken, []);
    assert.match(
      describeFinding(finding).join("\n"),
      new RegExp(`^Pulumi\\.prod\\.yaml: warning: site widgetco: its certificate expires on ${day}`),
    );
  });
});
