import type { LeftPair } from "../dnsRoundRobin/lineFormats";
import type { NameAddress } from "../network/nameAddress";

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

/** What the servers serve and must no longer serve; a pair appears once for each server. */
export function leavingPairs(installed: NameAddress[], wanted: NameAddress[]): NameAddress[] {
  const kept = new Set(wanted.map(key));
  return installed.filter((pair) => !kept.has(key(pair)));
}

/**
 * A name may leave the servers only when no resolver can still send clients there: it has been out of DNS for its
 * TTL. Compares what the servers serve with what is wanted.
 *
 * @param pairs what leaves, as `leavingPairs` has it
 * @param remediation how the name leaves that address gently, as an instruction
 * @returns one sentence a name that leaves too early; empty when all is well
 */
export function findEarlyRemovals(
  pairs: NameAddress[],
  views: NameServerView[],
  remediation: (pair: NameAddress) => string,
): string[] {
  const leaving = new Set(pairs.map(key));
  const inDns = new Map<string, string>();
  const ways = new Map<string, string>();
  const waits = new Map<string, Wait>();
  for (const view of views) {
    for (const pair of view.served.filter((served) => leaving.has(key(served)))) {
      inDns.set(pair.name, `${view.nameServer} answers ${pair.address}`);
      ways.set(pair.name, remediation(pair));
    }
    for (const pair of view.left.filter((left) => leaving.has(key(left)))) {
      const rest = pair.at + pair.ttl - view.now;
      if (rest > (waits.get(pair.name)?.rest ?? 0)) {
        waits.set(pair.name, {
          address: pair.address,
          rest,
          ttl: pair.ttl,
          ago: view.now - pair.at,
          nameServer: view.nameServer,
        });
      }
    }
  }
  for (const name of inDns.keys()) waits.delete(name);
  return [
    ...[...inDns].map(
      ([name, where]) =>
        `${name} is still in DNS (${where}): ${ways.get(name)}, run pulumi up, and remove that once the TTL has passed`,
    ),
    ...[...waits].map(
      ([name, { rest, ttl, ago, nameServer, address }]) =>
        `${name} at ${address} left DNS ${ago} s ago (${nameServer}), but resolvers may still return it for up to ${ttl} s: wait another ${rest} s`,
    ),
  ];
}

/** How long a name that left must still be waited for. */
interface Wait {
  address: string;
  rest: number;
  ttl: number;
  ago: number;
  nameServer: string;
}

function key(pair: NameAddress): string {
  return `${pair.name} ${pair.address}`;
}
