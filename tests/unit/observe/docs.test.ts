/** docs/monitoring.md and what is beside it, against the code and against each other. promtool's word: tests/lab/monitoring.test.ts. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { parse as parseYaml } from "yaml";
import { metricsOf } from "../../../cli/observe/metrics";
import { status } from "../diagram/support";
import { picture } from "./support";

const root = path.join(__dirname, "../../..");
const read = (name: string): string => fs.readFileSync(path.join(root, name), "utf8");

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook_url: string };
}
const rules = (
  parseYaml(read("docs/monitoring/loopback-ha.rules.yml")) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const routerNames = new Set<string>();
/** All names that there are, and their labels. */
const families = new Map(
  metricsOf(
    picture({
      routers: [{ ...picture().routers[0], held: [{ server: "web2", at: "", reason: "" }] }],
      status: status({
        certificates: [{ site: "shop", expires: "2027-03-04" }],
        zones: [{ zone: "w.example", nameServer: "ns1", serial: 7, failure: null }],
        sites: [{ ...status().sites[0], failures: [{ vip: "192.0.2.37", server: "web1", reason: "x" }] }],
      }),
    }),
  ).map(({ name, samples }) => [name, Object.keys(samples[0]?.labels ?? {}).sort()]),
);
/** What routers write: their labels are tested by tests/unit/textfile.test.ts. */
for (const [, name] of read("components/routerRoute/linux/textfile.awk").matchAll(/announce\("(\w+)"/g))
  routerNames.add(`loopback_ha_router_${name}`);
const names = (text: string): string[] => [...text.matchAll(/\bloopback_ha_\w+/g)].map(([name]) => name);
/** Rows of the tables below a heading, as cells. */
function rows(page: string, heading: string): string[][] {
  const [, section] = read(page).split(`\n## ${heading}\n`);
  const lines = section
    .split(/\n## /)[0]
    .split("\n")
    .filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe("docs of the watcher's page and metrics", () => {
  it("monitoring.md lists every metric with its labels, and no other", () => {
    const listed = rows("docs/monitoring.md", "Metrics").flatMap(([name, labels]) =>
      [...name.matchAll(/`(\w+)`/g)].map(([, one]): [string, string[]] => [
        `loopback_ha_${one}`,
        [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort(),
      ]),
    );
    assert.deepEqual(new Map(listed), families);
    assert.equal(listed.length, families.size);
  });

  it("monitoring.md lists every alert with its severity, and failures.md or the alert's own section says what to do", () => {
    const listed = rows("docs/monitoring.md", "Alerts").map(([alert, severity]) => [alert, severity]);
    assert.deepEqual(
      listed,
      rules.map(({ alert, labels }) => [alert, labels.severity]),
    );
    const told = rows("docs/failures.md", "An alert fired").flatMap(([alert]) => alert.split(", "));
    const own = rules.filter(({ annotations }) => annotations.runbook_url.endsWith("#an-alert-fired"));
    assert.deepEqual(told.sort(), own.map(({ alert }) => alert).sort());
  });

  it("alerts lead to a section that there is, and use metrics that there are", () => {
    for (const { alert, expr, annotations } of rules) {
      const [page, anchor] = annotations.runbook_url.split("#");
      const anchors = [...read(page).matchAll(/^## (.*)$/gm)].map(([, title]) =>
        title
          .toLowerCase()
          .replace(/[^\w\- ]/g, "")
          .replaceAll(" ", "-"),
      );
      assert.ok(anchors.includes(anchor), alert);
      assert.match(annotations.summary, /\.$/, alert);
      for (const name of names(expr))
        assert.ok(families.has(name) || routerNames.has(name), `${alert}: ${name}`);
      const [, ...labels] = /\{\{ \$labels\.(\w+) \}\}/.exec(annotations.summary) ?? [];
      for (const label of labels)
        assert.ok(
          label === "instance" ||
            expr.includes(label) ||
            names(expr).some((name) => families.get(name)?.includes(label)),
          alert,
        );
    }
  });

  it("every alert is tested, both that it fires and that it does not", () => {
    const { tests } = parseYaml(read("docs/monitoring/loopback-ha.rules.test.yml")) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[];
    };
    const all = tests.flatMap((test) => test.alert_rule_test);
    for (const { alert } of rules) {
      const own = all.filter(({ alertname }) => alertname === alert);
      assert.ok(
        own.some(({ exp_alerts }) => exp_alerts.length > 0),
        `${alert} never fires`,
      );
      assert.ok(
        own.some(({ exp_alerts }) => exp_alerts.length === 0),
        `${alert} always fires`,
      );
    }
    for (const { alertname } of all)
      assert.ok(
        rules.some(({ alert }) => alert === alertname),
        alertname,
      );
  });

  it("the dashboard uses metrics that there are, and its own data source and watcher", () => {
    const text = read("docs/monitoring/loopback-ha.dashboard.json");
    const { panels } = JSON.parse(text) as { panels: { title: string; targets: { expr: string }[] }[] };
    const exprs = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    assert.ok(exprs.length > 10);
    for (const expr of exprs) {
      assert.ok(names(expr).length > 0, expr);
      for (const name of names(expr)) assert.ok(families.has(name), name);
      assert.equal(expr.split('instance=~"$instance"').length - 1, names(expr).length, expr);
    }
    assert.ok(!/"uid": "(?!\$\{datasource\}|loopback-ha")/.test(text));
  });
});
