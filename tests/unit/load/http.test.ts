import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import { Answers, Failure, failureOf, parseHead, serverNamed } from "../../../lab/load/http";
import { checkSpec, LoadSpec } from "../../../lab/load/spec";

const answer = (body: string, length = body.length, status = "200 OK"): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\nServer: Apache\r\nContent-Length: ${length}\r\n\r\n${body}`);
const chunked = (body: string): Buffer =>
  Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);

describe("the load's HTTP", () => {
  it("reads a head when it is complete", () => {
    const whole = answer("web1 widgetco\n");
    assert.equal(parseHead(whole.subarray(0, 30)), undefined);
    assert.deepEqual(parseHead(whole), { status: 200, length: 14, bodyAt: whole.length - 14 });
    assert.deepEqual(parseHead(Buffer.from("SSH-2.0\r\n\r\n")), { status: NaN, length: NaN, bodyAt: 11 });
  });

  const answers: [string, Buffer, string][] = [
    ["the server's name", answer("web1 widgetco\n"), "web1"],
    ["another status", answer("", 0, "421 Misdirected Request"), "status 421"],
    ["nothing", Buffer.alloc(0), "short"],
    ["half a body", answer("web1 ", 14), "short"],
    ["chunks", chunked("8\r\nweb1 ran\r\n0\r\n\r\n"), "web1"],
    ["chunks without the last one", chunked("8\r\nweb1 ran\r\n"), "short"],
    ["no length", Buffer.from("HTTP/1.1 200 OK\r\n\r\nweb1 x"), "short"],
  ];
  for (const [what, received, expected] of answers) {
    it(`takes an answer with ${what} for ${expected}`, () => {
      let outcome: string;
      try {
        outcome = serverNamed(received);
      } catch (error) {
        outcome = failureOf(error);
      }
      assert.equal(outcome, expected);
    });
  }

  const errors: [unknown, string][] = [
    [Object.assign(new Error(), { code: "ECONNREFUSED" }), "refused"],
    [Object.assign(new Error(), { code: "ECONNRESET" }), "reset"],
    [Object.assign(new Error(), { code: "EPIPE" }), "reset"],
    [Object.assign(new Error(), { code: "EHOSTUNREACH" }), "unreachable"],
    [Object.assign(new Error(), { code: "EADDRNOTAVAIL" }), "EADDRNOTAVAIL"],
    [new Failure("timeout"), "timeout"],
    [new Error("odd"), "odd"],
  ];
  for (const [error, expected] of errors) {
    it(`calls it ${expected}`, () => assert.equal(failureOf(error), expected));
  }

  /** What a client reads of a server that sends these pieces one by one, and then ends the connection. */
  async function read(pieces: Buffer[], bodies: number): Promise<string[]> {
    const server = net.createServer(async (socket) => {
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.end();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const socket = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
    const texts: string[] = [];
    try {
      const from = new Answers(socket);
      for (let i = 0; i < bodies; i++) {
        let text = "";
        for await (const piece of from.body()) text += piece.toString();
        texts.push(text);
      }
      return texts;
    } finally {
      socket.destroy();
      server.close();
    }
  }
  const two = Buffer.concat([answer("web1 widgetco"), answer(""), answer("second body")]);
  for (const size of [1, 7, 64, 1000]) {
    it(`reads one answer after the other in pieces of ${size} bytes`, async () => {
      const pieces = Array.from({ length: Math.ceil(two.length / size) }, (_, i) =>
        two.subarray(i * size, (i + 1) * size),
      );
      assert.deepEqual(await read(pieces, 3), ["web1 widgetco", "", "second body"]);
    });
  }
  it("finds an answer that ends early, and one that never begins", async () => {
    await assert.rejects(read([answer("half", 8)], 1), new Failure("short"));
    await assert.rejects(read([answer("half").subarray(0, 20)], 1), new Failure("short"));
    await assert.rejects(read([], 1), new Failure("closed"));
  });
});

describe("the load's limits", () => {
  const spec: LoadSpec = {
    targets: [{ vip: "192.0.2.37", serverName: "www.widgetco.example", path: "/" }],
    sources: ["198.51.100.10"],
    requestsPerSecond: 2000,
    maxOpen: 512,
    maxSeconds: 60,
    patienceMs: 2000,
  };
  it("let an ordinary load pass", () => assert.doesNotThrow(() => checkSpec(spec)));
  const refused: [Partial<LoadSpec>, RegExp][] = [
    [{ requestsPerSecond: 5001 }, /requestsPerSecond is 5001, at most 5000/],
    [{ requestsPerSecond: NaN }, /requestsPerSecond is NaN/],
    [{ maxSeconds: 181 }, /maxSeconds is 181/],
    [{ maxOpen: 20_000 }, /maxOpen is 20000/],
    [{ idle: 150, silent: 51 }, /number of long connections is 201/],
    [{ targets: [] }, /no targets/],
    [{ sources: [] }, /no sources/],
  ];
  for (const [change, says] of refused) {
    it(`refuse ${JSON.stringify(change)}`, () =>
      assert.throws(() => checkSpec({ ...spec, ...change }), says));
  }
});
