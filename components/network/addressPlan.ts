import { Path, Problems, show } from "../base/problems";
import { UserError } from "../base/userError";
import {
  Address,
  cidrOf,
  compare,
  holds,
  lengthOfMask,
  networkOf,
  parse,
  sizeOf,
  textOf,
} from "./address.cjs";
import { IPV6_ISSUE, ipv4In, looksLikeIpv6, parsed, prefixIn } from "./ipv4Only";

/** How a server binds its VIPs to its loopback device. */
export enum VipBinding {
  /** One /32 address on lo for each VIP. */
  Alias = "alias",
  /** One local route for each VIP subnet, which binds every address in it. Faster with many sites. */
  Subnet = "subnet",
}

/** The address block and how to cut it. */
export interface NetworkArgs {
  /** The block in CIDR form on its network address, such as `192.0.2.0/24`. Prefix length 8 to 29. */
  block: string;
  /** Prefix length of each subnet, in bits: longer than the block's, at most 30, such as 27. */
  subnetPrefix: number;
  /** How many subnets carry VIPs: 1 to 256. One for each server is a good start. */
  vipSubnets: number;
  /** How many of the VIP subnets, the highest ones, are on their way out of DNS: 0 or more. Default: 0. */
  retiringVipSubnets?: number;
  /** The subnet of router and servers, in CIDR form. Default: the first usable subnet. */
  serverSubnet?: string;
  /**
   * Don't use the block's first and last subnet, for equipment that follows RFC 950.
   * RFC 1878 made that rule obsolete. Default: false.
   */
  strictSubnets?: boolean;
}

/** The block, cut. All subnets are in canonical CIDR form and don't overlap. */
export interface NetworkPlan {
  /** The block, as given. */
  block: string;
  /** The subnet of router and servers. */
  serverSubnet: string;
  /** The subnets that carry VIPs, ordered by address: the lowest usable ones other than the servers' subnet. */
  vipSubnets: string[];
  /** Those of them that are on their way out: still bound and routed, but no longer in DNS. */
  retiringSubnets: string[];
  /** Usable subnets left for growth, ordered by address; at most the first 256. */
  spareSubnets: string[];
}

/** A DNS answer carries all VIPs of a site: more addresses than this don't fit a sensible one. */
const MAX_VIP_SUBNETS = 256;
const MAX_SPARES_LISTED = 256;

/**
 * Cuts the block: first the servers' subnet, then the VIP subnets; the rest is spare. One more VIP subnet later moves none of
 * the others.
 * @throws ConfigError with the arguments' names, when the block can't be cut like that
 */
export function planNetwork(args: NetworkArgs): NetworkPlan {
  const problems = new Problems();
  const block = parseBlock(args.block, problems);
  const bits = args.subnetPrefix;
  const from = (block?.length ?? 8) + 1;
  if (!Number.isInteger(bits) || bits < from || bits > 30)
    problems.add(
      ["subnetPrefix"],
      bits,
      `can't split ${args.block} into subnets with hosts`,
      `use ${from === 30 ? "30" : `a whole number from ${from} to 30, such as ${Math.max(from, Math.min(27, from + 3))}`}`,
    );
  if (!Number.isInteger(args.vipSubnets) || args.vipSubnets < 1)
    problems.add(["vipSubnets"], args.vipSubnets, "is not a number of subnets", "use 1 or more, such as 4");
  const retiring = args.retiringVipSubnets ?? 0;
  if (!Number.isInteger(retiring) || retiring < 0 || retiring >= Math.max(args.vipSubnets, 1))
    problems.add(
      ["retiringVipSubnets"],
      retiring,
      `would leave DNS without VIPs: there are ${args.vipSubnets} VIP subnets`,
      args.vipSubnets > 1 ? `use 0 to ${args.vipSubnets - 1}` : "remove the key",
    );
  problems.throwIfAny();

  const cut = new Cut(block!, bits, args.strictSubnets ?? false);
  const serverSubnet = args.serverSubnet === undefined ? cut.at(0) : cut.find(args.serverSubnet, problems);
  const room = Math.min(cut.count - 1, MAX_VIP_SUBNETS);
  if (room < 1)
    problems.say(
      ["subnetPrefix"],
      `${bits} leaves ${Math.max(cut.count, 0)} usable subnet(s) of ${args.block} under strictSubnets, ` +
        `too few for the servers' subnet and VIPs; use ${bits + 1}${bits + 1 > 30 ? " with a larger block" : ""}, or strictSubnets: false`,
    );
  else if (args.vipSubnets > room)
    problems.add(
      ["vipSubnets"],
      args.vipSubnets,
      `is too many: ${args.block} has ${room} subnets of /${bits} besides the servers' subnet`,
      `use ${room} or fewer`,
    );
  problems.throwIfAny();

  const subnets: string[] = [];
  const wanted = args.vipSubnets + MAX_SPARES_LISTED;
  for (let i = 0; i < cut.count && subnets.length < wanted; i++) {
    const subnet = cut.at(i);
    if (subnet !== serverSubnet) subnets.push(subnet!);
  }
  return {
    block: args.block,
    serverSubnet: serverSubnet!,
    vipSubnets: subnets.slice(0, args.vipSubnets),
    retiringSubnets: subnets.slice(args.vipSubnets - retiring, args.vipSubnets),
    spareSubnets: subnets.slice(args.vipSubnets),
  };
}

