/** A name that stands, or stood, for an address. */
export interface NameAddress {
  /** The DNS name. */
  name: string;
  /** The VIP. */
  address: string;
}

/** A pair that a name server stopped answering. */
export interface LeftPair extends NameAddress {
  /** When, in seconds since 1970 by the name server's clock. */
  at: number;
  /** For how long a resolver may go on answering it, in seconds. */
  ttl: number;
}

/** What one name server holds. */
export interface NameServerView {
  /** Its name. */
  nameServer: string;
  /** Its clock, in seconds since 1970. */
  now: number;
  /** Pairs it answers now. */
  served: NameAddress[];
  /** Pairs it answered before. */
  left: LeftPair[];
}

/**
 * A name may leave the servers only when no resolver can still send clients there: it has been out of DNS for its
 * TTL. Compares what the servers serve with what they shall serve.
 *
 * @returns one sentence a name that leaves too early; empty when all is well
 */
export function findEarlyRemovals(
  installed: NameAddress[],
  wanted: NameAddress[],
  views: NameServerView[],
): string[] {
  const kept = new Set(wanted.map(key));
  const leaving = new Map(installed.filter((pair) => !kept.has(key(pair))).map((pair) => [key(pair), pair]));
  if (leaving.size === 0) return [];
  const messages = new Map<string, string>();
  for (const view of views) {
    for (const pair of view.served.filter((served) => leaving.has(key(served)))) {
      messages.set(
        pair.name,
        `${pair.name} still is in DNS (${view.nameServer} answers ${pair.address}): put the site back as it was, with retiring: true, run pulumi up, and remove it when its TTL has passed`,
      );
    }
    for (const pair of view.left.filter((left) => leaving.has(key(left)) && !messages.has(left.name))) {
      const rest = pair.at + pair.ttl - view.now;
      if (rest > 0) {
        messages.set(
          pair.name,
          `${pair.name} left DNS ${view.now - pair.at} s ago (${view.nameServer}), and resolvers may answer it for ${pair.ttl} s: wait ${rest} s more`,
        );
      }
    }
  }
  return [...messages.values()];
}

function key(pair: NameAddress): string {
  return `${pair.name} ${pair.address}`;
}
