import assert from "assert";
import { ServerState } from "../../components/network/serverState";
import {
  CheckKind,
  RouteArgs,
  VipCheckArgs,
  checkRoutes,
  completeRoutes,
  describeShares,
  renderChecks,
  renderRoutes,
  renderSettings,
  secretName,
} from "../../components/routerRoute/routes";
import { Route } from "../../components/routerRoute/lineFormats";
import { FallbackArgs, GuardArgs, fallbacksOf, renderFallbacks } from "../../components/routerRoute/guard";

const serverSubnet = "192.0.2.0/27";
const route = (prefix: string, server: string, nextHop = "192.0.2.2"): Route => ({
  prefix,
  server,
  nextHop,
});
const four = [
  route("192.0.2.128/27", "web1"),
  route("192.0.2.32/27", "web2", "192.0.2.3"),
  route("192.0.2.96/27", "web1"),
  route("192.0.2.64/27", "web1"),
];

describe("routes of a router", () => {
  it("renders them by address, whatever their order", () => {
    const expected = `192.0.2.32/27 web2 192.0.2.3
192.0.2.64/27 web1 192.0.2.2
192.0.2.96/27 web1 192.0.2.2
192.0.2.128/27 web1 192.0.2.2
`;
    assert.strictEqual(renderRoutes(four), expected);
    assert.strictEqual(renderRoutes([...four].reverse()), expected);
    assert.strictEqual(renderRoutes([]), "");
  });

  it("gives shares", () => {
    assert.deepStrictEqual(describeShares(four), {
      web1: "3 of 4 prefixes (75 %)",
      web2: "1 of 4 prefixes (25 %)",
    });
    assert.deepStrictEqual(describeShares([]), {});
  });

  const checks: [VipCheckArgs, string | RegExp][] = [
    [{ vip: "192.0.2.33", site: "w" }, "192.0.2.33 w ping\n"],
    [{ vip: "192.0.2.33", site: "w", kind: CheckKind.Tcp, port: 25 }, "192.0.2.33 w tcp 25\n"],
    [
      { vip: "192.0.2.33", site: "w", kind: CheckKind.Tcp, port: 25, greeting: "220 mail.w.example" },
      "192.0.2.33 w tcp 25 220 mail.w.example\n",
    ],
    [
      { vip: "192.0.2.33", site: "w", kind: CheckKind.Dns, zone: "w.example" },
      "192.0.2.33 w dns w.example\n",
    ],
    [{ vip: "192.0.2.33", site: "w", kind: CheckKind.Dns }, /^checks: dns for 192.0.2.33 \(w\) needs zone$/],
    [{ vip: "192.0.2.33", site: "w", kind: CheckKind.Dns, zone: "a b" }, /^checks: "a b" /],
    ...["", " 220", "22\t0", "2\n20", "é"].map((greeting): [VipCheckArgs, RegExp] => [
      { vip: "192.0.2.33", site: "w", kind: CheckKind.Tcp, port: 25, greeting },
      /^checks: .* is not the start of a line in printable ASCII, such as 220$/,
    ]),
    [
      { vip: "192.0.2.33", site: "w", kind: CheckKind.Http, serverName: "w.example", pool: "web-1" },
      "192.0.2.33 w http w.example @SECRET:health_web_2d_1@\n",
    ],
    ...(
      [
        [{ checkPath: "/" }, ""],
        [{ checkPath: "/login" }, " /login"],
        [{ https: true }, " / https"],
        [{ checkPath: "/login", https: true }, " /login https"],
      ] as const
    ).map(([page, words]): [VipCheckArgs, string] => [
      { vip: "192.0.2.33", site: "w", kind: CheckKind.Http, serverName: "w.example", pool: "web", ...page },
      `192.0.2.33 w http w.example @SECRET:health_web@${words}\n`,
    ]),
    [{ vip: "192.0.2.33", site: "w", kind: CheckKind.Tcp }, /^checks: tcp for 192.0.2.33 \(w\) needs port$/],
    [{ vip: "192.0.2.33", site: "w", kind: CheckKind.Http, pool: "web" }, /needs serverName$/],
    [{ vip: "192.0.2.33", site: "w", kind: CheckKind.Http, serverName: "w.example" }, /needs pool$/],
  ];
  for (const [check, expected] of checks) {
    it(`check ${JSON.stringify(check)}`, () => {
      if (typeof expected === "string") assert.strictEqual(renderChecks([check]), expected);
      else assert.throws(() => renderChecks([check]), { message: expected });
    });
  }

  it("renders settings, with helpers as protocol and port", () => {
    const settings = { serverSubnet, pinFlows: true, pinning: { helpers: ["ftp"] } };
    assert.strictEqual(
      renderSettings(settings),
      `server_subnet=192.0.2.0/27
check_source=
pin_flows=yes
mark_mask=0xff000000
rule_priority=7677
helpers=ftp,tcp,21
track_only_vips=no
confirm_seconds=20
check_seconds=30
`,
    );
    assert.match(renderSettings({ ...settings, pinning: {} }), /^helpers=$/m);
    assert.throws(
      () => renderSettings({ ...settings, pinFlows: false }),
      /pinning\.helpers: "ftp" needs pinned flows/,
    );
    const unknown = { helpers: ["toString"] };
    assert.throws(
      () => renderSettings({ ...settings, pinning: unknown }),
      /"toString" is not a protocol with a helper; use ftp/,
    );
  });

  describe("of a guard", () => {
    const settings = (guard: GuardArgs): string[] =>
      renderSettings({ serverSubnet, pinFlows: true, guard }).split("\n").slice(9, -1);
    const line = (name: string, value: string | number): string => `guard_${name}=${value}`;
    const defaults = { interval: 150, fall: 3, min_active: 1, dry_run: "no", moves_per_hour: 10 };
    const lines = (own: object = {}): string[] =>
      Object.entries({ ...defaults, ...own }).map(([name, value]) => line(name, value));

    it("renders its settings behind the others", () => {
      assert.deepStrictEqual(settings({}), lines());
      assert.deepStrictEqual(settings({ fall: undefined }), lines());
      assert.deepStrictEqual(
        settings({ interval: "0.25s", fall: 4, minActive: 2, dryRun: true, maxMovesPerHour: 3 }),
        lines({ interval: 250, fall: 4, min_active: 2, dry_run: "yes", moves_per_hour: 3 }),
      );
    });

    const bad: [GuardArgs, RegExp][] = [
      [
        { interval: "20ms" },
        /^UserError: guard\.interval: "20ms" is shorter than 50ms.*; use a time from 50ms to 10s/,
      ],
      [{ interval: "1m" }, /guard\.interval: "1m" is not a time with a unit/],
      [{ fall: 1 }, /guard\.fall: 1 is not a whole number from 2 to 100/],
      [{ minActive: 0 }, /guard\.minActive: 0 is not a whole number from 1 to 1000/],
      [{ maxMovesPerHour: 1.5 }, /guard\.maxMovesPerHour: 1.5 is not a whole number/],
    ];
    for (const [guard, message] of bad)
      it(`refuses ${JSON.stringify(guard)}`, () => assert.throws(() => settings(guard), message));
    it("refuses it without pinned flows", () =>
      assert.throws(
        () => renderSettings({ serverSubnet, pinFlows: false, guard: {} }),
        /guard: \{\} needs pinned flows/,
      ));

    const servers = ["web1", "web2", "web3"].map((name, i) => ({
      name,
      address: `192.0.2.${i + 2}`,
      state: i === 2 ? ServerState.Maintenance : ServerState.Active,
    }));
    const routes = ["192.0.2.64/27", "192.0.2.32/27"].map((prefix) => ({
      prefix,
      server: "web1",
      nextHop: "192.0.2.2",
    }));
    it("renders a line of fallbacks for each route, by address", () => {
      assert.strictEqual(
        renderFallbacks([{ prefix: "192.0.2.64/27", servers: ["web2"] }], routes, servers),
        "192.0.2.32/27\n192.0.2.64/27 web2\n",
      );
      assert.strictEqual(
        renderFallbacks(fallbacksOf(routes, servers), routes, servers),
        "192.0.2.32/27 web2\n192.0.2.64/27 web2\n",
      );
      assert.deepStrictEqual(fallbacksOf([], servers), []);
    });
    const [{ prefix }] = routes;
    const wrong: [FallbackArgs[], RegExp][] = [
      [[{ prefix: "192.0.2.96/27", servers: [] }], /fallbacks: "192.0.2.96\/27" is not one of the routes/],
      [
        [
          { prefix, servers: [] },
          { prefix, servers: [] },
        ],
        /fallbacks: "192.0.2.64\/27" is listed twice/,
      ],
      [[{ prefix, servers: ["web9"] }], /fallbacks: "web9" is not one of the servers/],
      [[{ prefix, servers: ["web3"] }], /fallbacks: "web3" is not active, so it can't take traffic/],
      [[{ prefix, servers: ["web1"] }], /fallbacks: "web1" carries 192.0.2.64\/27 itself/],
      [[{ prefix, servers: ["web2", "web2"] }], /fallbacks: "web2" is listed twice for 192.0.2.64\/27/],
    ];
    for (const [lists, message] of wrong)
      it(`refuses ${JSON.stringify(lists)}`, () =>
        assert.throws(() => renderFallbacks(lists, routes, servers), message));
  });

  it("puts the VIPs of a check into one line, all in the order given", () => {
    const [kind, port] = [CheckKind.Tcp, 25];
    const all = ["192.0.2.65", "192.0.2.33"].flatMap((vip) => [
      { vip, site: "w" },
      { vip, site: "w", kind, port },
    ]);
    assert.strictEqual(
      renderChecks([...all, { vip: "192.0.2.34", site: "v" }]),
      "192.0.2.65,192.0.2.33 w ping\n192.0.2.65,192.0.2.33 w tcp 25\n192.0.2.34 v ping\n",
    );
    assert.strictEqual(secretName("a.b-c"), "a_2e_b_2d_c");
    assert.notStrictEqual(secretName("a-b"), secretName("a_b"));
  });

  const incomplete: [RouteArgs, { name: string; address: string }[] | undefined, string | RegExp][] = [
    [{ prefix: "192.0.2.64/27", server: "web2" }, [{ name: "web2", address: "192.0.2.3" }], "192.0.2.3"],
    [{ prefix: "192.0.2.64/27", server: "web2", nextHop: "192.0.2.4" }, undefined, "192.0.2.4"],
    [{ prefix: "192.0.2.64/27", server: "web2" }, [], /^routes: "web2" is not one of the servers$/],
    [{ prefix: "192.0.2.64/27", server: "web2" }, undefined, /^routes: "web2" has no address: give nextHop/],
  ];
  for (const [one, known, expected] of incomplete) {
    it(`next hop of ${JSON.stringify(one)}, servers ${JSON.stringify(known)}`, () => {
      if (typeof expected === "string")
        assert.deepStrictEqual(completeRoutes([one], known), [{ ...one, nextHop: expected }]);
      else assert.throws(() => completeRoutes([one], known), { message: expected });
    });
  }

  const bad: [Route[], RegExp][] = [
    [[route("192.0.2.32/27", "web1", "192.0.2.33")], /next hop 192.0.2.33 of 192.0.2.32\/27 is outside the/],
    [[...four, route("192.0.2.64/27", "web2")], /^routes: 192.0.2.64\/27 is listed twice/],
    [[route("192.0.2.32/27", "web1", "")], /"" is not an IPv4 address/],
    [[route("192.0.2.32/27; reboot", "web1")], /"192.0.2.32\/27; reboot" is not a prefix in CIDR form/],
    [[route("192.0.2.33/27", "web1")], /is not a network address; use 192.0.2.32\/27/],
  ];
  const context = { block: "192.0.2.0/24", serverSubnet };
  for (const [routes, message] of bad) {
    it(`refuses ${message}`, () => assert.throws(() => checkRoutes(routes, context), { message }));
  }
  const one = [route("192.0.2.32/27", "web1", "192.0.2.2")];
  const web1 = { name: "web1", address: "192.0.2.2" };
  const unfit: [Partial<Parameters<typeof checkRoutes>[1]>, RegExp][] = [
    [{ block: "192.0.2.0/24\n0.0.0.0/0" }, /^block: .* is not a prefix/],
    [{ serverSubnet: "192.0.2.0" }, /^serverSubnet: "192.0.2.0" is not a prefix in CIDR form/],
    [{ servers: [] }, /^routes: "web1" is not one of the servers/],
    [
      { servers: [{ ...web1, state: ServerState.Down }] },
      /^routes: "web1" is down, so it can't take traffic/,
    ],
    [{ servers: [{ ...web1, address: "192.0.2.3" }] }, /"192.0.2.2" is not the address of web1, 192.0.2.3/],
    [{ servers: [web1, { ...web1, name: "web2" }] }, /"192.0.2.2" is the address of two servers/],
  ];
  for (const [what, message] of unfit) {
    it(`refuses ${message}`, () =>
      assert.throws(() => checkRoutes(one, { ...context, ...what }), { message }));
  }
  it("accepts good ones", () => assert.doesNotThrow(() => checkRoutes(four, context)));
});
