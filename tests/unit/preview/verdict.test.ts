import assert from "node:assert/strict";
import type { Preview } from "../../../cli/pulumi/preview";
import { verdict } from "../../../cli/preview/verdict";
import { FlowFate, TableSource } from "../../../components/network/moves";
import { change, flip, preview, move, router } from "./support";

describe("verdict of a preview", () => {
  const unseen = { failure: "detectDrift is false", table: TableSource.Config };
  const rows: [string, Partial<Preview>, string][] = [
    ["nothing", {}, "nothing moves, nothing changes"],
    [
      "a flip",
      flip(),
      "1 prefix moves (web2 => web1); 12 open connections stay where they are until they end; r1 changes",
    ],
    [
      "several ways, on two routers that do the same",
      {
        routers: ["r1", "r2"].map((name) =>
          router({
            router: name,
            moves: [move({ flows: [] }), move({ prefix: "192.0.2.96/27", from: "web3", flows: [] })],
          }),
        ),
      },
      "2 prefixes move",
    ],
    [
      "connections of every fate, the worst first",
      {
        routers: [
          router({
            moves: [
              move({
                from: null,
                flows: [
                  { server: "web2", count: 1, fate: FlowFate.Stay },
                  { server: "web3", count: 2, fate: FlowFate.Move },
                  { server: "web4", count: 1, fate: FlowFate.Break },
                ],
              }),
            ],
            leaving: [{ prefix: "192.0.2.96/27", server: "old", count: 4 }],
          }),
        ],
      },
      "1 prefix moves (nowhere => web1); 5 open connections break; 2 open connections move at once; " +
        "1 open connection stays where it is until it ends",
    ],
    [
      "connections that were not counted",
      {
        routers: [
          router({ moves: [move({ flows: [{ server: "web2", count: null, fate: FlowFate.Break }] })] }),
        ],
      },
      "1 prefix moves (web2 => web1); open connections break",
    ],
    [
      "a router that was not looked at and of which nothing is known",
      { routers: [router({ ...unseen, moves: [move({ flows: [] })] })] },
      "what moves on r1 is not known",
    ],
    ["text only", { changes: [change()] }, "nothing moves; web1 changes"],
    [
      "the first run",
      { routers: [], changes: ["r1", "web1"].map((machine) => change({ machine, op: "create" })) },
      "nothing moves; r1, web1 are set up",
    ],
    [
      "drift, and many machines",
      {
        changes: [1, 2, 3, 4, 5, 6, 7].map((n) =>
          change({ machine: `web${n}`, ...(n === 3 ? { drift: "a line" } : {}) }),
        ),
      },
      "nothing moves; 7 machines change; drift on web3 is repaired",
    ],
  ];
  for (const [what, given, expected] of rows) it(what, () => assert.equal(verdict(preview(given)), expected));
});
