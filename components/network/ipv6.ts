/** What to say about an IPv6 address. */
export const IPV6_ISSUE = "is IPv6, but this version supports IPv4 only";

/** Whether the text was meant as an IPv6 address. */
export function looksLikeIpv6(text: unknown): boolean {
  return typeof text === "string" && /^[0-9a-f:./]*:[0-9a-f:./]*$/i.test(text);
}
