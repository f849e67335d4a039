import assert from "node:assert/strict";
import type { Command } from "commander";
import { certsCommand } from "../../cli/commands/certs";
import { watchCommand } from "../../cli/commands/watch";
import { pagesWithOptions, withOptionTables } from "../../tools/optionTables";
import * as events from "../../cli/certs/events";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const page = (name: string): string[] =>
  fs.readFileSync(path.join(__dirname, "../..", name), "utf8").split("\n");
/** A table's line without the spaces that line up its columns. */
const cells = (line: string): string => line.replace(/ +/g, " ").replace(/-{3,}/g, "---");
/** The anchors of a page: its headings, as Git hosts spell them. */
const anchors = (name: string): string[] =>
  page(name)
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, "")
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    );

/** All handwritten pages, as paths from the root of the checkout. */
function allPages(): string[] {
  const root = path.join(__dirname, "../..");
  const inFolder = (folder: string): string[] =>
    fs.readdirSync(path.join(root, folder)).map((name) => `${folder}/${name}`);
  return [
    "README.md",
    "SECURITY.md",
    "lab/README.md",
    ...inFolder("docs").filter((name) => name.endsWith(".md")),
    ...inFolder("examples")
      .map((name) => `${name}/README.md`)
      .filter((name) => fs.existsSync(path.join(root, name))),
  ];
}

/** Words that made pages hard to read (issue 17): say who does what. */
const STILTED = /\b(whoever|nobody|somebody|anybody|everybody|anew|mend(s|ed)?|shall|besides|befalls)\b/i;

