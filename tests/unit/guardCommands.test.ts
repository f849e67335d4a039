/** `adopt` and `release`: which servers, what is written into the config, and what is run on routers. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import {
  adoptEdits,
  assertReleasable,
  describeFurther,
  describeHolds,
  serversToAdopt,
} from "../../cli/edits/holds";
import { releaseOn } from "../../cli/routers/guard";
import { GuardedRouter, guardsOf } from "../../cli/status/look";
import { FarmModel, RouterModel, readFarm } from "../../components/config";
import { parseObservation } from "../../components/host/observe";
import { FalseSsh, HOST } from "./ssh/support";

const AT = "2026-11-30T16:00:00Z";

const farmOf = (states: string[] = ["active", "active", "active"], more: object = {}): FarmModel =>
  readFarm({
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 3 },
    servers: Object.fromEntries(
      states.map((state, i) => [`web${i + 1}`, { address: `192.0.2.${i + 4}`, state }]),
    ),
    routers: {
      r1: { address: "192.0.2.1", guard: {} },
      r2: { address: "192.0.2.2", guard: {} },
      r3: { address: "192.0.2.3" },
    },
    ...more,
  });
const guard = (router: string, ...servers: string[]): GuardedRouter => ({
  router,
  holds: servers.map((server) => ({ server, at: AT, reason: "refuses connections" })),
});
const down = (name: string) => ({ path: ["servers", name, "state"], value: "down" });

describe("what guards hold", () => {
  it("is known of each router with a guard that was looked at", () => {
    const seen = parseObservation(
      `i\tmeta\tstack=farm/prod\ni\theld\tweb2 ${AT} refuses connections\n-\tnow\t1`,
    );
    const found = new Map([
      ["r1", seen],
      ["r2", { failure: "r2 does not answer", now: 0, instances: {} }],
      ["r3", seen],
    ]);
    assert.deepEqual(guardsOf(farmOf(), "farm/prod", found), [
      guard("r1", "web2"),
      { ...guard("r2"), failure: "r2 does not answer" },
    ]);
  });

  it("is told with the servers that a command is about", () => {
    assert.deepEqual(describeHolds(farmOf(), [guard("r1", "web2"), guard("r2", "web1", "web2")], ["web2"]), [
      `r1: the guard moved 192.0.2.64/27 from web2 to web1 at ${AT}, because web2 refuses connections`,
      `r2: the guard moved 192.0.2.64/27 from web2 to web3 at ${AT}, because web2 refuses connections`,
    ]);
  });
});

describe("adopt", () => {
  const guards = [guard("r1", "web3", "web2"), guard("r2", "web2", "web9")];

  it("takes the named servers, or all that are held and that the config has", () => {
    assert.deepEqual(serversToAdopt(farmOf(), guards, []), ["web2", "web3"]);
    assert.deepEqual(serversToAdopt(farmOf(), guards, ["web3", "web3"]), ["web3"]);
    assert.deepEqual(serversToAdopt(farmOf(), [guard("r1")], []), []);
  });

  it("refuses one that is not held, and says what is", () => {
    assert.throws(
      () => serversToAdopt(farmOf(), guards, ["web1"]),
      /^UsageError: no guard holds "web1"; did you mean web2\? \(known: web2, web3, web9\)\. If it is dead: loopback-ha down web1\. Nothing was touched$/,
    );
    assert.throws(
      () => serversToAdopt(farmOf(), [guard("r1")], ["web1"]),
      /no guard holds "web1"\. If it is dead: loopback-ha down web1/,
    );
    assert.throws(() => serversToAdopt(farmOf(), guards, ["wbe2"]), /there is no server "wbe2"/);
  });

  it("sets them down, and no override holds to them", () => {
    const overrides = { "192.0.2.64/27": "web3", "192.0.2.96/27": "web1" };
    assert.deepEqual(adoptEdits(farmOf(undefined, { overrides }), overrides, ["web2", "web3"]), [
      down("web2"),
      down("web3"),
      { path: ["overrides", "192.0.2.64/27"] },
    ]);
  });

  it("says why something moves, where it does", () => {
    const move = { prefix: "192.0.2.64/27", from: "web1", to: "web3", sites: [], flows: [] };
    const told = (moving: string[], servers = ["web2", "web3"]): string[] =>
      describeFurther(
        ["r1", "r2", "r3"].map((router) => ({ router, moves: moving.includes(router) ? [move] : [] })),
        guards,
        servers,
      );
    assert.deepEqual(told([]), []);
    const [spread, ...none] = told(["r1"]);
    assert.match(spread, /^r1: more than one server is out of service, so their prefixes are spread evenly/);
    assert.deepEqual(none, []);
    assert.match(told(["r2", "r3"])[0], /^r2, r3: no guard moved all of this there/);
    assert.equal(told(["r1", "r2"]).length, 2);
    assert.match(told(["r2"], ["web2"])[0], /^r2: more than one/);
  });

  it("leaves one active server at least", () => {
    assert.throws(
      () => adoptEdits(farmOf(["active", "maintenance", "active"]), {}, ["web1", "web3"]),
      /web1, web3 are the last active servers.*loopback-ha release SERVER.*Nothing was touched/,
    );
    assert.throws(
      () => adoptEdits(farmOf(["active", "down"]), {}, ["web1"]),
      /web1 is the last active server/,
    );
  });
});

describe("release", () => {
  it("is of a server that is held and that the config counts on", () => {
    const guards = [guard("r1", "web2")];
    assertReleasable(farmOf(), guards, "web2");
    assert.throws(
      () => assertReleasable(farmOf(), guards, "web1"),
      /no guard holds "web1"; use web2\. To give it its traffic: loopback-ha restore web1\. Nothing was touched/,
    );
    assert.throws(
      () => assertReleasable(farmOf(["active", "down"]), guards, "web2"),
      /web2 gets no traffic, as its state is down; to bring it back: loopback-ha restore web2/,
    );
  });

  describe("on a router", () => {
    const router = { ...HOST, name: "r1", kind: "linux" } as unknown as RouterModel;
    const sudoers = fs.readFileSync(path.join(__dirname, "../../examples/sudoers/loopback-ha"), "utf8");
    const rule = new RegExp(/^ +\/usr\/local\/sbin\/loopback-ha-guard (\^.*\$), \\$/m.exec(sudoers)![1]);
    let ssh: FalseSsh;
    beforeEach(() => (ssh = new FalseSsh()));
    afterEach(() => ssh.remove());

    for (const [force, words] of [
      [false, "release web2"],
      [true, "release --force web2"],
    ] as const)
      it(`runs what sudoers allows: ${words}`, async () => {
        await ssh.within(() => releaseOn(router, "web2", force));
        assert.equal(ssh.calls.length, 1);
        const command = ssh.calls[0].words.at(-1)!;
        assert.equal(command, `sudo -n /usr/local/sbin/loopback-ha-guard ${words}`);
        assert.match(command.replace(/.*loopback-ha-guard /, ""), rule);
      });

    it("says what the router says against it", async () => {
      ssh.reply(
        "echo 'r1: web2 does not answer' >&2; echo 'loopback-ha-guard: web2 is still held' >&2; exit 1",
      );
      await assert.rejects(
        ssh.within(() => releaseOn(router, "web2", false)),
        /r1: web2 does not answer; loopback-ha-guard: web2 is still held/,
      );
    });
  });
});
