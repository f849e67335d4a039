import assert from "node:assert/strict";
import { KEYS } from "../../../components/config/keys";
import { RENAMED_KEYS, RENAMED_VALUES } from "../../../components/config/renamed";
import { readStackConfig } from "../../../components/config/stack";
import { Json, Key, classicFarm, problemsOf, refuses, set, zone } from "./support";

const prefix = "192.0.2.64/27";
const ZONE = `zones["${zone}"]`;

/** Where a farm has an old key, a value that is valid for the new one, and the whole line. */
const rows: [path: string, at: Key[], value: unknown, line: string][] = [
  [
    "placement",
    ["placement"],
    { [prefix]: "web1" },
    "placement: the key placement is now called homes; write homes",
  ],
  ["pins", ["pins"], { [prefix]: "web1" }, "pins: the key pins is now called overrides; write overrides"],
  ["observe", ["observe"], "false", "observe: the key observe is now called detectDrift; write detectDrift"],
  [
    "network.ethernet",
    ["network", "ethernet"],
    "192.0.2.0/27",
    "network.ethernet: the key ethernet is now called serverSubnet; write network.serverSubnet",
  ],
  [
    "routers.*.proofSource",
    ["routers", "r1", "proofSource"],
    "198.51.100.1",
    "routers.r1.proofSource: the key proofSource is now called checkSource; write routers.r1.checkSource",
  ],
  [
    "routers.*.proofSeconds",
    ["routers", "r1", "proofSeconds"],
    10,
    "routers.r1.proofSeconds: the key proofSeconds is now called checkSeconds; write routers.r1.checkSeconds",
  ],
  [
    "routers.*.pinning.rulePreference",
    ["routers", "r1", "pinning"],
    { rulePreference: 500 },
    "routers.r1.pinning.rulePreference: the key rulePreference is now called rulePriority; " +
      "write routers.r1.pinning.rulePriority",
  ],
  [
    "zones.*.nsNames",
    ["zones", zone, "nsNames"],
    ["ns1.example.org"],
    `${ZONE}.nsNames: the key nsNames is now called nsRecords; write ${ZONE}.nsRecords`,
  ],
];

const withAll = (): Json => rows.reduce((config, [, at, value]) => set(config, at, value), classicFarm());

describe("config: renamed keys", () => {
  for (const [path, at, value, line] of rows)
    it(`${path} is refused with its new name, and with nothing else`, () =>
      assert.deepEqual(
        problemsOf(set(classicFarm(), at, value)).map(({ text }) => text),
        [`${line}, with the same value`],
      ));

  it("has a row for each", () =>
    assert.deepEqual(
      rows.map(([path]) => path),
      RENAMED_KEYS.map(([path]) => path),
    ));

  for (const [path, before, now] of RENAMED_VALUES)
    it(`${path}: ${before} is refused with its new name`, () => {
      const at = path.split(".").map((key) => (key === "*" ? zone : key));
      const text = refuses(set(classicFarm(), at, before), `${ZONE}.preset`, `use ${now}`);
      assert.equal(text, `${ZONE}.preset: "${before}" is now called "${now}"; use ${now}`);
      assert.deepEqual(problemsOf(set(classicFarm(), at, now)), []);
    });

  it("all of them are in one error, with what else is wrong", () => {
    const config = set(set(withAll(), ["zones", zone, "preset"], "article"), ["server"], {});
    const all = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [
        `farm:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    );
    assert.throws(
      () => readStackConfig({ project: "farm", all, secretKeys: [] }),
      (error: Error) => {
        assert.deepEqual(
          error.message.split("\n").sort(),
          [
            ...rows.map(([, , , line]) => `${line}, with the same value`),
            `${ZONE}.preset: "article" is now called "classic"; use classic`,
            `server: unknown key; did you mean servers? (known: ${KEYS.join(", ")})`,
          ].sort(),
        );
        return true;
      },
    );
  });

  it("their values are checked in the same run, as the new key's", () => {
    const problems = problemsOf(set(classicFarm(), ["pins", prefix], "web9"));
    assert.deepEqual(
      problems.map(({ path }) => path),
      ["pins", `overrides["${prefix}"]`],
    );
  });

  it("an old key beside its new name is refused all the same, and the new one counts", () => {
    const config = set(classicFarm(), ["pins", prefix], "web9");
    refuses(set(config, ["overrides", prefix], "web1"), "pins", "write overrides");
  });

  it("an old key without a value is refused, too, with the namespace or without", () => {
    for (const key of ["placement", "loopback-ha:placement"])
      refuses(classicFarm(), "placement", "is now called homes", [key]);
  });

  it("a site or server with an old key's name is not refused", () => {
    const config = set(classicFarm(), ["sites", "pins"], {
      ...((classicFarm().sites as Json).gadgets as Json),
      serverName: "pins.widgetco.example",
      aliases: [],
      hostNumber: 9,
    });
    assert.deepEqual(problemsOf(config), []);
  });
});
