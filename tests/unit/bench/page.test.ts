import assert from "node:assert/strict";
import { LoadRecord, Summary } from "../../../lab/load/record";
import { outcome } from "../../bench/rivals/crash";
import { crashGroups, crashesTable, flipsTable, pageOf } from "../../bench/rivals/page";
import { CrashRun, FlipRun, OURS, Work } from "../../bench/rivals/results";

const flips = (tool: string, wall: number, lost: Partial<Summary> = {}): FlipRun => ({
  tool,
  wall: { median: wall, min: wall, max: wall + 1 },
  flips: 10,
  moved: 10,
  summary: {
    requests: 1000,
    rate: { median: 100, min: 90 },
    failed: {},
    resets: 0,
    downloads: { all: 20, complete: 20 },
    longestGapMs: 100.4,
    ...lost,
  },
});
const crashed = (tool: string, actor: string, seconds: number, wallSeconds?: number): CrashRun => ({
  tool,
  actor,
  outcome: { answeredAfterMs: seconds * 1000, failed: 3, open: 20, toldMs: [10, 250], wallSeconds },
});

describe("benchmarks: the page", () => {
  it("flips: shows what was lost, who lost nothing, and who is fastest", () => {
    const broken = {
      failed: { reset: 12, timeout: 1 },
      resets: 30,
      downloads: { all: 20, complete: 2 },
      longestGapMs: 40,
    };
    const text = flipsTable([flips(OURS, 3), flips("plain ssh", 0.5, broken)], []);
    const [, , ours, ssh] = text.split("\n");
    assert.equal(
      ours,
      `| ${OURS} | 3.00 s (3.00 to 4.00) | **0** | **0** | **20 of 20** | 100 ms | 10 of 10 |`,
    );
    assert.equal(
      ssh,
      "| plain ssh | **0.50 s (0.50 to 1.50)** | 12 reset, 1 timeout | 30 | 2 of 20 | **40 ms** | 10 of 10 |",
    );
    assert.match(text, new RegExp(`plain ssh is ahead with 0.50 s; ${OURS} takes 6.0 times as long.`));
    assert.match(text, new RegExp(`or a broken download: ${OURS}\\.\n`));
    assert.match(flipsTable([flips("a", 1, broken)], []), /None was without/);
  });

  it("crashes: puts several runs in one row, and says who is ahead with and without an operator", () => {
    const runs = [
      crashed(OURS, "an operator", 3, 4),
      crashed("plain ssh", "an operator", 1, 1),
      crashed(OURS, "loopback-ha watch", 6),
      crashed(OURS, "loopback-ha watch", 4),
      crashed(OURS, "loopback-ha watch", 5),
      crashed("keepalived", "itself", 2.5),
    ];
    const watch = crashGroups(runs).find(({ name }) => name.endsWith("watch"))!;
    assert.deepEqual(watch.answered, { median: 5, min: 4, max: 6 });
    assert.equal(watch.open, 60);
    const text = crashesTable(runs, []);
    assert.match(
      text,
      /\| pulumi-loopback-ha: loopback-ha watch \| the crash \| 5\.00 s \(4\.00 to 6\.00\) \| 3 \| 6 of 60 \| 0\.25 s \| 54 \| none \|/,
    );
    assert.match(text, /After an operator's command plain ssh is ahead with 1\.00 s; .* 3\.0 times/);
    assert.match(text, /Without an operator keepalived is ahead with 2\.50 s; .* 2\.0 times/);
  });

  it("a crash after which no server answered counts as never, and is ahead of no other", () => {
    const text = crashesTable(
      [crashed(OURS, "an operator", Infinity, 1), crashed("b", "an operator", 2, 2)],
      [],
    );
    assert.match(text, /\| pulumi-loopback-ha: an operator \| [^|]*\| never \|/);
    assert.match(text, /\*\*2\.00 s \(2\.00 to 2\.00\)\*\*/);
  });

  it("a crash is measured by its clients, from the moment of the crash", () => {
    const at = (ended: number, server?: string): LoadRecord["requests"][number] => ({
      started: ended - 5,
      ended,
      vip: "192.0.2.69",
      source: "198.51.100.10",
      ...(server ? { server } : { failure: "timeout" }),
    });
    const record: LoadRecord = {
      began: 0,
      ended: 9000,
      requests: [at(900, "web2"), at(1500), at(2100), at(2600, "web1"), at(2800, "web1")],
      skipped: 0,
      marks: [],
      connections: [
        { connected: 100, ended: 2300, end: "reset" },
        { connected: 100 },
        { connected: 2500 },
      ].map((it) => ({ kind: "idle" as never, vip: "192.0.2.69", source: "", bytes: 0, ...it })),
    };
    assert.deepEqual(outcome(record, { vips: ["192.0.2.69"], from: 2000, wallSeconds: 1 }, "web2"), {
      answeredAfterMs: 600,
      failed: 1,
      open: 2,
      toldMs: [300],
      wallSeconds: 1,
    });
  });

  it("says in every table what was not measured, and has no part that was left out", () => {
    const page = pageOf({
      rounds: 1,
      versions: ["Debian 12"],
      unmeasured: [{ tool: "Terraform", why: "not measured: terraform is not on PATH" }],
      builds: {
        columns: [1],
        tools: [OURS],
        samples: [{ work: Work.Build, tool: OURS, column: 1, seconds: 4 }],
      },
      flips: [flips(OURS, 3)],
    });
    assert.equal(page.split("| Terraform | not measured: terraform is not on PATH |").length - 1, 5);
    assert.doesNotMatch(page, /A crash under load/);
    assert.match(page, /only pulumi-loopback-ha was measured/);
  });
});
