import assert from "assert";
import fc from "fast-check";
import { SoaTimers } from "../../components/dnsRoundRobin/soa";
import { ZoneArgs, renderZone } from "../../components/dnsRoundRobin/zone";

const modern: SoaTimers & { ttl: number } = {
  refresh: 86400,
  retry: 3600,
  expire: 1209600,
  minimum: 300,
  ttl: 300,
};
const article = { ...modern, minimum: 86400, ttl: 86400 };
const vips = ["192.0.2.33", "192.0.2.65", "192.0.2.97", "192.0.2.129"];

function zone({ ttl, ...timers }: typeof modern, rest: Partial<ZoneArgs> = {}): ZoneArgs {
  return {
    zone: "widgetco.example",
    nsRecords: ["ns1.example.net"],
    contact: "hostmaster@widgetco.example",
    timers,
    ttl,
    sites: [],
    ...rest,
  };
}

/** Lines with one blank between words. */
function linesOf(args: ZoneArgs): string[] {
  return renderZone(args)
    .split("\n")
    .map((line) => line.trim().replace(/ +/g, " "));
}

/** What stands after the NS records. */
function recordsOf(rest: Partial<ZoneArgs>): string[] {
  const lines = linesOf(zone(modern, rest));
  return lines.slice(lines.indexOf("@ IN NS ns1.example.net.") + 1, -1);
}

