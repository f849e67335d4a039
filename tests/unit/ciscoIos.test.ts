import assert from "assert";
import fc from "fast-check";
import type { Route, WantedRoute } from "../../components/routerRoute/cli/driver";
import { maskOf, sampleOf } from "../../components/network/address.cjs";
import { findForeign, tagOf } from "../../components/routerRoute/cli/routes.cjs";
import { answerIn, failureIn, hostOf, promptIn } from "../../components/routerRoute/cli/screen.cjs";
import { dialect } from "../../components/routerRoute/ciscoIos/screen.cjs";
import {
  findLonger,
  lineOf,
  parseRoutes,
  planChanges,
  tableIssue,
} from "../../components/routerRoute/ciscoIos/table.cjs";

const TAG = tagOf("farm.prod.r1.ios-routes");

/** What IOS does to its table on a line; the same next hop again replaces the line. */
function enter(table: Route[], command: string): Route[] {
  const [route] = parseRoutes(command.replace(/^no /, ""));
  const others = table.filter(({ prefix, hop }) => prefix !== route.prefix || hop !== route.hop);
  return command.startsWith("no ") ? others : [...others, route];
}

describe("routes of an IOS router", () => {
  const forms: [string, Partial<Route> | undefined][] = [
    [
      "ip route 192.0.2.32 255.255.255.224 192.0.2.2",
      { prefix: "192.0.2.32/27", hop: "192.0.2.2", distance: 1 },
    ],
    ["ip route 192.0.2.32 255.255.255.224 192.0.2.2 tag 7", { distance: 1, tag: 7 }],
    ["ip route 192.0.2.0 255.255.255.0 Null0 254 tag 7", { hop: "Null0", distance: 254, tag: 7 }],
    ["ip route 192.0.2.0/24 Null0 tag 7 254", { prefix: "192.0.2.0/24", distance: 254, tag: 7 }],
    ["ip route 192.0.2.32/27 192.0.2.2 tag 7", { prefix: "192.0.2.32/27", tag: 7 }],
    ["ip route 0.0.0.0 0.0.0.0 198.51.100.1 name 9 track 4", { prefix: "0.0.0.0/0", distance: 1 }],
    [
      "ip route 192.0.2.33 255.255.255.255 192.0.2.2 5 name www permanent",
      { prefix: "192.0.2.33/32", distance: 5 },
    ],
    ["ip route 192.0.2.32 255.255.255.224 Gi0/0 192.0.2.2", { hop: "Gi0/0 192.0.2.2" }],
    ["ip route vrf X 192.0.2.32 255.255.255.224 192.0.2.2", undefined],
    ["ip route static bfd Gi0/0 192.0.2.2", undefined],
    ["ip route 192.0.2.32 255.0.255.0 192.0.2.2", undefined],
    ["ip routing", undefined],
  ];
  for (const [line, expected] of forms) {
    it(`reads ${line}`, () => {
      const [route] = parseRoutes(`Building configuration...\n${line} \r\n`);
      if (expected) assert.deepStrictEqual(route, { ...route, ...expected, line });
      else assert.strictEqual(route, undefined);
    });
  }

  it("writes routes, and knows masks and tags", () => {
    assert.strictEqual(
      lineOf({ prefix: "192.0.2.32/27", hop: "192.0.2.2" }, 7),
      "ip route 192.0.2.32 255.255.255.224 192.0.2.2 tag 7",
    );
    assert.deepStrictEqual([0, 1, 9, 24, 31, 32].map(maskOf), [
      ...["0.0.0.0", "128.0.0.0", "255.128.0.0", "255.255.255.0", "255.255.255.254", "255.255.255.255"],
    ]);
    assert.deepStrictEqual(["192.0.2.32/27", "192.0.2.34/31", "192.0.2.9/32"].map(sampleOf), [
      ...["192.0.2.33", "192.0.2.34", "192.0.2.9"],
    ]);
    assert.ok(TAG >= 760_000_000 && TAG < 770_000_000);
    assert.notStrictEqual(TAG, tagOf("farm.test.r1.ios-routes"));
  });

  const hop = fc.integer({ min: 2, max: 5 }).map((host) => `192.0.2.${host}`);
  const prefix = fc.integer({ min: 1, max: 6 }).map((number) => `192.0.2.${number * 32}/27`);
  const anyRoutes = fc.uniqueArray(fc.record({ prefix, hop }), { selector: (route) => route.prefix });
  const ours = fc.uniqueArray(fc.record({ prefix, hop, distance: fc.constantFrom(1, 1, 1, 5) }), {
    selector: (route: WantedRoute) => `${route.prefix} ${route.hop}`,
  });
  const others = anyRoutes.map((list) =>
    list.map((route) => ({ ...route, prefix: route.prefix.replace("192.0.2", "203.0.113") })),
  );

  it("changes any table into the desired one: others' routes are untouched and no prefix is ever without a route", () => {
    fc.assert(
      fc.property(ours, others, anyRoutes, (mine, foreign, wanted) => {
        let table = parseRoutes(
          [...mine.map((w) => lineOf(w, TAG)), ...foreign.map((w) => lineOf(w, 5))].join("\n"),
        );
        const foreignBefore = table.filter(({ tag }) => tag === 5);
        const kept = wanted.filter((route) =>
          table.some(({ prefix, tag }) => prefix === route.prefix && tag === TAG),
        );
        for (const { prefix: changed, command } of planChanges(table, wanted, TAG)) {
          table = enter(table, command);
          assert.ok(command.includes(changed.split("/")[0]));
          for (const route of kept)
            assert.ok(
              table.some(({ prefix }) => prefix === route.prefix),
              command,
            );
        }
        const keys = (list: WantedRoute[]): string[] =>
          list.map((w) => `${w.prefix} ${w.hop} ${w.distance ?? 1}`).sort();
        assert.deepStrictEqual(keys(table.filter(({ tag }) => tag === TAG)), keys(wanted));
        assert.deepStrictEqual(
          table.filter(({ tag }) => tag === 5),
          foreignBefore,
        );
        assert.deepStrictEqual(planChanges(table, wanted, TAG), []);
      }),
    );
  });

  it("gives lines of its former name the new tag in place, and back; no prefix is ever without a route (stack renamed)", () => {
    const former = tagOf("farm.lab.r1.ios-routes");
    const wanted = [
      { prefix: "192.0.2.0/24", hop: "Null0", distance: 254 },
      { prefix: "192.0.2.32/27", hop: "192.0.2.2" },
      { prefix: "192.0.2.64/27", hop: "192.0.2.2" },
    ];
    const before = parseRoutes(
      [
        ...wanted.slice(0, 2),
        { prefix: "192.0.2.64/27", hop: "192.0.2.3" },
        { prefix: "192.0.2.96/27", hop: "192.0.2.3" },
      ]
        .map((route) => lineOf(route, former))
        .join("\n"),
    );
    const follow = (table: Route[], anyRoutes: WantedRoute[], tag: number, other: number): Route[] => {
      for (const { command } of planChanges(table, anyRoutes, tag, other)) {
        table = enter(table, command);
        for (const { prefix } of wanted)
          assert.ok(
            table.some((route) => route.prefix === prefix),
            command,
          );
      }
      assert.deepStrictEqual(planChanges(table, anyRoutes, tag, other), []);
      return table;
    };
    const lines = (table: Route[]): string[] => table.map((route) => lineOf(route, route.tag ?? 0)).sort();
    const after = follow(before, wanted, TAG, former);
    assert.deepStrictEqual(lines(after), wanted.map((route) => lineOf(route, TAG)).sort());
    assert.deepStrictEqual(lines(follow(after, before, former, TAG)), lines(before));
  });

  for (const foreign of ["Null0", "blackhole", "reject", "Null0 254 tag 5"]) {
    it(`leaves the block to another admin's line: ${foreign}`, () => {
      const block = { prefix: "192.0.2.0/24", hop: "Null0", distance: 254 };
      const others = parseRoutes(`ip route 192.0.2.0 255.255.255.0 ${foreign}`);
      assert.deepStrictEqual(planChanges(others, [block], TAG), []);
      const elsewhere = parseRoutes("ip route 192.0.2.0 255.255.255.0 198.51.100.9");
      assert.strictEqual(planChanges(elsewhere, [block], TAG)[0].command, lineOf(block, TAG));
    });
  }

  it("finds other routes of a prefix, or of a part of it", () => {
    const to = (prefix: string): { prefix: string; hop: string }[] => [{ prefix, hop: "192.0.2.2" }];
    const live = parseRoutes(
      "ip route 192.0.2.32/27 192.0.2.2 tag 5\nip route 192.0.2.0/24 198.51.100.9\nip route 192.0.2.69/32 192.0.2.9\n" +
        "ip route 192.0.2.101/32 192.0.2.2\nip route 192.0.2.133/32 192.0.2.9 tag 760000001",
    );
    const found = (prefix: string, tag = TAG): string | undefined => findForeign(live, to(prefix), tag)?.line;
    assert.strictEqual(found("192.0.2.32/27"), "ip route 192.0.2.32/27 192.0.2.2 tag 5");
    assert.strictEqual(found("192.0.2.32/27", 5), undefined);
    assert.strictEqual(found("192.0.2.64/27"), "ip route 192.0.2.69/32 192.0.2.9");
    assert.strictEqual(found("192.0.2.96/27"), undefined);
    assert.strictEqual(found("192.0.2.128/27"), undefined);
  });

  const inside: [string, string, string | undefined][] = [
    ["IOS", "S        192.0.2.69/32 [1/0] via 192.0.2.10", "192.0.2.69/32"],
    ["IOS, the same next hop", "S        192.0.2.69/32 [1/0] via 192.0.2.3", undefined],
    ["IOS, our own", "S        192.0.2.64/27 [1/0] via 192.0.2.3", undefined],
    ["IOS, beside ours", "S        192.0.2.101/32 [1/0] via 192.0.2.10", undefined],
    ["IOS, an interface", "C        192.0.2.80/28 is directly connected, Vlan7", "192.0.2.80/28"],
    ["IOS, OSPF", "O E2     192.0.2.72/30 [110/20] via 10.0.0.5, 00:12:11, Vlan7", "192.0.2.72/30"],
    ["IOS, BGP's best", "B*       192.0.2.72/30 [20/0] via 10.0.0.5, 00:12:11", "192.0.2.72/30"],
    [
      "IOS, one length for all",
      "     192.0.2.0/28 is subnetted, 2 subnets\nS       192.0.2.80 [1/0] via 192.0.2.10",
      "192.0.2.80/28",
    ],
    ["FRR", "K>* 192.0.2.69/32 [0/0] via 192.0.2.10, host0, 00:00:04", "192.0.2.69/32"],
    [
      "FRR, not in force",
      "S>* 192.0.2.64/27 [1/0] via 192.0.2.3, host0\nS   192.0.2.69/32 [5/0] via 192.0.2.10, host0",
      undefined,
    ],
    ["none", "% Network not in table", undefined],
  ];
  for (const [name, text, expected] of inside) {
    it(`finds longer routes: ${name}`, () =>
      assert.strictEqual(
        findLonger(
          `Codes: C - connected, S - static\n\nGateway of last resort is 10.0.0.1 to network 0.0.0.0\n${text}\n`,
          [{ prefix: "192.0.2.64/27", hop: "192.0.2.3" }],
        )[0]?.prefix,
        expected,
      ));
  }

  const wanted = { prefix: "192.0.2.32/27", hop: "192.0.2.2" };
  const ios = (known: string, ...hops: string[]): string =>
    `Routing entry for 192.0.2.32/27\n  Known via "${known}", distance 1, metric 0\n  Tag 7\n  Routing Descriptor Blocks:\n${hops.map((line) => `  ${line}\n      Route metric is 0, traffic share count is 1`).join("\n")}`;
  const tables: [string, string, string | undefined][] = [
    ["IOS", ios("static", "* 192.0.2.2"), undefined],
    ["IOS with an interface", ios("static", "* 192.0.2.2, via GigabitEthernet0/0"), undefined],
    ["IOS, two next hops", ios("static", "192.0.2.3", "* 192.0.2.2"), "goes to 192.0.2.3 and 192.0.2.2"],
    [
      "IOS, another's",
      ios("ospf 1", "* 192.0.2.2, from 192.0.2.9, 00:00:01 ago"),
      "is shadowed by a ospf 1 route",
    ],
    ["none", "% Network not in table", "is not in its routing table"],
    [
      "the block's",
      'Routing entry for 192.0.2.0/24\n  Known via "static"\n  * directly connected, via Null0',
      "is shadowed by a route for 192.0.2.0/24",
    ],
    [
      "FRR",
      'Routing entry for 192.0.2.32/27\n  Known via "static", distance 1, metric 0, tag 7, best\n  Last update 00:14:02 ago\n  * 192.0.2.2, via v0, weight 1\n',
      undefined,
    ],
    [
      "FRR, dead next hop",
      'Routing entry for 192.0.2.32/27\n  Known via "static", distance 1, metric 0\n  Last update 00:14:02 ago\n    192.0.2.2 inactive, weight 1\n',
      "has no next hop that works",
    ],
    [
      "FRR, the kernel's",
      'Routing entry for 192.0.2.32/27\n  Known via "kernel", distance 0, metric 0, best\n  * 192.0.2.2, via v0\n\nRouting entry for 192.0.2.32/27\n  Known via "static", distance 1, metric 0\n    192.0.2.2, via v0\n',
      "is shadowed by a kernel route",
    ],
  ];
  for (const [name, text, expected] of tables) {
    it(`judges the table: ${name}`, () => assert.strictEqual(tableIssue(text, wanted), expected));
  }
});

