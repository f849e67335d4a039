import assert from "assert";
import fc from "fast-check";
import {
  LiveRoute,
  MovesArgs,
  RouterMoves,
  RouterView,
  describeMoves,
  findMoves,
} from "../../components/network/moves";
import { place } from "../../components/network/placement";
import { ServerState } from "../../components/network/serverState";

const prefixes = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"];
const [p1, p2, p3, p4] = prefixes;
const hop = (n: number): string => `192.0.2.${n + 1}`;
const live = (...hops: number[]): LiveRoute[] =>
  hops.map((n, i) => ({ prefix: prefixes[i], nextHop: hop(n) }));
const view = (rest: Partial<RouterView> = {}): RouterView => ({
  router: "r1",
  pinsFlows: true,
  live: live(1, 2, 3, 4),
  names: {},
  ...rest,
});
const sites = [
  { name: "gadgets", vips: ["192.0.2.38", "192.0.2.70"] },
  { name: "widgetco", vips: ["192.0.2.37", "192.0.2.69"] },
];
const wanted = (...servers: number[]): MovesArgs["placement"] =>
  servers.map((n, i) => ({ prefix: prefixes[i], home: `web${i + 1}`, server: `web${n}` }));
const farm = (down: number[] = []): MovesArgs["servers"] =>
  [1, 2, 3, 4].map((n) => ({ name: `web${n}`, address: hop(n), down: down.includes(n) }));
const moves = (args: Partial<MovesArgs>): RouterMoves[] =>
  findMoves({ placement: wanted(1, 2, 3, 4), servers: farm(), sites, routers: [view()], ...args });
const vip = (text: string): string => `192.0.2.${text}/32`;

