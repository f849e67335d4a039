/** The lines of files in which name servers keep a zone's addresses, as role.sh writes them. */
import type { NameAddress } from "../network/nameAddress";

/** A pair that a name server stopped answering. */
export interface LeftPair extends NameAddress {
  /** When, in seconds since 1970 by the name server's clock. */
  at: number;
  /** For how long a resolver may go on answering it, in seconds. */
  ttl: number;
}

/** A line of `served`: `TTL NAME ADDRESS`. */
export function parseServed(line: string): NameAddress {
  const [, name, address] = line.split(" ");
  return { name, address };
}

/** A line of `left`: `AT TTL NAME ADDRESS`. */
export function parseLeft(line: string): LeftPair {
  const [at, ttl, name, address] = line.split(" ");
  return { at: Number(at), ttl: Number(ttl), name, address };
}
