import { Address4 } from "ip-address";
import { Path, Problems, show } from "../base/problems";
import { IPV6_ISSUE, looksLikeIpv6 } from "./ipv6";
import { UserError } from "../base/userError";

/** How a server binds its VIPs to its loopback device. */
export enum VipBinding {
  /** One /32 address on lo for each VIP: the article's way. */
  Alias = "alias",
  /** One local route for each VIP subnet: every address of it is bound. Faster with many sites. */
  Subnet = "subnet",
}

/** The address block and how to cut it. */
export interface NetworkArgs {
  /** The block in CIDR form on its network address, such as `192.0.2.0/24`. Prefix length 8 to 29. */
  block: string;
  /** Prefix length of each subnet, in bits: longer than the block's, at most 30. The article's is 27. */
  subnetPrefix: number;
  /** How many subnets carry VIPs: 1 to 256. The article has 4, one for each server. */
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
  /** The subnets that carry VIPs, ordered by address: the lowest usable ones besides the Ethernet. */
  vipSubnets: string[];
  /** Those of them that are on their way out: bound and routed, while DNS has none of their VIPs. */
  retiringSubnets: string[];
  /** Usable subnets that are left for growth, ordered by address; at most the first 256. */
  spareSubnets: string[];
}

/** A DNS answer carries all VIPs of a site: more addresses than this don't fit a sensible one. */
const MAX_VIP_SUBNETS = 256;
const MAX_SPARES_LISTED = 256;

/**
 * Cuts the block: the Ethernet first, then the VIP subnets, the rest is spare. Asking for one more VIP
 * subnet later moves none of the others.
 * @throws ConfigError with the arguments' names, when the block can't be cut like that
 */
