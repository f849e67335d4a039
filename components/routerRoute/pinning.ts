/** Which packet mark and routing table belong to a server: both follow from its host number in the servers' subnet alone. */
import { contains, hostNumberOf, isAddress } from "../network/addressPlan";
import { assertValid } from "../base/argumentChecks";
import { nameIssue } from "../base/names";
import type { ServerArgs } from "../host/ssh";
import { ServerState, stateIssue } from "../network/serverState";
import { serverLine } from "./lineFormats";

/** How open connections are kept. Nothing else on the router may use the numbers. */
export interface PinningArgs {
  /** Bits of packet and conntrack marks, as a mask; a server's host number must fit in. Default: 0xff000000. */
  markMask?: string;
  /** A server's routing table has this number plus its host number in the servers' subnet. Default: 76000. */
  tableBase?: number;
  /** Priority of the routing rules: below that of the main table, 32766. Default: 7677. */
  rulePriority?: number;
  /**
   * Protocols whose additional connections go to the server that has the first one, even after a flip: `ftp`, on port 21.
   * The router reads the first one for that, so it must not be encrypted. Default: none.
   */
  helpers?: string[];
  /**
   * Pinning does not make the router track traffic other than that of VIPs, so its conntrack table has only flows
   * of VIPs. Refused where anything else on the router needs connections tracked; when that comes later, the router
   * tracks everything again within a second and says so. Default: false.
   */
  trackOnlyVips?: boolean;
}

/** What a router knows of a server. */
type RouteServer = Pick<ServerArgs, "name" | "address" | "state">;

/** What a router uses where nothing is configured. */
export const PINNING: Required<PinningArgs> = {
  markMask: "0xff000000",
  tableBase: 76000,
  rulePriority: 7677,
  helpers: [],
  trackOnlyVips: false,
};

/** Each helper's protocol and port of the first connection. */
const HELPERS: Record<string, string> = { ftp: "tcp,21" };

/** What is wrong with a helper's name, as the rest of a sentence; undefined: nothing. */
export function helperIssue(name: string): string | undefined {
  return Object.hasOwn(HELPERS, name) ? undefined : "is not a protocol with a helper";
}

/** What may be written in place of a wrong one. */
export const helperInstead = `use ${Object.keys(HELPERS).join(" or ")}`;

/**
 * `NAME,PROTOCOL,PORT` of each, with spaces between.
 *
 * @throws UserError when one is unknown, or there are some and flows are not pinned.
 */
export function renderHelpers(helpers: string[], pinFlows: boolean): string {
  for (const name of helpers) {
    const issue = helperIssue(name);
    assertValid("pinning.helpers", name, issue && `${issue}; ${helperInstead}`);
    assertValid("pinning.helpers", name, !pinFlows && "needs pinned flows; remove it, or set pinFlows");
  }
  return [...new Set(helpers)].map((name) => `${name},${HELPERS[name]}`).join(" ");
}

/** Routing tables of the kernel and of loopback-ha, which no server's table may be. */
export const RESERVED_TABLES: [number, string][] = [
  [253, "the kernel's table default"],
  [254, "the kernel's table main"],
  [255, "the kernel's table local"],
  [7676, "the table for health checks before a move"],
];

/** Priority of the rule by which servers are asked before a move: routes.sh has it, too. */
export const CHECK_RULE_PRIORITY = 7676;

/** What is wrong with a mask for marks, as the rest of a sentence; undefined: nothing. */
export function markMaskIssue(text: string): string | undefined {
  if (!/^0x[0-9a-fA-F]{1,8}$/.test(text)) return "is not a 32-bit mask";
  const bits = Number.parseInt(text, 16).toString(2);
  return /^1+0*$/.test(bits) ? undefined : "is not one run of bits";
}

/** The highest host number that a mask has room for. */
export function markRoom(mask: string): number {
  return Number.parseInt(mask, 16) / lowestBit(mask);
}

/** The mark of a server, such as `0x2000000`, as iproute2 prints it. */
export function markOf(hostNumber: number, mask: string): string {
  return `0x${(hostNumber * lowestBit(mask)).toString(16)}`;
}

function lowestBit(mask: string): number {
  return 2 ** /0*$/.exec(Number.parseInt(mask, 16).toString(2))![0].length;
}

/**
 * One line a server, ordered by host number: `NAME ADDRESS up|down MARK TABLE`.
 *
 * @throws UserError when a server is outside the servers' subnet or has no room in the mask.
 */
export function renderServers(
  servers: RouteServer[],
  serverSubnet: string,
  pinning: PinningArgs = {},
): string {
  const { markMask, tableBase } = { ...PINNING, ...pinning };
  assertValid("pinning.markMask", markMask, markMaskIssue(markMask));
  return servers
    .map(({ name, address, state }) => {
      assertValid("servers", name, nameIssue(name));
      assertValid("servers", address, !isAddress(address) && "is not an IPv4 address");
      assertValid("servers", state, state && stateIssue(state));
      assertValid(
        "servers",
        address,
        !contains(serverSubnet, address) && `is outside the servers' subnet ${serverSubnet}`,
      );
      const number = hostNumberOf(serverSubnet, address);
      assertValid(
        "pinning.markMask",
        markMask,
        number > markRoom(markMask) && `has no room for host number ${number} (${name})`,
      );
      const table = tableBase + number;
      const reserved = RESERVED_TABLES.find(([taken]) => taken === table);
      assertValid(
        "pinning.tableBase",
        tableBase,
        reserved && `gives ${name} table ${table}, which is ${reserved[1]}`,
      );
      return {
        number,
        line: serverLine({
          name,
          address,
          down: state === ServerState.Down,
          mark: markOf(number, markMask),
          table,
        }),
      };
    })
    .sort((a, b) => a.number - b.number)
    .map(({ line }) => `${line}\n`)
    .join("");
}
