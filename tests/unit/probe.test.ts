import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { AddressInfo, Socket, createServer } from "node:net";
import * as path from "node:path";
import execa from "execa";
import { askAll, keyOf, parseChecks } from "../../components/routerRoute/ciscoIos/vips.cjs";

const PROBE = path.join(__dirname, "../../components/host/probe.pl");

/** What probe.pl says of one check: "ok", or why not. */
async function probe(check: string): Promise<string> {
  const { stdout } = await execa("perl", [PROBE, "--timeout", "1", "--deadline", "0"], {
    input: `${check}\tit\n`,
    reject: false,
  });
  const [verdict, , label, reason] = stdout.split("\t");
  assert.equal(label, "it");
  return verdict === "ok" ? verdict : reason;
}

/** Does something with the port of a listener that treats each connection so. */
async function listening<T>(
  welcome: (socket: Socket) => void,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    welcome(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    return await work((server.address() as AddressInfo).port);
  } finally {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  }
}

describe("a check of a listener by what it says first", () => {
  const CASES: [string, (socket: Socket) => void, string, string][] = [
    ["silent is enough", () => undefined, "", "ok"],
    ["said at once", (socket) => socket.write("220 mail ESMTP\r\n"), "220 mail", "ok"],
    [
      "said in pieces",
      (socket) => {
        socket.write("22");
        setTimeout(() => socket.write("0 mail\r\n"), 50);
      },
      "220 mail",
      "ok",
    ],
    [
      "turned away",
      (socket) => socket.write("421 too many connections\r\n"),
      "220",
      'said "421 too many connections" instead of "220"',
    ],
    ["closed", (socket) => socket.end("22"), "220", 'said "22" instead of "220"'],
    ["silent", () => undefined, "220", "no answer within 1 s"],
  ];
  for (const [what, welcome, greeting, expected] of CASES) {
    it(`${what}: ${expected}`, async () => {
      const said = await listening(welcome, (port) => probe(`tcp\t127.0.0.1\t${port}\t${greeting || "-"}`));
      assert.equal(said, expected);
    });
    it(`${what}, asked from the operator's side`, async () => {
      const answers = await listening(welcome, (port) =>
        askAll(parseChecks(`127.0.0.1 mail tcp ${[port, greeting].join(" ").trim()}\n`)),
      );
      assert.equal([...answers.values()].includes("yes"), expected === "ok");
    }).timeout(4000);
  }
});

describe("a check of a name server", () => {
  const [RESPONSE, AUTHORITY] = [0x8000, 0x0400];
  const CASES: [string, { flags: number; answers: number } | undefined, string][] = [
    ["it has the zone", { flags: RESPONSE | AUTHORITY, answers: 1 }, "ok"],
    ["it knows it from others", { flags: RESPONSE, answers: 1 }, "does not have the zone itself"],
    ["it has one above it", { flags: RESPONSE | AUTHORITY, answers: 0 }, "does not have the zone itself"],
    ["it failed to load it", { flags: RESPONSE | 2, answers: 0 }, "answered SERVFAIL"],
    ["it has never heard of it", { flags: RESPONSE | 5, answers: 0 }, "answered REFUSED"],
    ["it says something new", { flags: RESPONSE | 9, answers: 0 }, "answered with code 9"],
    ["it echoes", { flags: 0, answers: 0 }, "no answer within 1 s"],
    ["nobody is there", undefined, "Connection refused"],
  ];
  for (const [what, answer, expected] of CASES) {
    it(`${what}: ${expected}`, async () => {
      const asked: string[] = [];
      const server = createSocket("udp4", (question, { port, address }) => {
        asked.push(question.toString("latin1", 12));
        if (!answer) return;
        const header = Buffer.from(question);
        header.writeUInt16BE(answer.flags, 2);
        header.writeUInt16BE(answer.answers, 6);
        server.send(header, port, address);
      });
      await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
      const { port } = server.address();
      if (!answer) server.close();
      assert.equal(await probe(`dns\t127.0.0.1\t${port}\twidgetco.example`), expected);
      if (!answer) return;
      assert.equal(asked[0], "\x08widgetco\x07example\0\0\x06\0\x01");
      server.close();
    });
  }
});

describe("checks that the operator's side asks", () => {
  it("are read with all they have, and told apart", () => {
    const checks = parseChecks(
      [
        "192.0.2.37 w http www.w.example /health path",
        "192.0.2.37 w tcp 25 220 mail.w.example",
        "192.0.2.37 w tcp 443",
        "192.0.2.37 w dns w.example",
        "192.0.2.37 w ping",
        "",
      ].join("\n"),
    );
    assert.deepEqual(
      checks.map(({ kind, host, path: asked, port, greeting }) => ({
        kind,
        host,
        path: asked,
        port,
        greeting,
      })),
      [
        { kind: "http", host: "www.w.example", path: "/health path", port: undefined, greeting: undefined },
        { kind: "tcp", host: undefined, path: undefined, port: 25, greeting: "220 mail.w.example" },
        { kind: "tcp", host: undefined, path: undefined, port: 443, greeting: "" },
        { kind: "dns", host: undefined, path: undefined, port: undefined, greeting: undefined },
      ],
    );
    assert.equal(new Set(checks.map(keyOf)).size, 4);
  });
});
