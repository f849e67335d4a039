/** Just enough HTTP/1.1 for the load. */
import * as net from "node:net";
import * as tls from "node:tls";
import { Target } from "./spec";

/** A connection or an answer that is not as it should be. */
export class Failure extends Error {}

/** The head of an answer. */
export interface Head {
  status: number;
  /** Content-Length; NaN without one. */
  length: number;
  /** Where the body begins. */
  bodyAt: number;
}

/** Reads the head out of the first bytes of an answer; undefined while it is not complete. */
export function parseHead(received: Buffer): Head | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const text = received.toString("latin1", 0, end);
  return {
    status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? NaN),
    length: Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? NaN),
    bodyAt: end + 4,
  };
}

const LAST_CHUNK = "\r\n0\r\n\r\n";

/** The server's name out of a whole answer that begins with it, as the health path's does; throws a Failure. */
export function serverNamed(received: Buffer): string {
  const head = parseHead(received);
  if (!head) throw new Failure("short");
  if (head.status !== 200) throw new Failure(`status ${head.status}`);
  const body = received.toString("latin1", head.bodyAt);
  // As answers of programs come.
  const isChunked = /^transfer-encoding: *chunked/im.test(received.toString("latin1", 0, head.bodyAt));
  if (isChunked ? !body.endsWith(LAST_CHUNK) : !(body.length >= head.length)) throw new Failure("short");
  return body.slice(isChunked ? body.indexOf("\n") + 1 : 0).split(" ")[0];
}

const KINDS: Record<string, string> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
};

/** One word for what went wrong. */
export function failureOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && KINDS[code]) ?? code ?? message;
}

export function connect(
  { vip, serverName, authority }: Target,
  source: string,
  session?: Buffer,
): net.Socket | tls.TLSSocket {
  const to = { host: vip, localAddress: source, noDelay: true };
  return authority === undefined
    ? net.connect({ ...to, port: 80 })
    : tls.connect({ ...to, port: 443, servername: serverName, ca: authority, session });
}

/** A fingerprint without colons, as the product has it. */
export const hexOf = (fingerprint: string): string => fingerprint.replaceAll(":", "").toLowerCase();

/** What its handshake was like; nothing by http, or before its end. */
export function handshakeOf(socket: net.Socket): { certificate?: string; resumed?: boolean } {
  if (!(socket instanceof tls.TLSSocket)) return {};
  if (socket.isSessionReused()) return { resumed: true };
  const { fingerprint256 } = socket.getPeerCertificate();
  return fingerprint256 ? { certificate: hexOf(fingerprint256) } : {};
}

/** A request's head; a GET ends with it. */
export function requestHead(method: string, serverName: string, path: string, ...headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, `Host: ${serverName}`, ...headers, "", ""].join("\r\n");
}

/** Reads the answers of a connection that lasts. */
export class Answers {
  private rest: Buffer = Buffer.alloc(0);
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(socket: net.Socket) {
    this.chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The next bytes; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    const { done, value } = await this.chunks.next();
    return done ? undefined : value;
  }

  /** The pieces of the next answer's body, of the length that its head says. */
  async *body(): AsyncGenerator<Buffer> {
    let head: Head | undefined;
    while (!(head = parseHead(this.rest)))
      this.rest = Buffer.concat([this.rest, await this.expected(this.rest.length > 0 ? "short" : "closed")]);
    if (head.status !== 200) throw new Failure(`status ${head.status}`);
    let left = head.length;
    for (let piece = this.rest.subarray(head.bodyAt); ; piece = await this.expected()) {
      this.rest = piece.subarray(left);
      left -= Math.min(left, piece.length);
      yield piece.subarray(0, piece.length - this.rest.length);
      if (left === 0) return;
    }
  }

  private async expected(otherwise = "short"): Promise<Buffer> {
    const chunk = await this.next();
    if (!chunk) throw new Failure(otherwise);
    return chunk;
  }
}
