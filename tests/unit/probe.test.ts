import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { HealthRound, parseHealth } from "../../cli/health";

const PROBE = path.join(__dirname, "../../components/host/probe.pl");
const ROUTES = path.join(__dirname, "../../components/routerRoute/routes.sh");
const OK = "HTTP/1.0 200 OK\r\n\r\nweb1 w\n";

describe("probe.pl, again and again", () => {
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
    const options = ["--deadline", "0", "--timeout", "0.2", "--every", "0.3", "--while", link];
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

  it("servers that hang, refuse or answer a byte at a time hold up nobody; another version ends it", async () => {
    const good = await serve((client) => client.end(OK));
    const hangs = await serve(() => undefined);
    const trickles = await serve((client) => {
      const timer = setInterval(() => client.write("H"), 20);
      client.on("close", () => clearInterval(timer));
    });
    const gone = await serve(() => undefined);
    servers.pop()!.close();
    const ports = { good, hangs, trickles, gone };
    const checks = Object.entries(ports).map(([name, port]) => check(port, `marked ${name} w`));
    const found = await rounds(3, checks.join(""));
    assert.ok(found.length >= 3 && found.length <= 4, `${found.length} rounds`);
    for (const { answers, busy } of found) {
      assert.equal(busy, undefined);
      assert.deepEqual(
        answers.map(({ server, ok, reason }) => [server, ok, reason]),
        [
          ["good", true, ""],
          ["hangs", false, "no answer within 0.2 s"],
          ["trickles", false, "no answer within 0.2 s"],
          ["gone", false, "Connection refused"],
        ],
      );
    }
  });

  it("asks a few of each group, others in each round, until all were asked", async () => {
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

  it("is no flood, whatever is asked for (M9)", async () => {
    const good = await serve((client) => client.end(OK));
    const group = `group\n${Array.from({ length: 99 }, (_, i) => check(good, `marked web1 site${i}`)).join("")}`;
    const began = Date.now();
    const found = await rounds(4, group, "--every", "0.00001", "--sample", "9999999");
    assert.ok(Date.now() - began >= 580, `${found.length} rounds in ${Date.now() - began} ms`);
    for (const { answers } of found) assert.equal(answers.length, 64);
  });

  it("the router's scripts keep to limits of their own (M9)", () => {
    const bounded = (...args: string[]): string => {
      const script = `scripts=$(dirname "$1"); say() { printf '%s\\n' "$*"; }; fail() { say "$*"; exit 1; }; . "$1"; shift; bounded "$@"`;
      return spawnSync("bash", ["-euc", script, "bash", ROUTES, ...args], { encoding: "utf8" }).stdout.trim();
    };
    for (const [value, taken] of [
      ["0.00001", "0.2"],
      ["0", "0.2"],
      [".5", ".5"],
      ["0.5", "0.5"],
      ["10", "10"],
      ["99999999", "3600"],
      ["00000000000000000000000000001", "00000000000000000000000000001"],
    ])
      assert.equal(bounded("--every", value, "0.2", "3600"), taken, value);
    for (const value of ["", "x", "-1", "1e9", "0x10", "1;id", "inf", "nan", "1 2", "1\n2"])
      assert.match(
        bounded("--every", value, "0.2", "3600"),
        /^--every takes a number from 0\.2 to 3600/,
        value,
      );
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
        lines.filter((line) => line.startsWith("fail\t") && line.endsWith(`\t${reason}`)).length,
        200,
      );
    });
  });
});