/** The usable subnets of a block. */
class Cut {
  /** How many usable subnets there are; not positive when the strict rule leaves none. */
  readonly count: number;
  private readonly skipped: number;

  constructor(
    private readonly block: Address,
    private readonly bits: number,
    private readonly strict: boolean,
  ) {
    this.skipped = strict ? 1 : 0;
    this.count = 2 ** (bits - block.length) - 2 * this.skipped;
  }

  /** The i-th usable subnet, or undefined when there is none. */
  at(i: number): string | undefined {
    if (i < 0 || i >= this.count) return undefined;
    const subnet = { ...this.block, length: this.bits };
    return cidrOf({ ...subnet, value: subnet.value + BigInt(i + this.skipped) * sizeOf(subnet) });
  }

  /** The usable subnet that the user names for the servers. */
  find(text: string, problems: Problems): string | undefined {
    const first = this.at(0);
    if (first === undefined) return undefined;
    const path = ["serverSubnet"];
    const last = this.at(this.count - 1);
    const usable = `${cidrOf(this.block)} has ${first} to ${last}`;
    const given = prefixIn(text);
    if (given === undefined) {
      problems.add(path, text, notAPrefix(text), `use one of the block's subnets: ${usable}`);
      return undefined;
    }
    const onSubnet = cidrOf(networkOf({ ...networkOf(given), length: this.bits }));
    if (!holds(this.block, given))
      problems.add(path, text, `is outside the block`, `use one of its subnets: ${usable}`);
    else if (text !== onSubnet)
      problems.add(
        path,
        text,
        `is not one of the block's /${this.bits} subnets`,
        `use ${onSubnet} (${usable})`,
      );
    else if (this.strict && (compareAddresses(text, first) < 0 || compareAddresses(text, last!) > 0))
      problems.add(
        path,
        text,
        "is the block's first or last subnet, which strictSubnets (RFC 950) leaves unused",
        `use ${first}, or strictSubnets: false`,
      );
    else return text;
    return undefined;
  }
}

/** What is no block for hosts: this network, loopback, link-local, multicast and reserved addresses. */
const NO_HOSTS = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"].map((prefix) =>
  parse(prefix)!,
);

function parseBlock(text: string, problems: Problems): Address | undefined {
  const path: Path = ["block"];
  const block = prefixIn(text);
  if (block === undefined) {
    problems.add(
      path,
      text,
      notAPrefix(text),
      `use ${networkWithMask(text) ?? "a block such as 192.0.2.0/24"}`,
    );
    return undefined;
  }
  const network = cidrOf(networkOf(block));
  if (network !== text) problems.add(path, text, "is not a network address", `use ${network}`);
  else if (block.length < 8 || block.length > 29)
    problems.add(
      path,
      text,
      "can't be split into a subnet for servers and subnets for VIPs",
      "use a block from /8 to /29, such as 192.0.2.0/24",
    );
  else if (NO_HOSTS.some((prefix) => holds(prefix, { ...block, length: 32 })))
    problems.add(path, text, "can't be used for hosts", "use your own block, such as 192.0.2.0/24");
  else return block;
  return undefined;
}

