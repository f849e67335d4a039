/** Farms have IPv4 addresses only, for now: how their addresses are read, and what is said about others. */
import { show } from "../base/problems";
import { UserError } from "../base/userError";
import { Address, compare, parse } from "./address.cjs";

/** What to say about an IPv6 address. */
export const IPV6_ISSUE = "is IPv6, but this version supports IPv4 only";

/** Whether the text was meant as an IPv6 address. */
export function looksLikeIpv6(text: unknown): boolean {
  return typeof text === "string" && /^[0-9a-f:./]*:[0-9a-f:./]*$/i.test(text);
}

/** The IPv4 address or prefix that a text is. */
export function ipv4In(text: unknown): Address | undefined {
  const address = typeof text === "string" ? parse(text) : undefined;
  return address?.family === 4 ? address : undefined;
}

/** The IPv4 prefix that a text is, with its length. */
export function prefixIn(text: unknown): Address | undefined {
  return typeof text === "string" && text.includes("/") ? ipv4In(text) : undefined;
}

/** The address or prefix that a text is. Error: {@link UserError}. */
export function parsed(text: string): Address {
  const address = ipv4In(text);
  if (address) return address;
  throw new UserError(`${show(text)} is not an IPv4 address or prefix; use one such as 192.0.2.64/27`);
}

/** The items, ordered by the address or prefix of each, which is read once. Error: {@link UserError}. */
export function orderByAddress<T>(items: T[], addressOf: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, address: parsed(addressOf(item)) }))
    .sort((a, b) => compare(a.address, b.address))
    .map(({ item }) => item);
}