describe("moves", () => {
  const away = wanted(1, 1, 3, 4);
  const shares =
    "r1: web1 1 of 4 (25 %) => 2 of 4 (50 %), web2 1 of 4 (25 %) => 0 of 4 (0 %), " +
    "web3 1 of 4 (25 %) => 1 of 4 (25 %), web4 1 of 4 (25 %) => 1 of 4 (25 %)";
  const flows = [
    { prefix: p2, server: hop(2), count: 12 },
    { prefix: p2, server: hop(3), count: 1 },
    { prefix: p2, server: hop(1), count: 9 },
    { prefix: p1, server: hop(1), count: 5 },
  ];
  const named = "(sites gadgets, widgetco)";
  const rows: [string, Partial<MovesArgs>, string[]][] = [
    ["nothing", {}, []],
    [
      "a flip, flows not known",
      { placement: away },
      [`r1: ${p2}: via web2 => via web1 ${named}; open connections stay with web2 until the end`, shares],
    ],
    [
      "a flip, with flows",
      { placement: away, routers: [view({ flows })] },
      [
        `r1: ${p2}: via web2 => via web1 ${named}; 12 open connections stay with web2 until the end; ` +
          "1 open connection stays with web3 until the end",
        shares,
      ],
    ],
    [
      "a flip away from a server that is down",
      { placement: away, servers: farm([2]), routers: [view({ flows: flows.slice(0, 1) })] },
      [
        `r1: ${p2}: via web2 => via web1 ${named}; 12 open connections move at once, because web2 is down: their clients get a reset and reconnect`,
        shares,
      ],
    ],
    [
      "a flip with no flow",
      { placement: away, routers: [view({ flows: flows.slice(3) })] },
      [`r1: ${p2}: via web2 => via web1 ${named}; no open connection with web2`, shares],
    ],
    [
      "a flip where flows are not pinned",
      { placement: away, routers: [view({ flows, pinsFlows: false })] },
      [`r1: ${p2}: via web2 => via web1 ${named}; open connections with web2 break`, shares],
    ],
    [
      "a router that does otherwise than the config ever said",
      { routers: [view({ live: live(1, 2, 3, 9), names: { [hop(9)]: "old" } })] },
      [
        `r1: ${p4}: via old => via web4; open connections with old break`,
        "r1: web1 1 of 4 (25 %) => 1 of 4 (25 %), web2 1 of 4 (25 %) => 1 of 4 (25 %), " +
          "web3 1 of 4 (25 %) => 1 of 4 (25 %), web4 0 of 4 (0 %) => 1 of 4 (25 %), old 1 of 4 (25 %) => 0 of 4 (0 %)",
      ],
    ],
    [
      "a server that leaves while connections are with it, though nothing moves",
      {
        servers: farm().slice(0, 3),
        placement: wanted(1, 2),
        routers: [
          view({
            live: live(1, 2),
            names: { [hop(4)]: "web4" },
            flows: [{ prefix: p1, server: hop(4), count: 3 }, ...flows],
          }),
        ],
      },
      [
        `r1: ${p1}: 3 open connections with web4 break, as web4 leaves`,
        "r1: web1 1 of 2 (50 %) => 1 of 2 (50 %), web2 1 of 2 (50 %) => 1 of 2 (50 %), web3 0 of 2 (0 %) => 0 of 2 (0 %)",
      ],
    ],
    [
      "a table that could not be read",
      { placement: away, routers: [view({ fromRecord: true })] },
      [
        "r1: its routing table could not be read; based on the last configuration written to it:",
        `r1: ${p2}: via web2 => via web1 ${named}; open connections stay with web2 until the end`,
        shares,
      ],
    ],
    [
      "single VIPs of a subnet whose connections were counted together",
      {
        placement: [{ prefix: vip("69"), home: "web2", server: "web1" }],
        servers: farm().slice(0, 2),
        routers: [view({ live: live(1, 2).slice(1), flows: flows.slice(0, 1) })],
      },
      [
        `r1: ${vip("69")}: via web2 => via web1 (site widgetco); open connections stay with web2 until the end`,
        "r1: web1 0 of 1 (0 %) => 1 of 1 (100 %), web2 1 of 1 (100 %) => 0 of 1 (0 %)",
      ],
    ],
    [
      "a subnet in place of its VIPs",
      {
        placement: [{ prefix: p2, home: "web2", server: "web1" }],
        servers: farm().slice(0, 2),
        routers: [
          view({
            live: ["69", "70"].map((host) => ({ prefix: vip(host), nextHop: hop(2) })),
            flows: ["69", "70"].map((host) => ({ prefix: vip(host), server: hop(2), count: 2 })),
          }),
        ],
      },
      [
        `r1: ${vip("69")}: via web2 => via web1 (site widgetco); 2 open connections stay with web2 until the end`,
        `r1: ${vip("70")}: via web2 => via web1 (site gadgets); 2 open connections stay with web2 until the end`,
        "r1: web1 0 of 2 (0 %) => 1 of 1 (100 %), web2 2 of 2 (100 %) => 0 of 1 (0 %)",
      ],
    ],
    [
      "a next hop without a name",
      { servers: farm().slice(0, 3), placement: wanted(1, 2, 3), routers: [view({ live: live(1, 2, 9) })] },
      [
        `r1: ${p3}: via 192.0.2.10 => via web3; open connections with 192.0.2.10 break`,
        "r1: web1 1 of 3 (33 %) => 1 of 3 (33 %), web2 1 of 3 (33 %) => 1 of 3 (33 %), " +
          "web3 0 of 3 (0 %) => 1 of 3 (33 %), 192.0.2.10 1 of 3 (33 %) => 0 of 3 (0 %)",
      ],
    ],
    [
      "the first run",
      { placement: wanted(1), servers: farm().slice(0, 1), routers: [view({ live: [] })] },
      [`r1: ${p1}: new => via web1 ${named}`, "r1: web1 0 of 0 => 1 of 1 (100 %)"],
    ],
    [
      "a subnet that goes",
      { placement: wanted(1), servers: farm().slice(0, 2), routers: [view({ live: live(1, 2) })] },
      [
        `r1: ${p2}: via web2 => no longer routed ${named}; open connections with web2 break`,
        "r1: web1 1 of 2 (50 %) => 1 of 1 (100 %), web2 1 of 2 (50 %) => 0 of 1 (0 %)",
      ],
    ],
    [
      "a router that is not looked at",
      { placement: away, routers: [view({ failure: "r1 is off", live: [] })] },
      [
        "r1: not looked at (r1 is off), so what moves is unknown; according to the config, these are away from home:",
        `r1: ${p2}: home web2 => via web1 ${named}`,
      ],
    ],
    [
      "a router that is not looked at, and nothing to report",
      { routers: [view({ failure: "r1 is off", live: [] })] },
      [
        "r1: not looked at (r1 is off), so what moves is unknown; according to the config, everything is at home",
      ],
    ],
    [
      "a router that is not looked at, by what was last written to it",
      {
        placement: away,
        routers: [view({ failure: "r1 is off", fromRecord: true, live: live(1, 2, 3, 1) })],
      },
      [
        "r1: not looked at (r1 is off); based on the last configuration written to it:",
        `r1: ${p2}: via web2 => via web1 ${named}; open connections stay with web2 until the end`,
        `r1: ${p4}: via web1 => via web4; open connections stay with web1 until the end`,
        "r1: web1 2 of 4 (50 %) => 2 of 4 (50 %), web2 1 of 4 (25 %) => 0 of 4 (0 %), " +
          "web3 1 of 4 (25 %) => 1 of 4 (25 %), web4 0 of 4 (0 %) => 1 of 4 (25 %)",
      ],
    ],
    [
      "a router that is not looked at, and stays as it was written",
      { routers: [view({ failure: "r1 is off", fromRecord: true })] },
      ["r1: not looked at (r1 is off); based on the last configuration written to it, nothing moves"],
    ],
    [
      "two routers, each from its own table",
      {
        placement: away,
        routers: [view({ live: live(1, 1, 3, 4) }), view({ router: "r2", pinsFlows: false })],
      },
      [
        `r2: ${p2}: via web2 => via web1 ${named}; open connections with web2 break`,
        shares.replace("r1", "r2"),
      ],
    ],
  ];
  for (const [what, args, expected] of rows)
    it(what, () => assert.deepStrictEqual(describeMoves(moves(args)), expected));

  const granular: [string, LiveRoute[], [string, string][], string[]][] = [
    [
      "host routes in place of a subnet's, where they lead elsewhere",
      live(1, 2),
      [
        [vip("37"), "web1"],
        [vip("38"), "web3"],
        [vip("69"), "web2"],
      ],
      [`${vip("38")} web1 web3`],
    ],
    [
      "a subnet's route in place of host routes, where they led elsewhere",
      [
        { prefix: vip("37"), nextHop: hop(1) },
        { prefix: vip("38"), nextHop: hop(3) },
      ],
      [[p1, "web1"]],
      [`${vip("38")} web3 web1`],
    ],
    [
      "a VIP that is new, and one that goes",
      [{ prefix: vip("37"), nextHop: hop(1) }],
      [[vip("38"), "web1"]],
      [`${vip("38")} null web1`, `${vip("37")} web1 null`],
    ],
  ];
  for (const [what, before, after, expected] of granular) {
    it(what, () => {
      const placement = after.map(([prefix, server]) => ({ prefix, home: server, server }));
      const [found] = moves({ placement, routers: [view({ live: before })] });
      assert.deepStrictEqual(
        found.moves.map(({ prefix, from, to }) => `${prefix} ${from} ${to}`),
        expected,
      );
    });
  }

  it("names exactly the prefixes whose next hop changes", () => {
    const state = fc.constantFrom(...Object.values(ServerState));
    const states = fc
      .array(state, { minLength: 4, maxLength: 4 })
      .filter((list) => list.includes(ServerState.Active));
    fc.assert(
      fc.property(states, states, (before, after) => {
        const placed = (list: ServerState[]): MovesArgs["placement"] =>
          place(
            prefixes,
            farm().map((server, i) => ({ ...server, state: list[i] })),
          );
        const now = placed(before).map(({ prefix, server }) => ({
          prefix,
          nextHop: hop(Number(server.slice(3))),
        }));
        const next = placed(after);
        const [found] = moves({ placement: next, routers: [view({ live: now })] });
        const changed = now.filter(({ nextHop }, i) => nextHop !== hop(Number(next[i].server.slice(3))));
        assert.deepStrictEqual(
          found.moves.map(({ prefix }) => prefix),
          changed.map(({ prefix }) => prefix),
        );
        const total = Object.values(found.shares);
        assert.strictEqual(
          total.reduce((sum, share) => sum + share.after, 0),
          prefixes.length,
        );
      }),
    );
  });

  it("does not hide what matters below a thousand lines", () => {
    const many = Array.from({ length: 1000 }, (_, i) => `10.${i >> 8}.${i & 255}.1/32`);
    const placement = many.map((prefix) => ({ prefix, home: "web1", server: "web1" }));
    const lines = describeMoves(moves({ placement, routers: [view({ live: [] })] }));
    assert.strictEqual(lines.length, 42);
    assert.match(lines[40], /^r1: and 960 more; set LOOPBACK_HA_MOVES_FILE to a file to get them all$/);
  });
});
