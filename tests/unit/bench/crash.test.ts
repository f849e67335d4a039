import assert from "node:assert/strict";
import { ConnectionKind, LoadRecord } from "../../../lab/load/record";
import { Reacted, limitsKept, reacted, reactedRow } from "../../bench/crash/figures";
import { withSection } from "../../bench/report";

const VIP = "192.0.2.69";
const request = (started: number, ended: number, server?: string): LoadRecord["requests"][number] => ({
  started,
  ended,
  vip: VIP,
  source: "198.51.100.10",
  ...(server ? { server } : { failure: "timeout" }),
});
const connection = (connected: number, ended?: number): LoadRecord["connections"][number] => ({
  kind: ConnectionKind.Idle,
  vip: VIP,
  source: "",
  bytes: 0,
  connected,
  ...(ended !== undefined && { ended, end: "reset" }),
});
const record: LoadRecord = {
  began: 0,
  ended: 9000,
  skipped: 0,
  marks: [],
  requests: [
    request(900, 905, "web2"),
    request(995, 2200), // was open at the crash
    request(1100, 2300),
    request(1300, 2310, "web1"), // its SYN was repeated
    request(1450, 1460, "web1"),
  ],
  connections: [connection(100, 1500), connection(200), connection(1200)],
};

describe("benchmarks: a crash that something reacts to by itself", () => {
  it("is whole again once requests are answered at once; lost and open are what there was at the crash", () => {
    const facts = { vips: [VIP], died: 1000, dead: "web2", moved: 1400 };
    assert.deepEqual(reacted(record, facts), {
      wholeMs: 300,
      answeredMs: 460,
      loggedMs: 400,
      lost: 2,
      open: 2,
      toldMs: [500],
    });
    assert.equal(reacted({ ...record, requests: [] }, facts).answeredMs, Infinity);
  });

  it("rounds become a row, and a sentence about the limits", () => {
    const one: Reacted = { wholeMs: 400, answeredMs: 450, loggedMs: 500, lost: 3, open: 20, toldMs: [100] };
    const slow: Reacted = { ...one, wholeMs: 1200, loggedMs: 800, lost: 9, toldMs: [300, 200] };
    assert.deepEqual(reactedRow("the guard", [one, slow, one]), [
      "the guard",
      "3",
      "0.40 s, 1.20 s",
      "0.45 s, 0.45 s",
      "0.50 s, 0.80 s",
      "3, 9",
      "4 of 60",
      "0.20 s, 0.30 s",
      "56",
    ]);
    assert.equal(reactedRow("other", [{ ...one, loggedMs: undefined, toldMs: [] }])[4], "-");
    assert.equal(
      limitsKept("the guard", [one, slow], 750),
      "the guard: whole within 1 s in 1 of 2, moved within 750 ms by its log in 1 of 2.",
    );
  });
});

describe("benchmarks: a page with several tables", () => {
  const page = "# A\n\ntext\n\n## B\n\nold\n\n## C\n\nmore\n";
  it("gets a section in its place, or at the end, and keeps the others", () => {
    assert.equal(withSection(page, "## B\n\nnew\n"), page.replace("old", "new"));
    assert.equal(withSection(page, "# A\n\nother\n"), page.replace("text", "other"));
    assert.equal(withSection(page, "## D\n\nnew\n"), `${page}\n## D\n\nnew\n`);
    assert.equal(withSection("", "# A\n\ntext\n"), "# A\n\ntext\n");
  });
});
