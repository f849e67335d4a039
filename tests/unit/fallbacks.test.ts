import assert from "node:assert/strict";
import fc from "fast-check";
import { vipOf } from "../../components/network/addressPlan";
import { Fallbacks, fallbacks, withoutHeld } from "../../components/network/fallbacks";
import { PlacementOptions, PlacementServer } from "../../components/network/homes";
import { place } from "../../components/network/placement";
import { ServerState } from "../../components/network/serverState";

const [A, M, D] = [ServerState.Active, ServerState.Maintenance, ServerState.Down];
const prefixes = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
const [p1, p2] = prefixes;

const farm = (...states: ServerState[]): PlacementServer[] =>
  states.map((state, i) => ({ name: `web${i + 1}`, address: `192.0.2.${i + 2}`, state }));
const listsOf = (lists: Fallbacks[]): string[] =>
  lists.map(({ servers }) => servers.map((name) => name.slice(3)).join(""));

describe("fallbacks", () => {
  const cases: [string, PlacementServer[], PlacementOptions, string[]][] = [
    [
      "each other server, in an order of its own for each unit",
      farm(A, A, A, A),
      {},
      ["234", "143", "142", "132"],
    ],
    ["of two servers the other one", farm(A, A), {}, ["2", "1", "2", "1"]],
    ["of one server none", farm(A), {}, ["", "", "", ""]],
    ["never one in maintenance or down", farm(A, M, D, A), {}, ["4", "4", "1", "1"]],
    [
      "an overridden unit's home first",
      farm(A, A, A, A),
      { overrides: { [p1]: "web4" } },
      ["123", "134", "124", "132"],
    ],
    [
      "by weight",
      farm(A, A, A).map((one, i) => ({ ...one, weight: i === 2 ? 5 : 1 })),
      {},
      ["32", "31", "21", "32"],
    ],
  ];
  for (const [what, servers, options, expected] of cases)
    it(what, () => assert.deepEqual(listsOf(fallbacks(prefixes, servers, options)), expected));

  it("lists fallbacks for single VIPs, too", () => {
    const vips = [p1, p2].flatMap((prefix) => [1, 2, 3].map((number) => vipOf(prefix, number)));
    const lists = fallbacks(prefixes, farm(A, A, A), { vips });
    assert.deepEqual(
      lists.map(({ prefix }) => prefix),
      vips.map((vip) => `${vip}/32`),
    );
    assert.deepEqual(listsOf(lists), ["32", "32", "32", "31", "31", "31"]);
  });

  it("gives no list of a large farm more than eight entries", () => {
    const many = farm(...Array<ServerState>(20).fill(A));
    assert.ok(fallbacks(prefixes, many).every(({ servers }) => servers.length === 8));
  });

  it("refuses what the placement refuses", () => {
    assert.throws(() => fallbacks(prefixes, farm(M, D)), /no server is active/);
  });

  it("is quick for 10,000 VIPs on 200 servers", () => {
    const subnets = Array.from({ length: 4 }, (_, i) => `10.${i}.0.0/16`);
    const vips = subnets.flatMap((subnet) => Array.from({ length: 2500 }, (_, i) => vipOf(subnet, i + 1)));
    const many = Array.from({ length: 200 }, (_, i) => ({
      name: `web${i}`,
      address: vipOf("10.9.0.0/16", i + 1),
    }));
    const homes = Object.fromEntries(vips.map((vip, i) => [`${vip}/32`, `web${i % 200}`]));
    const began = performance.now();
    fallbacks(subnets, many, { vips, homes });
    assert.ok(performance.now() - began < 10_000);
  });

  describe("for any farm", () => {
    const states = fc.constantFrom(A, A, A, A, M, D);
    /** At least one server is active; homes and overrides name servers, overrides active ones. */
    const farms = fc
      .record({
        servers: fc.array(fc.record({ state: states, weight: fc.integer({ min: 1, max: 9 }) }), {
          minLength: 1,
          maxLength: 11,
        }),
        subnets: fc.integer({ min: 1, max: 24 }),
        vips: fc.option(fc.integer({ min: 1, max: 3 })),
        homes: fc.array(fc.tuple(fc.nat(23), fc.nat(10)), { maxLength: 6 }),
        overrides: fc.array(fc.tuple(fc.nat(23), fc.nat(10)), { maxLength: 4 }),
      })
      .map(({ servers: given, subnets: count, vips: perSubnet, homes, overrides }) => {
        const servers = given.map(({ state, weight }, i): PlacementServer => ({
          name: `web${i + 1}`,
          address: `192.0.2.${i + 2}`,
          state: i === 0 ? A : state,
          weight,
        }));
        const subnets = Array.from({ length: count }, (_, i) => `10.0.${i}.0/24`);
        const active = servers.filter(({ state }) => state === A);
        const named = (pairs: [number, number][], among: PlacementServer[]): Record<string, string> =>
          Object.fromEntries(pairs.map(([i, j]) => [subnets[i % count], among[j % among.length].name]));
        const options: PlacementOptions = {
          ...(perSubnet === null
            ? {}
            : {
                vips: subnets.flatMap((subnet) =>
                  Array.from({ length: perSubnet }, (_, i) => vipOf(subnet, i + 1)),
                ),
              }),
          homes: named(homes, servers),
          overrides: named(overrides, active),
        };
        return { subnets, servers, active: active.map(({ name }) => name), options };
      });

    it("the first is the server that the placement chooses with the dead server down", () =>
      fc.assert(
        fc.property(farms, ({ subnets, servers, active, options }) => {
          const now = place(subnets, servers, options);
          const lists = fallbacks(subnets, servers, options);
          for (const dead of active.length > 1 ? active : []) {
            const overrides = Object.fromEntries(
              Object.entries(options.overrides!).filter(([, server]) => server !== dead),
            );
            const down = servers.map((one) => (one.name === dead ? { ...one, state: D } : one));
            const then = place(subnets, down, { ...options, overrides });
            now.forEach(({ server }, i) => {
              if (server === dead) assert.equal(lists[i].servers[0], then[i].server);
            });
          }
        }),
      ));

    it("with all servers active, only a dead server's units move, to where the placement puts them", () =>
      fc.assert(
        fc.property(farms, fc.nat(), ({ subnets, servers: given, options }, n) => {
          const servers = given.map((one) => ({ ...one, state: A }));
          fc.pre(servers.length > 1);
          const { name: dead } = servers[n % servers.length];
          const overrides = Object.fromEntries(
            Object.entries(options.overrides!).filter(([, server]) => server !== dead),
          );
          const down = servers.map((one) => (one.name === dead ? { ...one, state: D } : one));
          assert.deepEqual(
            withoutHeld(
              place(subnets, servers, options),
              fallbacks(subnets, servers, options),
              new Set([dead]),
            ),
            place(subnets, down, { ...options, overrides }),
          );
        }),
      ));

    it("no list has its unit's own server, an inactive one, or one twice; and each is as long as it can be", () =>
      fc.assert(
        fc.property(farms, ({ subnets, servers, active, options }) => {
          const now = place(subnets, servers, options);
          fallbacks(subnets, servers, options).forEach(({ prefix, servers: list }, i) => {
            assert.equal(prefix, now[i].prefix);
            assert.deepEqual(
              list.filter((name) => name === now[i].server || !active.includes(name)),
              [],
            );
            assert.equal(new Set(list).size, list.length);
            assert.equal(list.length, Math.min(active.length - 1, 8));
          });
        }),
      ));

    it("the order of the arguments never matters", () =>
      fc.assert(
        fc.property(farms, ({ subnets, servers, options }) => {
          const reversed = (named: Record<string, string> = {}) =>
            Object.fromEntries(Object.entries(named).reverse());
          assert.deepEqual(
            fallbacks([...subnets].reverse(), [...servers].reverse(), {
              vips: options.vips && [...options.vips].reverse(),
              homes: reversed(options.homes),
              overrides: reversed(options.overrides),
            }),
            fallbacks(subnets, servers, options),
          );
        }),
      ));

    it("an equal server is less than 1 unit beyond its share after one has died, 3 after two and 7 after three", () =>
      fc.assert(
        fc.property(
          fc.integer({ min: 2, max: 12 }),
          fc.integer({ min: 1, max: 60 }),
          fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 3 }),
          (count, units, dying) => {
            const servers = farm(...Array<ServerState>(count).fill(A));
            const held = new Set(dying.map((i) => `web${(i % count) + 1}`));
            fc.pre(held.size < count);
            const subnets = Array.from({ length: units }, (_, i) => `10.0.${i}.0/24`);
            const after = withoutHeld(place(subnets, servers), fallbacks(subnets, servers), held);
            const share = units / (count - held.size);
            for (const { name } of servers) {
              const has = after.filter(({ server }) => server === name).length;
              if (held.has(name)) assert.equal(has, 0);
              else assert.ok(has < share + [0, 1, 3, 7][held.size], `${name} has ${has} of ${share}`);
            }
          },
        ),
      ));
  });
});

describe("withoutHeld", () => {
  const placement = [
    { prefix: p1, server: "web1" },
    { prefix: p2, server: "web2" },
  ];
  const lists = [
    { prefix: p1, servers: ["web2", "web3"] },
    { prefix: p2, servers: ["web1"] },
  ];
  const servers = (...held: string[]): string[] =>
    withoutHeld(placement, lists, new Set(held)).map(({ server }) => server);

  it("leaves everything alone without a held server", () => assert.deepEqual(servers(), ["web1", "web2"]));
  it("takes the first that is not held", () => {
    assert.deepEqual(servers("web1"), ["web2", "web2"]);
    assert.deepEqual(servers("web1", "web2"), ["web3", "web2"]);
  });
  it("leaves a unit where it is when no fallback is left, or it has none", () => {
    assert.deepEqual(servers("web1", "web2", "web3"), ["web1", "web2"]);
    assert.deepEqual(
      withoutHeld(placement, [], new Set(["web1"])).map(({ server }) => server),
      ["web1", "web2"],
    );
  });
});
