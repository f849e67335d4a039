import assert from "node:assert/strict";
import { isIP } from "node:net";
import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import {
  Address,
  bitsOf,
  cidrOf,
  compare,
  holds,
  hostPrefix,
  isHostPrefix,
  isIn,
  isInside,
  isIpv6,
  lengthOf,
  lengthOfMask,
  maskOf,
  networkOf,
  parse,
  sampleOf,
  sizeOf,
  textOf,
  withMask,
} from "../../components/network/address.cjs";
import { orderByAddress } from "../../components/network/ipv4Only";

/** Zeros are frequent, as in real addresses. */
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
const any: fc.Arbitrary<Address> = fc.oneof(
  fc.record(
    {
      family: fc.constant(4 as const),
      value: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
      length: fc.integer({ min: 0, max: 32 }),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      family: fc.constant(6 as const),
      value: fc
        .array(group, { minLength: 8, maxLength: 8 })
        .map((groups) => groups.reduce((sum, each) => (sum << 16n) | BigInt(each), 0n)),
      length: fc.integer({ min: 0, max: 128 }),
    },
    { noNullPrototype: true },
  ),
);
const fullLength = (address: Address): Address => ({ ...address, length: bitsOf(address) });

describe("addresses of both families", () => {
  /** What is read, and how it is written. */
  const rows: [string, string | undefined][] = [
    ["192.0.2.5", "192.0.2.5/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["255.255.255.255", "255.255.255.255/32"],
    ["192.0.2.65/27", "192.0.2.65/27"],
    ["192.0.2", undefined],
    ["192.0.2.256", undefined],
    ["192.0.02.5", undefined],
    ["192.0.2.5.6", undefined],
    ["192.0.2.0/33", undefined],
    ["192.0.2.0/024", undefined],
    ["192.0.2.0/24/24", undefined],
    ["192.0.2.0/", undefined],
    ["/24", undefined],
    ["", undefined],
    [" 192.0.2.5", undefined],
    ["192.0.2.5\n", undefined],
    ["2001:db8::5", "2001:db8::5/128"],
    ["2001:DB8:0:0:0:0:0:5/64", "2001:db8::5/64"],
    ["::", "::/128"],
    ["::1", "::1/128"],
    ["1::", "1::/128"],
    // RFC 5952, 4.1: no leading zeros.
    ["2001:0db8::0001", "2001:db8::1/128"],
    // 4.2.2: one group of zeros is not shortened.
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1/128"],
    // 4.2.3: the longest run; the first of two.
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1/128"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1/128"],
    // 5: an IPv4 address in its own form.
    ["::ffff:192.0.2.5", "::ffff:192.0.2.5/128"],
    ["::FFFF:c000:205", "::ffff:192.0.2.5/128"],
    ["64:ff9b::192.0.2.5", "64:ff9b::c000:205/128"],
    ["::ffff:192.0.2.256", undefined],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128"],
    ["1:2:3:4:5:6:7:8::", undefined],
    ["1:2:3:4:5:6:7:8:9", undefined],
    ["1:2:3:4:5:6:7", undefined],
    ["1::2::3", undefined],
    [":::", undefined],
    [":1", undefined],
    ["2001:db8::12345", undefined],
    ["2001:db8::g", undefined],
    ["2001:db8::/129", undefined],
    ["2001:db8::/064", undefined],
    ["2001:db8::/64/64", undefined],
    ["2001:db8::/", undefined],
    ["fe80::1%eth0", undefined],
  ];
  for (const [text, written] of rows)
    it(`${JSON.stringify(text)} is ${written ?? "neither address nor prefix"}`, () => {
      const address = parse(text);
      assert.equal(address && cidrOf(address), written);
    });

  it("are read again as they were written", () => {
    fc.assert(
      fc.property(any, (address) => {
        assert.deepEqual(parse(cidrOf(address)), address);
        assert.deepEqual(parse(textOf(address)), fullLength(address));
      }),
    );
  });

  it("are the ones that Node and another library read, whatever the text", () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV4Extended(),
      fc.string(),
      fc.string({ unit: fc.constantFrom(..."0123459af:.") }),
      fc.string({ unit: fc.constantFrom("::", ":", "0", "1", "ff", "1.2.3.4"), maxLength: 12 }),
    );
    fc.assert(
      fc.property(text, (given) => {
        const address = given.includes("/") ? undefined : parse(given);
        assert.equal(address?.family ?? 0, given.includes("/") ? 0 : isIP(given));
        assert.equal(isIpv6(given), address?.family === 6);
        if (address?.family === 4) assert.equal(address.value, new Address4(given).bigInt());
        if (address?.family === 6) assert.equal(address.value, new Address6(given).bigInt());
      }),
      { numRuns: 2000 },
    );
  });

  it("are written as in URLs, except for embedded IPv4 addresses", () => {
    fc.assert(
      fc.property(any, (address) => {
        fc.pre(address.value >> 32n !== 0xffffn);
        const host = address.family === 4 ? textOf(address) : `[${textOf(address)}]`;
        assert.equal(new URL(`http://${host}/`).hostname, host);
      }),
    );
  });

  it("are in a prefix when they have its first bits, and so is a prefix that is not wider", () => {
    const bits = ({ family, value, length }: Address): string =>
      value
        .toString(2)
        .padStart(family === 4 ? 32 : 128, "0")
        .slice(0, length);
    /** A prefix and one nearby, else hardly any is in another. */
    const pair = fc
      .tuple(any, any, fc.nat(128), fc.boolean())
      .map(([outer, other, length, near]): [Address, Address] => [
        outer,
        near ? { ...outer, value: outer.value ^ 1n, length: Math.min(length, bitsOf(outer)) } : other,
      ]);
    fc.assert(
      fc.property(pair, ([outer, inner]) => {
        const expected = outer.family === inner.family && bits(inner).startsWith(bits(outer));
        assert.equal(holds(outer, inner), expected);
        assert.equal(isIn(cidrOf(outer), cidrOf(inner)), expected);
        assert.equal(isInside(cidrOf(inner), cidrOf(outer)), expected && inner.length > outer.length);
        assert.ok(holds(outer, networkOf(outer)) && holds(outer, outer));
      }),
    );
  });

  it("have a network address and a size", () => {
    fc.assert(
      fc.property(any, (prefix) => {
        const network = networkOf(prefix);
        const last = { ...network, value: network.value + sizeOf(prefix) - 1n };
        assert.equal(network.value % sizeOf(prefix), 0n);
        assert.ok(holds(prefix, fullLength(network)) && holds(prefix, fullLength(last)));
        assert.ok(!holds(prefix, fullLength({ ...last, value: last.value + 1n })));
      }),
    );
  });

  it("are ordered by family, then as numbers, then the wider first", () => {
    const ordered = [
      ...["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0", "10.0.0.2", "10.0.0.10"],
      ...["::", "::9", "::10", "2001:db8::/32", "2001:db8::/64", "2001:db8::1"],
    ];
    const sorted = (texts: string[]): string[] => [...texts].sort((a, b) => compare(parse(a)!, parse(b)!));
    assert.deepEqual(sorted([...ordered].reverse()), ordered);
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        assert.equal(Math.sign(compare(a, b)), -Math.sign(compare(b, a)) + 0);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) assert.ok(compare(a, c) <= 0);
        assert.equal(compare(a, b) === 0, cidrOf(a) === cidrOf(b));
      }),
    );
  });

  it("sort the values that they belong to, and leave the given list as it was", () => {
    const items = ["192.0.2.10", "192.0.2.9"].map((address) => ({ address }));
    assert.deepEqual(
      orderByAddress(items, ({ address }) => address),
      [items[1], items[0]],
    );
    assert.throws(() => orderByAddress(["web1"], (text) => text), /"web1" is not an IPv4 address or prefix/);
  });

  it("make a prefix of one address", () => {
    assert.equal(hostPrefix("192.0.2.5"), "192.0.2.5/32");
    assert.equal(hostPrefix("2001:db8::5"), "2001:db8::5/128");
    fc.assert(
      fc.property(any, (prefix) => {
        assert.equal(hostPrefix(textOf(prefix)), cidrOf(fullLength(prefix)));
        assert.equal(isHostPrefix(cidrOf(prefix)), prefix.length === bitsOf(prefix));
        assert.equal(lengthOf(cidrOf(prefix)), prefix.length);
      }),
    );
  });

  it("have an example in each prefix", () => {
    const prefixes = ["192.0.2.32/27", "192.0.2.34/31", "192.0.2.9/32", "2001:db8::/64", "2001:db8::5/128"];
    const samples = ["192.0.2.33", "192.0.2.34", "192.0.2.9", "2001:db8::1", "2001:db8::5"];
    assert.deepEqual(prefixes.map(sampleOf), samples);
    fc.assert(
      fc.property(any, (prefix) =>
        assert.ok(isIn(cidrOf(networkOf(prefix)), sampleOf(cidrOf(networkOf(prefix))))),
      ),
    );
  });

  it("have masks, of IPv4", () => {
    for (let length = 0; length <= 32; length++) assert.equal(lengthOfMask(maskOf(length)), length);
    assert.equal(withMask("192.0.2.64/27"), "192.0.2.64 255.255.255.224");
    for (const text of ["255.0.255.0", "0.0.0.1", "255.255.255.256", "27", ""])
      assert.equal(lengthOfMask(text), undefined);
  });
});