describe("the screen of a router", () => {
  const prompts: [string, string | undefined][] = [
    ["banner\r\n\r\nedge-1>", "edge-1>"],
    ["edge-1#", "edge-1#"],
    ["vm# ", "vm#"],
    ["edge.example:a/1(config-if)#", "edge.example:a/1(config-if)#"],
    ["RP/0/RSP0/CPU0:edge#", "RP/0/RSP0/CPU0:edge#"],
    ["##########", undefined],
    ["# edge-1#", undefined],
    ["Password: ", undefined],
    ["edge-1#\n", undefined],
    ["edge-1# show", undefined],
  ];
  for (const [screen, expected] of prompts) {
    it(`${JSON.stringify(screen)} ends with ${expected ?? "no prompt"}`, () =>
      assert.strictEqual(promptIn(screen), expected));
  }
  it("knows the router by its prompt", () => {
    assert.deepStrictEqual(
      ["a>", "a(config)#", "edge-router-of-the-farm#", "edge-router-of-the-(config)#"].map(hostOf),
      [...["a", "a", "edge-router-of-t", "edge-router-of-t"]],
    );
  });

  const LOG = "*Mar  1 00:00:01.003: %SYS-5-CONFIG_I: Configured from console by vty0";
  const answers: [string, string, string, string | undefined][] = [
    ["an answer", "end", "end\r\nfine\r\na#", "fine"],
    ["no output", "end", "end\r\na#", ""],
    ["a late prompt before the echo", "end", `${LOG}\r\na#end\r\nfine\r\na#`, "fine"],
    ["not yet: only a late prompt", "end", `${LOG}\r\na#`, undefined],
    ["not yet: the echo alone", "end", "a(config)#end", undefined],
    ["not yet: no prompt", "end", "end\r\nfine\r\n", undefined],
    ["not yet: another router's prompt", "end", "end\r\nb#", undefined],
    ["the log behind the prompt", "end", `end\r\nfine\r\na#\r\n${LOG}\r\n`, "fine"],
    ["a wrapped echo", "show ip route 192.0.2.33", "show ip route 192.0. \r2.33\r\nfine\r\na#", "fine"],
    [
      "an echo that scrolled",
      "ip route 192.0.2.32 255.255.255.224 192.0.2.2 tag 7",
      "a(config)#$.0.2.32 255.255.255.224 192.0.2.2 tag 7\r\na#",
      "",
    ],
    ["not yet: another line's end", "ip route 1", "a(config)#$255.224 192.0.2.2 tag 7\r\na#", undefined],
    [
      "the timer's reminder behind the prompt",
      "end",
      'end\r\nfine\r\na#Rollback Confirmed Change: rollback will begin in one minute\r\nEnter "configure confirm" if you wish to keep it\r\n',
      "fine",
    ],
    [
      "pages",
      "show x",
      "show x\r\none\r\n --More-- \b\b\b\b\b\b\b\b\b\b          \b\b\b\b\b\b\b\b\b\btwo\r\na#",
      "one\ntwo",
    ],
  ];
  for (const [name, command, screen, expected] of answers) {
    it(`reads ${name}`, () =>
      assert.strictEqual(answerIn(screen, command, "a", dialect)?.output.trim(), expected));
  }

  const errors = [
    "% Invalid input detected at '^' marker.",
    "% Incomplete command.",
    "% Unknown command: bogus",
    '% Ambiguous command:  "s"',
    "%Inconsistent address and mask",
    "%Error opening nvram:/startup-config (Device or resource busy)",
    "Command authorization failed.",
    "Command rejected: busy",
    "bash: show: command not found",
    "% Error: failed to open configuration file /etc/frr/frr.conf: Permission denied",
    "% Refusing to remove a non-existent route",
  ];
  for (const line of errors)
    it(`takes for a failure: ${line}`, () => assert.strictEqual(failureIn(`x\n${line}\ny`, dialect), line));
  const fine = [
    LOG,
    "%LINK-3-UPDOWN: Interface up",
    "%SEC_LOGIN-5-X: a",
    "[OK]",
    "Building configuration...",
    "Enter configuration commands, one per line.  End with CNTL/Z.",
    "Success rate is 100 percent (2/2)",
  ];
  for (const line of fine)
    it(`does not take for a failure: ${line}`, () => assert.strictEqual(failureIn(line, dialect), undefined));
});
