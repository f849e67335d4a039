import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterPatience } from "../../../lab/load/program";
import { now } from "../../../lab/load/record";

describe("the load's patience", () => {
  const holdUp = (ms: number): void => {
    for (const end = now() + ms; now() < end;);
  };

  it("gives up in time when nothing holds the program up", async () => {
    const began = now();
    await new Promise<void>((resolve) => afterPatience(30, resolve));
    assert.ok(now() - began >= 29);
  });

  it("can be stopped, even after the program was held up", async () => {
    const stops = [afterPatience(20, assert.fail), afterPatience(20, assert.fail)];
    stops[0]();
    holdUp(200);
    // Its first timer is over after this, its second one is not.
    await sleep(1);
    stops[1]();
    await sleep(250);
  });

  it("reads what arrived while the program was held up before it gives up", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
    const [[peer]] = await Promise.all([once(server, "connection"), once(client, "connect")]);
    const order: string[] = [];
    const lost = new Promise<void>((resolve) =>
      afterPatience(20, () => {
        order.push("patience");
        resolve();
      }),
    );
    client.once("data", () => order.push("answer"));
    (peer as net.Socket).write("x");
    holdUp(200);
    await lost;
    assert.deepEqual(order, ["answer", "patience"]);
    client.destroy();
    server.close();
  });
});
