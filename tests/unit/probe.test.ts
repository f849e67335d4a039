import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { HealthRound, parseHealth } from "../../cli/routers/health";
import { Cause, Host } from "../../components/routerRoute/verdict";

const PROBE = path.join(__dirname, "../../components/host/machine/probe.pl");
const OK = "HTTP/1.0 200 OK\r\n\r\nweb1 w\n";

describe("probe.pl, again and again (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-probe-"));
  const servers: net.Server[] = [];
  after(() => {
    for (const server of servers) server.close();
    fs.rmSync(folder, { recursive: true });
  });

  /** A server on this machine; its port. */
  async function serve(onRequest: (client: net.Socket) => void): Promise<number> {
    const server = net.createServer((client) => {
      client.on("error", () => client.destroy());
      client.once("data", () => onRequest(client));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as net.AddressInfo).port;
  }
  const check = (port: number, label: string): string =>
    `http\t127.0.0.1\t${port}\tw.example\t/health\t200\tweb1 w\t${label}\n`;

  /** So many rounds of checks. */
  async function rounds(count: number, checks: string, ...args: string[]): Promise<HealthRound[]> {
    const link = path.join(folder, "current");
    fs.rmSync(link, { force: true });
    fs.symlinkSync("versions/1", link);
    fs.writeFileSync(path.join(folder, "lock"), "");
    const options = [
      "--deadline",
      "0",
      "--timeout",
      "0.2",
      "--every",
      "0.3",
      "--while",
      `${link}=versions/1`,
    ];
    const child = spawn("perl", [PROBE, ...options, "--lock", path.join(folder, "lock"), ...args]);
    child.stdin.end(checks);
    const found: HealthRound[] = [];
    let lines: string[][] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      if (line !== "end") lines.push(line.split("\t"));
      else {
        found.push(parseHealth(lines));
        lines = [];
        if (found.length < count) continue;
        fs.rmSync(link);
        fs.symlinkSync("versions/2", link);
      }
    }
    return found;
  }

  it("reports the results of slow checks with a round, and nothing before they were made", async () => {
    const port = await serve((client) => client.end(OK));
    const aside = path.join(folder, "aside");
    const told = async (text?: string): Promise<string[] | undefined> => {
      if (text !== undefined) fs.writeFileSync(aside, text);
      return (await rounds(1, check(port, "marked web1 w"), "--aside", aside))[0].troubles;
    };
    assert.deepEqual([await told(), await told(""), await told("a\nb\n")], [undefined, [], ["a", "b"]]);
  });

  it("reports a guard's holds with a round, in whole lines, and nothing without such a file", async () => {
    const port = await serve((client) => client.end(OK));
    const held = path.join(folder, "held");
    const told = async (text?: string): Promise<unknown> => {
      if (text !== undefined) fs.writeFileSync(held, text);
      return (await rounds(1, check(port, "marked web1 w"), "--held", held))[0].held;
    };
    assert.equal(await told(), undefined);
    assert.deepEqual(await told("web2 2026-11-30T16:00:00Z refuses connections\nweb3 2026"), [
      { server: "web2", at: "2026-11-30T16:00:00Z", reason: "refuses connections" },
    ]);
  });

  it("is not held up by servers that hang, refuse or answer a byte at a time; exits when another version is installed", async () => {
    const good = await serve((client) => client.end(OK));
    const hangs = await serve(() => undefined);
    const trickles = await serve((client) => {
      const timer = setInterval(() => client.write("H"), 20);
      client.on("close", () => clearInterval(timer));
    });
    const gone = await serve(() => undefined);
    servers.pop()!.close();
    const redirects = await serve((client) => client.end(OK.replace("200 OK", "301 Moved")));
    // Its first words are known, and it never ends.
    const errs = await serve((client) => void client.write("HTTP/1.1 500 Oops\r\nX: y\r\n\r\nand"));
    const another = await serve((client) => client.end(OK.replace("web1", "web2")));
    const closes = await serve((client) => client.end());
    const ports = {
      good,
      hangs,
      trickles,
      gone,
      redirects,
      errs,
      another,
      closes,
    };
    const checks = Object.entries(ports).map(([name, port]) => check(port, `marked ${name} w`));
    const found = await rounds(3, checks.join(""));
    assert.ok(found.length >= 3 && found.length <= 4, `${found.length} rounds`);
    for (const { answers, busy } of found) {
      assert.equal(busy, undefined);
      assert.deepEqual(
        answers.map(({ server, cause, reason }) => [server, cause, reason]),
        [
          ["good", undefined, ""],
          ["hangs", Cause.Late, "no answer within 0.2 s"],
          ["trickles", Cause.Late, "no answer within 0.2 s"],
          ["gone", Cause.Refused, "Connection refused"],
          ["redirects", Cause.Status, "HTTP status 301 instead of 200"],
          ["errs", Cause.Status, "HTTP status 500 instead of 200"],
          ["another", Cause.Other, 'answered "web2 w" instead of "web1 w"'],
          ["closes", Cause.Late, "no HTTP answer"],
        ],
      );
    }
  });

  it("distinguishes silence from a machine that is gone, each in its own network (H5)", async () => {
    const far = [
      // A web server that is stopped: its backlog is full, so no SYN is answered, while its machine answers a ping.
      `perl -e 'use Socket; socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
        bind(S, sockaddr_in(80, inet_aton("192.0.2.2"))) or die; listen(S, 0); sleep 60' & server=$!`,
      `sleep 0.3; for i in 1 2 3; do (exec 3<>/dev/tcp/192.0.2.2/80; sleep 60) & done 2>/dev/null; sleep 0.3`,
    ].join("\n");
    const questions = [
      "host\t192.0.2.2\thost full",
      "host\t192.0.2.9\thost gone",
      "host\t192.0.2.2\thost refuses",
      "http\t192.0.2.2\t80\tw\t/\t200\t-\tmarked full w",
      "http\t192.0.2.9\t80\tw\t/\t200\t-\tmarked gone w",
      "http\t192.0.2.2\t81\tw\t/\t200\t-\tmarked refuses w",
      "http\t203.0.113.1\t80\tw\t/\t200\t-\tmarked routeless w",
    ];
    const script = `ip link set lo up
      unshare -n sleep 60 & other=$!
      for i in $(seq 50); do [[ $(readlink /proc/$other/ns/net) != "$(readlink /proc/self/ns/net)" ]] && break; sleep 0.02; done
      ip link add near type veth peer name away; ip link set away netns $other
      ip address add 192.0.2.1/27 dev near; ip link set near up
      nsenter -t $other -n bash -c 'ip address add 192.0.2.2/27 dev away; ip link set away up; ip link set lo up'
      nsenter -t $other -n bash -c '${far.replaceAll("'", `'\\''`)}'
      printf '%s\n' ${questions.map((line) => `$'${line.replaceAll("\t", "\\t")}'`).join(" ")} >"$2/questions"
      perl "$1" --deadline 0 --timeout 0.3 --lock "$2/lock" <"$2/questions"
      pkill -P $other 2>/dev/null; kill $other $(jobs -p) 2>/dev/null`;
    const { stdout, stderr } = spawnSync(
      "unshare",
      ["-n", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", script, "x", PROBE, folder],
      { encoding: "utf8" },
    );
    const lines = stdout.split("\n").slice(0, -2);
    const { answers, hosts } = parseHealth(lines.map((line) => line.split("\t")));
    assert.deepEqual(
      Object.fromEntries(hosts ?? []),
      { full: Host.Lives, gone: Host.Gone, refuses: Host.Lives },
      stdout + stderr,
    );
    assert.deepEqual(
      answers.map(({ server, cause }) => [server, cause]),
      [
        ["full", Cause.Silent],
        ["gone", Cause.Silent],
        ["refuses", Cause.Refused],
        ["routeless", Cause.Unreachable],
      ],
    );
  });

  it("asks a few of each group in each round, until all were asked", async () => {
    const good = await serve((client) => client.end(OK));
    const group = (name: string): string =>
      `group\n${Array.from({ length: 7 }, (_, i) => check(good, `marked ${name} site${i}`)).join("")}`;
    const found = await rounds(3, group("web1") + group("web2"), "--sample", "3");
    const asked = found
      .slice(0, 3)
      .map(({ answers }) => answers.map(({ server, site }) => `${server} ${site}`));
    for (const round of asked) {
      assert.equal(round.length, 6);
      assert.equal(new Set(round).size, 6);
    }
    assert.equal(new Set(asked.flat()).size, 14);
  });

  it("sends no flood, whatever is asked for (M9)", async () => {
    const good = await serve((client) => client.end(OK));
    const group = `group\n${Array.from({ length: 99 }, (_, i) => check(good, `marked web1 site${i}`)).join("")}`;
    for (const { answers } of await rounds(2, group, "--every", "0.00001", "--sample", "9999999"))
      assert.equal(answers.length, 64);
    const began = Date.now();
    const found = await rounds(9, check(good, "marked web1 site1"), "--every", "0.00001");
    assert.ok(Date.now() - began >= 1550, `${found.length} rounds in ${Date.now() - began} ms`);
  });

  describe("until all answer", () => {
    /** What 200 checks say within 1.2 seconds, and how often somebody was asked who is ready then, and how often before. */
    async function ask(readyAfter: number): Promise<{ lines: string[]; before: number; then: number }> {
      const asked = { before: 0, then: 0 };
      const port = await serve((client) => {
        const ready = asked.before >= readyAfter;
        asked[ready ? "then" : "before"]++;
        client.end(ready ? OK : OK.replace("200 OK", "503 Wait"));
      });
      const child = spawn("perl", [PROBE, "--deadline", "1.2"]);
      child.stdin.end(Array.from({ length: 200 }, (_, i) => check(port, `w${i}`)).join(""));
      const lines: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) lines.push(line);
      return { lines, ...asked };
    }

    it("asks a few until one answers, then all", async () => {
      const { lines, before, then } = await ask(64);
      assert.equal(lines.filter((line) => line.startsWith("ok\t")).length, 200);
      assert.equal(before, 64);
      assert.ok(then >= 200 && then <= 240, `${then} asked then`);
    });

    it("asks all at the end, so that each has its own reason", async () => {
      const { lines } = await ask(Infinity);
      const reason = "HTTP status 503 instead of 200";
      assert.equal(
        lines.filter((line) => line.startsWith("fail\t") && line.split("\t")[3] === reason).length,
        200,
      );
    });
  });
});