/** "192.0.2.0/255.255.255.0" and a bare "192.0.2.0" as the CIDR form that was probably meant. */
function networkWithMask(text: string): string | undefined {
  const [address, mask] = String(text).split("/");
  const length = mask === undefined ? 24 : lengthOfMask(mask);
  const block = length === undefined ? undefined : prefixIn(`${address}/${length}`);
  return block && block.length >= 8 && block.length <= 29 ? cidrOf(networkOf(block)) : undefined;
}

function notAPrefix(text: string): string {
  return looksLikeIpv6(text) ? IPV6_ISSUE : "is not a subnet in CIDR form";
}

/** Whether the text is an IPv4 address in its one canonical form, without a prefix length. */
export function isAddress(text: unknown): boolean {
  return ipv4In(text) !== undefined && !String(text).includes("/");
}

/** Whether the text is an IPv4 address with a prefix length; host bits may be set. */
export function isPrefix(text: unknown): boolean {
  return prefixIn(text) !== undefined;
}

/** The highest host number of a prefix: its size less network and broadcast address. Error: {@link UserError}. */
export function maxHostNumber(prefix: string): number {
  return hostsOf(parsed(prefix));
}

/**
 * The address with a host number in a prefix: 5 in 192.0.2.64/27 is 192.0.2.69.
 * @throws UserError when the number is not a whole number from 1 to {@link maxHostNumber}
 */
export function vipOf(prefix: string, hostNumber: number): string {
  const network = parsed(prefix);
  const max = hostsOf(network);
  if (!Number.isInteger(hostNumber) || hostNumber < 1 || hostNumber > max)
    throw new UserError(`${show(hostNumber)} is not a host number of ${prefix}; use 1 to ${max}`);
  return addressAt(network, BigInt(hostNumber));
}

/** The addresses with a host number, one out of each VIP subnet of the plan; no number, none. Error: see {@link vipOf}. */
export function vipsOf(plan: NetworkPlan, hostNumber: number | undefined): string[] {
  return hostNumber === undefined ? [] : plan.vipSubnets.map((prefix) => vipOf(prefix, hostNumber));
}

/**
 * The host number of an address in a prefix; 0 is the network address.
 * @throws UserError when the address is outside the prefix
 */
export function hostNumberOf(prefix: string, address: string): number {
  const [outer, inner] = [parsed(prefix), parsed(address)];
  if (!holds(outer, inner)) throw new UserError(`${address} is outside ${prefix}`);
  return Number(inner.value - networkOf(outer).value);
}

/** Whether an address, or a whole subnet, is in the prefix. Error: {@link UserError}. */
export function contains(prefix: string, address: string): boolean {
  return holds(parsed(prefix), parsed(address));
}

/** The first address that is in none of the prefixes, which are parsed once. Error: {@link UserError}. */
export function firstOutside(prefixes: string[], addresses: string[]): string | undefined {
  const outer = prefixes.map(parsed);
  return addresses.find((address) => {
    const inner = parsed(address);
    return !outer.some((prefix) => holds(prefix, inner));
  });
}

/** The subnet that an address is in. Error: {@link UserError} when it is in none. */
export function subnetOf(address: string, subnets: string[]): string {
  const subnet = subnets.find((candidate) => contains(candidate, address));
  if (subnet === undefined) throw new UserError(`${address} is in none of the subnets ${subnets.join(", ")}`);
  return subnet;
}

/** Order by address as a number (192.0.2.9 before 192.0.2.10), then wider prefix first. Error: {@link UserError}. */
export function compareAddresses(a: string, b: string): number {
  return compare(parsed(a), parsed(b));
}

/** The network address of a prefix: 192.0.2.64 for 192.0.2.64/27. Error: {@link UserError}. */
export function networkAddress(prefix: string): string {
  return textOf(networkOf(parsed(prefix)));
}

/** The broadcast address of a prefix: 192.0.2.95 for 192.0.2.64/27. Error: {@link UserError}. */
export function broadcastAddress(prefix: string): string {
  const network = parsed(prefix);
  return addressAt(network, sizeOf(network) - 1n);
}

const hostsOf = (prefix: Address): number => Number(sizeOf(prefix)) - 2;

/** The address so many after a prefix's first. */
function addressAt(prefix: Address, offset: bigint): string {
  const { family, value } = networkOf(prefix);
  return textOf({ family, value: value + offset });
}
