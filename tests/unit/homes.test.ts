import assert from "assert";
import fc from "fast-check";
import { proposeHomes, shiftedHomes } from "../../components/network/homes";

const subnets = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
const server = (n: number, weight?: number): { name: string; address: string; weight?: number } => ({
  name: `web${n}`,
  address: `192.0.2.${n + 1}`,
  weight,
});
const at = (...homes: number[]): { prefix: string; home: string }[] =>
  homes.map((n, i) => ({ prefix: `10.0.${i}.0/24`, home: `web${n}` }));

describe("proposeHomes", () => {
  const rows: [string, number[], [number, number?][], Record<string, string>][] = [
    ["all is balanced", [1, 2, 3, 4], [[1], [2], [3], [4]], {}],
    ["more servers than units", [1, 2, 3, 4], [[1], [2], [3], [4], [5]], {}],
    ["a server joins", [1, 2, 1, 2], [[1], [2], [3]], { "10.0.3.0/24": "web3" }],
    ["a server leaves", [1, 2, 3, 4], [[1], [2], [3]], { "10.0.3.0/24": "web1" }],
    [
      "a server of weight 2 joins",
      [1, 2, 1, 2],
      [[1], [2], [3, 2]],
      { "10.0.2.0/24": "web3", "10.0.3.0/24": "web3" },
    ],
    ["a server that has one more keeps it", [2, 2, 2, 1, 1], [[1], [2]], {}],
  ];
  for (const [what, homes, servers, expected] of rows) {
    it(what, () => {
      const proposed = proposeHomes(
        at(...homes),
        servers.map(([n, weight]) => server(n, weight)),
      );
      assert.deepStrictEqual(proposed, expected);
    });
  }

  const any = fc.record({
    homes: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 }),
    servers: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 6 })), {
      minLength: 1,
      selector: ([n]) => n,
    }),
  });
  it("balances by weight within one unit, names no home without need, and proposes nothing the second time", () => {
    fc.assert(
      fc.property(any, ({ homes, servers: pairs }) => {
        const units = at(...homes);
        const servers = pairs.map(([n, weight]) => server(n, weight));
        const proposed = proposeHomes(units, servers);
        const done = units.map(({ prefix, home }) => ({ prefix, home: proposed[prefix] ?? home }));
        const weights = pairs.reduce((sum, [, weight]) => sum + weight, 0);
        const count = (list: typeof units, name: string): number =>
          list.filter(({ home }) => home === name).length;
        let least = units.length;
        let room = units.length;
        for (const { name, weight = 1 } of servers) {
          const share = (units.length * weight) / weights;
          assert(Math.abs(count(done, name) - share) < 1);
          least -= Math.min(count(units, name), Math.floor(share));
          room -= Math.floor(share);
        }
        // Beyond the whole parts, `room` servers may keep one more each, if they have it.
        const spare = servers.filter(({ name, weight = 1 }) => {
          const share = (units.length * weight) / weights;
          return !Number.isInteger(share) && count(units, name) > Math.floor(share);
        }).length;
        assert.strictEqual(Object.keys(proposed).length, least - Math.min(room, spare));
        assert.deepStrictEqual(proposeHomes(done, servers), {});
      }),
    );
  });
  it("does not depend on the order of anything", () => {
    fc.assert(
      fc.property(any, ({ homes, servers: pairs }) => {
        const [units, servers] = [at(...homes), pairs.map(([n, weight]) => server(n, weight))];
        const reversed = proposeHomes([...units].reverse(), [...servers].reverse());
        assert.deepStrictEqual(reversed, proposeHomes(units, servers));
      }),
    );
  });
});

describe("shiftedHomes", () => {
  const four = [1, 2, 3, 4].map((n) => server(n));
  const between = { name: "new", address: "192.0.2.4" };
  const moved = [1, 2, 5, 6].map((n) => server(n));
  const rows: [string, Parameters<typeof shiftedHomes>, string[]][] = [
    ["the first run", [subnets, [], four], []],
    ["the same servers", [subnets, four, [...four].reverse()], []],
    ["one more at the end", [subnets, four, [...four, server(9)]], []],
    ["the last one left", [subnets, four, four.slice(0, 3)], []],
    [
      "one more in between",
      [subnets, moved, [...moved, between]],
      ["192.0.2.96/27 web5 new", "192.0.2.128/27 web6 web5"],
    ],
    [
      "one in between left",
      [subnets, four, [four[0], four[2], four[3]]],
      ["192.0.2.96/27 web3 web4", "192.0.2.128/27 web4 web1"],
    ],
    [
      "the same with a home named",
      [subnets, four, [four[0], four[2], four[3]], { "192.0.2.96/27": "web3" }],
      ["192.0.2.128/27 web4 web1"],
    ],
    ["fewer servers than subnets", [subnets, four.slice(0, 3), four], ["192.0.2.128/27 web1 web4"]],
  ];
  for (const [what, args, expected] of rows) {
    it(what, () =>
      assert.deepStrictEqual(
        shiftedHomes(...args).map(({ subnet, from, to }) => `${subnet} ${from} ${to}`),
        expected,
      ),
    );
  }
});
