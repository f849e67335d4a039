import assert from "node:assert/strict";
import { ServerState } from "../../../components/config";
import { Verdict } from "../../../components/routerRoute/verdict";
import { exposition } from "../../../cli/observe/exposition";
import { MOST_PREFIXES, MOST_SITES, metricsOf } from "../../../cli/observe/metrics";
import { prefix, server, status } from "../diagram/support";
import { picture, parse, watched } from "./support";

/** Values by name and labels, as `NAME{label=value,...}`. */
function values(...args: Parameters<typeof picture>): Record<string, number> {
  const { samples } = parse(exposition(metricsOf(picture(...args))));
  return Object.fromEntries(
    samples.map(({ name, labels, value }) => {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
      return [`${name.replace("loopback_ha_", "")}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""}`, value];
    }),
  );
}

describe("the watcher's metrics", () => {
  it("say what it knows", () => {
    const found = values({
      servers: [watched(1), watched(2, { health: Verdict.Dead, answers: false, ms: null, reason: "x" })],
      routers: [
        {
          name: "r1",
          reports: true,
          lastRound: 1_700_000_000_500,
          guarded: true,
          held: [{ server: "web2", at: "2026-11-30T16:00:00Z", reason: "refuses connections" }],
          tracked: null,
        },
        {
          name: "r2",
          reports: false,
          lastRound: null,
          guarded: false,
          held: [],
          tracked: { count: 8, max: 9 },
        },
      ],
      counts: { watch: 2, guard: 1, operator: 3 },
      failures: 4,
      unable: ["no passphrase"],
      status: status({
        servers: [server(1, { drift: ["x"] }), server(2, { state: ServerState.Down, carries: null })],
        prefixes: [prefix(1), prefix(2, { live: "web1" }), prefix(3, { known: false })],
        zones: [
          { zone: "w.example", nameServer: "ns1", serial: 2026113001, failure: null },
          { zone: "w.example", nameServer: "ns2", serial: null, failure: "ETIMEOUT" },
        ],
        certificates: [{ site: "shop", expires: "2027-03-04" }],
        problems: ["a", "b"],
      }),
    });
    for (const [name, value] of Object.entries({
      "watch_info{stack=loopback-ha/prod,version=0.1.0,mode=flip}": 1,
      watch_last_round_timestamp_seconds: 1_700_000_000.5,
      watch_hindrances: 1,
      "moves_total{by=watch}": 2,
      "moves_total{by=guard}": 1,
      "moves_total{by=operator}": 3,
      failed_moves_total: 4,
      "server_state{server=web1,state=active}": 1,
      "server_state{server=web1,state=down}": 0,
      "server_health{server=web1,health=well}": 1,
      "server_health{server=web2,health=dead}": 1,
      "server_health{server=web2,health=well}": 0,
      "server_answering{server=web1}": 1,
      "server_answering{server=web2}": 0,
      "server_slowest_answer_seconds{server=web1}": 0.003,
      "router_reporting{router=r1}": 1,
      "router_reporting{router=r2}": 0,
      "router_conntrack_entries{router=r2}": 8,
      "router_conntrack_entries_limit{router=r2}": 9,
      "guard_held_servers{router=r1}": 1,
      "guard_held_server_info{router=r1,server=web2}": 1,
      look_failed: 0,
      look_timestamp_seconds: Date.parse("2026-11-25T07:48:00.123Z") / 1000,
      problems: 2,
      "machine_reachable{machine=r1}": 1,
      "machine_drifted{machine=web1}": 1,
      "machine_drifted{machine=ns1}": 0,
      "server_prefixes{server=web1}": 1,
      "server_wanted_prefixes{server=web1}": 1,
      "server_connections{server=web1}": 0,
      "prefix_server_info{router=r1,prefix=192.0.2.32/27,server=web1,wanted=web1}": 1,
      "prefix_server_info{router=r1,prefix=192.0.2.64/27,server=web1,wanted=web2}": 1,
      prefixes_elsewhere: 1,
      prefixes_left_out: 0,
      sites_failing: 0,
      failing_sites_left_out: 0,
      certificates: 1,
      "certificate_expiry_timestamp_seconds{site=shop}": Date.parse("2027-03-04T00:00:00Z") / 1000,
      "zone_serial{zone=w.example,name_server=ns1}": 2026113001,
      "zone_answering{zone=w.example,name_server=ns2}": 0,
    }))
      assert.equal(found[name], value, name);
    // Of what is not known there is nothing: no guard, no answer, no round, no ssh to a server that is down.
    for (const name of [
      "guard_held_servers{router=r2}",
      "server_slowest_answer_seconds{server=web2}",
      "router_last_round_timestamp_seconds{router=r2}",
      "machine_reachable{machine=web2}",
      "server_prefixes{server=web2}",
      "zone_serial{zone=w.example,name_server=ns2}",
      "prefix_server_info{router=r1,prefix=192.0.2.96/27,server=web3,wanted=web3}",
    ])
      assert.ok(!(name in found), name);
  });

  it("before the first look and the first round there is what the watcher itself knows", () => {
    const found = values({
      status: undefined,
      lookFailure: "x",
      routers: [{ name: "r1", reports: false, lastRound: null, guarded: false, held: [], tracked: null }],
    });
    assert.equal(found.look_failed, 1);
    assert.equal(found["server_state{server=web1,state=active}"], 1);
    for (const name of ["watch_last_round_timestamp_seconds", "problems", "look_timestamp_seconds"])
      assert.ok(!(name in found), name);
  });

  it("keep to the conventions: names, types and units", () => {
    const { help, types, samples } = parse(exposition(metricsOf(picture())));
    assert.ok(types.size > 20);
    for (const [name, type] of types) {
      assert.match(name, /^loopback_ha_[a-z]+(_[a-z]+)*$/);
      assert.equal(name.endsWith("_total"), type === "counter", name);
      assert.match(help.get(name)!, /^[A-Z].*\.$/, name);
      if (/timestamp|answer_/.test(name)) assert.match(name, /_seconds$/);
    }
    for (const { name } of samples) assert.ok(types.has(name), name);
    const keys = samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]));
    assert.equal(new Set(keys).size, keys.length, "the same sample twice");
  });

  it("are bounded: ten thousand sites that all fail, and as many certificates and prefixes", () => {
    const many = Array.from({ length: 10_000 }, (_, i) => i);
    const [site] = status().sites;
    const failures = [{ vip: "192.0.2.37", server: "web1", reason: "refused" }];
    const { samples } = parse(
      exposition(
        metricsOf(
          picture({
            status: status({
              sites: many.map((i) => ({ ...site, name: `s${i}`, failures })),
              certificates: many.map((i) => ({ site: `s${i}`, expires: "2027-03-04" })),
              prefixes: many.map((i) => prefix(1, { prefix: `10.0.${i >> 8}.${i & 255}/32` })),
            }),
          }),
        ),
      ),
    );
    const count = (name: string): number =>
      samples.filter((sample) => sample.name === `loopback_ha_${name}`).length;
    const value = (name: string): number =>
      samples.find((sample) => sample.name === `loopback_ha_${name}`)!.value;
    assert.equal(count("site_failing"), MOST_SITES);
    assert.equal(value("sites_failing"), 10_000);
    assert.equal(value("failing_sites_left_out"), 10_000 - MOST_SITES);
    assert.equal(count("certificate_expiry_timestamp_seconds"), MOST_SITES);
    assert.equal(value("certificates"), 10_000);
    assert.equal(count("prefix_server_info"), MOST_PREFIXES);
    assert.equal(value("prefixes_left_out"), 10_000 - MOST_PREFIXES);
    assert.ok(samples.length < MOST_PREFIXES + 3 * MOST_SITES + 100, `${samples.length}`);
  });

  it("a site that works has no sample, and no reason of a failure is a label", () => {
    const text = exposition(
      metricsOf(
        picture({
          status: status({
            sites: [
              { ...status().sites[0], name: "well" },
              {
                ...status().sites[0],
                name: "ill",
                failures: [{ vip: "192.0.2.37", server: "web1", reason: "GET /secret-path gives 404" }],
              },
            ],
            problems: ["GET /secret-path gives 404"],
          }),
        }),
      ),
    );
    assert.match(text, /site_failing\{site="ill"\} 1/);
    assert.doesNotMatch(text, /"well"[^}]*\} 1\n.*site/);
    assert.doesNotMatch(text, /site="well"|secret-path|192\.0\.2\.37/);
  });
});