describe("docs", () => {
  it("how-fast.md quotes the benchmarks literally, with their date", () => {
    const results = page("tests/bench/flip.md");
    const quoted = page("docs/how-fast.md").map(cells);
    for (const line of results.filter((row) => row.startsWith("|")))
      assert.ok(quoted.includes(cells(line)), line);
    const [, date] = /on (\d{4}-\d\d-\d\d)/.exec(results.join("\n")) ?? [];
    assert.ok(quoted.some((line) => line.startsWith("`npm run bench` on " + date)));
  });

  it("README's figures of a flip and a first up are those of the benchmarks", () => {
    const medians = page("tests/bench/flip.md")
      .filter((row) => row.startsWith("|"))
      .map((row) => row.split("|").map((cell) => cell.trim()));
    const median = (what: string): string =>
      Number.parseFloat(medians.find(([, name]) => name === what)![2]).toFixed(1);
    const text = page("README.md").join("\n");
    const [first, many] = [median("first up, 1 site"), median("first up, 300 sites")];
    const [flip, flips] = [median("flip, 1 site, --skip-preview"), median("flip, 300 sites, --skip-preview")];
    for (const sentence of [
      `a first \`up\` takes ${first} s with one site and ${many} s with 300`,
      `A flip takes ${flip} s with one site and ${flips} s with 300`,
    ])
      assert.ok(text.includes(sentence), sentence);
  });

  it("watch.md lists every event of the watcher's log, and no other", () => {
    const source = page("cli/watch/events.ts").join("\n");
    const said = [...source.matchAll(/\bline\(\s*"([a-z-]+)"/g)].map(([, word]) => word);
    const text = page("docs/watch.md");
    const table = text.slice(text.findIndex((line) => line.startsWith("| word")));
    const listed = table
      .slice(2, table.indexOf(""))
      .flatMap((row) => [...row.split("|")[1].matchAll(/`([a-z-]+)`/g)].map(([, word]) => word));
    assert.deepEqual(listed.sort(), [...new Set(said)].sort());
  });

  it("your-own-network.md quotes the sudoers file as it is", () => {
    const rules = (lines: string[]): string[] => lines.filter((line) => line !== "" && !line.startsWith("#"));
    const text = page("docs/your-own-network.md");
    const start = text.indexOf("```sudoers") + 1;
    const quoted = text.slice(start, text.indexOf("```", start));
    assert.deepEqual(quoted, rules(page("examples/sudoers/loopback-ha")));
  });

  it("the sudoers file has every installed script that the command line runs", () => {
    const rules = page("examples/sudoers/loopback-ha").join("\n");
    const sources = fs.readdirSync(path.join(__dirname, "../../cli"), { recursive: true }) as string[];
    const scripts = sources
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => [
        ...page(`cli/${name}`)
          .join("\n")
          .matchAll(/"([a-z]+)\.sh"/g),
      ])
      .map(([, name]) => name);
    assert.ok(scripts.length > 2);
    for (const name of scripts) assert.match(rules, new RegExp(`\\b${name}\\b.*\\.sh`), name);
  });

  it("the sudoers file accepts the numbers that the command line passes, and no flood (M9)", () => {
    const line = page("examples/sudoers/loopback-ha").find((text) => text.includes("(health|flows)"))!;
    const rule = new RegExp(line.trim().replace("/usr/bin/bash ", ""));
    const allows = (args: string): boolean =>
      rule.test(`/var/lib/loopback-ha/a.b.r1.linux-routes/current/scripts/health.sh ${args}`.trim());
    for (const args of [
      "",
      "--servers --every 0.5 --timeout 0.4 --sample 16",
      "--servers --every 0.2 --timeout 0.16 --sample 1",
      "--every 0.333 --timeout 0.27",
      "--every 60 --timeout 1",
      "--every 1 --tcp-idle 300 --udp-idle 30",
      "--every 2.5",
      "--pages",
      "--pages --every 30 --timeout 3 --sample 16",
    ])
      assert.ok(allows(args), args);
    for (const args of [
      "--every 0",
      "--every 0.1",
      "--every 0.00001",
      "--every .5",
      "--every 00",
      "--every 100",
      "--sample 0",
      "--sample 100",
      "--sample 9999999",
      "--timeout 10",
      "--timeout 99999999",
      "--every 1;id",
    ])
      assert.ok(!allows(args), args);
  });

  it("the sudoers file accepts a bundle with the arguments that a run passes, and no others", () => {
    const line = page("examples/sudoers/loopback-ha").find((text) => text.includes("-s loopback-ha 110"))!;
    const rule = new RegExp(line.trim().replace("/usr/bin/bash ", "").replace(/, \\$/, ""));
    const words = `-s loopback-ha 110 ${"0".repeat(24)}`;
    for (const more of ["", " 1", " despite shop", " 1 despite shop,blog-2"])
      assert.ok(rule.test(words + more), more);
    for (const more of [
      " 2",
      " despite",
      " despite ",
      " despite shop,",
      " despite shop blog",
      " despite a;id",
      " despite a 1",
    ])
      assert.ok(!rule.test(words + more), more);
  });

  it("the sudoers file allows the moves that the watcher makes, and no forced one (M14)", () => {
    const line = page("examples/sudoers/loopback-ha").find((text) =>
      text.startsWith("    /usr/local/sbin/loopback-ha-move "),
    )!;
    const rule = new RegExp(line.trim().split("loopback-ha-move ")[1]);
    for (const args of [
      "--down --from web2 192.0.2.64/27 web1",
      "--help --down --from web2,web-4.x 192.0.2.64/27 web1 203.0.113.1/32 web3",
    ])
      assert.match(args, rule);
    for (const args of [
      "",
      "--help",
      "192.0.2.64/27 web1",
      "--down 192.0.2.64/27 web1",
      "--down --from web2",
      "--down --from web2, 192.0.2.64/27 web1",
      "--down --from web2 192.0.2.64/27 web1 203.0.113.1/32",
      "--down --force --from web2 192.0.2.64/27 web1",
      "--down --from web2 --force 192.0.2.64/27 web1",
      "--down --from web2 192.0.2.64/27 web1 --force",
      "--down --from web2 192.0.2.64/27 web1;id",
      "--down --from web2 192.0.2.64/27 web1\n203.0.113.1/32 web3",
    ])
      assert.doesNotMatch(args, rule);
  });

  it("the sudoers file allows the release of a held server, and nothing else of the guard", () => {
    const line = page("examples/sudoers/loopback-ha").find((text) =>
      text.startsWith("    /usr/local/sbin/loopback-ha-guard "),
    )!;
    const rule = new RegExp(line.trim().split("loopback-ha-guard ")[1].replace(/, \\$/, ""));
    for (const args of ["release web2", "release --force web-2.x"]) assert.match(args, rule);
    for (const args of [
      "",
      "status",
      "release",
      "release --force",
      "release web2 web3",
      "release web2;id",
      "release --force --force web2",
      "release -x web2",
      "release web2\nrelease web3",
    ])
      assert.doesNotMatch(args, rule);
  });

  it("the sudoers file passes no foreign environment to any of its commands (M8)", () => {
    const text = page("examples/sudoers/loopback-ha").join("\n");
    const commands = [
      "LOOPBACK_HA_LOOK",
      "LOOPBACK_HA_CHANGE",
      "/usr/local/sbin/loopback-ha-move",
      "/usr/local/sbin/loopback-ha-guard",
    ];
    for (const command of commands) {
      const defaults = text
        .split("\n")
        .find((line) => line.replace(/^#/, "").startsWith(`Defaults!${command} `));
      assert.match(defaults ?? "", /env_reset, !env_keep, !env_check, !setenv, secure_path=/, command);
    }
  });

  it("the watcher's unit may write only its project and its home, and can't exhaust its machine (L17)", () => {
    const lines = page("examples/watch/loopback-ha-watch.service");
    for (const line of ["ProtectSystem=strict", "ReadWritePaths=/srv/farm /home/farm", "PrivateTmp=true"])
      assert.ok(lines.includes(line), line);
    assert.ok(lines.includes("WatchdogSec=60") && lines.includes("NotifyAccess=all"));
    assert.ok(lines.includes("NoNewPrivileges=true") && lines.some((line) => /^MemoryMax=\d/.test(line)));
  });

  it("the unit for certificates has the watcher's limits, and enough time for a CA", () => {
    const lines = page("examples/certs/loopback-ha-certs.service");
    const watcher = page("examples/watch/loopback-ha-watch.service");
    for (const name of [
      "User",
      "ProtectSystem",
      "ReadWritePaths",
      "PrivateTmp",
      "NoNewPrivileges",
      "MemoryMax",
      "KillMode",
    ]) {
      const own = lines.filter((line) => line.startsWith(`${name}=`));
      assert.equal(own.length, 1, name);
      assert.ok(watcher.includes(own[0]), own[0]);
    }
    for (const line of ["Type=oneshot", "UMask=0077", "TimeoutStartSec=4h"])
      assert.ok(lines.includes(line), line);
  });

  it("watch.md and https.md have every option of their command, in the words of --help", () => {
    assert.deepEqual(pagesWithOptions().sort(), ["docs/https.md", "docs/watch.md"]);
    const commands: [string, Command][] = [
      ["docs/https.md", certsCommand()],
      ["docs/watch.md", watchCommand()],
    ];
    for (const [name, command] of commands) {
      const text = page(name).map(cells);
      const made = withOptionTables(page(name).join("\n")).split("\n").map(cells);
      assert.deepEqual(
        text,
        made,
        `${name} is out of date with --help. Make its table again: npm run reference`,
      );
      for (const { long } of command.options) assert.ok(text.join("\n").includes(`\`${long}`), `${long}`);
    }
  });

  it("https.md lists every event that the hooks of certs get, and no other", () => {
    const text = page("docs/https.md").join("\n");
    const [, table] = text.split("| a hook gets ");
    const told = [...table.split("\n\n")[0].matchAll(/^\| `(\w+)`/gm)].map(([, word]) => word);
    assert.deepEqual(told.sort(), Object.keys(events).sort());
  });

  it("failures.md and failover.md quote the programs' messages literally", () => {
    const root = path.join(__dirname, "../..");
    const files = execFileSync("git", ["ls-files", "components", "cli"], { cwd: root, encoding: "utf8" });
    const sources = files
      .split("\n")
      .filter((name) => /\.(ts|cjs|sh|awk|pl)$/.test(name))
      .map((name) => fs.readFileSync(path.join(root, name), "utf8"))
      .join("\n");
    const pulumis = "failed to load checkpoint: EOF";
    const failover = page("docs/failover.md");
    const rows = [
      ...page("docs/failures.md"),
      ...failover.slice(failover.findIndex((line) => line.startsWith("| you read"))),
    ].filter((line) => line.startsWith("| `"));
    assert.ok(rows.length > 30);
    for (const row of rows)
      for (const [, quote] of row.split("|")[1].matchAll(/`([^`]+)`/g)) {
        if (quote === pulumis) continue;
        // A name, a number or what is left out is the message's own.
        const parts = quote.split(
          /…|\(|\)|\b(?:[A-Z]{2,}|[XYZ]|web\d|\d[\d.]*)\b|\bservers\.|(?<=if it is dead, )/,
        );
        for (const part of parts.map((text) => text.trim()).filter((text) => text.length > 3))
          assert.ok(sources.includes(part), `no message says ${part}: ${quote}`);
      }
  });

  it("links between pages lead to a page and, where they name one, a heading", () => {
    for (const name of allPages()) {
      for (const [, target, heading] of page(name)
        .join("\n")
        .matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)) {
        const file = target === "" ? name : path.join(path.dirname(name), target);
        assert.ok(fs.existsSync(path.join(__dirname, "../..", file)), `${name}: ${target}`);
        if (heading !== undefined && heading !== "")
          assert.ok(anchors(file).includes(heading), `${name}: ${target}#${heading}`);
      }
    }
  });

  it("pages avoid words that hide who does what, except in quotes", () => {
    for (const name of allPages()) {
      const prose = page(name)
        .join("\n")
        .replace(/^ *```[^]*?^ *```$/gm, "")
        .replace(/`[^`\n]*`/g, "");
      assert.doesNotMatch(prose, STILTED, name);
    }
  });
});
