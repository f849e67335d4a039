import type { Change, Preview } from "../../../cli/pulumi/preview";
import { FlowFate, Move, RouterMoves, TableSource } from "../../../components/network/moves";

export const move = (rest: Partial<Move> = {}): Move => ({
  prefix: "192.0.2.64/27",
  from: "web2",
  to: "web1",
  sites: ["gadgets", "widgetco"],
  flows: [{ server: "web2", count: 12, fate: FlowFate.Stay }],
  ...rest,
});

export const router = (rest: Partial<RouterMoves> = {}): RouterMoves => ({
  router: "r1",
  failure: null,
  table: TableSource.Live,
  moves: [],
  leaving: [],
  shares: { web1: { before: 1, after: 2 }, web2: { before: 1, after: 0 } },
  ...rest,
});

export const change = (rest: Partial<Change> = {}): Change => ({
  machine: "web1",
  role: "vips",
  resource: "web-web1-vips-192.0.2.2",
  op: "update",
  files: [{ name: "bindings", before: "address 192.0.2.37\n", after: "address 192.0.2.38\n" }],
  ...rest,
});

export const preview = (rest: Partial<Preview> = {}): Preview => ({
  routers: [router()],
  proposedHomes: {},
  hidden: [],
  changes: [],
  warnings: [],
  ...rest,
});

/** A flip of one VIP subnet. */
export const flip = (): Preview =>
  preview({
    routers: [router({ moves: [move()] })],
    changes: [
      change({
        machine: "r1",
        role: "linux-routes",
        files: [
          {
            name: "routes",
            before: "192.0.2.32/27 web1 192.0.2.2\n192.0.2.64/27 web2 192.0.2.3\n",
            after: "192.0.2.32/27 web1 192.0.2.2\n192.0.2.64/27 web1 192.0.2.2\n",
          },
        ],
      }),
    ],
  });
