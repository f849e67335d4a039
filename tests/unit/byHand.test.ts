import assert from "node:assert/strict";
import type { FarmModel } from "../../components/config";
import { byHand, byHandText } from "../../cli/routers/byHand";

const farm = {
  servers: [
    { name: "web1", state: "active" },
    { name: "web2", state: "down" },
    { name: "web3", state: "maintenance" },
  ],
  routers: [
    { name: "r1", kind: "linux" },
    { name: "r2", kind: "frr" },
    { name: "sw", kind: "cisco-ios" },
  ],
} as unknown as FarmModel;
const move = (router: string, from: string | null, to: string | null, prefix = "192.0.2.64/27") => ({
  ...{ router, from, to, prefix },
});

describe("the failover by hand that a locked stack's message proposes (M14)", () => {
  it("is exactly what to type on each router", () => {
    const moves = [
      move("r1", "web2", "web1"),
      move("r1", "web3", "web1", "192.0.2.96/27"),
      move("r2", "web2", "web1"),
      move("sw", "web2", "web1"),
      move("r1", null, "web1", "192.0.2.32/27"),
      move("r1", "web2", null, "192.0.2.128/27"),
    ];
    assert.deepEqual(byHand(farm, moves), [
      "as root on r1: loopback-ha-move --down 192.0.2.64/27 web1 && loopback-ha-move 192.0.2.96/27 web1",
      "as root on r2: loopback-ha-move --down 192.0.2.64/27 web1",
    ]);
    assert.match(byHandText(farm, moves), /^To do it on the routers in the meantime.*: as root on r1: /);
    assert.equal(byHandText(farm, []), "");
    assert.equal(byHandText(farm, [move("sw", "web2", "web1")]), "");
  });

  it("names at most eight of many", () => {
    const [line] = byHand(
      farm,
      Array.from({ length: 20 }, (_, i) => move("r1", "web2", "web1", `192.0.2.${i}/32`)),
    );
    assert.match(
      line,
      /^as root on r1: loopback-ha-move --down( 192\.0\.2\.\d\/32 web1){8} and so on, 20 prefixes in total$/,
    );
  });
});
