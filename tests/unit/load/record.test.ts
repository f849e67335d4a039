import assert from "node:assert/strict";
import {
  ConnectionKind,
  failures,
  firstAnswerOf,
  lastFailure,
  LoadRecord,
  LongConnection,
  longestGap,
  namedAfter,
  newRequestsNameServerWithin,
  ratePerSecond,
  Request,
  spanned,
  statsByVip,
  summary,
  toldAfter,
} from "../../../lab/load/record";

const [A, B] = ["192.0.2.37", "192.0.2.69"];
const FAILURES = ["reset", "timeout"];

/** `start-end:who`, where who is a server or a failure; of VIP A unless told. */
const request = (text: string, vip = A): Request => {
  const [, started, ended, who] = /^(\d+)-(\d+):(.+)$/.exec(text)!;
  const outcome = FAILURES.includes(who) ? { failure: who } : { server: who };
  return { started: Number(started), ended: Number(ended), vip, source: "198.51.100.10", ...outcome };
};
const record = (requests: Request[], rest: Partial<LoadRecord> = {}): LoadRecord => ({
  began: 0,
  ended: 100,
  requests,
  skipped: 0,
  connections: [],
  marks: [],
  ...rest,
});
const seen = (...texts: string[]): LoadRecord => record(texts.map((text) => request(text)));
const long = (rest: Partial<LongConnection>): LongConnection => ({
  kind: ConnectionKind.Download,
  vip: A,
  source: "198.51.100.10",
  bytes: 0,
  ...rest,
});

describe("what a load saw", () => {
  // The failure that is begun first ends last.
  const flip = seen("1-2:web2", "10-90:timeout", "12-13:web2", "20-21:reset", "30-31:web1", "40-41:web1");

  it("finds failures by when they were begun, and the one noticed last", () => {
    assert.deepEqual(
      failures(flip).map(({ failure }) => failure),
      ["timeout", "reset"],
    );
    assert.deepEqual(
      failures(flip, { after: 20 }).map(({ started }) => started),
      [20],
    );
    assert.equal(failures(flip, { vip: B }).length, 0);
    assert.equal(failures(flip, { before: 10 }).length, 0);
    assert.equal(lastFailure(flip)?.ended, 90);
    assert.equal(lastFailure(flip, { after: 20 })?.ended, 21);
    assert.equal(lastFailure(flip, { after: 21 }), undefined);
  });

  it("finds the first request that a server answered", () => {
    assert.equal(firstAnswerOf(flip, "web1")?.started, 30);
    assert.equal(firstAnswerOf(flip, "web2", { after: 5 })?.started, 12);
    assert.equal(firstAnswerOf(flip, "web3"), undefined);
    // Answers come in the order of their ends.
    assert.equal(firstAnswerOf(seen("5-6:web1", "1-9:web1"), "web1")?.started, 1);
  });

  const named: [string, LoadRecord, number][] = [
    ["no other one answers any more", seen("0-9:web2", "10-11:web1", "20-21:web1"), 0],
    ["the old one still answers for a while", seen("10-11:web1", "14-15:web2", "20-21:web1"), 4],
    ["a request fails meanwhile", seen("10-11:web1", "14-90:timeout", "20-21:web1"), 4],
    ["the old one answers last", seen("10-11:web1", "20-21:web2"), Infinity],
    ["no server answers", seen("11-12:reset"), Infinity],
    ["there is no request", seen(), Infinity],
    [
      "one VIP comes later than the other",
      record([request("10-11:web1"), request("17-18:web2", B), request("19-20:web1", B)]),
      7,
    ],
    ["one VIP stays", record([request("10-11:web1"), request("17-18:web2", B)]), Infinity],
  ];
  for (const [what, saw, expected] of named) {
    it(`the new server answers first after ${expected} ms when ${what}`, () => {
      assert.equal(namedAfter(saw, "web1", { after: 10 }), expected);
      assert.equal(newRequestsNameServerWithin(saw, "web1", { after: 10 }, 5), expected <= 5);
    });
  }

  it("does not look beyond the end of the time it is asked about", () => {
    assert.equal(namedAfter(seen("10-11:web1", "50-51:web2"), "web1", { after: 10, before: 50 }), 0);
  });

  const gaps: [string, LoadRecord, number][] = [
    ["between two answers", seen("5-10:web1", "20-60:web1", "55-95:web1"), 50],
    ["over failures", seen("5-10:web1", "20-30:reset", "55-95:web1"), 85],
    ["from the begin", seen("60-61:web1", "80-81:web1"), 61],
    ["to the end", seen("5-10:web1"), 90],
    ["without an answer", seen(), 100],
    ["when the last answer came after the end", seen("40-45:web1", "90-105:web1"), 60],
  ];
  for (const [what, saw, expected] of gaps) {
    it(`measures the longest gap ${what}`, () => assert.equal(longestGap(saw, A), expected));
  }

  it("counts new connections in full seconds", () => {
    const requests = ["0-1:web1", "999-1000:web1", "1000-1001:reset", "2100-2101:web1"].map((text) =>
      request(text),
    );
    assert.deepEqual(ratePerSecond(record(requests, { ended: 2500 })), [2, 1]);
  });

  it("shows when clients of open connections got to know", () => {
    const connections = [
      long({ connected: 1, ended: 60, end: "reset" }),
      long({ connected: 1, kind: ConnectionKind.Idle }),
      long({ connected: 1, ended: 40, end: "closed" }),
      long({ connected: 55 }),
      long({ ended: 60, end: "timeout" }),
      long({ connected: 1, ended: 60, vip: B }),
    ];
    assert.deepEqual(toldAfter(record([], { connections }), A, 50), [
      { kind: ConnectionKind.Download, ms: 10 },
      { kind: ConnectionKind.Idle, ms: Infinity },
    ]);
  });

  it("counts the moments that a connection survived", () => {
    assert.equal(spanned(long({ connected: 10, ended: 30 }), [5, 15, 25, 35]), 2);
    assert.equal(spanned(long({ connected: 10 }), [5, 15, 25, 35]), 3);
    assert.equal(spanned(long({}), [5]), 0);
  });

  it("sums up by VIP and in all", () => {
    const requests = [...flip.requests, request("50-51:web3", B)];
    const connections = [
      long({ connected: 1, ended: 60, end: "reset" }),
      long({ connected: 1, ended: 60, end: "complete" }),
      long({ connected: 1, ended: 60, end: "short" }),
      long({ kind: ConnectionKind.Idle, connected: 1, ended: 60, end: "closed" }),
    ];
    const saw = record(requests, { connections });
    assert.deepEqual(statsByVip(saw), {
      [A]: { requests: 6, failures: 2, longestGapMs: 59, servers: { web2: 2, web1: 2 } },
      [B]: { requests: 1, failures: 0, longestGapMs: 51, servers: { web3: 1 } },
    });
    assert.deepEqual(summary(saw), {
      requests: 7,
      rate: { median: 0, min: 0 },
      failed: { timeout: 1, reset: 1 },
      resets: 3,
      downloads: { all: 3, complete: 1 },
      longestGapMs: 59,
    });
  });

  it("sums up a record of any length", () => {
    const requests = Array.from({ length: 400_000 }, (_, i) => request(`${i}-${i + 1}:web1`));
    assert.equal(summary(record(requests, { ended: 400_000 })).rate.median, 1000);
  });
});
