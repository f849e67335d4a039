/** The watcher's HTTP listener. Whatever clients do, rounds and flips go on: connections, headers and times are bounded. */
import * as http from "node:http";
import * as net from "node:net";
import { CliError, Exit, UsageError } from "../terminal/exit";
import { ListenAddress, isLoopback } from "./address";
import { CONTENT_TYPE } from "./exposition";
import { Access, Shown, answerTo } from "./request";

/** What is shown; each as a whole answer's body. */
export interface Renderers {
  page(): string;
  metrics(): string;
  /** What the page's style may be: a source of CSP. */
  styleSource: string;
}

const MOST_CONNECTIONS = 64;
/** How long a client may take for its headers, and for nothing at all. */
const REQUEST_MS = 5000;
/** How long it may take to read an answer. */
const ANSWER_MS = 20_000;
/** Rendering keeps the processor from the watcher's own work: one rendering serves all who ask within this time. */
const FRESH_MS = 500;

export class Listener {
  private renderers?: Renderers;
  private readonly cache = new Map<Shown, { at: number; body: Buffer }>();

  private constructor(
    private readonly server: http.Server,
    /** Where the page is. */
    readonly url: string,
  ) {}

  /**
   * Takes the port; until `show` is called, the answer is 503.
   * @throws CliError when it can't be had
   */
  static async open({ address, port, token }: ListenAddress): Promise<Listener> {
    const server = http.createServer({
      ...{ maxHeaderSize: 8192, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
      ...{ keepAliveTimeout: REQUEST_MS, connectionsCheckingInterval: 1000 },
    });
    server.maxConnections = MOST_CONNECTIONS;
    server.maxRequestsPerSocket = 1000;
    server.setTimeout(REQUEST_MS, (socket: net.Socket) => socket.destroy());
    server.on("clientError", (_, socket) => void (socket.destroyed || socket.destroy()));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(explained(error, address, port)));
      server.listen(port, address, resolve);
    });
    // A want of files ends no watcher, and an open page keeps none from ending.
    server.on("error", () => undefined);
    server.unref();
    const bound = (server.address() as net.AddressInfo).port;
    const host = net.isIPv6(address) ? `[${address}]` : address;
    const listener = new Listener(server, `http://${host}:${bound}/`);
    const access: Access = { hosts: new Set(["localhost", "127.0.0.1", "[::1]", host]), token };
    server.on("request", (request, response) => listener.answer(request, response, access));
    return listener;
  }

  show(renderers: Renderers): void {
    this.renderers = renderers;
  }

  /** Ends all connections, too. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse, access: Access): void {
    const late = setTimeout(() => response.destroy(), ANSWER_MS);
    response.once("close", () => clearTimeout(late));
    // What a body there may be is not read.
    const { host, authorization } = request.headers;
    const shown = answerTo({ method: request.method, url: request.url, host, authorization }, access);
    if (typeof shown !== "string")
      return send(response, shown.status, { ...shown.headers, ...PLAIN, connection: "close" }, shown.text);
    if (this.renderers === undefined)
      return send(response, 503, { ...PLAIN, "retry-after": "1" }, "the watcher is starting\n");
    try {
      const headers =
        shown === Shown.Metrics
          ? { "content-type": CONTENT_TYPE }
          : { "content-type": "text/html; charset=utf-8", ...policy(this.renderers.styleSource) };
      send(response, 200, headers, this.body(shown, this.renderers));
    } catch {
      // A picture that can't be drawn ends no watcher.
      send(response, 500, PLAIN, "this can't be shown: see the watcher's log\n");
    }
  }

  private body(shown: Shown, renderers: Renderers): Buffer {
    const now = performance.now();
    const before = this.cache.get(shown);
    if (before && now - before.at < FRESH_MS) return before.body;
    const body = Buffer.from(shown === Shown.Page ? renderers.page() : renderers.metrics());
    this.cache.set(shown, { at: now, body });
    return body;
  }
}

const PLAIN = { "content-type": "text/plain; charset=utf-8" };

/** The page runs no script, loads nothing, sends nothing, and is framed by no other. */
const policy = (style: string): Record<string, string> => ({
  "content-security-policy": `default-src 'none'; style-src ${style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "x-frame-options": "DENY",
});

function send(
  response: http.ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string | Buffer,
): void {
  response.writeHead(status, {
    ...headers,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
  });
  response.end(body);
}

function explained({ code, message }: NodeJS.ErrnoException, address: string, port: number): CliError {
  const where = `--listen: ${address} port ${port}`;
  switch (code) {
    case "EADDRINUSE":
      // It may be free again soon: a service manager tries again.
      return new CliError(
        `${where} is taken by another program (ss -ltnp 'sport = :${port}' says by which), perhaps another stack's watcher. Use another port, such as ${port < 65_535 ? port + 1 : port - 1}. Nothing was touched`,
      );
    case "EADDRNOTAVAIL":
      return new UsageError(
        `${where}: this machine does not have that address${isLoopback(address) ? "" : " (ip address shows those that it has)"}. Use 127.0.0.1:${port}. Nothing was touched`,
      );
    case "EACCES":
      return new UsageError(
        `${where} needs root. Use a port above 1023, such as 127.0.0.1:9762. Nothing was touched`,
      );
    default:
      return new CliError(`${where} can't be listened on (${message}). Nothing was touched`, Exit.Failed);
  }
}
