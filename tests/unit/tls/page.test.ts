/** A page by https, and the certificate that comes with it, as perl-base can ask for them: tls13.pl by way of probe.pl. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, createHmac, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import * as https from "node:https";
import * as net from "node:net";
import * as path from "node:path";
import { inDays, issue, makeAuthorities, sha256Of } from "../../certificates";

const HOST = path.join(__dirname, "../../../components/host/machine");
const { intermediate } = makeAuthorities();
const begins = inDays(-30);
const a = issue(intermediate, ["a.example"], { from: begins });
const wild = issue(intermediate, ["*.example"]);
const rsa = issue(intermediate, ["a.example"], {
  privateKey: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  }) as string,
});
const day = (at: Date): string => at.toISOString().replace(/\D/g, "").slice(0, 14);

describe("tls: a page by probe.pl", () => {
  const servers: net.Server[] = [];
  const sockets: net.Socket[] = [];
  after(() => {
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
  });
  async function listen(server: net.Server): Promise<number> {
    servers.push(server.listen(0, "127.0.0.1"));
    server.on("tlsClientError", () => {});
    server.on("connection", (socket: net.Socket) => sockets.push(socket.on("error", () => {})));
    await once(server, "listening");
    return (server.address() as net.AddressInfo).port;
  }
  /** The path is the status; the answer has the name that was asked for, and then as much as is wanted. */
  const serve = (options: https.ServerOptions = {}, size = 0): net.Server =>
    https.createServer({ cert: a.chain, key: a.key, ...options }, ({ url = "", headers }, response) => {
      response.statusCode = Number(url.slice(1));
      response.end(`${headers.host} ${"x".repeat(size)}`);
    });
  async function ask(lines: string[], ...args: string[]): Promise<string[][]> {
    const child = spawn("perl", [path.join(HOST, "probe.pl"), "--deadline", "0", "--timeout", "3", ...args]);
    child.stdin.end(lines.map((line) => `${line}\n`).join(""));
    let out = "";
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (out += text));
    await once(child, "close");
    return out
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
  }
  const question = (port: number, status: string, name = "a.example", wanted = "-", body = "-"): string =>
    ["https", "127.0.0.1", port, name, `/${status}`, wanted, body, "label"].join("\t");

  const known = [sha256Of(a), day(begins), "named"];
  for (const [what, server, ask1, expected] of [
    ["a status", () => serve(), ["403"], ["status 403", ...known]],
    ["what is right", () => serve(), ["200", "a.example", "200", "a.example"], ["", ...known]],
    ["other words", () => serve(), ["200", "a.example", "200", "web1"], ["other", ...known]],
    ["a long page", () => serve({}, 300_000), ["404"], ["status 404", ...known]],
    ["TLS 1.3 only", () => serve({ minVersion: "TLSv1.3" }), ["301"], ["status 301", ...known]],
    [
      "one that asks for a client certificate",
      () => serve({ requestCert: true, rejectUnauthorized: false }),
      ["200"],
      ["status 200", ...known],
    ],
    [
      "an RSA key",
      () => serve({ cert: rsa.chain, key: rsa.key }),
      ["200"],
      ["status 200", sha256Of(rsa), day(inDays(-1)).slice(0, 8), "named"],
    ],
    [
      "a wildcard's",
      () => serve({ cert: wild.chain, key: wild.key }),
      ["200"],
      ["status 200", sha256Of(wild), day(inDays(-1)).slice(0, 8), "named"],
    ],
    ["another name's", () => serve(), ["200", "b.example"], ["status 200", known[0], known[1], "another"]],
    ["TLS 1.2 only", () => serve({ maxVersion: "TLSv1.2" }), ["200"], ["unasked"]],
    ["other curves only", () => serve({ ecdhCurve: "P-384" }), ["200"], ["unasked"]],
    [
      "one that knows no such name",
      () => serve({ SNICallback: (_name, callback) => callback(new Error("no such name")) }),
      ["200"],
      ["late"],
    ],
    [
      "no TLS",
      () => net.createServer((socket) => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
      ["200"],
      ["other"],
    ],
    ["silence", () => net.createServer(), ["200"], ["late"]],
    [
      "small pieces",
      () => {
        const inner = serve();
        void listen(inner);
        return net.createServer((socket) => {
          const behind = net.connect((inner.address() as net.AddressInfo).port, "127.0.0.1");
          socket.setNoDelay(true).pipe(behind);
          behind
            .on("error", () => {})
            .on("data", (bytes) => {
              for (let i = 0; i < bytes.length; i += 50) socket.write(bytes.subarray(i, i + 50));
            });
        });
      },
      ["200"],
      ["status 200", ...known],
    ],
  ] as [string, () => net.Server, [string, ...string[]], string[]][])
    it(`sees ${what}`, async () => {
      const [[, , , , cause, , hash, from, named]] = await ask(
        [question(await listen(server()), ...ask1)],
        "--timeout",
        "1",
      );
      const found = [cause, hash, from, named].filter((cell) => cell !== undefined);
      assert.deepEqual(
        found.map((cell, i) => (i === 2 ? cell.slice(0, expected[2]?.length) : cell)),
        expected,
      );
    });

  it("sees many at once", async () => {
    const port = await listen(serve());
    const statuses = Array.from({ length: 60 }, (_, i) => `${200 + i}`);
    const found = await ask(
      statuses.map((status) => question(port, status)),
      "--parallel",
      "16",
    );
    assert.deepEqual(
      found.map(([, , , , cause]) => cause),
      statuses.map((status) => `status ${status}`),
    );
  });

  it("ends in time, and reports nothing on those that it had no time for", async () => {
    const fast = await listen(net.createServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n")));
    const hangs = await listen(net.createServer());
    const plain = (port: number): string => `http\t127.0.0.1\t${port}\tw\t/\t-\t-\tlabel`;
    const began = Date.now();
    const found = await ask(
      [plain(fast), ...Array.from({ length: 60 }, () => plain(hangs))],
      ...["--timeout", "0.5", "--within", "1.2", "--parallel", "16"],
    );
    const took = Date.now() - began;
    assert.ok(took > 1100 && took < 2500, `${took} ms`);
    const causes = found.map(([, , , , cause]) => cause);
    assert.equal(causes[0], "status 200");
    assert.equal(causes.length, 61);
    const late = causes.filter((cause) => cause === "late").length;
    assert.ok(late >= 15 && late <= 32, `${late} late`);
    assert.equal(causes.filter((cause) => cause === "unasked").length, 60 - late);
  });

  it("computes hashes and encryption as the standards do", () => {
    const perl = (expression: string): string =>
      spawnSync("perl", ["-e", `require "${HOST}/tls13.pl"; print unpack 'H*', ${expression}`], {
        encoding: "utf8",
      }).stdout;
    for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
      const text = "a".repeat(length);
      assert.equal(perl(`Tls13::sha256_by_hand('${text}')`), createHash("sha256").update(text).digest("hex"));
      assert.equal(
        perl(`Tls13::hmac_by_hand('key', '${text}')`),
        createHmac("sha256", "key").update(text).digest("hex"),
      );
    }
    // RFC 8439, 2.5.2 and A.3 (7 to 9: sums beyond the modulus); 2.4.2.
    for (const [key, text, tag] of [
      [
        "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
        Buffer.from("Cryptographic Forum Research Group").toString("hex"),
        "a8061dc1305136c6c22b8baf0c0127a9",
      ],
      [`02${"0".repeat(62)}`, "f".repeat(32), `03${"0".repeat(30)}`],
      [`02${"0".repeat(30)}${"f".repeat(32)}`, `02${"0".repeat(30)}`, `03${"0".repeat(30)}`],
      [
        `01${"0".repeat(62)}`,
        `${"f".repeat(32)}f0${"f".repeat(30)}11${"0".repeat(30)}`,
        `05${"0".repeat(30)}`,
      ],
    ])
      assert.equal(perl(`Tls13::poly1305(pack('H*', '${key}'), pack('H*', '${text}'))`), tag);
    const nonce = "000000000000004a00000000";
    const key = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0")).join("");
    assert.match(
      perl(
        `Tls13::chacha20(pack('H*', '${key}'), pack('H*', '${nonce}'), 1, "Ladies and Gentlemen of the class of '99" . ': If I could')`,
      ),
      /^6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab/,
    );
  });
});
