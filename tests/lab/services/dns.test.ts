import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { clientAddresses, startOnClient } from "../../../lab/client";
import { now } from "../../../lab/load/record";
import { Example, VIP } from "./example";
import { Query, Spec, Way } from "./resolver";

const NAME = "www.widgetco.example";
const ADDRESSES = ["203.0.113.80"];

const RESOLVER = "tests/lab/services/resolver.ts";
const specOf = (perSecond: Spec["perSecond"]): Spec => ({
  vip: VIP,
  name: NAME,
  sources: [...clientAddresses],
  perSecond,
  maxSeconds: 180,
});

describe("examples/dns: name servers on VIPs", function () {
  this.timeout(300_000);
  const example = new Example("dns");

  before("it comes up", () => example.build());
  after("it goes", () => example.destroy());

  /** Who answered queries of these kinds that began in a time. */
  const servers = (queries: Query[], ways: Way[], from = 0, until = Infinity): string[] => [
    ...new Set(
      queries
        .filter(({ way, started }) => ways.includes(way) && started >= from && started < until)
        .flatMap(({ server }) => (server ? [server] : [])),
    ),
  ];

  /** Asks the VIP that moves, in all ways, while something happens; no query may be lost. */
  const asking = async (perSecond: Spec["perSecond"], work: () => Promise<unknown>): Promise<Query[]> => {
    const { stop } = await startOnClient<Query[]>(example.lab, RESOLVER, specOf(perSecond));
    await sleep(700);
    await work().catch(async (error) => {
      await stop();
      throw error;
    });
    await sleep(700);
    const queries = await stop();
    const failed = queries.filter(({ failure }) => failure);
    assert.equal(failed.length, 0, `of ${queries.length}: ${JSON.stringify(failed.slice(0, 5))}`);
    for (const { addresses } of queries) assert.deepEqual(addresses, ADDRESSES);
    return queries;
  };

  it("loses no query in a failover and back, over UDP and TCP; new ones go to the new server (story)", async () => {
    const times: number[] = [];
    const queries = await asking({ udp: 300, tcp: 30 }, async () => {
      for (const flip of [() => example.away(), () => example.home()]) {
        times.push(now());
        await flip();
        times.push(now());
        await sleep(1000);
      }
    });
    const [away, gone, home, back] = times;
    for (const way of ["udp", "tcp"] as const) {
      assert.deepEqual(servers(queries, [way], 0, away), ["web2"]);
      assert.deepEqual(servers(queries, [way], gone, home), ["web1"]);
      assert.deepEqual(servers(queries, [way], back), ["web2"]);
    }
    assert.ok(queries.length > 2000, `${queries.length} queries`);
  });

  it("keeps a resolver that keeps its port or its connection on its server until that is down; the run is green", async () => {
    const SLOW = { port: 20, connection: 20 };
    const queries = await asking(SLOW, () => example.away());
    assert.deepEqual(servers(queries, ["port", "connection"]), ["web2"]);
    await example.home();

    const { stop } = await startOnClient<Query[]>(example.lab, RESOLVER, specOf(SLOW));
    await sleep(700);
    await example.lab.crash("web2");
    await example.operate("pulumi config set web2 down && pulumi up --continue-on-error");
    const down = now();
    await sleep(1000);
    const all = await stop();
    const after = all.filter(({ way, started }) => way === "port" && started > down);
    assert.deepEqual(servers(after, ["port"]), ["web1"]);
    assert.ok(after.every(({ failure }) => !failure));
    assert.ok(
      all.some(({ way, failure }) => way === "connection" && failure === "closed"),
      "its client is told",
    );
    await example.lab.start("web2");
    await example.home();
  });

  it("does not move to a server that does not answer over UDP", async () => {
    await example.sh(
      "web1",
      "nft -f - <<<'table ip deaf { chain c { type filter hook input priority 0; udp dport 53 drop; }; }'",
    );
    try {
      const { away } = example.flips;
      assert.match(
        await example.refused(away),
        /r1: zone widgetco\.example of dns on web1 does not answer for 192\.0\.2\.74: no answer within 1 s; nothing was moved/,
      );
    } finally {
      await example.sh("web1", "nft delete table ip deaf");
    }
    await example.home();
  });
});
