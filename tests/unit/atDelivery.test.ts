import assert from "node:assert/strict";
import routers from "../../components/routerRoute/atDelivery.cjs";
import nameServers from "../../components/dnsRoundRobin/atDelivery.cjs";
import webServers from "../../components/webServerPool/atDelivery.cjs";

describe("what roles decide on the operator's side", () => {
  const words: [string, NodeJS.ProcessEnv, string[] | { refusal: string }][] = [
    ["nothing", {}, []],
    ["empty variables", { LOOPBACK_HA_FORCE_MOVE: "", LOOPBACK_HA_DESPITE_SITES: "" }, []],
    ["a forced move", { LOOPBACK_HA_FORCE_MOVE: "1" }, ["1"]],
    ["two sites", { LOOPBACK_HA_DESPITE_SITES: "shop,blog-2" }, ["despite", "shop,blog-2"]],
    ["both", { LOOPBACK_HA_FORCE_MOVE: "yes", LOOPBACK_HA_DESPITE_SITES: "shop" }, ["1", "despite", "shop"]],
  ];
  for (const [name, environment, wanted] of words)
    it(`a router gets the words for ${name}`, () =>
      assert.deepEqual(routers.wordsForRun(environment), wanted));

  for (const sites of ["shop blog", "shop,", "Shop", "shop;reboot", "shop\nblog", "$(x)"])
    it(`a router refuses ${JSON.stringify(sites)} as a list of sites`, () =>
      assert.deepEqual(routers.wordsForRun({ LOOPBACK_HA_DESPITE_SITES: sites }), {
        refusal:
          "LOOPBACK_HA_DESPITE_SITES is not a list of site names such as shop,blog; nothing was changed",
      }));

  it("a router reads from its settings how long a change waits for its confirmation", () => {
    assert.equal(routers.confirmSeconds({ settings: "address=192.0.2.1\nconfirm_seconds=20\n" }), 20);
    for (const settings of ["", "confirm_seconds=\n", "reconfirm_seconds=20\n", "confirm_seconds=2s\n"])
      assert.equal(routers.confirmSeconds({ settings }), 0);
    assert.equal(routers.confirmSeconds({}), 0);
  });

  it("a name server's own answer is the first serial of the day, in UTC", () =>
    assert.equal(nameServers.ownAnswer(new Date("2026-11-30T23:59:59Z")), "2026113000"));

  const hash = "a".repeat(64);
  const answers: [string, boolean][] = [
    ["2026113001", true],
    [`2026113001 ${hash}`, true],
    ["", false],
    ["12345678901", false],
    [`2026113001 ${hash}a`, false],
    ["2026113001 ", false],
    ["-1", false],
    ["2026113001; reboot", false],
  ];
  for (const [line, wanted] of answers)
    it(`a name server's answer ${JSON.stringify(line)} ${wanted ? "counts" : "is left out"}`, () =>
      assert.equal(nameServers.isAnswer(line), wanted));

  it("a web server's error may quote the secrets of sites only", () => {
    assert.deepEqual(["site_db", "health", "tickets"].map(webServers.isQuoted), [true, false, false]);
    assert.equal(webServers.refusalOfSecret("health", "a\nb"), undefined);
    assert.match(
      String(webServers.refusalOfSecret("site_db", "a\\")),
      /^the secret db has more than one line/,
    );
  });
});
