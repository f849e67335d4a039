/**
 * What differs between routers that are driven by their command line. Everything else of a change, its order, its deadlines, the
 * way back and the words, is in change.cjs. The verbs are those of NAPALM's drivers; a driver is plain JavaScript, as it runs
 * beside ssh and, for `delete`, as one text out of the state.
 */
import type { Dialect } from "./dialect";
import type { Session } from "./session.cjs";

/** A static route of a router's configuration. */
export interface Route {
  /** In CIDR form. */
  prefix: string;
  /** The next hop's address, behind an interface where the line names one; or the router's word for dropping packets. */
  hop: string;
  /** The administrative distance. */
  distance: number;
  /** What marks the routes of an instance; see tagOf. */
  tag?: number;
  /** The route as the router writes it. */
  line: string;
}

/** A wanted route. */
export interface WantedRoute {
  prefix: string;
  hop: string;
  /** Default: 1. */
  distance?: number;
  /** The server whose address the hop is, for messages. */
  server?: string;
}

/** A command of a change, and the prefix that it is about. */
export interface Change {
  prefix: string;
  command: string;
}

/** A route inside a wanted prefix that leads a part of it elsewhere. */
export interface LongerRoute<W extends WantedRoute = WantedRoute> {
  wanted: W;
  prefix: string;
  line: string;
}

/** A kind of router. What a verb is refused, it throws as Refused of session.cjs, in the router's words. */
export interface Driver {
  dialect: Dialect;
  /** The hop and distance of the last route for the whole block, which drops packets to unused addresses. */
  lastResort: { hop: string; distance: number };

  /** Becomes privileged and turns paging off. `secret`: of the user's configuration, undefined where none is set. */
  open(session: Session, secret: string | undefined): Promise<void>;
  /** The static routes of the main table, as the running configuration has them. */
  routes(session: Session): Promise<Route[]>;
  /**
   * The commands that make our part of the table the wanted one. A prefix gets its new next hop before it loses the old one.
   *
   * @param formerTag of routes that are ours, too: each gets the other tag
   */
  compare(live: Route[], wanted: WantedRoute[], tag: number, formerTag?: number): Change[];
  /** The command that takes a route out, for messages. */
  removalOf(route: { line: string }): string;
  /** How a person gives a route to the instance with a tag, as the rest of a sentence: `adding 'tag 7' at its end`. */
  handOver(tag: number): string;
  /** The command that shows the routes with a tag, for messages. */
  commandToShow(tag: number): string;
  /** The command that shows how packets to an address go, for messages. */
  commandToLookUp(address: string): string;
  /** Whether a next hop answers the router; undefined: it can't be asked. */
  ping(session: Session, hop: string): Promise<boolean | undefined>;
  /**
   * Whether a change goes back by itself unless it is confirmed. "unable" with a reason: the operator is warned.
   *
   * @throws Refused while another change waits for its confirmation
   */
  revert(session: Session): Promise<"able" | { unable: string }>;
  /** Leaves configuration mode, in which a change was cut off. */
  leave(session: Session): Promise<void>;
  /** Makes the changes; with `minutes`, they go back by themselves after those. */
  load(session: Session, changes: Change[], minutes?: number): Promise<void>;
  /** Confirms the changes. False: there is nothing (any more) to confirm. */
  confirm(session: Session): Promise<boolean>;
  /** What the routing table says against a route, as the rest of a sentence; undefined: packets go as wanted. */
  check(session: Session, wanted: WantedRoute): Promise<string | undefined>;
  /** Routes in force that lead a part of a wanted prefix elsewhere; undefined: the router does not show them. */
  longer<W extends WantedRoute>(
    session: Session,
    block: string,
    wanted: W[],
  ): Promise<LongerRoute<W>[] | undefined>;
  /** Whether the routes are those that a reboot brings back. */
  isSaved(session: Session): Promise<boolean>;
  /** Saves the running configuration. */
  save(session: Session): Promise<void>;
}
