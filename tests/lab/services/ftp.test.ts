import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Example, VIP } from "./example";

/** More than the buffers on the way hold. */
const BYTES = 30_000_000;
const MODES = {
  "passive, EPSV": [],
  "passive, PASV": ["--disable-epsv"],
  "active, EPRT": ["--ftp-port", "-"],
  "active, PORT": ["--ftp-port", "-", "--disable-eprt"],
};
type Mode = keyof typeof MODES;
const [UNIT, TABLE] = ["loopback-ha.ftp.ftp.r1.linux-routes.service", "loopback-ha.ftp.ftp.r1.linux-routes"];

describe("examples/ftp: FTP servers on VIPs", function () {
  this.timeout(300_000);
  const example = new Example("ftp");

  before("it comes up", async () => {
    await example.build();
    for (const name of ["web1", "web2"])
      await example.sh(name, `head -c ${BYTES} /dev/zero | tr '\\0' ${name.at(-1)} >/srv/ftp/large`);
  });
  after("it goes", () => example.destroy());

  /**
   * A session that fetches a large file and stops in its middle; `rest` goes on with it, fetches a small one in the same
   * session, and tells from which servers the two came, or what curl said.
   */
  const session = async (mode: Mode): Promise<{ rest(): Promise<string> }> => {
    const files = ["large", "server"].flatMap((name) => ["-o", "-", `ftp://${VIP}/${name}`]);
    const child = await example.lab.spawn("client", [
      "curl",
      "-sS",
      "--max-time",
      "200",
      ...MODES[mode],
      ...files,
    ]);
    const end = once(child, "close");
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
    const [first] = (await once(child.stdout!, "data")) as [Buffer];
    child.stdout!.pause();
    return {
      async rest() {
        const chunks = [first];
        child.stdout!.on("data", (chunk: Buffer) => chunks.push(chunk)).resume();
        await end;
        const all = Buffer.concat(chunks);
        const large = all.subarray(0, BYTES);
        const from = large.length === BYTES && large.every((byte) => byte === large[0]);
        return from ? `web${String.fromCharCode(large[0])} ${all.subarray(BYTES)}${said}` : said;
      },
    };
  };

  /** Fetches a small file again and again, each time in a session of its own; which servers' came, in order. */
  const fetching = async (work: () => Promise<unknown>): Promise<string[]> => {
    const loop = `until read -t 0.05 -r _; do curl -sS --max-time 5 ftp://${VIP}/server 2>&1; done`;
    const child = await example.lab.spawn("client", ["bash", "-c", loop]);
    let said = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (said += text));
    await sleep(1000);
    await work();
    await sleep(1000);
    child.stdin!.write("\n");
    await once(child, "close");
    return said.trim().split("\n");
  };
  const changes = (all: string[]): string[] => all.filter((line, i) => line !== all[i - 1]);

  it("each session is whole in a failover and back, and new ones go to the new server", async () => {
    const all = await fetching(async () => {
      await example.away();
      await sleep(1000);
      await example.home();
    });
    assert.deepEqual(changes(all), ["web2", "web1", "web2"]);
    assert.ok(all.length > 50, `${all.length} sessions`);
  });

  const modes = Object.keys(MODES) as Mode[];
  it("a transfer goes on, and so does its session with a new data connection, passive and active", async () => {
    const sessions = await Promise.all(modes.map(session));
    await example.away();
    const ends = await Promise.all(sessions.map(({ rest }) => rest()));
    assert.deepEqual(
      ends,
      modes.map(() => "web2 web2\n"),
    );
    await example.home();
  });

  it("without the helper, the next passive data connection goes to the new server, which refuses it; active ones need none", async () => {
    await example.sh(
      "r1",
      `systemctl stop ${UNIT}
       nft delete rule ip ${TABLE} prerouting handle $(nft -a list chain ip ${TABLE} prerouting | sed -n 's/.*helper set.* handle //p')`,
    );
    const sessions = await Promise.all(modes.map(session));
    await example.away();
    const ends = await Promise.all(sessions.map(({ rest }) => rest()));
    for (const [i, mode] of modes.entries()) {
      if (mode.startsWith("active")) assert.equal(ends[i], "web2 web2\n", mode);
      else assert.match(ends[i], /^web2 curl: /, mode);
    }
    await example.home();
  });
});
