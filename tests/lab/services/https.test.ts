import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { changes, fetching, heldTransfer, makeLargeFile } from "./curl";
import { Example, VIP } from "./example";

const NAME = "www.widgetco.example";
const URL = `https://${NAME}`;

describe("examples/https: a site with https on VIPs", function () {
  this.timeout(300_000);
  const example = new Example("https");
  /** The VIP that moves, and the certificate that the page's commands made. */
  const options = (): string[] => [
    ...["--resolve", `${NAME}:443:${VIP}`, "--resolve", `${NAME}:80:${VIP}`],
    ...["--cacert", example.file("site.crt")],
  ];

  before("it comes up", async () => {
    await example.build();
    await makeLargeFile(example, "/srv/www/widgetco");
  });
  after("it goes", () => example.destroy());

  it("loses no request in a failover and back, and new connections go to the new server (story)", async () => {
    const work = async (): Promise<void> => {
      await example.away();
      await sleep(1000);
      await example.home();
    };
    const all = await fetching(example, URL, work, options());
    assert.deepEqual(changes(all), ["web2", "web1", "web2"]);
    assert.ok(all.length > 50, `${all.length} requests`);
    const redirect = [
      "curl",
      "-sS",
      "-o",
      "/dev/null",
      "-w",
      "%{redirect_url}",
      ...options(),
      `http://${NAME}/a`,
    ];
    assert.equal((await example.lab.exec("client", redirect)).stdout, `${URL}/a`);
  });

  it("keeps a download and its TLS session on their server", async () => {
    const { rest } = await heldTransfer(example, URL, options());
    await example.away();
    assert.equal(await rest(), "web2 web2\n");
    await example.home();
  });

  it("does not move to a server that has http only", async () => {
    await example.sh(
      "web1",
      "a2dismod --quiet --force ssl && a2dissite --quiet widgetco && systemctl restart apache2",
    );
    try {
      assert.match(
        await example.refused(example.flips.away),
        /r1: port 443 of widgetco on web1 does not answer for 192\.0\.2\.74: Connection refused; nothing was moved/,
      );
    } finally {
      await example.sh(
        "web1",
        "a2enmod --quiet ssl && a2ensite --quiet widgetco && systemctl restart apache2",
      );
    }
    await example.home();
  });
});
