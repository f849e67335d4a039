import assert from "assert";
import fc from "fast-check";
import { vipOf } from "../../components/addressPlan";
import { Placement, PlacementError, PlacementServer, place, shares } from "../../components/placement";

const prefixes = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
const [p1, p2, p3, p4] = prefixes;

function farm(...states: string[]): PlacementServer[] {
  return states.map((state, i) => ({ name: `web${i + 1}`, address: `192.0.2.${i + 2}`, state }));
}

function serving(placements: Placement[]): Record<string, string> {
  return Object.fromEntries(placements.map(({ prefix, server }) => [prefix, server]));
}

const [A, M] = ["active", "maintenance"];

describe("place", () => {
  it("gives the i-th subnet to the i-th server, both ordered as numbers", () => {
    const servers = farm(A, A, A, A);
    servers[3] = { name: "web10", address: "192.0.2.10", state: A };
    const shuffled = [servers[3], servers[1], servers[0], servers[2]];
    const expected = { [p1]: "web1", [p2]: "web2", [p3]: "web3", [p4]: "web10" };
    assert.deepStrictEqual(serving(place([p4, p2, p1, p3], shuffled)), expected);
  });

  it("begins again at the first server when there are more subnets", () => {
    assert.deepStrictEqual(serving(place(prefixes, farm(A, A, A))), {
      [p1]: "web1",
      [p2]: "web2",
      [p3]: "web3",
      [p4]: "web1",
    });
  });

  const maintenance: [string[], string[]][] = [
    [
      [A, M, A, A],
      ["web1", "web1", "web3", "web4"],
    ],
    [
      [A, M, M, A],
      ["web1", "web1", "web4", "web4"],
    ],
    [
      [M, M, M, A],
      ["web4", "web4", "web4", "web4"],
    ],
    [
      [M, A, A, A],
      ["web2", "web2", "web3", "web4"],
    ],
  ];
  for (const [states, expected] of maintenance)
    it(`${states.join(", ")}: ${expected.join(", ")}`, () => {
      assert.deepStrictEqual(
        place(prefixes, farm(...states)).map(({ server }) => server),
        expected,
      );
    });

  it("keeps the home of a displaced subnet", () => {
    assert.deepStrictEqual(place(prefixes, farm(A, M, A, A))[1], {
      prefix: p2,
      home: "web2",
      server: "web1",
    });
  });

  it("counts what a server has by its home", () => {
    const homes = { [p1]: "web1", [p2]: "web1", [p3]: "web2", [p4]: "web4" };
    assert.strictEqual(serving(place(prefixes, farm(A, M, A, A), homes))[p3], "web3");
  });

  it("leaves the other subnets at their homes when one is named", () => {
    assert.deepStrictEqual(serving(place(prefixes, farm(A, A, A, A), { [p1]: "web4" })), {
      [p1]: "web4",
      [p2]: "web2",
      [p3]: "web3",
      [p4]: "web4",
    });
  });

  const refused: [string, () => unknown, string, string][] = [
    ["no server is active", () => place(prefixes, farm(M, M)), "servers", "such as servers.web1.state"],
    ["there is no server", () => place(prefixes, []), "servers", "add one"],
    [
      "a home is unknown",
      () => place(prefixes, farm(A, A), { [p1]: "web3" }),
      `placement["${p1}"]`,
      '"web3" is no server',
    ],
    [
      "a subnet is unknown",
      () => place(prefixes, farm(A), { "192.0.2.65/27": "web1" }),
      'placement["192.0.2.65/27"]',
      `did you mean ${p2}?`,
    ],
    [
      "a home is named like a method",
      () => place(prefixes, farm(A), { [p1]: "constructor" }),
      `placement["${p1}"]`,
      "use web1",
    ],
  ];
  for (const [title, call, path, says] of refused)
    it(`refuses when ${title}`, () => {
      assert.throws(call, (error: unknown) => {
        assert(error instanceof PlacementError);
        assert.deepStrictEqual(
          error.problems.map((problem) => problem.path),
          [path],
        );
        assert(error.message.includes(says), error.message);
        return true;
      });
    });

  const anyFarm = fc
    .record({
      count: fc.integer({ min: 1, max: 20 }),
      states: fc.array(fc.constantFrom(A, M), { minLength: 1, maxLength: 12 }),
      homes: fc.array(fc.option(fc.nat(11)), { maxLength: 20 }),
      seed: fc.nat(),
    })
    .map(({ count, states, homes, seed }) => {
      const subnets = Array.from({ length: count }, (_, i) => `10.0.${i}.0/24`);
      const servers = farm(...states);
      servers[seed % servers.length].state = A;
      const named = homes
        .slice(0, count)
        .flatMap((home, i) => (home === null ? [] : [[subnets[i], `web${(home % states.length) + 1}`]]));
      return { subnets, servers, homes: Object.fromEntries(named) as Record<string, string> };
    });

  it("never gives anything to a server that is not active, and places every subnet", () => {
    fc.assert(
      fc.property(anyFarm, ({ subnets, servers, homes }) => {
        const placements = place(subnets, servers, homes);
        assert.deepStrictEqual(
          placements.map(({ prefix }) => prefix),
          subnets,
        );
        for (const { server } of placements)
          assert.strictEqual(servers.find(({ name }) => name === server)!.state, A);
      }),
    );
  });

  it("leaves a subnet at home while its home is active, whatever happens to others", () => {
    fc.assert(
      fc.property(anyFarm, ({ subnets, servers, homes }) => {
        const before = place(
          subnets,
          servers.map((server) => ({ ...server, state: A })),
          homes,
        );
        place(subnets, servers, homes).forEach(({ home, server }, i) => {
          assert.strictEqual(home, before[i].server);
          if (servers.find(({ name }) => name === home)!.state === A) assert.strictEqual(server, home);
        });
      }),
    );
  });

  it("spreads displaced subnets evenly", () => {
    fc.assert(
      fc.property(anyFarm, ({ subnets, servers, homes }) => {
        const placements = place(subnets, servers, homes);
        const count = (key: "home" | "server", name: string): number =>
          placements.filter((placement) => placement[key] === name).length;
        const active = servers.filter(({ state }) => state === A).map(({ name }) => name);
        const receivers = active.filter((name) => count("server", name) > count("home", name));
        // Whoever got a displaced subnet has at most one more than any other active server.
        for (const receiver of receivers)
          for (const other of active) assert(count("server", receiver) <= count("server", other) + 1);
      }),
    );
  });

  it("does not depend on the order of anything", () => {
    fc.assert(
      fc.property(anyFarm, fc.func(fc.integer()), ({ subnets, servers, homes }, key) => {
        const shuffle = <T>(list: T[]): T[] => [...list].sort((a, b) => key(a) - key(b));
        const shuffled = place(
          shuffle(subnets),
          shuffle(servers),
          Object.fromEntries(shuffle(Object.entries(homes))),
        );
        assert.deepStrictEqual(shuffled, place(subnets, servers, homes));
      }),
    );
  });

  it("appends: one more server with the highest address moves nothing, as long as each has a subnet", () => {
    const four = place(prefixes, farm(A, A, A, A));
    assert.deepStrictEqual(place(prefixes, farm(A, A, A, A, A)), four);
  });

  it("places on a router's many host routes as well", () => {
    const hosts = [3, 1, 2].map((number) => `${vipOf(p1, number)}/32`);
    assert.deepStrictEqual(
      place(hosts, farm(A, A, A)).map(({ server }) => server),
      ["web1", "web2", "web3"],
    );
  });
});

describe("shares", () => {
  it("tells each server's share, nothing included", () => {
    const names = ["web1", "web2", "web3", "web4"];
    assert.deepStrictEqual(shares(place(prefixes, farm(A, M, A, A)), names), {
      web1: "50 %",
      web2: "0 %",
      web3: "25 %",
      web4: "25 %",
    });
  });

  it("is 0 % for everybody when there is no subnet", () => {
    assert.deepStrictEqual(shares([], ["web1"]), { web1: "0 %" });
  });
});
