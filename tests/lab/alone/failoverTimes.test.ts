import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { prepareServers } from "../../../lab/client";
import { summary } from "../../../lab/load/record";
import { FILE_BYTES, Place, bearableRate, flipUnderLoad } from "../flips";
import { Farm } from "../support";
import { Wall, wallTimes } from "../wallTimes";

describe("a failover, timed", function () {
  this.timeout(300_000);
  const farm = new Farm();

  before("a farm in the lab", () => farm.take());
  after("the next has the farm", () => farm.handOn());

  it("loses nothing in ten planned flips under load, and new requests name the new server within a second", async () => {
    await prepareServers(farm.lab, "/srv/www/gadgets", FILE_BYTES);
    const file = await prepareServers(farm.lab, "/srv/www/widgetco", FILE_BYTES);
    const targets = [
      { vip: "192.0.2.69", serverName: "www.widgetco.example", path: farm.healthPath },
      { vip: "192.0.2.70", serverName: "www.gadgets.example", path: farm.healthPath },
    ];
    const way = {
      announce: ({ state }: Place) => farm.setState("web2", state),
      flip: async () => void (await farm.up()),
    };
    const { record, flips, spans } = await flipUnderLoad(farm.lab, targets, file, way, {
      requestsPerSecond: await bearableRate(farm.lab, targets),
    });
    const { failed, resets, downloads } = summary(record);
    const broken = record.connections.filter(({ end }) => end !== "complete");
    assert.deepEqual({ failed, resets, broken }, { failed: {}, resets: 0, broken: [] });
    assert.ok(new Set(record.requests.map(({ source }) => source)).size > 1, "several clients");
    assert.deepEqual(downloads, { all: 20, complete: 20 });
    assert.ok(Math.min(...spans) >= 2, `flips in each download: ${spans.join()}`);
    for (const { to, moved, namedAfterMs } of flips) {
      assert.ok(Number.isFinite(moved), `${to.server} answered none`);
      assert.ok(namedAfterMs <= 1000, `${to.server}: ${namedAfterMs} ms`);
    }
  });

  it("loses nothing in four flips while the router's networking and firewall are restarted", async () => {
    const targets = [{ vip: "192.0.2.69", serverName: "www.widgetco.example", path: farm.healthPath }];
    const restarts = [
      "nft flush ruleset",
      "systemctl restart systemd-networkd",
      "systemctl reload-or-restart nftables",
    ];
    const way = {
      announce: ({ state }: Place) => farm.setState("web2", state),
      flip: async () => {
        const restarting = async (): Promise<void> => {
          for (const restart of restarts) {
            await sleep(600);
            await farm.sh("r1", restart);
          }
        };
        await Promise.all([farm.up(), restarting()]);
      },
    };
    const { record, flips } = await flipUnderLoad(farm.lab, targets, undefined, way, {
      count: 4,
      requestsPerSecond: await bearableRate(farm.lab, targets),
    });
    await farm.sh("r1", "systemctl stop nftables");
    const { failed, resets } = summary(record);
    assert.deepEqual({ failed, resets }, { failed: {}, resets: 0 });
    for (const { to, moved } of flips) assert.ok(Number.isFinite(moved), `${to.server} answered none`);
  });

  it("takes no more than three times as long as an empty program, with open connections and without", async () => {
    const times = await wallTimes(farm.lab, farm.project, 3);
    // The fastest of a few is what a busy host disturbs least.
    const fastest = (what: Wall): number => Math.min(...times[what]);
    for (const what of [Wall.Warm, Wall.Cold])
      assert.ok(fastest(what) <= 3 * fastest(Wall.Empty), JSON.stringify(times));
  });
});
