import assert from "assert";
import fc from "fast-check";
import { Address4 } from "ip-address";
import {
  NetworkArgs,
  broadcastAddress,
  compareAddresses,
  contains,
  firstOutside,
  hostNumberOf,
  isAddress,
  isPrefix,
  maxHostNumber,
  networkAddress,
  planNetwork,
  vipOf,
  vipsOf,
} from "../../components/network/addressPlan";
import { UserError } from "../../components/base/userError";
import { ConfigError } from "../../components/config";
import { looksLikeIpv6 } from "../../components/network/ipv4Only";

const article: NetworkArgs = { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4 };

describe("planNetwork", () => {
  it("cuts a /24: the servers' subnet, four VIP subnets, three spare", () => {
    assert.deepStrictEqual(planNetwork(article), {
      block: "192.0.2.0/24",
      serverSubnet: "192.0.2.0/27",
      vipSubnets: ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27", "192.0.2.128/27"],
      retiringSubnets: [],
      spareSubnets: ["192.0.2.160/27", "192.0.2.192/27", "192.0.2.224/27"],
    });
  });

  it("leaves out the first and the last subnet under the strict rule: 6 subnets", () => {
    const plan = planNetwork({ ...article, strictSubnets: true });
    assert.strictEqual(plan.serverSubnet, "192.0.2.32/27");
    assert.deepStrictEqual(plan.spareSubnets, ["192.0.2.192/27"]);
  });

  it("takes another subnet for the servers, and VIP subnets from both sides of it", () => {
    const plan = planNetwork({ ...article, serverSubnet: "192.0.2.64/27", vipSubnets: 3 });
    assert.deepStrictEqual(plan.vipSubnets, ["192.0.2.0/27", "192.0.2.32/27", "192.0.2.96/27"]);
  });

  it("lists at most 256 spare subnets of a large block", () => {
    const plan = planNetwork({ block: "10.0.0.0/8", subnetPrefix: 30, vipSubnets: 256 });
    assert.strictEqual(plan.vipSubnets.length, 256);
    assert.strictEqual(plan.spareSubnets.length, 256);
  });

  const refused: [Partial<NetworkArgs>, string, string][] = [
    [{ subnetPrefix: 24 }, "subnetPrefix", "from 25 to 30, such as 27"],
    [{ subnetPrefix: 31 }, "subnetPrefix", "from 25 to 30"],
    [{ subnetPrefix: 26.5 }, "subnetPrefix", "from 25 to 30"],
    [{ subnetPrefix: NaN }, "subnetPrefix", "from 25 to 30"],
    [{ block: "192.0.2.0/29", subnetPrefix: 29 }, "subnetPrefix", "use 30"],
    [{ block: "192.0.2.7/24" }, "block", "use 192.0.2.0/24"],
    [{ block: "192.0.2.0/255.255.255.0" }, "block", "use 192.0.2.0/24"],
    [{ block: "192.0.2.0/255.255.255.252" }, "block", "such as 192.0.2.0/24"],
    [{ block: "192.0.2.0/255.0.255.0" }, "block", "such as 192.0.2.0/24"],
    [{ block: "192.0.2.0" }, "block", "use 192.0.2.0/24"],
    [{ block: "192.0.2.0/33" }, "block", "such as 192.0.2.0/24"],
    [{ block: "192.0.2.0/024" }, "block", "such as 192.0.2.0/24"],
    [{ block: "192.0.02.0/24" }, "block", "such as 192.0.2.0/24"],
    [{ block: "" }, "block", "such as 192.0.2.0/24"],
    [{ block: "192.0.2.0/30" }, "block", "from /8 to /29"],
    [{ block: "0.0.0.0/0" }, "block", "from /8 to /29"],
    [{ block: "2001:db8::/32" }, "block", "IPv4 only"],
    [{ block: "127.0.0.0/8" }, "block", "such as 192.0.2.0/24"],
    [{ block: "224.0.0.0/24" }, "block", "such as 192.0.2.0/24"],
    [{ vipSubnets: 8 }, "vipSubnets", "use 7 or fewer"],
    [{ vipSubnets: 6, strictSubnets: true }, "vipSubnets", "use 5 or fewer"],
    [{ vipSubnets: 0 }, "vipSubnets", "use 1 or more"],
    [{ vipSubnets: 1.5 }, "vipSubnets", "use 1 or more"],
    [{ block: "10.0.0.0/8", vipSubnets: 257 }, "vipSubnets", "use 256 or fewer"],
    [{ subnetPrefix: 25, strictSubnets: true }, "subnetPrefix", "use 26, or strictSubnets: false"],
    [{ serverSubnet: "192.0.2.0/26" }, "serverSubnet", "use 192.0.2.0/27"],
    [{ serverSubnet: "192.0.2.40/27" }, "serverSubnet", "use 192.0.2.32/27"],
    [{ serverSubnet: "192.0.2.32" }, "serverSubnet", "192.0.2.0/27 to 192.0.2.224/27"],
    [{ serverSubnet: "198.51.100.0/27" }, "serverSubnet", "192.0.2.0/27 to 192.0.2.224/27"],
    [{ serverSubnet: "192.0.2.0/16" }, "serverSubnet", "192.0.2.0/27 to 192.0.2.224/27"],
    [{ serverSubnet: "2001:db8::/64" }, "serverSubnet", "IPv4 only"],
    [{ serverSubnet: "192.0.2.0/27", strictSubnets: true }, "serverSubnet", "use 192.0.2.32/27"],
    [{ serverSubnet: "192.0.2.224/27", strictSubnets: true }, "serverSubnet", "RFC 950"],
  ];
  for (const [change, path, says] of refused) {
    it(`refuses ${JSON.stringify(change)}`, () => {
      assert.throws(
        () => planNetwork({ ...article, ...change }),
        (error: unknown) => {
          assert(error instanceof ConfigError);
          assert.deepStrictEqual(
            error.problems.map((problem) => problem.path),
            [path],
          );
          assert(error.message.includes(says), error.message);
          return true;
        },
      );
    });
  }

  const anyArgs = fc
    .record({
      bits: fc.integer({ min: 8, max: 28 }),
      extra: fc.integer({ min: 2, max: 10 }),
      vips: fc.integer({ min: 1, max: 256 }),
      strictSubnets: fc.boolean(),
      seed: fc.nat(),
    })
    .map(({ bits, extra, vips, strictSubnets, seed }) => {
      const subnetPrefix = Math.min(30, bits + extra);
      const usable = 2 ** (subnetPrefix - bits) - (strictSubnets ? 2 : 0);
      const args = { subnetPrefix, strictSubnets, vipSubnets: Math.min(vips, usable - 1) };
      const block = `${networkAddress(`10.${seed % 256}.${(seed >> 8) % 256}.0/${bits}`)}/${bits}`;
      const serverSubnet = vipOf(block, 1 + (seed % maxHostNumber(block)));
      return {
        args: { ...args, block },
        serverSubnet: `${networkAddress(`${serverSubnet}/${subnetPrefix}`)}/${subnetPrefix}`,
        usable,
      };
    });

  it("gives disjoint subnets inside the block, as many as there are", () => {
    fc.assert(
      fc.property(anyArgs, ({ args, usable }) => {
        const plan = planNetwork(args);
        const all = [plan.serverSubnet, ...plan.vipSubnets, ...plan.spareSubnets];
        assert.strictEqual(plan.vipSubnets.length, args.vipSubnets);
        assert.strictEqual(all.length, Math.min(usable, 1 + args.vipSubnets + 256));
        for (const subnet of all) assert(contains(args.block, subnet));
        for (const [i, subnet] of all.entries()) {
          assert.strictEqual(subnet, `${networkAddress(subnet)}/${args.subnetPrefix}`);
          if (i > 0) assert(compareAddresses(broadcastAddress(all[i - 1]), networkAddress(subnet)) < 0);
        }
      }),
    );
  });

  it("moves nothing when a VIP subnet is added, and none of them is the servers' subnet", () => {
    fc.assert(
      fc.property(anyArgs, ({ args, serverSubnet, usable }) => {
        fc.pre(!args.strictSubnets && args.vipSubnets < Math.min(usable - 1, 256));
        const [less, more] = [0, 1].map((n) =>
          planNetwork({ ...args, serverSubnet, vipSubnets: args.vipSubnets + n }),
        );
        assert.deepStrictEqual(more.vipSubnets.slice(0, -1), less.vipSubnets);
        assert(!more.vipSubnets.includes(serverSubnet));
        assert.strictEqual(more.serverSubnet, serverSubnet);
      }),
    );
  });

  it("throws nothing but ConfigError, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.double(), (block, serverSubnet, n) => {
        try {
          planNetwork({ block, serverSubnet, subnetPrefix: n, vipSubnets: n });
        } catch (error) {
          assert(error instanceof ConfigError);
        }
      }),
    );
  });
});

