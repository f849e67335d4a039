/** What a load does. */

/** A VIP and what is asked of it. */
export interface Target {
  vip: string;
  /** The Host header. */
  serverName: string;
  /** A path whose answer begins with the server's name: the health path. */
  path: string;
  /** Asked by https, where who vouches for its certificate is this one, as PEM. Default: by http. */
  authority?: string;
  /** Whether sessions are resumed, as browsers do. Default: no, each handshake shows a certificate. */
  resumes?: boolean;
}

/** A file that all servers have. */
export interface File {
  path: string;
  bytes: number;
  sha256: string;
}

/** What a load does; connections go to the targets in turn, from the sources in turn. */
export interface LoadSpec {
  targets: Target[];
  /** Addresses of the client. */
  sources: string[];
  /** New connections a second, each with one request. */
  requestsPerSecond: number;
  /**
   * How many requests may be open, an equal part of them for each target; what is due beyond is skipped. More than
   * the servers' CPU can take would only queue there until every request times out.
   */
  maxOpen: number;
  /** Downloads: one begins every `everyMs`, and each takes `seconds`. */
  downloads?: { count: number; file: File; seconds: number; everyMs: number };
  uploads?: number;
  idle?: number;
  silent?: number;
  /** How long a connection may take to be made, and a request to be answered. */
  patienceMs: number;
  /** The load ends by itself after this many seconds. At most 180. */
  maxSeconds: number;
}

/** The hard limits of every load. */
export const LIMITS = { requestsPerSecond: 5000, seconds: 180, maxOpen: 10_000, longConnections: 200 };

/** An error for a load beyond the limits, or with nothing to ask. */
export function checkSpec(spec: LoadSpec): void {
  const long = (spec.downloads?.count ?? 0) + (spec.uploads ?? 0) + (spec.idle ?? 0) + (spec.silent ?? 0);
  const within = (what: string, value: number, most: number): void => {
    if (!(value >= 0 && value <= most))
      throw new Error(`load: ${what} is ${value}, at most ${most} is possible`);
  };
  within("requestsPerSecond", spec.requestsPerSecond, LIMITS.requestsPerSecond);
  within("maxOpen", spec.maxOpen, LIMITS.maxOpen);
  within("maxSeconds", spec.maxSeconds, LIMITS.seconds);
  within("the number of long connections", long, LIMITS.longConnections);
  if (spec.targets.length === 0 || spec.sources.length === 0)
    throw new Error("load: no targets or no sources");
}
