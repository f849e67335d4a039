import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { clientAddresses, startOnClient } from "../../../lab/client";
import { now } from "../../../lab/load/record";
import { SERVERS, within } from "../support";
import { Example, VIP } from "./example";
import { Message, Spec } from "./sender";

const SLOW_SECONDS = 10;

describe("examples/mail: mail exchangers on VIPs", function () {
  this.timeout(300_000);
  const example = new Example("mail");

  before("it comes up", () => example.build());
  after("it goes", () => example.destroy());

  /** What is in the mailbox: id of each message, and the server that took it. */
  const arrived = async (): Promise<{ id: string; server: string }[]> => {
    const lines = await example.sh(
      "ns1",
      String.raw`cd /home/info/Maildir/new 2>/dev/null || exit 0
        for f in *; do [ -e "$f" ] || continue; id=$(sed -n 's/^Message-ID: //p' "$f")
          echo "$id $(grep -o 'by web[1-4]\.' "$f" | head -n 1 | tr -d . | cut -d ' ' -f 2)"; done`,
    );
    return lines
      .split("\n")
      .filter(Boolean)
      .map((line) => ({ id: line.split(" ")[0], server: line.split(" ")[1] }));
  };

  it("delivers each message that is sent during a failover and back exactly once (story)", async () => {
    const spec: Spec = {
      vip: VIP,
      to: "info@widgetco.example",
      sources: [...clientAddresses],
      perSecond: { single: 10, slow: 1, held: 4 },
      slowSeconds: SLOW_SECONDS,
      maxSeconds: 180,
    };
    const { stop } = await startOnClient<Message[]>(example.lab, "tests/lab/services/sender.ts", spec);
    const times: number[] = [];
    for (const flip of [() => example.away(), () => example.home()]) {
      await sleep(2500);
      times.push(now());
      await flip();
      times.push(now());
    }
    await sleep(1500);
    const messages = await stop();
    assert.deepEqual(
      messages.filter(({ failure }) => failure),
      [],
    );
    // Postfix tries again after minutes what the mailbox's machine, busy too, did not take at once.
    const everywhere = async (command: string): Promise<string[]> =>
      Promise.all(SERVERS.map((server) => example.sh(server, command)));
    const all = async (): Promise<boolean> => {
      await everywhere("postqueue -f");
      return (await arrived()).length >= messages.length;
    };
    await within(60, `all ${messages.length} messages in the mailbox`, all).catch(async (error: Error) => {
      const queues = (await everywhere("postqueue -p")).join("\n");
      throw new Error(`${error.message}: ${(await arrived()).length} are there\n${queues}`);
    });
    const inbox = await arrived();
    assert.deepEqual(inbox.map(({ id }) => id).sort(), messages.map(({ id }) => id).sort());

    const serverOf = new Map(inbox.map(({ id, server }) => [id, server]));
    const [away, gone, home, back] = times;
    const taken = (way: Message["way"], from = 0, until = Infinity): (string | undefined)[] => [
      ...new Set(
        messages
          .filter((message) => message.way === way && message.started >= from && message.started < until)
          .map(({ id }) => serverOf.get(id)),
      ),
    ];
    assert.deepEqual(taken("single", 0, away), ["web2"]);
    assert.deepEqual(taken("single", gone, home), ["web1"]);
    assert.deepEqual(taken("single", back), ["web2"]);
    assert.deepEqual(taken("held"), ["web2"], "a connection stays where it began");
    const moved = Math.min(
      ...messages.flatMap(({ way, id, started }) =>
        way === "single" && serverOf.get(id) === "web1" ? [started] : [],
      ),
    );
    const across = messages.filter(
      ({ way, started, ended }) => way === "slow" && started < moved - 1000 && ended > moved,
    );
    assert.ok(across.length > 0, "messages that outlived a flip");
    assert.deepEqual([...new Set(across.map(({ id }) => serverOf.get(id)))], ["web2"]);
  });

  it("does not move to a server whose Postfix listens but sends no greeting", async () => {
    await example.sh("web1", "postconf -e smtpd_delay_reject=maybe && systemctl restart postfix");
    try {
      assert.equal(
        await example.sh("client", "exec 3<>/dev/tcp/192.0.2.2/25 && echo connected"),
        "connected\n",
      );
      assert.match(
        await example.refused(example.flips.away),
        /r1: port 25 of mail on web1 does not answer for 192\.0\.2\.74: (no answer within 1 s|said "").*nothing was moved/,
      );
    } finally {
      await example.sh("web1", "postconf -e smtpd_delay_reject=yes && systemctl restart postfix");
    }
    await example.home();
  });
});
