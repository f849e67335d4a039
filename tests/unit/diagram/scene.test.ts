import assert from "node:assert/strict";
import { Row, Tone, Way, sceneOf } from "../../../cli/diagram/scene";
import type { FarmStatus, PrefixStatus } from "../../../cli/status/model";
import { ServerState } from "../../../components/config";
import { maintenance, prefix, server, status, subnet } from "./support";

const row = (rest: Partial<Row>): Row => ({
  label: subnet(2),
  server: "web2",
  way: Way.Home,
  note: "",
  flows: 3,
  others: [],
  ...rest,
});

describe("what a diagram shows", () => {
  const rows: [string, Partial<PrefixStatus>, Row][] = [
    ["a subnet at home", {}, row({})],
    [
      "a subnet away from home, with connections that stay there",
      { wanted: "web1", live: "web1", flows: { web1: 1, web2: 12, web3: 0 } },
      row({
        server: "web1",
        way: Way.Away,
        note: "home: web2",
        flows: 1,
        others: [{ server: "web2", count: 12 }],
      }),
    ],
    [
      "one that goes elsewhere than it should",
      { live: "web1", flows: null },
      row({ server: "web1", way: Way.Wrong, note: "wanted: web2", flows: null }),
    ],
    [
      "one that is not routed",
      { live: null, flows: {} },
      row({ server: null, way: Way.Wrong, note: "wanted: web2", flows: 0 }),
    ],
    [
      "one that a router did not tell of",
      { known: false, live: null, flows: null },
      row({ way: Way.Config, flows: null }),
    ],
    [
      "one that a router did not tell of, away from home",
      { known: false, live: null, flows: null, wanted: "web1" },
      row({ server: "web1", way: Way.Config, note: "home: web2", flows: null }),
    ],
  ];
  for (const [what, given, expected] of rows)
    it(what, () => {
      const [{ rows: drawn }] = sceneOf(status({ prefixes: [prefix(2, given)] })).routers;
      assert.deepEqual(drawn, [expected]);
    });

  it("each server's state, and what is wrong with it", () => {
    const { servers } = sceneOf(
      status({
        servers: [
          server(1, { carries: 2, flows: 1 }),
          server(2, {
            state: ServerState.Maintenance,
            carries: 0,
            flows: 1200,
            drift: ["an address is missing"],
          }),
          server(3, {
            state: ServerState.Down,
            carries: 0,
            flows: null,
            health: { asked: 2, ok: 0, reason: "no" },
          }),
          server(4, {
            carries: null,
            failure: "web4 did not answer",
            health: { asked: 4, ok: 3, reason: "no" },
          }),
        ],
      }),
    );
    assert.deepEqual(
      servers.map(({ word, tone, facts, issues }) => [word, tone, facts, issues]),
      [
        ["active", Tone.Good, ["serves 2 of 2 subnets", "1 connection"], []],
        ["maintenance", Tone.Resting, ["serves 0 of 2 subnets", "1,200 connections"], ["has drifted"]],
        ["down", Tone.Bad, ["serves 0 of 2 subnets"], []],
        [
          "active",
          Tone.Good,
          ["should serve 1 of 2 subnets", "0 connections"],
          ["not reached by ssh", "answers 3 of 4 checks"],
        ],
      ],
    );
  });

  it("each address that gets packets or keeps connections and is not in the config", () => {
    const { servers } = sceneOf(
      status({ prefixes: [prefix(1, { live: "192.0.2.99", flows: { "192.0.2.99": 1, old: 2 } })] }),
    );
    assert.deepEqual(
      servers.slice(2).map(({ name, word }) => [name, word]),
      [
        ["192.0.2.99", "not in the config"],
        ["old", "not in the config"],
      ],
    );
  });

  it("why a router's table is drawn from the config", () => {
    const silent = (failure: string | null): FarmStatus => {
      const given = status({ prefixes: [prefix(1, { known: false, live: null, flows: null })] });
      return { ...given, routers: [{ ...given.routers[0], failure }] };
    };
    assert.equal(
      sceneOf(silent("r1 did not answer within 12 s")).routers[0].notAsked,
      "r1 did not answer within 12 s",
    );
    assert.equal(sceneOf(silent(null)).routers[0].notAsked, "it did not report its table");
    assert.equal(sceneOf(status()).routers[0].notAsked, null);
    assert.equal(sceneOf(status({ prefixes: [] })).routers[0].notAsked, null);
  });

  it("hundreds of VIPs by their server, at home and away separately, without losing one", () => {
    const vip = (i: number): string => `192.0.2.${32 + (i % 200)}/32`;
    const all = Array.from({ length: 300 }, (_, i) => {
      const home = `web${1 + (i % 3)}`;
      const now = home === "web2" ? `web${i % 2 === 0 ? 1 : 3}` : home;
      return prefix(1, {
        prefix: vip(i),
        home,
        wanted: now,
        live: now,
        flows: { [now]: 1, ...(home === now ? {} : { web2: 2 }) },
      });
    });
    const given = status({ servers: [1, 2, 3].map((n) => server(n)), prefixes: all });
    const [{ rows: drawn }] = sceneOf(given).routers;
    assert.deepEqual(drawn, [
      row({ label: "100 VIPs", server: "web1", flows: 100 }),
      row({
        label: "50 VIPs",
        server: "web1",
        way: Way.Away,
        note: "home: web2",
        flows: 50,
        others: [{ server: "web2", count: 100 }],
      }),
      row({ label: "100 VIPs", server: "web3", flows: 100 }),
      row({
        label: "50 VIPs",
        server: "web3",
        way: Way.Away,
        note: "home: web2",
        flows: 50,
        others: [{ server: "web2", count: 100 }],
      }),
    ]);
  });

  it("one site as an example, and how many there are; no retiring one", () => {
    const [site] = status().sites;
    const scene = sceneOf(
      status({ sites: [{ ...site, retiring: true, serverName: "old.example" }, site, site] }),
    );
    assert.deepEqual([scene.example?.serverName, scene.sites], ["www.widgetco.example", 2]);
    assert.equal(sceneOf(status({ sites: [] })).example, undefined);
    assert.equal(sceneOf(maintenance()).time, "2026-11-25 07:48:00 UTC");
  });
});
