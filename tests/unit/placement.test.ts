import assert from "assert";
import fc from "fast-check";
import { firstServers } from "../../components/preflight/firstServers";
import { vipOf } from "../../components/network/addressPlan";
import { Placement, PlacementError, place, shares } from "../../components/network/placement";
import { PlacementOptions, PlacementServer } from "../../components/network/homes";
import { ServerState } from "../../components/network/serverState";

const prefixes = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
const [p1, p2, p3, p4] = prefixes;

function farm(...states: ServerState[]): PlacementServer[] {
  return states.map((state, i) => ({ name: `web${i + 1}`, address: `192.0.2.${i + 2}`, state }));
}

function serving(placements: Placement[]): Record<string, string> {
  return Object.fromEntries(placements.map(({ prefix, server }) => [prefix, server]));
}

const [A, M, D] = [ServerState.Active, ServerState.Maintenance, ServerState.Down];

describe("place", () => {
  it("gives the i-th subnet to the i-th server, both ordered as numbers", () => {
    const servers = farm(A, A, A, A);
    servers[3] = { name: "web10", address: "192.0.2.10", state: A };
    const shuffled = [servers[3], servers[1], servers[0], servers[2]];
    const expected = { [p1]: "web1", [p2]: "web2", [p3]: "web3", [p4]: "web10" };
    assert.deepStrictEqual(serving(place([p4, p2, p1, p3], shuffled)), expected);
  });

  it("starts again at the first server when there are more subnets", () => {
    assert.deepStrictEqual(serving(place(prefixes, farm(A, A, A))), {
      [p1]: "web1",
      [p2]: "web2",
      [p3]: "web3",
      [p4]: "web1",
    });
  });

  const maintenance: [ServerState[], string[]][] = [
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
    [
      [A, D, M, A],
      ["web1", "web1", "web4", "web4"],
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
    assert.strictEqual(serving(place(prefixes, farm(A, M, A, A), { homes }))[p3], "web3");
  });

  it("counts what a server has by an override", () => {
    const servers = farm(A, M, A, A);
    assert.deepStrictEqual(serving(place(prefixes, servers, { overrides: { [p4]: "web1" } })), {
      [p1]: "web1",
      [p2]: "web4",
      [p3]: "web3",
      [p4]: "web1",
    });
  });

  it("leaves the other subnets at their homes when one is named or overridden", () => {
    const expected = { [p1]: "web4", [p2]: "web2", [p3]: "web3", [p4]: "web4" };
    for (const options of [{ homes: { [p1]: "web4" } }, { overrides: { [p1]: "web4" } }])
      assert.deepStrictEqual(serving(place(prefixes, farm(A, A, A, A), options)), expected);
  });

  it("lets an override win over a home, and remembers the home", () => {
    const options = { homes: { [p1]: "web4" }, overrides: { [p1]: "web3" } };
    assert.deepStrictEqual(place(prefixes, farm(A, A, A, A), options)[0], {
      prefix: p1,
      home: "web4",
      server: "web3",
    });
  });

  it("fills up by weight", () => {
    const eight = Array.from({ length: 8 }, (_, i) => `10.0.${i}.0/24`);
    const homes = Object.fromEntries(eight.map((prefix) => [prefix, "web4"]));
    const servers = farm(A, A, A, M).map((server, i) => ({ ...server, weight: [1, 3, 4, 1][i] }));
    const carried = shares(place(eight, servers, { homes }), ["web1", "web2", "web3"]);
    assert.deepStrictEqual(carried, { web1: "13 %", web2: "38 %", web3: "50 %" });
  });

  describe("VIP by VIP", () => {
    const vips = [p1, p2].flatMap((prefix) => [3, 1, 2, 4].map((number) => vipOf(prefix, number)));
    const at = (number: number): string => `${vipOf(p2, number)}/32`;

    it("has the subnet's home, or its own", () => {
      const options = { vips, homes: { [at(2)]: "web3", [p1]: "web4" } };
      const homes = place(prefixes, farm(A, A, A, A), options).map(({ server }) => server);
      assert.deepStrictEqual(
        homes,
        [..."4444".split(""), ..."2322".split("")].map((n) => `web${n}`),
      );
    });
    it("spreads a lost server's sites over all others, and separates neighbours", () => {
      const away = place(prefixes, farm(A, M, A, A), { vips });
      assert.deepStrictEqual(
        away.slice(4).map(({ server }) => server),
        ["web3", "web4", "web3", "web4"],
      );
    });
    it("overrides one VIP, or all of a subnet", () => {
      const overrides = { [p2]: "web3", [at(1)]: "web1" };
      assert.deepStrictEqual(
        place(prefixes, farm(A, A, A, A), { vips, overrides })
          .slice(4)
          .map(({ server }) => server),
        ["web1", "web3", "web3", "web3"],
      );
    });
    it("takes a VIP that several sites share once", () => {
      assert.strictEqual(place(prefixes, farm(A), { vips: [...vips, ...vips] }).length, vips.length);
    });
  });

  const vips = [vipOf(p2, 5)];
  const refused: [string, () => unknown, string, string][] = [
    ["no server is active", () => place(prefixes, farm(M, D)), "servers", "such as servers.web1.state"],
    ["there is no server", () => place(prefixes, []), "servers", "add one"],
    [
      "a weight is none",
      () => place(prefixes, [{ ...farm(A)[0], weight: 0.5 }]),
      "servers.web1.weight",
      "0.5 is not a positive whole number; use one such as 1",
    ],
    ...(["homes", "overrides"] as const).flatMap((key): [string, () => unknown, string, string][] => {
      const call =
        (states: ServerState[], named: Record<string, string>, more: PlacementOptions = {}) =>
        (): unknown =>
          place(prefixes, farm(...states), { ...more, [key]: named });
      return [
        [
          `${key}: an unknown server`,
          call([A, A], { [p1]: "web3" }),
          `${key}["${p1}"]`,
          '"web3" is not a server',
        ],
        [`${key}: a name like a method's`, call([A], { [p1]: "constructor" }), `${key}["${p1}"]`, "use web1"],
        [
          `${key}: an unknown subnet`,
          call([A], { "192.0.2.65/27": "web1" }),
          `${key}["192.0.2.65/27"]`,
          `did you mean ${p2}?`,
        ],
        [
          `${key}: a VIP where subnets move`,
          call([A], { "192.0.2.69/32": "web1" }),
          `${key}["192.0.2.69/32"]`,
          "is a single VIP, but whole VIP subnets move; did you mean 192.0.2.64/27? (known: " +
            `${prefixes.join(", ")}), or set network.granularity to host`,
        ],
        [
          `${key}: a VIP that no site has`,
          call([A], { "192.0.2.70/32": "web1" }, { vips }),
          `${key}["192.0.2.70/32"]`,
          "is not a VIP subnet or a VIP in use; did you mean 192.0.2.69/32?",
        ],
        [
          `${key}: a VIP without its length`,
          call([A], { "192.0.2.69": "web1" }, { vips }),
          `${key}["192.0.2.69"]`,
          "did you mean 192.0.2.69/32?",
        ],
      ];
    }),
    ...[M, D].map((state): [string, () => unknown, string, string] => [
      `a pin's server is in ${state}`,
      () => place(prefixes, farm(A, state), { overrides: { [p1]: "web2" } }),
      `overrides["${p1}"]`,
      `"web2" can't take traffic: servers.web2.state is ${state}; use an active server, such as web1`,
    ]),
  ];
  for (const [title, call, path, says] of refused)
    it(`refuses: ${title}`, () => {
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

  interface AnyFarm {
    subnets: string[];
    servers: PlacementServer[];
    options: PlacementOptions & { homes: Record<string, string> };
  }
  const anyFarm: fc.Arbitrary<AnyFarm> = fc
    .record({
      count: fc.integer({ min: 1, max: 20 }),
      servers: fc.array(
        fc.record({ state: fc.constantFrom(A, A, M, D), weight: fc.integer({ min: 1, max: 9 }) }),
        {
          minLength: 1,
          maxLength: 12,
        },
      ),
      vips: fc.option(fc.uniqueArray(fc.nat(199), { minLength: 1, maxLength: 40 })),
      homes: fc.array(fc.option(fc.nat()), { maxLength: 20 }),
      overrides: fc.array(fc.option(fc.nat(), { freq: 2 }), { maxLength: 20 }),
      seed: fc.nat(),
    })
    .map(({ count, servers: made, vips: numbers, homes, overrides, seed }) => {
      const subnets = Array.from({ length: count }, (_, i) => `10.0.${i}.0/24`);
      const vips = numbers?.map((number) => vipOf(subnets[number % count], 1 + number));
      const units = vips ? [...subnets, ...vips.map((vip) => `${vip}/32`)] : subnets;
      const servers = farm(...made.map(({ state }) => state)).map((server, i) => ({
        ...server,
        weight: made[i].weight,
      }));
      servers[seed % servers.length].state = A;
      const named = (choices: (number | null)[], from: PlacementServer[]): Record<string, string> =>
        Object.fromEntries(
          choices
            .slice(0, units.length)
            .flatMap((choice, i) =>
              choice === null ? [] : [[units[(i * 7) % units.length], from[choice % from.length].name]],
            ),
        );
      const active = servers.filter(({ state }) => state === A);
      return {
        subnets,
        servers,
        options: { vips, homes: named(homes, servers), overrides: named(overrides, active) },
      };
    });
  const unitsOf = ({ subnets, options }: AnyFarm): string[] =>
    options.vips?.map((vip) => `${vip}/32`) ?? subnets;
  const pinOf = ({ options: { overrides = {} } }: AnyFarm, prefix: string): string | undefined =>
    overrides[prefix] ?? overrides[prefix.replace(/\.\d+\/32$/, ".0/24")];
  const isActive = (servers: PlacementServer[], name: string): boolean =>
    servers.some((server) => server.name === name && server.state === A);

  it("never gives anything to a server that is not active, and places every unit", () => {
    fc.assert(
      fc.property(anyFarm, (any) => {
        const placements = place(any.subnets, any.servers, any.options);
        assert.deepStrictEqual(placements.map(({ prefix }) => prefix).sort(), unitsOf(any).sort());
        for (const { server } of placements) assert(isActive(any.servers, server));
      }),
    );
  });

  it("leaves a unit at its active home, whatever happens to others, unless it is overridden", () => {
    fc.assert(
      fc.property(anyFarm, (any) => {
        const all = any.servers.map((server) => ({ ...server, state: A }));
        const before = place(any.subnets, all, { ...any.options, overrides: {} });
        place(any.subnets, any.servers, any.options).forEach(({ prefix, home, server }, i) => {
          assert.strictEqual(home, before[i].server);
          const pin = pinOf(any, prefix);
          if (pin) assert.strictEqual(server, pin);
          else if (isActive(any.servers, home)) assert.strictEqual(server, home);
        });
      }),
    );
  });

  it("fills the active servers up by weight with displaced units, each to within one unit of its share", () => {
    fc.assert(
      fc.property(anyFarm, (any) => {
        const placements = place(any.subnets, any.servers, any.options);
        const active = any.servers.filter(({ state }) => state === A);
        const carried = active.map(({ name }) => placements.filter(({ server }) => server === name).length);
        const fixed = active.map(
          ({ name }) => placements.filter(({ prefix, home }) => (pinOf(any, prefix) ?? home) === name).length,
        );
        // The level to which weights are filled, found by halving: sum of max(fixed, level x weight) is all.
        let [low, high] = [0, placements.length + 1];
        for (let i = 0; i < 60; i++) {
          const level = (low + high) / 2;
          const sum = active.reduce((all, { weight = 1 }, j) => all + Math.max(fixed[j], level * weight), 0);
          [low, high] = sum > placements.length ? [low, level] : [level, high];
        }
        active.forEach(({ weight = 1 }, i) => {
          const share = Math.max(fixed[i], low * weight);
          assert(Math.abs(carried[i] - share) < 1 + 1e-9, `${carried[i]} for a share of ${share}`);
          assert(carried[i] >= fixed[i]);
        });
      }),
    );
  });

  it("does not depend on the order of anything, and gives the same again", () => {
    fc.assert(
      fc.property(anyFarm, fc.func(fc.integer()), ({ subnets, servers, options }, key) => {
        const shuffle = <T>(list: T[]): T[] => [...list].sort((a, b) => key(a) - key(b));
        const shuffled = (named: Record<string, string> = {}): Record<string, string> =>
          Object.fromEntries(shuffle(Object.entries(named)));
        const again = place(shuffle(subnets), shuffle(servers), {
          vips: options.vips && shuffle(options.vips),
          homes: shuffled(options.homes),
          overrides: shuffled(options.overrides),
        });
        assert.deepStrictEqual(again, place(subnets, servers, options));
      }),
    );
  });

  it("moves only what was or gets displaced when the servers' states change", () => {
    fc.assert(
      fc.property(anyFarm, fc.array(fc.constantFrom(A, M, D)), (any, states) => {
        const { subnets, options } = any;
        const unpinned = { ...options, overrides: {} };
        const after = any.servers.map((server, i) => ({ ...server, state: states[i] ?? server.state }));
        fc.pre(after.some(({ state }) => state === A));
        const next = place(subnets, after, unpinned);
        place(subnets, any.servers, unpinned).forEach(({ home, server }, i) => {
          if (server === next[i].server) return;
          assert(!isActive(any.servers, home) || !isActive(after, home));
        });
      }),
    );
  });

  it("moves nothing that is at home for a new server, whatever its address, when homes are named", () => {
    fc.assert(
      fc.property(anyFarm, fc.integer({ min: 1, max: 9 }), fc.nat(250), (any, weight, host) => {
        const { subnets, servers } = any;
        const homes = Object.fromEntries(place(subnets, servers).map(({ prefix, home }) => [prefix, home]));
        const options = { ...any.options, homes: { ...homes, ...any.options.homes } };
        const joined = { name: "new", address: `192.0.1.${host + 1}`, state: A, weight };
        const before = place(subnets, servers, options);
        place(subnets, [...servers, joined], options).forEach(({ home, server }, i) => {
          assert.notStrictEqual(home, "new");
          assert.strictEqual(home, before[i].home);
          if (before[i].server === home) assert.strictEqual(server, home);
        });
      }),
    );
  });

  it("moves nothing for a new server with the highest address, as long as each server has a subnet", () => {
    const four = place(prefixes, farm(A, A, A, A));
    assert.deepStrictEqual(place(prefixes, farm(A, A, A, A, A)), four);
  });
});

describe("firstServers", () => {
  const carrying = (...servers: string[]): Placement[] =>
    servers.map((server, n) => ({ prefix: `192.0.2.${32 * n}/27`, home: server, server }) as Placement);
  const rows: [string, Placement[], string[], string[], string?][] = [
    ["a change has failed on one", carrying("web1", "web3", "web3"), [], ["web3", "web2", "web1"], "web3"],
    ["that one does not answer now", carrying("web1", "web2"), ["web3"], ["web1", "web2", "web3"], "web3"],
    ["all alike", carrying("web1", "web2", "web3"), [], ["web1", "web2", "web3"]],
    ["one carries nothing", carrying("web1", "web3", "web1"), [], ["web2", "web3", "web1"]],
    ["that one does not answer", carrying("web1", "web3", "web1"), ["web2"], ["web3", "web1", "web2"]],
    ["none answers", carrying("web1", "web3"), ["web1", "web2", "web3"], ["web2", "web1", "web3"]],
  ];
  for (const [what, placements, silent, expected, doubted] of rows)
    it(what, () =>
      assert.deepEqual(
        firstServers(
          ["web1", "web2", "web3"],
          placements,
          (name) => !silent.includes(name),
          (name) => name === doubted,
        ),
        expected,
      ),
    );
});

describe("shares", () => {
  it("gives each server's share, including none", () => {
    const names = ["web1", "web2", "web3", "web4"];
    assert.deepStrictEqual(shares(place(prefixes, farm(A, M, A, A)), names), {
      web1: "50 %",
      web2: "0 %",
      web3: "25 %",
      web4: "25 %",
    });
  });

  it("gives 0 % for each server when there is no subnet", () => {
    assert.deepStrictEqual(shares([], ["web1"]), { web1: "0 %" });
  });
});
