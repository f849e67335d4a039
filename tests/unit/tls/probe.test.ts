/** Which certificate a server shows, as perl-base can see it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import * as tls from "node:tls";
import { TestPair, issue, makeAuthorities } from "../../certificates";
import { withPerlBaseOnly } from "../perlBase";

const PROBE = path.join(__dirname, "../../../components/host/machine/probe.pl");
const { intermediate } = makeAuthorities();
const a = issue(intermediate, ["a.example"]);
const b = issue(intermediate, ["b.example"]);
const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const rsa = issue(intermediate, ["a.example"], {
  privateKey: rsaKey.export({ type: "pkcs8", format: "pem" }) as string,
});
const contextOf = ({ chain, key }: TestPair): tls.SecureContext =>
  tls.createSecureContext({ cert: chain, key });

describe("tls: probe.pl", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "probe-tls-"));
  const servers: net.Server[] = [];
  const sockets: net.Socket[] = [];
  const asked: string[] = [];
  after(() => {
    fs.rmSync(folder, { recursive: true });
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
  });
  const fileOf = (name: string, { chain, key }: TestPair): string => {
    const file = path.join(folder, `${name}.pem`);
    fs.writeFileSync(file, `${key}${chain}`);
    return file;
  };
  async function listen(server: net.Server): Promise<number> {
    servers.push(server.listen(0, "127.0.0.1"));
    server.on("tlsClientError", () => {});
    server.on("connection", (socket: net.Socket) => sockets.push(socket.on("error", () => {})));
    await once(server, "listening");
    return (server.address() as net.AddressInfo).port;
  }
  const secure = (own: TestPair, options: tls.TlsOptions = {}): net.Server =>
    tls.createServer({ cert: own.chain, key: own.key, ...options });

  async function probe(port: number, name: string, file: string): Promise<string> {
    const child = spawn("perl", [PROBE, "--deadline", "0.5", "--timeout", "0.5"]);
    child.stdin.end(`tls\t127.0.0.1\t${port}\t${name}\t${file}\tlabel\n`);
    let out = "";
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (out += text));
    await once(child, "close");
    const [verdict, , , reason] = out.trim().split("\t");
    return reason ? `${verdict}: ${reason}` : verdict;
  }

  const rows: [string, () => net.Server, string, TestPair, RegExp][] = [
    ["the site's", () => secure(a), "a.example", a, /^ok$/],
    ["one with an RSA key", () => secure(rsa), "a.example", rsa, /^ok$/],
    ["another one", () => secure(b), "a.example", a, /^fail: shows another certificate$/],
    [
      "its issuer's",
      () => secure(a),
      "a.example",
      { ...a, chain: intermediate.certificate },
      /shows another/,
    ],
    [
      "by the name that is asked for",
      () =>
        secure(b, {
          SNICallback: (name, callback) => {
            asked.push(name);
            callback(null, contextOf(name === "a.example" ? a : b));
          },
        }),
      "a.example",
      a,
      /^ok$/,
    ],
    [
      "none, by TLS 1.3 only",
      () => secure(a, { minVersion: "TLSv1.3" }),
      "a.example",
      a,
      /^fail: ended the TLS handshake \(alert \d+\)$/,
    ],
    [
      "none, by http",
      () => net.createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
      "a.example",
      a,
      /^fail: speaks no TLS$/,
    ],
    ["none, by silence", () => net.createServer(), "a.example", a, /^fail: no answer within/],
    [
      "none, by closing",
      () => net.createServer((socket) => socket.destroy()),
      "a.example",
      a,
      /^fail: (shows no certificate|Connection reset by peer)$/,
    ],
    [
      "one that comes in small pieces",
      () => {
        const inner = secure(a, { maxVersion: "TLSv1.2" });
        void listen(inner);
        return net.createServer((socket) => {
          const { port } = inner.address() as net.AddressInfo;
          const behind = net.connect(port, "127.0.0.1");
          socket.pipe(behind);
          behind.on("data", (bytes) => {
            for (let i = 0; i < bytes.length; i += 100) socket.write(bytes.subarray(i, i + 100));
          });
          for (const end of [socket, behind]) end.on("error", () => {});
          socket.setNoDelay(true);
        });
      },
      "a.example",
      a,
      /^ok$/,
    ],
  ];
  for (const [name, server, host, expected, says] of rows) {
    it(`sees ${name}`, async () => {
      assert.match(await probe(await listen(server()), host, fileOf("expected", expected)), says);
    });
  }

  describe("whether it speaks TLS at all", () => {
    async function hello(port: number): Promise<string> {
      const child = spawn("perl", [...withPerlBaseOnly(PROBE), "--deadline", "0", "--timeout", "0.5"]);
      child.stdin.end(`hello\t127.0.0.1\t${port}\ta.example\tlabel\n`);
      let out = "";
      child.stdout.on("data", (text) => (out += text));
      child.stderr.on("data", (text) => (out += text));
      await once(child, "close");
      const [verdict, , , , cause] = out.trimEnd().split("\t");
      return cause ? `${verdict} ${cause}` : verdict;
    }
    const names: string[] = [];
    const answers: [string, () => net.Server, string][] = [
      [
        "by TLS 1.2",
        () =>
          secure(a, {
            maxVersion: "TLSv1.2",
            SNICallback: (name, callback) => (names.push(name), callback(null, contextOf(a))),
          }),
        "ok",
      ],
      ["by an alert, as it speaks TLS 1.3 only", () => secure(a, { minVersion: "TLSv1.3" }), "ok"],
      [
        "by an alert, as it takes none of the ciphers",
        () => secure(a, { maxVersion: "TLSv1.2", ciphers: "AES128-SHA" }),
        "ok",
      ],
      [
        "by the first byte of a record",
        () => net.createServer((socket) => socket.write(Buffer.from([22, 3]))),
        "ok",
      ],
      [
        "not by http",
        () => net.createServer((socket) => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
        "fail other",
      ],
      ["not by silence", () => net.createServer(), "fail late"],
      ["not by closing", () => net.createServer((socket) => socket.end()), "fail late"],
    ];
    for (const [what, server, expected] of answers)
      it(what, async () => assert.equal(await hello(await listen(server())), expected));
    it("not where nobody listens", async () => {
      const server = net.createServer();
      const port = await listen(server);
      server.close();
      await once(server, "close");
      assert.equal(await hello(port), "fail refused");
    });
    it("with the name that it is to show", () => assert.deepEqual(names, ["a.example"]));
  });

  it("asks by SNI", () => assert.ok(asked.includes("a.example")));
});
