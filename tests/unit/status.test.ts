import assert from "node:assert/strict";
import { Counts, describeLeft } from "../../cli/drain/counts";
import { parseHealth } from "../../cli/routers/health";
import { parsePages } from "../../cli/routers/pages";
import { Sightings, statusOf } from "../../cli/status/model";
import { renderStatus } from "../../cli/status/render";
import { readFarm } from "../../components/config";
import { parseObservation } from "../../components/host/observe";

const STACK = "farm/prod";
const SERVERS = ["servers web1 192.0.2.2 up 0x2000000 76002", "servers web2 192.0.2.3 up 0x3000000 76003"];
const ROUTES = ["routes 192.0.2.32/27 web1 192.0.2.2", "routes 192.0.2.64/27 web2 192.0.2.3"];
const LIVE = ["live 192.0.2.32/27 192.0.2.2", "live 192.0.2.64/27 192.0.2.3"];

const farm = readFarm({
  network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2 },
  servers: { web1: { address: "192.0.2.2" }, web2: { address: "192.0.2.3" } },
  routers: { r1: { address: "192.0.2.1" } },
  nameServers: { ns1: { address: "192.0.2.10" }, ns2: { address: "192.0.2.11" } },
  zones: { "w.example": { contact: "hostmaster@w.example" } },
  sites: { w: { serverName: "www.w.example", documentRoot: "/srv/w", hostNumber: 1 } },
});

const answers = (...lines: string[][]) => parseHealth(lines).answers;

const machine = (...lines: string[]): ReturnType<typeof parseObservation> =>
  parseObservation(
    [
      `-\tnow\t1`,
      ...["meta stack=farm/prod", "looked 0", ...lines].map((line) => `i\t${line.replace(" ", "\t")}`),
    ].join("\n"),
  );

function sightings(
  more: Partial<Sightings> = {},
  router: string[] = [...LIVE, "flows 192.0.2.32/27 192.0.2.2 3"],
): Sightings {
  return {
    stack: STACK,
    at: 0,
    machines: new Map([
      ["r1", machine(...SERVERS, ...ROUTES, ...router)],
      ...["web1", "web2", "ns1", "ns2"].map((name): [string, ReturnType<typeof machine>] => [
        name,
        machine(),
      ]),
    ]),
    health: new Map([
      [
        "r1",
        answers(
          ["ok", "192.0.2.33", "live web1 w", ""],
          ["ok", "192.0.2.65", "live web2 w", ""],
          ["ok", "192.0.2.33", "marked web1 w", ""],
          ["ok", "192.0.2.33", "marked web2 w", ""],
        ),
      ],
    ]),
    serials: ["ns1", "ns2"].map((nameServer) => ({ zone: "w.example", nameServer, serial: 7 })),
    ...more,
  };
}