describe("renderZone", () => {
  it("renders a zone with the classic timers", () => {
    const text = renderZone(zone(article, { sites: [{ name: "www.widgetco.example", addresses: vips }] }));
    assert.strictEqual(
      text,
      `$ORIGIN widgetco.example.
$TTL 86400
@                       IN SOA ns1.example.net. hostmaster.widgetco.example. (
                               @SERIAL@   ; serial
                               86400      ; refresh
                               3600       ; retry
                               1209600    ; expire
                               86400 )    ; minimum
@                       IN NS  ns1.example.net.
www                     IN A   192.0.2.33
www                     IN A   192.0.2.65
www                     IN A   192.0.2.97
www                     IN A   192.0.2.129
`,
    );
  });

  it("keeps the modern minimum and $TTL apart from the other timers", () => {
    const lines = linesOf(zone({ ...modern, ttl: 60 }));
    assert.strictEqual(lines[1], "$TTL 60");
    assert.strictEqual(lines[7], "300 ) ; minimum");
  });

  it("names the primary, and every name server", () => {
    const lines = linesOf(
      zone(modern, { primary: "ns9.widgetco.example", nsRecords: ["b.example", "a.example"] }),
    );
    assert.strictEqual(lines[2], "@ IN SOA ns9.widgetco.example. hostmaster.widgetco.example. (");
    assert.deepStrictEqual(
      lines.filter((line) => line.includes(" NS ")),
      ["@ IN NS b.example.", "@ IN NS a.example."],
    );
  });

  const contacts: [string, string][] = [
    ["hostmaster@example.org", "hostmaster.example.org."],
    ["john.q.doe@mail.example.org", "john\\.q\\.doe.mail.example.org."],
    ["dns+zones@example.org", "dns+zones.example.org."],
  ];
  for (const [contact, name] of contacts) {
    it(`writes the contact ${contact} as ${name}`, () => {
      assert.ok(linesOf(zone(modern, { contact }))[2].endsWith(` ${name} (`));
    });
  }

  it("orders names of a site together, and addresses as numbers", () => {
    const other = ["192.0.2.34", "192.0.2.130", "192.0.2.66"];
    const records = recordsOf({
      sites: [
        { name: "www.widgetco.example", addresses: [...vips].reverse() },
        { name: "shop.widgetco.example", addresses: other },
        { name: "Widgetco.Example", addresses: vips },
      ],
    });
    assert.deepStrictEqual(records, [
      ...vips.map((vip) => `@ IN A ${vip}`),
      ...vips.map((vip) => `www IN A ${vip}`),
      "shop IN A 192.0.2.34",
      "shop IN A 192.0.2.66",
      "shop IN A 192.0.2.130",
    ]);
  });

  it("renders zones and names that can't be host names", () => {
    const slash = zone(modern, {
      zone: "0/25.2.0.192.in-addr.arpa",
      records: [{ name: "1", type: "PTR", value: "a.example." }],
    });
    assert.deepStrictEqual(linesOf(slash)[0], "$ORIGIN 0/25.2.0.192.in-addr.arpa.");
    assert.deepStrictEqual(
      recordsOf({
        sites: ["*", "*.dev"].map((name) => ({ name: `${name}.widgetco.example`, addresses: ["192.0.2.9"] })),
      }),
      ["* IN A 192.0.2.9", "*.dev IN A 192.0.2.9"],
    );
  });

  const extra: [string, NonNullable<ZoneArgs["records"]>[number], string][] = [
    ["MX", { name: "@", type: "MX", value: "10 mail" }, "@ IN MX 10 mail"],
    ["CNAME with its own TTL", { name: "ftp", ttl: 60, type: "CNAME", value: "www" }, "ftp 60 IN CNAME www"],
    ["wildcard", { name: "*.dev", type: "A", value: "192.0.2.9" }, "*.dev IN A 192.0.2.9"],
    ["TXT", { name: "@", type: "TXT", value: "v=spf1 mx; -all" }, '@ IN TXT "v=spf1 mx; -all"'],
    ["TXT with quotes", { name: "@", type: "TXT", value: 'a "b" \\c' }, '@ IN TXT "a \\"b\\" \\\\c"'],
    ["empty TXT", { name: "@", type: "TXT", value: "" }, '@ IN TXT ""'],
    ["placeholder in a TXT", { name: "@", type: "TXT", value: "@SERIAL@" }, '@ IN TXT "@SERIAL@"'],
    [
      "long TXT",
      { name: "key", type: "TXT", value: `${"a".repeat(255)}${"b".repeat(255)}c` },
      `key IN TXT "${"a".repeat(255)}" "${"b".repeat(255)}" "c"`,
    ],
  ];
  for (const [what, record, line] of extra) {
    it(`renders a record: ${what}`, () => assert.deepStrictEqual(recordsOf({ records: [record] }), [line]));
  }

  it("gives the same text for the same arguments, and one group of new lines for a new site", () => {
    const host = fc.integer({ min: 1, max: 30 });
    const hosts = fc.uniqueArray(host, { minLength: 2, maxLength: 12 });
    const siteOf = (n: number): ZoneArgs["sites"][number] => ({
      name: `${n % 2 ? "s" : "a-much-longer-name-than-others-"}${n}.widgetco.example`,
      addresses: [32, 64, 96, 128].map((first) => `192.0.2.${first + n}`),
    });
    fc.assert(
      fc.property(hosts, ([added, ...rest]) => {
        const before = rest.map(siteOf);
        const after = [...before, siteOf(added)];
        assert.strictEqual(
          renderZone(zone(modern, { sites: [...after].reverse() })),
          renderZone(zone(modern, { sites: after })),
        );
        const old = renderZone(zone(modern, { sites: before })).split("\n");
        const now = renderZone(zone(modern, { sites: after })).split("\n");
        const at = now.findIndex((line, i) => line !== old[i]);
        now.splice(at, 4);
        assert.deepStrictEqual(now, old);
      }),
    );
  });

  const bad: [Partial<ZoneArgs>, RegExp][] = [
    [{ zone: "Widgetco.example" }, /^zone: "Widgetco.example" has uppercase letters/],
    [{ zone: "a..b" }, /^zone: "a..b" is not a domain name/],
    [{ records: [{ name: "x", type: "HINFO", value: "a (" }] }, /^records\[0\].value: "a \(" has a bracket/],
    [
      { sites: [{ name: "a_b.widgetco.example", addresses: vips }] },
      /"a_b.widgetco.example" has an underscore or a slash/,
    ],
    [{ nsRecords: [] }, /^nsRecords: \[\] are none: zone widgetco.example needs one/],
    [{ nsRecords: ["ns1.example."] }, /^nsRecords\[0\]: "ns1.example." ends in a dot/],
    [{ contact: "nobody" }, /^contact: "nobody" is not a mail address/],
    [{ ttl: -1 }, /^ttl: -1 is not a number of seconds/],
    [
      { sites: [{ name: "www.other.example", addresses: vips }] },
      /^sites\[0\].name: "www.other.example" is not in zone widgetco.example/,
    ],
    [{ sites: [{ name: "www.notwidgetco.example", addresses: vips }] }, /is not in zone widgetco.example/],
    [
      { sites: [{ name: "a b.widgetco.example", addresses: vips }] },
      /"a b.widgetco.example" is not a valid record name/,
    ],
    [{ sites: [{ name: "widgetco.example", addresses: [] }] }, /^sites\[0\].addresses: \[\] are none/],
    [{ sites: [{ name: "widgetco.example", addresses: ["::1"] }] }, /"::1" is not an IPv4 address/],
    [
      { sites: ["www", "WWW"].map((name) => ({ name: `${name}.widgetco.example`, addresses: vips })) },
      /^sites\[1\].name: .* is a duplicate of sites\[0\].name/,
    ],
    [{ records: [{ name: "$INCLUDE", type: "A", value: "x" }] }, /^records\[0\].name: "\$INCLUDE"/],
    [{ records: [{ name: "x", ttl: 0.5, type: "A", value: "1" }] }, /^records\[0\].ttl: 0.5 is not a number/],
    [{ records: [{ name: "x", type: "TXT", value: "a\nb" }] }, /is not printable ASCII on one line/],
    [
      { records: [{ name: "x", type: "A (", value: "1" }] },
      /^records\[0\].type: "A \(" is not a record type/,
    ],
  ];
  for (const [rest, message] of bad) {
    it(`refuses ${JSON.stringify(rest)}`, () => {
      assert.throws(() => renderZone(zone(modern, rest)), { message });
    });
  }
});
