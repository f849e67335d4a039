/** Which mark and which routing table stand for a server: both follow from its Ethernet host number alone. */
import { contains, hostNumberOf, isAddress } from "../network/addressPlan";
import { refuse } from "../base/argumentChecks";
import { nameComplaint } from "../base/names";
import { serverLine } from "./files";

/** How open connections are kept. Nothing else on the router may use the numbers. */
export interface PinningArgs {
  /** Bits of packet and conntrack marks, as a mask; a server's host number must fit in. Default: 0xff000000. */
  markMask?: string;
  /** A server's routing table has this number plus its Ethernet host number. Default: 76000. */
  tableBase?: number;
  /** Preference of the routing rules: below that of the main table, 32766. Default: 7677. */
  rulePreference?: number;
  /**
   * Protocols whose further connections go to the server that has the first one, also after a flip: `ftp`, on port 21.
   * The router reads the first one for that, so it must not be encrypted. Default: none.
   */
  helpers?: string[];
  /**
   * Traffic that is none of the VIPs' is not tracked because of the pins, so the router's conntrack table has only flows
   * of VIPs. Refused where anything else on the router needs connections tracked; when that comes later, the router
   * tracks everything again within a second and says so. Default: false.
   */
  trackOnlyVips?: boolean;
}

/** A server of the farm, whether it carries traffic or not. */
export interface RouteServerArgs {
  /** Its name. */
  name: string;
  /** Its Ethernet address: the next hop to it. */
  address: string;
  /** Nobody may try to reach it: its open connections move at once, and their clients are told. Default: false. */
  down?: boolean;
}

/** What a router uses where nothing is configured. */
export const PINNING: Required<PinningArgs> = {
  markMask: "0xff000000",
  tableBase: 76000,
  rulePreference: 7677,
  helpers: [],
  trackOnlyVips: false,
};

/** Each helper's protocol and port of the first connection. */
const HELPERS: Record<string, string> = { ftp: "tcp,21" };

/** What is wrong with a helper's name, as the rest of a sentence; undefined: nothing. */
export function helperComplaint(name: string): string | undefined {
  return Object.hasOwn(HELPERS, name) ? undefined : "is no protocol that can be helped";
}

/** What may be written in place of a wrong one. */
export const helperInstead = `use ${Object.keys(HELPERS).join(" or ")}`;

/**
 * `NAME,PROTOCOL,PORT` of each, with spaces between.
 *
 * @throws Refusal when one is unknown, or there are some and flows are not pinned.
 */
export function renderHelpers(helpers: string[], pinFlows: boolean): string {
  for (const name of helpers) {
    const complaint = helperComplaint(name);
    refuse("pinning.helpers", name, complaint && `${complaint}; ${helperInstead}`);
    refuse("pinning.helpers", name, !pinFlows && "needs pinned flows; leave it out, or set pinFlows");
  }
  return [...new Set(helpers)].map((name) => `${name},${HELPERS[name]}`).join(" ");
}

/** Routing tables of the kernel's own and of ours, which no server's table may be. */
export const RESERVED_TABLES: [number, string][] = [
  [253, "the kernel's table default"],
  [254, "the kernel's table main"],
  [255, "the kernel's table local"],
  [7676, "the table by which servers are asked before a move"],
];

/** Preference of the rule by which servers are asked before a move: routes.sh has it, too. */
export const PROOF_PREFERENCE = 7676;

/** What is wrong with a mask for marks, as the rest of a sentence; undefined: nothing. */
export function markMaskComplaint(text: string): string | undefined {
  if (!/^0x[0-9a-fA-F]{1,8}$/.test(text)) return "is no mask of 32 bits";
  const bits = Number.parseInt(text, 16).toString(2);
  return /^1+0*$/.test(bits) ? undefined : "is not one run of bits";
}

/** The highest Ethernet host number that a mask has room for. */
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
 * @throws Refusal when a server is no machine of the Ethernet or has no room in the mask.
 */
export function renderServers(
  servers: RouteServerArgs[],
  ethernet: string,
  pinning: PinningArgs = {},
): string {
  const { markMask, tableBase } = { ...PINNING, ...pinning };
  refuse("pinning.markMask", markMask, markMaskComplaint(markMask));
  return servers
    .map(({ name, address, down }) => {
      refuse("servers", name, nameComplaint(name));
      refuse("servers", address, !isAddress(address) && "is not an IPv4 address");
      refuse("servers", address, !contains(ethernet, address) && `lies outside the Ethernet ${ethernet}`);
      const number = hostNumberOf(ethernet, address);
      refuse(
        "pinning.markMask",
        markMask,
        number > markRoom(markMask) && `has no room for host number ${number} (${name})`,
      );
      const table = tableBase + number;
      const reserved = RESERVED_TABLES.find(([taken]) => taken === table);
      refuse(
        "pinning.tableBase",
        tableBase,
        reserved && `gives ${name} table ${table}, which is ${reserved[1]}`,
      );
      return {
        number,
        line: serverLine({ name, address, down: down === true, mark: markOf(number, markMask), table }),
      };
    })
    .sort((a, b) => a.number - b.number)
    .map(({ line }) => `${line}\n`)
    .join("");
}
