/** The timers of a zone's SOA record (RFC 1035), in seconds. */
export interface SoaTimers {
  /** After how long a secondary asks for a new serial. */
  refresh: number;
  /** After how long it asks again when that failed. */
  retry: number;
  /** After how long without an answer it stops serving the zone. */
  expire: number;
  /** How long a resolver remembers that a name does not exist (RFC 2308). */
  minimum: number;
}

/** Sets of timers for a zone. */
export enum SoaPreset {
  /** Long refresh, retry and expire as in classic; minimum and TTL of 300 s: a new name is seen after 5 minutes. */
  Modern = "modern",
  /** refresh 86400, retry 3600, expire 1209600, minimum 86400, TTL 86400. */
  Classic = "classic",
}

/** The timers of each preset, and the `$TTL` that goes with them, in seconds. */
export const SOA_TIMERS: Record<SoaPreset, SoaTimers & { ttl: number }> = {
  [SoaPreset.Modern]: { refresh: 86400, retry: 3600, expire: 1209600, minimum: 300, ttl: 300 },
  [SoaPreset.Classic]: { refresh: 86400, retry: 3600, expire: 1209600, minimum: 86400, ttl: 86400 },
};

/** The last serial that a zone may begin with: behind it there is room for changes, as none can go round in one step (RFC 1982). */
export const MOST_SERIAL = 4294967000;
