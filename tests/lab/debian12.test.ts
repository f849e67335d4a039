import assert from "node:assert/strict";
import { underLoad } from "../../lab/client";
import { debians } from "../../lab/machines";
import { AWAY, Farm, SERVERS, emptyLab } from "./support";

/** All other tests run on machines with Debian 13; this is what machines with Debian 12 must do as well. */
describe("machines with Debian 12", function () {
  this.timeout(600_000);
  const farm = new Farm();

  before("a lab of theirs", async () => {
    await emptyLab(farm.lab);
    await farm.lab.down();
    await farm.lab.up({ release: "12" });
    for (const { name } of debians)
      assert.match(await farm.sh(name, "cat /etc/debian_version"), /^12\./, name);
  });
  after(() => farm.lab.down());

  const flip = async (state: string, servers: string[]): Promise<void> => {
    await farm.setState("web2", state);
    await farm.up();
    assert.deepEqual(await farm.serving(), servers);
  };

  it("have a farm, fail over by the kernel's routes without a loss and by FRR, and are as before after destroy (story)", async () => {
    const left = (): Promise<string[]> =>
      Promise.all(
        debians.map(({ name }) =>
          farm.sh(
            name,
            "ls /etc/apache2/sites-enabled /etc/bind /var/lib /etc/systemd/system; ip -4 -o address; ip -4 route",
          ),
        ),
      );
    const before = await left();
    await farm.build();
    const target = { serverName: "www.widgetco.example", healthPath: farm.healthPath, vips: farm.vips };
    const stats = await underLoad(farm.lab, target, async () => {
      await flip("maintenance", AWAY);
      await flip("active", SERVERS);
    });
    assert.deepEqual(
      Object.values(stats).map(({ failures }) => failures),
      farm.vips.map(() => 0),
    );
    await farm.sh("r1", "systemctl start frr");
    await farm.set("routers.r1.kind", "frr");
    await flip("maintenance", AWAY);
    assert.doesNotMatch(await farm.up(), /updated|created|deleted/);
    await farm.destroy();
    assert.deepEqual(await left(), before);
  });
});
