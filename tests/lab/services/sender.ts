/** Runs on the client: sends mail, each message once, whatever becomes of it. A Spec in, all messages out. */
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { clientProgram, steadily } from "../../../lab/load/program";
import { now } from "../../../lab/load/record";

/** `single`: a connection of its own. `slow`: one that takes `slowSeconds`. `held`: one connection for all of them. */
export type Way = "single" | "slow" | "held";

/** What is sent. */
export interface Spec {
  vip: string;
  to: string;
  sources: string[];
  perSecond: Record<Way, number>;
  slowSeconds: number;
  maxSeconds: number;
}

/** One message: the server has taken it, or not. Times as of `now`. */
export interface Message {
  id: string;
  way: Way;
  started: number;
  ended: number;
  failure?: string;
}

const LINES = 40;

/** Header and text, all at once or a line after the other. */
async function* textOf(id: string, to: string, seconds: number): AsyncGenerator<string> {
  yield `Message-ID: ${id}\r\nFrom: <a@client.example>\r\nTo: <${to}>\r\nSubject: test\r\n\r\n`;
  for (let i = 0; i < LINES; i++) {
    yield `line ${i}\r\n`;
    if (seconds) await sleep((seconds * 1000) / LINES);
  }
}

function transportTo(vip: string, localAddress: string, pool: boolean): ReturnType<typeof createTransport> {
  const patience = { connectionTimeout: 3000, greetingTimeout: 3000, socketTimeout: 10_000 };
  const options = { host: vip, port: 25, name: "client.example", ignoreTLS: true, localAddress, ...patience };
  return pool
    ? createTransport({ ...options, pool, maxConnections: 1, maxMessages: Infinity })
    : createTransport(options);
}

clientProgram(async ({ vip, to, sources, perSecond, slowSeconds }: Spec) => {
  const held = transportTo(vip, sources[0], true);
  const messages: Message[] = [];
  const sending: Promise<void>[] = [];
  const send = async (way: Way): Promise<void> => {
    const number = messages.length;
    const message: Message = {
      id: `<${number}.${process.pid}@client.example>`,
      way,
      started: now(),
      ended: 0,
    };
    messages.push(message);
    const transport = way === "held" ? held : transportTo(vip, sources[number % sources.length], false);
    const raw = Readable.from(textOf(message.id, to, way === "slow" ? slowSeconds : 0));
    try {
      await transport.sendMail({ envelope: { from: "a@client.example", to }, raw });
    } catch (error) {
      message.failure = (error as Error).message;
    }
    message.ended = now();
  };
  const stops = (Object.entries(perSecond) as [Way, number][]).map(([way, rate]) =>
    steadily(rate, () => sending.push(send(way))),
  );
  return async () => {
    stops.forEach((stop) => stop());
    await Promise.all(sending);
    return messages;
  };
});
