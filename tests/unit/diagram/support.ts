import type { FarmStatus, PrefixStatus, ServerStatus } from "../../../cli/status/model";
import { ServerState } from "../../../components/config";

export const server = (n: number, rest: Partial<ServerStatus> = {}): ServerStatus => ({
  name: `web${n}`,
  address: `192.0.2.${n + 1}`,
  failure: null,
  drift: [],
  state: ServerState.Active,
  carries: 1,
  wanted: 1,
  flows: 0,
  health: { asked: 2, ok: 2, reason: null },
  ...rest,
});

export const subnet = (n: number): string => `192.0.2.${32 * n}/27`;

/** The n-th VIP subnet, at home on the n-th server. */
export const prefix = (n: number, rest: Partial<PrefixStatus> = {}): PrefixStatus => ({
  router: "r1",
  prefix: subnet(n),
  home: `web${n}`,
  wanted: `web${n}`,
  live: `web${n}`,
  known: true,
  flows: { [`web${n}`]: 3 },
  ...rest,
});

/** Two servers with a subnet each. */
export const status = (rest: Partial<FarmStatus> = {}): FarmStatus => ({
  notes: [],
  stack: "loopback-ha/prod",
  at: "2026-11-25T07:48:00.123Z",
  network: { block: "192.0.2.0/24", serverSubnet: "192.0.2.0/27" },
  routers: [
    {
      name: "r1",
      address: "192.0.2.1",
      kind: "linux",
      failure: null,
      drift: [],
      held: [],
      limits: [],
      troubles: [],
    },
  ],
  servers: [server(1), server(2)],
  nameServers: [{ name: "ns1", address: "192.0.2.10", failure: null, drift: [] }],
  prefixes: [prefix(1), prefix(2)],
  sites: [
    {
      name: "widgetco",
      serverName: "www.widgetco.example",
      retiring: false,
      vips: ["192.0.2.37", "192.0.2.69"],
      asked: 2,
      ok: 2,
      failures: [],
      worse: [],
    },
  ],
  zones: [],
  certificates: [],
  problems: [],
  ...rest,
});

/** web2 in maintenance: web1 has its subnet, and it keeps a few connections. */
export const maintenance = (): FarmStatus =>
  status({
    servers: [
      server(1, { carries: 2, wanted: 2, flows: 4 }),
      server(2, { state: ServerState.Maintenance, carries: 0, wanted: 0, flows: 12 }),
    ],
    prefixes: [prefix(1), prefix(2, { wanted: "web1", live: "web1", flows: { web1: 1, web2: 12 } })],
  });
