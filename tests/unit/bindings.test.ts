import assert from "assert";
import { VipBinding } from "../../components/network/addressPlan";
import { SYSCTLS, renderBindings } from "../../components/loopbackVip/bindings";

const prefixes = ["192.0.2.128/27", "192.0.2.32/27"];
const away = ["unreachable 192.0.2.32/27", "unreachable 192.0.2.128/27"];

describe("renderBindings", () => {
  const rows: [string, string[], string[], VipBinding, string[]][] = [
    [
      "aliases, each once",
      ["192.0.2.39", "192.0.2.40", "192.0.2.129", "192.0.2.40"],
      prefixes,
      VipBinding.Alias,
      ["address 192.0.2.39", "address 192.0.2.40", "address 192.0.2.129", ...away],
    ],
    [
      "subnets",
      ["192.0.2.33"],
      [...prefixes, prefixes[0]],
      VipBinding.Subnet,
      ["local 192.0.2.32/27", "local 192.0.2.128/27", ...away],
    ],
    ["no VIPs yet", [], prefixes, VipBinding.Alias, away],
  ];
  for (const [what, vips, within, binding, expected] of rows) {
    it(what, () => assert.strictEqual(renderBindings(vips, within, binding), [...expected, ""].join("\n")));
  }

  for (const vip of ["192.0.2.1", "192.0.2.64", "203.0.113.33"]) {
    it(`refuses ${vip}`, () => {
      const message = `vips: ${vip} is in none of the prefixes 192.0.2.128/27, 192.0.2.32/27`;
      assert.throws(() => renderBindings(["192.0.2.33", vip], prefixes, VipBinding.Subnet), { message });
    });
  }

  it("silences ARP for VIPs", () => assert.match(SYSCTLS, /all.arp_ignore=1\n.*all.arp_announce=2\n$/));
});
