import { VipBinding, firstOutside } from "../network/addressPlan";
import { orderByAddress } from "../network/ipv4Only";
import { UserError } from "../base/userError";
import { Binding, bindingLine } from "./lineFormats";

/**
 * No server answers ARP for a VIP, or asks with one as the sender's address.
 * Source: ip-sysctl of the Linux kernel; the kernel takes the larger one of `all` and the interface's own.
 */
export const SYSCTLS = "net.ipv4.conf.all.arp_ignore=1\nnet.ipv4.conf.all.arp_announce=2\n";

/**
 * What a server binds, one line each (see role.sh).
 *
 * @throws UserError when a VIP is in none of the prefixes.
 */
export function renderBindings(vips: string[], prefixes: string[], binding: VipBinding): string {
  const same = last?.vips === vips && last.prefixes === prefixes && last.binding === binding;
  if (!same) last = { vips, prefixes, binding, text: render(vips, prefixes, binding) };
  return last!.text;
}

// All servers of a pool are given the same, which may be thousands.
let last: { vips: string[]; prefixes: string[]; binding: VipBinding; text: string } | undefined;

function render(vips: string[], prefixes: string[], binding: VipBinding): string {
  const stray = firstOutside(prefixes, vips);
  if (stray) throw new UserError(`vips: ${stray} is in none of the prefixes ${prefixes.join(", ")}`);
  const ordered = orderByAddress([...new Set(prefixes)], (prefix) => prefix);
  const bound: Binding[] =
    binding === VipBinding.Subnet
      ? ordered.map((prefix) => ({ kind: "local", prefix }))
      : // In the order given, a site's together: a new site is one group of lines in a preview.
        [...new Set(vips)].map((address) => ({ kind: "address", address }));
  const unreachable = ordered.map((prefix): Binding => ({ kind: "unreachable", prefix }));
  return [...bound, ...unreachable].map((each) => `${bindingLine(each)}\n`).join("");
}
