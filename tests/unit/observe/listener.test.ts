import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import * as net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Listener } from "../../../cli/observe/listener";
import { STYLE_SOURCE } from "../../../cli/observe/style";
import { CliError, Exit } from "../../../cli/terminal/exit";

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

describe("the watcher's listener", () => {
  const open: Listener[] = [];
  const sockets: net.Socket[] = [];
  let drawn = 0;

  async function listen(token?: string, page = () => `page ${++drawn}`): Promise<Listener> {
    const listener = await Listener.open({ address: "127.0.0.1", port: 0, token });
    open.push(listener);
    listener.show({ page, metrics: () => "metrics\n", styleSource: STYLE_SOURCE });
    return listener;
  }
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const listener of open.splice(0)) await listener.close();
  });

  function ask({ url }: Listener, path = "/", options: http.RequestOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = http.request(new URL(path, url), { agent: false, ...options }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => (body += text));
        response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      });
      request.on("error", reject).end();
    });
  }

  /** What comes back on a plain connection, once it ends. */
  async function raw({ url }: Listener, text: string): Promise<string> {
    const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
    sockets.push(socket);
    let answer = "";
    socket.on("data", (more) => (answer += String(more))).on("error", () => undefined);
    socket.write(text);
    await once(socket, "close");
    return answer;
  }

  it("gives the page and the metrics, with headers that keep scripts, frames and caches away", async () => {
    const listener = await listen();
    const page = await ask(listener);
    assert.equal(page.status, 200);
    assert.match(page.body, /^page \d+$/);
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    assert.equal(
      page.headers["content-security-policy"],
      `default-src 'none'; style-src ${STYLE_SOURCE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    assert.equal(page.headers["cache-control"], "no-store");
    assert.equal(page.headers["x-content-type-options"], "nosniff");
    const metrics = await ask(listener, "/metrics");
    assert.equal(metrics.body, "metrics\n");
    assert.equal(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  });

  it("answers HEAD without a body, and refuses other methods, paths and names", async () => {
    const listener = await listen();
    const head = await ask(listener, "/metrics", { method: "HEAD" });
    assert.deepEqual([head.status, head.headers["content-length"], head.body], [200, "8", ""]);
    const post = await ask(listener, "/", { method: "POST" });
    assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD"]);
    assert.equal((await ask(listener, "/etc/passwd")).status, 404);
    assert.equal((await ask(listener, "/", { headers: { host: "attacker.example" } })).status, 421);
    assert.match(await raw(listener, "GET / HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 421 /);
    assert.match(await raw(listener, "GET / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  });

  it("with a token answers only with it", async () => {
    const listener = await listen("a-token-of-twenty-letters");
    const without = await ask(listener, "/metrics");
    assert.deepEqual([without.status, without.headers["www-authenticate"]], [401, "Bearer"]);
    const headers = { authorization: "Bearer a-token-of-twenty-letters" };
    assert.equal((await ask(listener, "/metrics", { headers })).status, 200);
  });

  it("says that it is starting until there is something to show", async () => {
    const listener = await Listener.open({ address: "127.0.0.1", port: 0 });
    open.push(listener);
    assert.deepEqual((await ask(listener)).status, 503);
  });

  it("draws once for all who ask at the same time, and a picture that can't be drawn is an answer", async () => {
    const before = drawn;
    const listener = await listen();
    await Promise.all(Array.from({ length: 20 }, () => ask(listener)));
    assert.equal(drawn, before + 1);
    const broken = await listen(undefined, () => {
      throw new Error("secret");
    });
    const answer = await ask(broken);
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.body, /secret/);
    assert.equal((await ask(broken, "/metrics")).status, 200);
  });

  it("a taken port, and an address that is not this machine's, are errors with a way out", async () => {
    const { url } = await listen();
    const port = Number(new URL(url).port);
    const taken = await Listener.open({ address: "127.0.0.1", port }).catch((error: unknown) => error);
    assert.ok(taken instanceof CliError);
    assert.equal(taken.exit, Exit.Failed);
    assert.match(
      taken.message,
      new RegExp(`127\\.0\\.0\\.1 port ${port} is taken by another program .*Use another port`),
    );
    const foreign = await Listener.open({ address: "192.0.2.77", port }).catch((error: unknown) => error);
    assert.ok(foreign instanceof CliError);
    assert.match(
      foreign.message,
      /192\.0\.2\.77 port \d+: this machine does not have that address.*Use 127\.0\.0\.1/,
    );
  });

  it("clients that say nothing, say it slowly, send much or read nothing hold up no one, and are ended (slow)", async () => {
    const listener = await listen(undefined, () => "x".repeat(20 << 20));
    const port = Number(new URL(listener.url).port);
    const connect = (text: string): net.Socket => {
      const socket = net.connect(port, "127.0.0.1").on("error", () => undefined);
      sockets.push(socket);
      socket.write(text);
      return socket;
    };
    const silent = connect("");
    const slow = connect("GET / HTTP/1.1\r\nHost: localhost\r\n");
    const drip = setInterval(() => slow.write("X-More: 1\r\n"), 500);
    const deaf = connect("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").pause();
    const loud = connect(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(100_000)}\r\n\r\n`);
    const closed = (socket: net.Socket): Promise<unknown> =>
      socket.destroyed ? Promise.resolve() : once(socket.resume(), "close");
    try {
      assert.equal((await ask(listener, "/metrics")).status, 200);
      await closed(loud);
      await Promise.all([closed(silent), closed(slow)]);
      await sleep(6000);
      // What it has not read by now, it does not get.
      await closed(deaf);
      assert.ok(deaf.bytesRead < 20 << 20, `${deaf.bytesRead}`);
    } finally {
      clearInterval(drip);
    }
    assert.equal((await ask(listener, "/metrics")).status, 200);
  }).timeout(40_000);

  it("more connections than it takes are refused, and it answers again when some have ended (slow)", async () => {
    const listener = await listen();
    const port = Number(new URL(listener.url).port);
    const many = Array.from({ length: 100 }, () =>
      net.connect(port, "127.0.0.1").on("error", () => undefined),
    );
    sockets.push(...many);
    await sleep(500);
    const left = many.filter((socket) => !socket.destroyed);
    assert.ok(left.length <= 64, `${left.length}`);
    for (const socket of left) socket.destroy();
    await sleep(200);
    assert.equal((await ask(listener, "/metrics")).status, 200);
  });
});
