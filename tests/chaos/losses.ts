/** Which lost requests and connections the model allows. Pure. */
import { ConnectionKind, LoadRecord, LongConnection, Request } from "../../lab/load/record";
import { MayLose, PREFIXES, Prefix } from "./model";

/** A stretch of time, and what may be lost in it. Times as in the record. */
export interface Stretch {
  from: number;
  to: number;
  what: string;
  mayLose: MayLose;
}

/** A connection's end, or a request, that nothing explains. */
export interface Loss {
  vip: string;
  server?: string;
  began: number;
  ended: number;
  how: string;
}

/** How long a client waits to be connected: before that it is not known when a connection began. */
const PATIENCE_MS = 2000;
/**
 * A connection that a dead server never ended is one for the router until it has forgotten it: a client that uses its
 * port again finds that server. So few of them are possible that more are a finding.
 */
const STRAGGLERS = 3;

export const prefixOf = (vip: string): Prefix => PREFIXES[Math.floor(Number(vip.split(".")[3]) / 32) - 1];

/** Losses that the model does not allow. */
export function unexplained({ requests, connections }: LoadRecord, stretches: Stretch[]): Loss[] {
  const lost = (loss: Loss): boolean => !stretches.some((stretch) => explains(stretch, loss));
  const ofRequests = requests
    .filter(({ failure }) => failure !== undefined)
    .map(ofRequest)
    .filter(lost);
  const ofConnections = connections.filter(isLoss).map(ofConnection).filter(lost);
  const late = ofRequests.filter((loss) => stretches.some((stretch) => isLate(stretch, loss)));
  return [...ofRequests.filter((loss) => late.length > STRAGGLERS || !late.includes(loss)), ...ofConnections];
}

/**
 * HTTP allows a server to close a connection between two requests, also where the second has come already (RFC 9112,
 * 9.3): Apache does when it is told to reload. A download is the second one.
 */
const isBetweenRequests = ({ kind, server, end }: LongConnection): boolean =>
  end === "closed" && server !== undefined && [ConnectionKind.Idle, ConnectionKind.Download].includes(kind);

const isLoss = (connection: LongConnection): boolean =>
  connection.ended !== undefined && connection.end !== "complete" && !isBetweenRequests(connection);

/** Whether a request was begun after servers of its prefix had died: it may have met a connection of then. */
const isLate = ({ to, mayLose }: Stretch, { vip, began }: Loss): boolean =>
  to < began && mayLose.servers.length > 0 && mayLose.prefixes.includes(prefixOf(vip));

const ofRequest = ({ vip, server, started, ended, failure }: Request): Loss => ({
  vip,
  server,
  began: started,
  ended,
  how: failure!,
});
const ofConnection = ({ kind, vip, server, connected, ended, end }: LongConnection): Loss => ({
  vip,
  server,
  began: connected ?? ended! - PATIENCE_MS,
  ended: ended!,
  how: `${kind} ${end}`,
});

const explains = ({ from, to, mayLose }: Stretch, { vip, server, began, ended }: Loss): boolean =>
  began <= to &&
  ended >= from &&
  (mayLose.prefixes.includes(prefixOf(vip)) || mayLose.servers.some((name) => name === server));
