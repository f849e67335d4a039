import { createHash } from "node:crypto";
import { once } from "node:events";
import * as net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Answers, connect, Failure, failureOf, requestHead } from "./http";
import { afterPatience } from "./program";
import { ConnectionKind, LongConnection, now } from "./record";
import { File, LoadSpec, Target } from "./spec";

/** One connection at work: what it does with its socket until it is over, and how it ended. */
type Work = (socket: net.Socket, target: Target, connection: LongConnection) => Promise<string>;

const UPLOAD = { bytes: 1024, everyMs: 100 };

/** Connections that last. */
export class Connections {
  readonly all: LongConnection[] = [];
  private readonly sockets = new Set<net.Socket>();
  private stopping = false;

  constructor(private readonly spec: LoadSpec) {}

  start(): void {
    const { downloads, uploads = 0, idle = 0, silent = 0 } = this.spec;
    for (let i = 0; i < uploads; i++) void this.keep(ConnectionKind.Upload, i, upload);
    for (let i = 0; i < idle; i++) void this.keep(ConnectionKind.Idle, i, wait);
    for (let i = 0; i < silent; i++) void this.keep(ConnectionKind.Silent, i, wait);
    for (let i = 0; i < (downloads?.count ?? 0); i++) {
      const { file, seconds, everyMs } = downloads!;
      void sleep(i * everyMs).then(() => this.run(ConnectionKind.Download, i, download(file, seconds)));
    }
  }

  /** Ends them all; what is open now stays without an end. */
  stop(): void {
    this.stopping = true;
    for (const socket of this.sockets) socket.destroy();
  }

  private async keep(kind: ConnectionKind, number: number, work: Work): Promise<void> {
    while (!this.stopping) {
      await this.run(kind, number, work);
      await sleep(100);
    }
  }

  private async run(kind: ConnectionKind, number: number, work: Work): Promise<void> {
    if (this.stopping) return;
    const { targets, sources } = this.spec;
    const target = targets[number % targets.length];
    const source = sources[number % sources.length];
    const connection: LongConnection = { kind, vip: target.vip, source, bytes: 0 };
    this.all.push(connection);
    const socket = connect(target, source);
    this.sockets.add(socket);
    // What waits on the socket gets an error; between two waits it must not end this program.
    socket.on("error", () => undefined);
    const end = await this.use(socket, target, connection, work).catch(failureOf);
    this.sockets.delete(socket);
    if (!this.stopping) Object.assign(connection, { end, ended: now() });
    socket.destroy();
  }

  private async use(
    socket: net.Socket,
    target: Target,
    connection: LongConnection,
    work: Work,
  ): Promise<string> {
    const stopWaiting = afterPatience(this.spec.patienceMs, () => socket.destroy(new Failure("timeout")));
    await once(socket, "connect").finally(stopWaiting);
    connection.connected = now();
    return work(socket, target, connection);
  }
}

/** Who is at the other end; `next` is a request that follows at once. */
async function ask(
  answers: Answers,
  socket: net.Socket,
  { serverName, path }: Target,
  next = "",
): Promise<string> {
  socket.write(requestHead("GET", serverName, path) + next);
  let text = "";
  for await (const piece of answers.body()) text += piece.toString("latin1");
  return text.split(" ")[0];
}

const wait: Work = async (socket, target, connection) => {
  const answers = new Answers(socket);
  if (connection.kind === ConnectionKind.Idle) connection.server = await ask(answers, socket, target);
  while (await answers.next());
  return "closed";
};

/** Apache reads the whole body of a POST before it answers with the file. */
const upload: Work = async (socket, target, connection) => {
  const answers = new Answers(socket);
  connection.server = await ask(answers, socket, target);
  socket.write(requestHead("POST", target.serverName, target.path, "Transfer-Encoding: chunked"));
  const piece = `${UPLOAD.bytes.toString(16)}\r\n${"x".repeat(UPLOAD.bytes)}\r\n`;
  const timer = setInterval(() => {
    socket.write(piece);
    connection.bytes += UPLOAD.bytes;
  }, UPLOAD.everyMs);
  try {
    while (await answers.next());
    return "closed";
  } finally {
    clearInterval(timer);
  }
};

/** A reader with a slow line: what it has not taken waits at the server, beyond what fits in the buffers. */
const download =
  (file: File, seconds: number): Work =>
  async (socket, target, connection) => {
    const answers = new Answers(socket);
    // Together: Apache closes every connection that waits between two requests when its workers are all busy.
    const get = requestHead("GET", target.serverName, file.path, "Connection: close");
    connection.server = await ask(answers, socket, target, get);
    const hash = createHash("sha256");
    const began = now();
    for await (const piece of answers.body()) {
      hash.update(piece);
      connection.bytes += piece.length;
      const early = (connection.bytes / file.bytes) * seconds * 1000 - (now() - began);
      if (early > 1) await sleep(early);
    }
    return hash.digest("hex") === file.sha256 ? "complete" : "wrong content";
  };
