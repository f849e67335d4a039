import assert from "node:assert/strict";
import { movesIn, placementOfMap, placementOfRoutes } from "../lab/guarding";
import { Sample, outagesOf, wrongMoves } from "../lab/outages";

const sample = (at: number, port: Sample["port"], alive = true, server = "web2"): Sample => ({
  server,
  at,
  port,
  alive,
});
const move = (at: number, ...servers: string[]) => ({
  at,
  servers,
  text: `the guard moved something of ${servers.join()}`,
});

describe("lab: outages of servers", () => {
  it("begin when a port refuses or the machine is silent, and end when the port is open", () => {
    const samples = [
      sample(100, "open"),
      sample(200, "refused"),
      sample(300, "silent", false),
      sample(400, "open"),
      sample(500, "refused"),
    ];
    const expected = [
      { server: "web2", began: 200, ended: 400 },
      { server: "web2", began: 500 },
    ];
    assert.deepEqual(outagesOf(samples), expected);
    assert.deepEqual(outagesOf([...samples].reverse()), expected);
  });

  it("are each server's own; a silent port on a living machine is none", () => {
    const samples = [
      sample(100, "silent", true),
      sample(100, "refused", true, "web3"),
      sample(200, "open", true, "web3"),
    ];
    assert.deepEqual(outagesOf(samples), [{ server: "web3", began: 100, ended: 200 }]);
  });
});

describe("lab: a guard's wrong moves", () => {
  const outage = { server: "web2", began: 1000, ended: 1500 };
  const rows: [string, ReturnType<typeof move>, object[], number][] = [
    ["in an outage that lasts", move(1400, "web2"), [outage], 0],
    ["in one that has not ended", move(1400, "web2"), [{ server: "web2", began: 1000 }], 0],
    ["right after one, by what was heard in it", move(1550, "web2"), [outage], 0],
    ["in one that a restart explains", move(1350, "web2"), [{ ...outage, ended: 1400 }], 1],
    ["without an outage", move(1400, "web2"), [], 1],
    ["before one", move(900, "web2"), [outage], 1],
    ["long after one", move(1700, "web2"), [outage], 1],
    ["in another server's", move(1400, "web3"), [outage], 1],
    ["of two servers, one of which was well", move(1400, "web2", "web3"), [outage], 1],
  ];
  for (const [what, one, outages, count] of rows)
    it(`${what}: ${count}`, () =>
      assert.equal(wrongMoves([one], outages as (typeof outage)[], 450).length, count));
});

describe("lab: what a guard says and loads", () => {
  it("its log names the servers that it found dead", () => {
    const text =
      "r1: the guard moved 192.0.2.64/27 to web1, 192.0.2.96/27 to web4 because web2 refuses connections and web3 answers neither connections nor ping, 400 ms after its last answer; the tables took 12 ms. It stays so: loopback-ha adopt, or loopback-ha-guard release web2; loopback-ha-guard release web3";
    const other = "r1: web2: dead, but only 0 servers that answer would be left, and guard.minActive is 1";
    assert.deepEqual(
      movesIn([
        { at: 1, text: other },
        { at: 2, text },
      ]).map(({ at, servers }) => [at, servers]),
      [[2, ["web2", "web3"]]],
    );
  });

  it("the placement is read from routes and from nft's map", () => {
    const expected = { "192.0.2.64/27": "web1", "192.0.2.128/27": "web4" };
    const routes = ["192.0.2.128/27 via 192.0.2.5 dev host0", "192.0.2.64/27 via 192.0.2.2 dev host0"];
    for (const separator of [" \n", " ;"])
      assert.deepEqual(placementOfRoutes(routes.join(separator)), expected);
    assert.deepEqual(
      placementOfMap("elements = { 192.0.2.64/27 : goto serve_76002,\n 192.0.2.128/27 : goto serve_76005 }"),
      expected,
    );
  });
});
