import assert from "node:assert/strict";
import { ConnectionKind, LoadRecord, LongConnection, Request } from "../../../lab/load/record";
import { Stretch, prefixOf, unexplained } from "../../chaos/losses";

const VIP = "192.0.2.69";
const source = "198.51.100.10";
const request = (started: number, failure?: string, vip = VIP): Request => ({
  started,
  ended: started + 10,
  vip,
  source,
  ...(failure ? { failure } : { server: "web2" }),
});
const connection = (connected: number, ended: number, end: string, kind = ConnectionKind.Download) =>
  ({ kind, vip: VIP, source, connected, server: "web2", ended, end, bytes: 0 }) satisfies LongConnection;
const record = (requests: Request[], connections: LongConnection[] = []): LoadRecord => ({
  began: 0,
  ended: 99_999,
  requests,
  skipped: 0,
  connections,
  marks: [],
});
const dead: Stretch = {
  from: 1000,
  to: 2000,
  what: "crash web2",
  mayLose: { prefixes: ["192.0.2.64/27"], servers: ["web2"] },
};
const nothing: Stretch = { ...dead, what: "web2 maintenance, up", mayLose: { prefixes: [], servers: [] } };
const count = (it: LoadRecord, ...stretches: Stretch[]): number => unexplained(it, stretches).length;

describe("chaos: losses", () => {
  it("a VIP's prefix", () => {
    assert.deepEqual(["192.0.2.37", VIP, "192.0.2.133"].map(prefixOf), [
      "192.0.2.32/27",
      "192.0.2.64/27",
      "192.0.2.128/27",
    ]);
  });

  it("a request that fails while its server is dead is allowed; one during a drain is not", () => {
    assert.equal(count(record([request(1500, "timeout"), request(1500)]), dead), 0);
    assert.equal(count(record([request(1500, "timeout")]), nothing), 1);
  });

  it("one on another prefix, or before, is not", () => {
    assert.equal(count(record([request(1500, "timeout", "192.0.2.37")]), dead), 1);
    assert.equal(count(record([request(500, "timeout")]), dead), 1);
  });

  it("connections that ended early count as requests do; those that HTTP lets a server close do not", () => {
    assert.equal(count(record([], [connection(100, 1500, "short")]), dead), 0);
    assert.equal(count(record([], [connection(100, 1500, "short")]), nothing), 1);
    assert.equal(count(record([], [connection(100, 1500, "wrong content")]), nothing), 1);
    assert.equal(count(record([], [connection(100, 1500, "closed", ConnectionKind.Idle)]), nothing), 0);
    assert.equal(count(record([], [connection(100, 1500, "reset", ConnectionKind.Idle)]), nothing), 1);
    const second = connection(100, 1500, "closed");
    assert.equal(count(record([], [second]), nothing), 0);
    assert.equal(count(record([], [{ ...second, server: undefined }]), nothing), 1);
    assert.equal(count(record([], [{ ...second, kind: ConnectionKind.Upload }]), nothing), 1);
    assert.equal(count(record([], [connection(100, 1500, "complete")]), nothing), 0);
  });

  it("three requests that may have met a dead server's connections are allowed, more are not", () => {
    const late = (n: number): Request[] => Array.from({ length: n }, (_, i) => request(5000 + i, "timeout"));
    assert.equal(count(record(late(3)), dead), 0);
    assert.equal(count(record(late(4)), dead), 4);
    assert.equal(count(record(late(1)), nothing), 1);
    assert.equal(count(record([request(5000, "timeout", "192.0.2.37")]), dead), 1);
    assert.equal(count(record([], [connection(4000, 5000, "short")]), dead), 1);
  });
});
