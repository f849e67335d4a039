/** What a router makes of its routes while its guard holds servers is what previews say: adapt.awk against withoutHeld. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import fc from "fast-check";
import { fallbacks, withoutHeld } from "../../components/network/fallbacks";
import { place } from "../../components/network/placement";
import { ServerState } from "../../components/network/serverState";
import { heldLine, parseRoute } from "../../components/routerRoute/lineFormats";
import { renderFallbacks } from "../../components/routerRoute/guard";
import { renderServers } from "../../components/routerRoute/pinning";
import { completeRoutes, renderRoutes } from "../../components/routerRoute/routes";

const COMPONENTS = path.join(__dirname, "../../components");
const states = fc.constantFrom(
  ServerState.Active,
  ServerState.Active,
  ServerState.Active,
  ServerState.Maintenance,
  ServerState.Down,
);

describe("routes beside a guard's holds (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-adapt-"));
  after(() => fs.rmSync(folder, { recursive: true }));
  const file = (name: string, text = ""): string => {
    fs.writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };

  it("a router sends each prefix where the preview says", () => {
    fc.assert(
      fc.property(
        fc.array(states, { minLength: 1, maxLength: 7 }),
        fc.integer({ min: 1, max: 16 }),
        fc.uniqueArray(fc.nat(6), { maxLength: 5 }),
        (given, count, held) => {
          const servers = given.map((state, i) => ({
            name: `web${i + 1}`,
            address: `192.0.2.${i + 2}`,
            state: i === 0 ? ServerState.Active : state,
          }));
          const subnets = Array.from({ length: count }, (_, i) => `10.0.${i}.0/24`);
          const placement = place(subnets, servers);
          const lists = fallbacks(subnets, servers);
          const routes = completeRoutes(placement, servers);
          const names = held
            .map((i) => `web${i + 1}`)
            .filter((name) => servers.some((one) => one.name === name && one.state === ServerState.Active));
          const out = file("routes.adapted");
          execFileSync("mawk", [
            "-f",
            path.join(COMPONENTS, "host/machine/lib.awk"),

            "-v",
            `servers_out=${file("servers.adapted")}`,
            "-v",
            `routes_out=${out}`,
            "-v",
            "also=",
            "-v",
            "but=",
            "-f",
            path.join(COMPONENTS, "routerRoute/linux/adapt.awk"),
            "part=held",
            file(
              "held",
              names
                .map(
                  (server) =>
                    `${heldLine({ server, at: "2026-11-30T16:00:00Z", reason: "refuses connections" })}\n`,
                )
                .join(""),
            ),
            "part=fallbacks",
            file("fallbacks", renderFallbacks(lists, routes, servers)),
            "part=servers",
            file("servers", renderServers(servers, "192.0.2.0/24")),
            "part=routes",
            file("routes", renderRoutes(routes)),
          ]);
          const adapted = fs.readFileSync(out, "utf8").split("\n").slice(0, -1).map(parseRoute);
          assert.deepEqual(
            adapted.map(({ prefix, server }) => [prefix, server]),
            withoutHeld(placement, lists, new Set(names)).map(({ prefix, server }) => [prefix, server]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
