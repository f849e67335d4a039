import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as path from "node:path";
import * as fc from "fast-check";
import { parseLeft, parseServed } from "../../components/dnsRoundRobin/lineFormats";
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
} from "../../components/routerRoute/lineFormats";
import { ServerState } from "../../components/network/serverState";
import { PINNING, markOf, renderServers } from "../../components/routerRoute/pinning";
import { renderRoutes } from "../../components/routerRoute/routes";
import { bindingLine } from "../../components/loopbackVip/lineFormats";
import {
  bySite,
  namesOf,
  parseCertificate,
  parseSite,
  renderCertificate,
  renderDirective,
  renderHttps,
  renderSite,
} from "../../components/webServerPool/lineFormats.cjs";
import { TlsVersion } from "../../components/webServerPool/tls/defaults";
import { renderSites } from "../../components/webServerPool/vhostTemplate";
import { asLib } from "./machineScripts";

const SERVER_SUBNET = "198.51.100.0/24";
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const domain = name.map((label) => `${label}.example.org`);
const number = fc.integer({ min: 1, max: 200 });
const address = number.map((n) => vipOf(SERVER_SUBNET, n));
const vip = fc.integer({ min: 1, max: 65534 }).map((n) => vipOf("10.1.0.0/16", n));
const linesOf = (text: string): string[] => text.split("\n").slice(0, -1);

describe("line formats of files on machines: what is rendered is read back", () => {
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
            address: vipOf(SERVER_SUBNET, number),
            state: down ? ServerState.Down : ServerState.Active,
          }));
          assert.deepEqual(
            linesOf(renderServers(given, SERVER_SUBNET)).map(parseServer),
            [...servers]
              .sort((a, b) => a.number - b.number)
              .map(({ number, ...rest }) => ({
                ...rest,
                address: vipOf(SERVER_SUBNET, number),
                mark: markOf(number, PINNING.markMask),
                table: PINNING.tableBase + number,
              })),
          );
        },
      ),
    ));

  it("bindings, as the server's script reads them", () => {
    const prefix = vip.map((each) => `${each}/27`);
    const bindings = fc.sample(
      fc.oneof(
        fc.record({ kind: fc.constant("address" as const), address: vip }),
        fc.record({ kind: fc.constant("local" as const), prefix }),
        fc.record({ kind: fc.constant("unreachable" as const), prefix }),
      ),
      300,
    );
    const role = path.join(__dirname, "../../components/loopbackVip/role.sh");
    const read = execFileSync("bash", ["-euc", `${asLib()}. "$0"; batch add`, role], {
      input: bindings.map((each) => `${bindingLine(each)}\n`).join(""),
      encoding: "utf8",
    });
    assert.deepEqual(
      linesOf(read),
      bindings.map((each) =>
        each.kind === "address"
          ? `address add ${each.address}/32 dev lo`
          : each.kind === "local"
            ? `route add local ${each.prefix} dev lo table local proto 76`
            : `route add unreachable ${each.prefix} proto 76 metric 7676`,
      ),
    );
  });

  it("sites", () =>
    fc.assert(
      fc.property(
        fc.record(
          {
            name,
            names: fc.array(domain, { minLength: 1 }),
            vips: fc.array(vip, { minLength: 1 }),
            documentRoot: name.map((folder) => `/srv/${folder}`),
          },
          { noNullPrototype: true },
        ),
        (site) => assert.deepEqual(parseSite(`${site.name} ${renderSite(site)}`), site),
      ),
    ));

  it("certificates by site", () => {
    const day = fc
      .date({ min: new Date(0), max: new Date("2099-12-31"), noInvalidDate: true })
      .map((at) => at.toISOString().slice(0, 10));
    const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
    const facts = fc.record(
      { expires: day, issued: day, certificate: hash, key: hash },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, facts), { selector: ([site]) => site }), (certificates) => {
        const lines = certificates.map(([site, each]) => `${site} ${renderCertificate(each)}`);
        assert.deepEqual(
          Object.entries(bySite(lines)).map(([site, rest]) => [site, parseCertificate(rest)]),
          certificates,
        );
      }),
    );
    for (const other of ["", "expires soon", "expires 2027-01-01 issued 2026-01-01 certificate 00 key 00"])
      assert.equal(parseCertificate(other), undefined);
  });

  it("a site's own lines and https: the words that role.sh reads", () => {
    assert.equal(renderDirective("shop", "Header set X  y", false), "shop - Header set X  y");
    assert.equal(renderDirective("shop", "Header set X @SECRET:a@", true), "shop * Header set X @SECRET:a@");
    const https = { minimum: TlsVersion.Tls13, redirect: true, hsts: 300 };
    assert.equal(renderHttps(https), "TLSv1.3 redirect 300");
    assert.equal(renderHttps({ ...https, redirect: false, hsts: 0 }), "TLSv1.3 plain 0");
  });

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

  it("a router's table and flows; none is not the same as unknown", () => {
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

  it("a name server's answer, and its former one", () => {
    const pair = { name: "www.example.org", address: "192.0.2.33" };
    assert.deepEqual(parseServed("300 www.example.org 192.0.2.33"), pair);
    assert.deepEqual(parseLeft("1700000000 300 www.example.org 192.0.2.33"), {
      at: 1700000000,
      ttl: 300,
      ...pair,
    });
  });

  it("a line that lacks words throws no exception", () => {
    assert.deepEqual(parseRoute(""), { prefix: "", server: "", nextHop: "" });
    assert.equal(parseServer("web1").address, "");
    assert.deepEqual(parseHeld("web1"), { server: "web1", at: "", reason: "" });
    assert.deepEqual(parseFallback(""), { prefix: "", servers: [] });
  });
});