export function planNetwork(args: NetworkArgs): NetworkPlan {
  const problems = new Problems();
  const block = parseBlock(args.block, problems);
  const bits = args.subnetPrefix;
  const from = (block?.subnetMask ?? 8) + 1;
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
  const serverSubnet = args.serverSubnet === undefined ? cut.at(0) : cut.parse(args.serverSubnet, problems);
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
    block: block!.networkForm(),
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
  private readonly size: number;
  private readonly skipped: number;

  constructor(
    private readonly block: Address4,
    private readonly bits: number,
    private readonly strict: boolean,
  ) {
    this.size = 2 ** (32 - bits);
    this.skipped = strict ? 1 : 0;
    this.count = 2 ** (bits - block.subnetMask) - 2 * this.skipped;
  }

  /** The i-th usable subnet, or undefined when there is none. */
  at(i: number): string | undefined {
    if (i < 0 || i >= this.count) return undefined;
    const start = this.block.startAddress().offset((i + this.skipped) * this.size);
    return `${start.correctForm()}/${this.bits}`;
  }

  /** The subnet that the user names as Ethernet. */
  parse(text: string, problems: Problems): string | undefined {
    const first = this.at(0);
    if (first === undefined) return undefined;
    const path = ["serverSubnet"];
    const last = this.at(this.count - 1);
    const block = this.block.networkForm();
    const usable = `${block} has ${first} to ${last}`;
    if (!isPrefix(text)) {
      problems.add(path, text, notAPrefix(text), `use one of the block's subnets: ${usable}`);
      return undefined;
    }
    const given = new Address4(text);
    const onSubnet = `${given.startAddress().correctForm()}/${this.bits}`;
    if (!given.isInSubnet(this.block))
      problems.add(path, text, `is outside the block`, `use one of its subnets: ${usable}`);
    else if (text !== new Address4(onSubnet).networkForm())
      problems.add(
        path,
        text,
        `is not one of the block's /${this.bits} subnets`,
        `use ${new Address4(onSubnet).networkForm()} (${usable})`,
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

function parseBlock(text: string, problems: Problems): Address4 | undefined {
  const path: Path = ["block"];
  if (!isPrefix(text)) {
    problems.add(
      path,
      text,
      notAPrefix(text),
      `use ${networkWithMask(text) ?? "a block such as 192.0.2.0/24"}`,
    );
    return undefined;
  }
  const block = new Address4(text);
  if (block.networkForm() !== text)
    problems.add(path, text, "is not a network address", `use ${block.networkForm()}`);
  else if (block.subnetMask < 8 || block.subnetMask > 29)
    problems.add(
      path,
      text,
      "can't be split into a subnet for servers and subnets for VIPs",
      "use a block from /8 to /29, such as 192.0.2.0/24",
    );
  else if (
    block.isMulticast() ||
    block.isLoopback() ||
    block.isLinkLocal() ||
    /^0\./.test(text) ||
    block.isReserved()
  )
    problems.add(path, text, "can't be used for hosts", "use your own block, such as 192.0.2.0/24");
  else return block;
  return undefined;
}

/** "192.0.2.0/255.255.255.0" and a bare "192.0.2.0" as the CIDR form that was probably meant. */
function networkWithMask(text: string): string | undefined {
  const [address, mask] = String(text).split("/");
  try {
    if (mask === undefined && isAddress(address)) return new Address4(`${address}/24`).networkForm();
    const block = Address4.fromAddressAndMask(address, mask);
    return block.subnetMask >= 8 && block.subnetMask <= 29 ? block.networkForm() : undefined;
  } catch {
    return undefined;
  }
}

function notAPrefix(text: string): string {
  return looksLikeIpv6(text) ? IPV6_ISSUE : "is not a subnet in CIDR form";
}

/** Whether the text is an IPv4 address in its one canonical form, without a prefix length. */
export function isAddress(text: unknown): boolean {
  if (typeof text !== "string" || text.includes("/")) return false;
  return quickly(text) !== undefined || Address4.isValid(text);
}

/** Whether the text is an IPv4 address with a prefix length; host bits may be set. */
export function isPrefix(text: unknown): boolean {
  return typeof text === "string" && text.includes("/") && Address4.isValid(text);
}

/** The highest host number of a prefix: its size less network and broadcast address. Error: {@link UserError}. */
export function maxHostNumber(prefix: string): number {
  return sizeOf(parsed(prefix)) - 2;
}

/**
 * The address with a host number in a prefix: 5 in 192.0.2.64/27 is 192.0.2.69.
 * @throws UserError when the number is not a whole number from 1 to {@link maxHostNumber}
 */
export function vipOf(prefix: string, hostNumber: number): string {
  const max = maxHostNumber(prefix);
  if (!Number.isInteger(hostNumber) || hostNumber < 1 || hostNumber > max)
    throw new UserError(`${show(hostNumber)} is not a host number of ${prefix}; use 1 to ${max}`);
  return textOf(startOf(parsed(prefix)) + hostNumber);
}

/** The addresses with a host number, one out of each VIP subnet of the plan; no number, none. Error: see {@link vipOf}. */
export function vipsOf(plan: NetworkPlan, hostNumber: number | undefined): string[] {
  return hostNumber === undefined ? [] : plan.vipSubnets.map((prefix) => vipOf(prefix, hostNumber));
}

/**
 * The host number of an address in a prefix; 0 is the network address.
 * @throws UserError when the address lies outside the prefix
 */
export function hostNumberOf(prefix: string, address: string): number {
  if (!contains(prefix, address)) throw new UserError(`${address} is outside ${prefix}`);
  return parsed(address).value - startOf(parsed(prefix));
}

/** Whether an address, or a whole subnet, lies in the prefix. Error: {@link UserError}. */
export function contains(prefix: string, address: string): boolean {
  return lookupOf(prefix)(address);
}

/** The first address that lies in none of the prefixes; the prefixes are read once. Error: {@link UserError}. */
export function firstOutside(prefixes: string[], addresses: string[]): string | undefined {
  const lookups = prefixes.map(lookupOf);
  return addresses.find((address) => !lookups.some((holds) => holds(address)));
}

function lookupOf(prefix: string): (address: string) => boolean {
  const outer = parsed(prefix);
  const start = startOf(outer);
  const end = start + sizeOf(outer);
  return (address) => {
    const inner = parsed(address);
    return inner.length >= outer.length && inner.value >= start && inner.value < end;
  };
}

/** The subnet that an address lies in. Error: {@link UserError} when it lies in none. */
export function subnetOf(address: string, subnets: string[]): string {
  const subnet = subnets.find((candidate) => contains(candidate, address));
  if (subnet === undefined) throw new UserError(`${address} is in none of the subnets ${subnets.join(", ")}`);
  return subnet;
}

/** Order by address as a number (192.0.2.9 before 192.0.2.10), then wider prefix first. Error: {@link UserError}. */
export function compareAddresses(a: string, b: string): number {
  const [x, y] = [parsed(a), parsed(b)];
  return x.value - y.value || x.length - y.length;
}

/** The network address of a prefix: 192.0.2.64 for 192.0.2.64/27. Error: {@link UserError}. */
export function networkAddress(prefix: string): string {
  return textOf(startOf(parsed(prefix)));
}

/** The broadcast address of a prefix: 192.0.2.95 for 192.0.2.64/27. Error: {@link UserError}. */
export function broadcastAddress(prefix: string): string {
  const plain = parsed(prefix);
  return textOf(startOf(plain) + sizeOf(plain) - 1);
}

/** An address as a number, with its prefix length. */
interface Plain {
  value: number;
  length: number;
}

const sizeOf = ({ length }: Plain): number => 2 ** (32 - length);
const startOf = (plain: Plain): number => plain.value - (plain.value % sizeOf(plain));

function textOf(value: number): string {
  return `${Math.floor(value / 2 ** 24)}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** The usual form. With many sites it is read so often that the library's way, 20 µs each, took seconds. */
function quickly(text: string): Plain | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (parts === null) return undefined;
  let value = 0;
  for (let i = 1; i <= 4; i++) {
    const octet = Number(parts[i]);
    if (octet > 255 || (parts[i].length > 1 && parts[i].startsWith("0"))) return undefined;
    value = value * 256 + octet;
  }
  const length = Number(parts[5] ?? 32);
  return length > 32 || (parts[5]?.length > 1 && parts[5].startsWith("0")) ? undefined : { value, length };
}

function parsed(text: string): Plain {
  const plain = quickly(text);
  if (plain) return plain;
  if (!Address4.isValid(text))
    throw new UserError(`${show(text)} is not an IPv4 address or prefix; use one such as 192.0.2.64/27`);
  const address = new Address4(text);
  return { value: Number(address.bigInt()), length: address.subnetMask };
}
