import assert from "node:assert/strict";
import * as fc from "fast-check";
import { parseLeft, parseServed } from "../../components/dnsRoundRobin/files";
import { compareAddresses, vipOf } from "../../components/network/addressPlan";
import {
  fallbackLine,
  heldLine,
  parseFallback,
  parseFlows,
  parseHeld,
  parseLive,
  parseRoute,
  parseServer,
} from "../../components/routerRoute/files";
import { ServerState } from "../../components/network/serverState";
import { PINNING, markOf, renderServers } from "../../components/routerRoute/pinning";
import { renderRoutes } from "../../components/routerRoute/routes";
import { namesOf, renderSites } from "../../components/webServerPool/vhost";

const ETHERNET = "198.51.100.0/24";
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const domain = name.map((label) => `${label}.example.org`);
const number = fc.integer({ min: 1, max: 200 });
const address = number.map((n) => vipOf(ETHERNET, n));
const vip = fc.integer({ min: 1, max: 65534 }).map((n) => vipOf("10.1.0.0/16", n));
const linesOf = (text: string): string[] => text.split("\n").slice(0, -1);

describe("lines of files on machines: what is rendered is read back", () => {
  it("routes", () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.record(
            { prefix: vip.map((each) => `${each}/32`), server: name, nextHop: address },
            { noNullPrototype: true },
          ),
          {
            selector: ({ prefix }) => prefix,
          },
        ),
        (routes) =>
          assert.deepEqual(
            linesOf(renderRoutes(routes)).map(parseRoute),
            [...routes].sort((a, b) => compareAddresses(a.prefix, b.prefix)),
          ),
      ),
    ));

  it("servers", () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ name, number, down: fc.boolean() }), { selector: (each) => each.number }),
        (servers) => {
          const given = servers.map(({ name, number, down }) => ({
            name,
            address: vipOf(ETHERNET, number),
            state: down ? ServerState.Down : ServerState.Active,
          }));
          assert.deepEqual(
            linesOf(renderServers(given, ETHERNET)).map(parseServer),
            [...servers]
              .sort((a, b) => a.number - b.number)
              .map(({ number, ...rest }) => ({
                ...rest,
                address: vipOf(ETHERNET, number),
                mark: markOf(number, PINNING.markMask),
                table: PINNING.tableBase + number,
              })),
          );
        },
      ),
    ));

  it("fallbacks", () =>
    fc.assert(
      fc.property(
        fc.record(
          { prefix: vip.map((each) => `${each}/32`), servers: fc.array(name) },
          { noNullPrototype: true },
        ),
        (list) => assert.deepEqual(parseFallback(fallbackLine(list)), list),
      ),
    ));

  it("servers that a guard holds, whatever the reason", () =>
    fc.assert(
      fc.property(
        fc.record(
          {
            server: name,
            at: fc.constant("2026-11-30T16:00:00Z"),
            reason: fc.stringMatching(/^[a-z][ -~]{0,40}$/),
          },
          { noNullPrototype: true },
        ),
        (held) => assert.deepEqual(parseHeld(heldLine(held)), held),
      ),
    ));

  it("sites: their names and addresses", () =>
    fc.assert(
      fc.property(
        fc.record({
          name,
          serverName: domain,
          aliases: fc.array(domain),
          documentRoot: fc.constant("/srv/a"),
          vips: fc.array(vip, { minLength: 1 }),
        }),
        (site) =>
          assert.deepEqual(
            namesOf(`${site.name} ${renderSites([site])[site.name]}`),
            [site.serverName, ...site.aliases].flatMap((each) =>
              site.vips.map((of) => ({ name: each, address: of })),
            ),
          ),
      ),
    ));

  it("a router's table and flows, and that there are none is not that they are not known", () => {
    assert.deepEqual(parseLive(["192.0.2.32/27 198.51.100.2"]), [
      { prefix: "192.0.2.32/27", nextHop: "198.51.100.2" },
    ]);
    assert.deepEqual(parseFlows(["192.0.2.32/27 198.51.100.2 12"]), [
      { prefix: "192.0.2.32/27", server: "198.51.100.2", count: 12 },
    ]);
    for (const parse of [parseLive, parseFlows]) {
      assert.deepEqual(parse(["-"]), []);
      assert.equal(parse([]), undefined);
    }
  });

  it("what a name server answers, and what it answered before", () => {
    const pair = { name: "www.example.org", address: "192.0.2.33" };
    assert.deepEqual(parseServed("300 www.example.org 192.0.2.33"), pair);
    assert.deepEqual(parseLeft("1700000000 300 www.example.org 192.0.2.33"), {
      at: 1700000000,
      ttl: 300,
      ...pair,
    });
  });

  it("a line that lacks words is no exception", () => {
    assert.deepEqual(parseRoute(""), { prefix: "", server: "", nextHop: "" });
    assert.equal(parseServer("web1").address, "");
    assert.deepEqual(parseHeld("web1"), { server: "web1", at: "", reason: "" });
    assert.deepEqual(parseFallback(""), { prefix: "", servers: [] });
  });
});