describe("the status of a farm", () => {
  it("has no problem where everything matches the config", () => {
    const status = statusOf(farm, sightings());
    assert.deepEqual(status.problems, []);
    assert.deepEqual(
      status.servers.map(({ name, carries, wanted, flows, health }) => [
        name,
        carries,
        wanted,
        flows,
        health?.ok,
      ]),
      [
        ["web1", 1, 1, 3, 1],
        ["web2", 1, 1, 0, 1],
      ],
    );
    assert.match(renderStatus(status), /everything matches the config/);
  });

  for (const [what, seen, problem] of [
    [
      "a prefix elsewhere",
      sightings({}, [LIVE[0], "live 192.0.2.64/27 192.0.2.2"]),
      "r1: 192.0.2.64/27 goes to web1 instead of web2",
    ],
    [
      "a prefix that no server has",
      sightings({}, [LIVE[0]]),
      "r1: 192.0.2.64/27 goes to no server instead of web2",
    ],
    [
      "a machine that does not answer",
      sightings({
        machines: new Map(sightings().machines).set("web2", {
          now: 0,
          instances: {},
          failure: "web2 does not answer",
        }),
      }),
      "web2: web2 does not answer",
    ],
    [
      "drift",
      sightings({}, [...LIVE, "drift - route 192.0.2.32/27"]),
      "r1 differs from what was applied to it",
    ],
    [
      "a site that does not answer",
      sightings({ health: new Map([["r1", answers(["fail", "192.0.2.65", "live web2 w", "timed out"])]]) }),
      "site w does not answer on 192.0.2.65 (web2): timed out",
    ],
    [
      "a page that is worse on one server",
      sightings({
        pages: [
          parsePages([
            ["fail", "192.0.2.33", "page web1 w", "x", "status 200", "1"],
            ["fail", "192.0.2.33", "page web2 w", "x", "status 403", "1"],
          ]),
        ],
      }),
      "site w answers with status 403 on web2 (192.0.2.33), but with status 200 on web1: check its document root, application and certificate on web2; until then no planned move takes it there",
    ],
    [
      "a server that does not answer",
      sightings({ health: new Map([["r1", answers(["fail", "192.0.2.65", "marked web2 w", "refused"])]]) }),
      "web2 answers 0 of 1 health checks: refused",
    ],
    [
      "a full conntrack table (H1)",
      sightings({}, [...LIVE, "trouble the conntrack table is full"]),
      "r1: the conntrack table is full",
    ],
    [
      "no health",
      sightings({ health: new Map([["r1", "r1 has no such script yet"]]) }),
      "r1: no health checks: r1 has no such script yet",
    ],
    [
      "a certificate that has expired",
      sightings({
        at: Date.parse("2027-03-05T00:00:00Z"),
        machines: new Map(sightings().machines).set(
          "web2",
          machine(
            `certificates w expires 2027-03-04 issued 2026-12-04 certificate ${"0".repeat(64)} key ${"0".repeat(64)}`,
          ),
        ),
      }),
      "site w: its certificate expired on 2027-03-04; renew it, then run pulumi up",
    ],
    [
      "serials apart",
      sightings({
        serials: [
          { zone: "w.example", nameServer: "ns1", serial: 7 },
          { zone: "w.example", nameServer: "ns2", serial: 6 },
        ],
      }),
      "w.example has different serials on its name servers: ns1 7, ns2 6",
    ],
    [
      "a dead name server",
      sightings({ serials: [{ zone: "w.example", nameServer: "ns1", serial: "ETIMEOUT" }] }),
      "ns1 does not answer for w.example: ETIMEOUT",
    ],
  ] as [string, Sightings, string][]) {
    it(`reports ${what}`, () => {
      const status = statusOf(farm, seen);
      assert.ok(status.problems.includes(problem), status.problems.join("\n"));
      assert.ok(renderStatus(status).includes(problem));
    });
  }

  it("does not take an old record for the table of a router that does not report it", () => {
    const { prefixes, problems, servers } = statusOf(farm, sightings({}, []));
    assert.deepEqual(
      prefixes.map(({ live, known }) => [live, known]),
      [
        [null, false],
        [null, false],
      ],
    );
    assert.equal(servers[0].carries, null);
    assert.deepEqual(problems, []);
  });

  it("expects no answer of a server that is down", () => {
    const down = {
      ...farm,
      servers: farm.servers.map((server) => ({ ...server, state: "down" })),
    } as typeof farm;
    const health = new Map([["r1", answers(["fail", "192.0.2.65", "marked web2 w", "timed out"])]]);
    assert.deepEqual(statusOf(down, sightings({ health })).problems, []);
  });
});

describe("connections that a server still has", () => {
  it("are known when every router has answered, and are those of all of them", () => {
    const counts = new Counts("web2", ["r1", "r2"]);
    counts.take("r1", [
      ["web1", "9", "0"],
      ["web2", "5", "2"],
    ]);
    assert.equal(counts.left, undefined);
    counts.take("r2", [["web1", "1", "0"]]);
    assert.deepEqual(counts.left, { open: 3, idle: 2 });
    counts.forget("r1");
    assert.equal(counts.left, undefined);
  });

  it("are described in words", () => {
    assert.equal(describeLeft({ open: 1, idle: 0 }), "1 open connection");
    assert.equal(
      describeLeft({ open: 0, idle: 4 }),
      "0 open connections, and 4 idle ones that are not waited for",
    );
  });
});
