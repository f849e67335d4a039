import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { changes, fetching, heldTransfer, makeLargeFile } from "./curl";
import { Example, VIP } from "./example";

const URL = `ftp://${VIP}`;
const MODES = {
  "passive, EPSV": [],
  "passive, PASV": ["--disable-epsv"],
  "active, EPRT": ["--ftp-port", "-"],
  "active, PORT": ["--ftp-port", "-", "--disable-eprt"],
};
const [UNIT, TABLE] = ["loopback-ha.ftp.ftp.r1.linux-routes.service", "loopback-ha.ftp.ftp.r1.linux-routes"];

describe("examples/ftp: FTP servers on VIPs", function () {
  this.timeout(300_000);
  const example = new Example("ftp");

  before("it comes up", async () => {
    await example.build();
    await makeLargeFile(example, "/srv/ftp");
  });
  after("it goes", () => example.destroy());

  it("breaks no session in a failover and back, and new ones go to the new server (story)", async () => {
    const all = await fetching(example, URL, async () => {
      await example.away();
      await sleep(1000);
      await example.home();
    });
    assert.deepEqual(changes(all), ["web2", "web1", "web2"]);
    assert.ok(all.length > 50, `${all.length} sessions`);
  });

  /** Two files in one session, in each mode, with a failover in the middle of the first. */
  const overFailover = async (): Promise<[string, string][]> => {
    const transfers = Object.entries(MODES).map(async ([mode, options]) => ({
      mode,
      ...(await heldTransfer(example, URL, options)),
    }));
    const held = await Promise.all(transfers);
    await example.away();
    const ends = await Promise.all(
      held.map(async ({ mode, rest }): Promise<[string, string]> => [mode, await rest()]),
    );
    await example.home();
    return ends;
  };

  it("continues a transfer, and then its session with a new data connection, passive and active", async () => {
    for (const [mode, end] of await overFailover()) assert.equal(end, "web2 web2\n", mode);
  });

  it("sends the next passive data connection to the new server, which refuses it, without the helper; active ones need none", async () => {
    await example.sh(
      "r1",
      `systemctl stop ${UNIT}
       nft delete rule ip ${TABLE} prerouting handle $(nft -a list chain ip ${TABLE} prerouting | sed -n 's/.*helper set.* handle //p')`,
    );
    for (const [mode, end] of await overFailover()) {
      if (mode.startsWith("active")) assert.equal(end, "web2 web2\n", mode);
      else assert.match(end, /^web2 curl: /, mode);
    }
  });
});
