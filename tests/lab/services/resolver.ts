/** Runs on the client: asks name servers, by UDP and TCP, as resolvers do. A Spec in, all queries out. */
import * as dgram from "node:dgram";
import * as net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Answer, Packet, decode, encode, streamDecode, streamEncode } from "dns-packet";
import { afterPatience, clientProgram, steadily } from "../../../lab/load/program";
import { now } from "../../../lab/load/record";

/** How a query goes. `port`: all from one UDP socket. `connection`: all through one TCP connection. */
export type Way = "udp" | "tcp" | "port" | "connection";

/** What is asked: each source in turn, by UDP from a port that was never used before. */
export interface Spec {
  vip: string;
  name: string;
  sources: string[];
  perSecond: Partial<Record<Way, number>>;
  maxSeconds: number;
}

/** One query: it has an answer, or a failure. Times as of `now`. */
export interface Query {
  way: Way;
  started: number;
  /** The name of the server that answered. */
  server?: string;
  /** What it answered. */
  addresses?: string[];
  failure?: string;
}

const [PATIENCE_MS, FIRST_PORT, PORTS] = [2000, 20_000, 10_000];
const queries: Query[] = [];
/** What was asked and not answered yet, by its number in the packet. */
const open = new Map<number, (packet: Packet) => void>();
let asked = 0;

/** Notes a query down, sends it, and waits for its answer. */
function ask(way: Way, { name }: Spec, send: (packet: Packet) => void, done = (): void => undefined): void {
  const id = ++asked & 0xffff;
  const query: Query = { way, started: now() };
  queries.push(query);
  const end = (failure?: string): void => {
    stopWaiting();
    open.delete(id);
    if (failure) query.failure = failure;
    done();
  };
  const stopWaiting = afterPatience(PATIENCE_MS, () => end("timeout"));
  open.set(id, ({ answers = [], additionals = [] }) => {
    query.server = additionals.flatMap(serverNamed)[0];
    query.addresses = answers.flatMap((answer) => (answer.type === "A" ? [answer.data] : [])).sort();
    end();
  });
  send({ type: "query", id, questions: [{ type: "A", name }], additionals: [WHO] });
}

/** Asks for the name of the server besides (RFC 5001); the types don't know the option without a value. */
const WHO = {
  type: "OPT",
  name: ".",
  options: [{ code: 3, data: Buffer.alloc(0) }],
} as unknown as Answer;
const serverNamed = (record: Answer): string[] =>
  record.type === "OPT" ? record.options.flatMap(({ data }) => (data ? [String(data)] : [])) : [];

const answered = (packet: Packet): void => open.get(packet.id ?? 0)?.(packet);

function udpSocket(spec: Spec, turn: number): Promise<dgram.Socket> {
  const { sources, vip } = spec;
  const socket = dgram.createSocket("udp4", (message) => answered(decode(message)));
  const port = FIRST_PORT + (Math.floor(turn / sources.length) % PORTS);
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.bind(port, sources[turn % sources.length], () => socket.connect(53, vip, () => resolve(socket)));
  });
}

function tcpSocket({ sources, vip }: Spec, turn: number): Promise<net.Socket> {
  const socket = net.connect({ host: vip, port: 53, localAddress: sources[turn % sources.length] });
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (
      let end;
      rest.length >= 2 && rest.length >= (end = 2 + rest.readUInt16BE(0));
      rest = rest.subarray(end)
    )
      answered(streamDecode(rest)!);
  });
  return new Promise((resolve, reject) => socket.on("error", reject).on("connect", () => resolve(socket)));
}

/** How to ask, after what each way needs first. */
const WAYS: Record<Way, (spec: Spec) => Promise<(turn: number) => unknown>> = {
  udp: async (spec) => async (turn) => {
    const socket = await udpSocket(spec, turn);
    ask(
      "udp",
      spec,
      (packet) => socket.send(encode(packet)),
      () => socket.close(),
    );
  },
  tcp: async (spec) => async (turn) => {
    const socket = await tcpSocket(spec, turn);
    ask(
      "tcp",
      spec,
      (packet) => socket.write(streamEncode(packet)),
      () => socket.end(),
    );
  },
  port: async (spec) => {
    const socket = await udpSocket(spec, 0);
    return () => ask("port", spec, (packet) => socket.send(encode(packet)));
  },
  connection: async (spec) => {
    const socket = await tcpSocket(spec, 0);
    socket.on("close", () => failed("connection", "closed"));
    return () => ask("connection", spec, (packet) => socket.write(streamEncode(packet)));
  },
};
const failed = (way: Way, failure: string): void => void queries.push({ way, started: now(), failure });

clientProgram(async (spec: Spec) => {
  const wanted = Object.entries(spec.perSecond) as [Way, number][];
  const stops = await Promise.all(
    wanted.map(async ([way, perSecond]) => {
      const begin = await WAYS[way](spec);
      return steadily(perSecond, (turn) => {
        Promise.resolve(turn)
          .then(begin)
          .catch((error: Error) => failed(way, error.message));
      });
    }),
  );
  return async () => {
    stops.forEach((stop) => stop());
    while (open.size > 0) await sleep(10);
    return queries;
  };
});