describe("VIPs and host numbers", () => {
  it("takes one address out of each VIP subnet", () => {
    assert.deepStrictEqual(vipsOf(planNetwork(article), 5), [
      "192.0.2.37",
      "192.0.2.69",
      "192.0.2.101",
      "192.0.2.133",
    ]);
  });

  it("converts a number to an address and back", () => {
    const numbers = fc
      .integer({ min: 8, max: 30 })
      .chain((bits) =>
        fc.tuple(
          fc.constant(`10.0.0.0/${bits}`),
          fc.integer({ min: 1, max: maxHostNumber(`10.0.0.0/${bits}`) }),
        ),
      );
    fc.assert(
      fc.property(numbers, ([prefix, number]) => {
        const address = vipOf(prefix, number);
        assert(contains(prefix, address));
        assert.strictEqual(hostNumberOf(prefix, address), number);
      }),
    );
  });

  for (const number of [0, 31, -1, 1.5, NaN])
    it(`refuses host number ${number} in a /27`, () =>
      assert.throws(() => vipOf("192.0.2.32/27", number), /use 1 to 30/));

  it("refuses the number of an address outside the prefix", () => {
    assert.throws(() => hostNumberOf("192.0.2.32/27", "192.0.2.64"), UserError);
    assert.strictEqual(hostNumberOf("192.0.2.32/27", "192.0.2.32"), 0);
  });

  it("finds the first address that is in none of the prefixes", () => {
    const prefixes = ["192.0.2.32/30", "192.0.2.64/30"];
    assert.strictEqual(firstOutside(prefixes, ["192.0.2.33", "192.0.2.67"]), undefined);
    assert.strictEqual(firstOutside(prefixes, ["192.0.2.64", "192.0.2.36", "192.0.2.1"]), "192.0.2.36");
    assert.strictEqual(firstOutside([], ["192.0.2.33"]), "192.0.2.33");
  });

  it("counts as the library does, for any address and prefix", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const prefix = fc.tuple(octet, octet, octet, octet, fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(prefix, prefix, ([a, b, c, d, length], [e, f, g, h]) => {
        const [one, other] = [`${a}.${b}.${c}.${d}/${length}`, `${e}.${f}.${g}.${h}`];
        const library = new Address4(one);
        assert.strictEqual(networkAddress(one), library.startAddress().correctForm());
        assert.strictEqual(broadcastAddress(one), library.endAddress().correctForm());
        assert.strictEqual(contains(one, other), new Address4(other).isInSubnet(library));
        assert.strictEqual(vipOf(one, 1), library.startAddress().offset(1)!.correctForm());
        const order = library.bigInt() - new Address4(other).bigInt();
        assert.strictEqual(
          Math.sign(compareAddresses(one, other)),
          Number(order > 0n) - Number(order < 0n) || -1,
        );
      }),
    );
  });

  it("orders addresses as numbers", () => {
    const ordered = ["192.0.2.0/24", "192.0.2.0/27", "192.0.2.2", "192.0.2.10", "198.51.100.1"];
    assert.deepStrictEqual([...ordered].reverse().sort(compareAddresses), ordered);
  });

  it("distinguishes addresses, prefixes and IPv6", () => {
    assert.deepStrictEqual(
      ["192.0.2.1", "192.0.2.1/27", "192.0.2", "2001:db8::1", "", 5].map((text) => [
        isAddress(text),
        isPrefix(text),
        looksLikeIpv6(text),
      ]),
      [
        [true, false, false],
        [false, true, false],
        [false, false, false],
        [false, false, true],
        [false, false, false],
        [false, false, false],
      ],
    );
    assert.throws(() => contains("192.0.2.0/24", "nonsense"), /"nonsense" is not an IPv4 address/);
  });
});
