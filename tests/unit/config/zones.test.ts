import assert from "assert";
import {
  Json,
  Key,
  classicFarm,
  problemsOf,
  record,
  records,
  refuses,
  row,
  set,
  table,
  zone,
} from "./support";

describe("config: bad zones", () => {
  const key = (name: string): Key[] => ["zones", zone, name];
  table([
    row(
      key("contact"),
      undefined,
      "is missing; use a mail address such as hostmaster@",
      "hostmaster@example.org",
    ),
    row(key("contact"), "hostmaster.example.org.", "is not a mail address", "hostmaster@example.org"),
    row(key("contact"), "host master@example.org", "is not a mail address", "hostmaster@example.org"),
    row(key("contact"), "a@b@example.org", "is not a mail address", "hostmaster@example.org"),
    row(key("contact"), "o'hara@example.org", "is not a mail address", "ohara@example.org"),
    row(key("nameServers"), [], 'use ["ns1","ns2"]', ["ns1", "ns2"], `zones["${zone}"].nameServers`),
    row(key("nameServers"), ["ns3"], "did you mean ns1?", ["ns1"], `zones["${zone}"].nameServers[0]`),
    row(key("nameServers"), ["ns1", "ns1"], "is listed twice", ["ns1"], `zones["${zone}"].nameServers[1]`),
    row(
      key("nsRecords"),
      ["ns1 x"],
      "is not a domain name",
      ["ns1.example.org"],
      `zones["${zone}"].nsRecords[0]`,
    ),
    row(
      key("nsRecords"),
      [`dns.${zone}`],
      '"name": "dns", "type": "A"',
      [`ns1.${zone}`],
      `zones["${zone}"].nsRecords[0]`,
    ),
    row(key("preset"), "old", "use modern or classic", "classic"),
    row(key("ttl"), "300", "must be a number, not a string; write 300", 300),
    row(key("ttl"), 0, "a whole number of seconds from 1 to 2147483647, such as 300", 300),
    row(key("expire"), 2 ** 31, "such as 1209600", 1209600),
    row(key("serialAtLeast"), 0, "a whole number from 1 to 4294967000, such as 2026112900", 2026112900),
    row(key("serialAtLeast"), 2 ** 32 - 1, "to 4294967000, such as", 4294967000),
    row(key("contakt"), "a@example.org", "did you mean contact?", undefined),
    row(["zones", "bad zone"], {}, "the name is not a domain name", undefined),
    row(["zones", "Example.org"], {}, "uppercase letters; use example.org", undefined),
    row(["zones", "example.org."], {}, "ends in a dot; use example.org", undefined),
    row(["zones", "example.org/x"], {}, "the name is not a domain name", undefined),
    row(["zones", "0/25.2.0.192.in-addr.arpa/"], {}, "the name is not a domain name", undefined),
  ]);

  for (const name of ["_msdcs.example.org", "0/25.2.0.192.in-addr.arpa"]) {
    const own = (more: Json): Json =>
      set(classicFarm(), ["zones", name], { contact: "a@example.org", ...more });
    it(`${name}, which can't be a host name: name servers of another zone`, () => {
      refuses(
        own({}),
        `zones["${name}"].nsRecords`,
        `no host can be named in ${name}; use names in another zone`,
      );
      const nsRecords = ["ns1.example.org"];
      assert.deepStrictEqual(problemsOf(own({ nsRecords })), []);
      refuses(
        own({ nsRecords, records: [record({})] }),
        `zones["${name}"].records[0].name`,
        "move the record to another zone",
      );
      const relative = record({ name: "y", type: "MX", value: "10 mail" });
      refuses(
        own({ nsRecords, records: [{ ...relative, type: "SRV", value: "0 5 5060 sip" }] }),
        `zones["${name}"].records[0].value`,
        `means sip.${name}, which can't be a host name`,
      );
    });
  }

  it("a zone without any name server", () => {
    refuses(
      set(classicFarm(), ["nameServers"], undefined),
      `zones["${zone}"].nameServers`,
      "add one, such as nameServers.ns1",
    );
  });

  it("says nothing about a zone whose name server has a problem of its own", () => {
    refuses(set(classicFarm(), ["nameServers", "ns1", "address"], "x"), "nameServers.ns1.address", "IPv4");
  });
});

describe("config: bad records", () => {
  const bad: [Json, string, string, Json][] = [
    [{ type: "TXTT" }, "type", "did you mean TXT?", { type: "TXT" }],
    [{ type: "SOA" }, "type", "is not a supported record type", {}],
    ...["TYPE1", "TYPE6", "TYPE65", "TYPE65536", "TYPE01", "TYPE", "AXFR", "type65280", "NAPTR "].map(
      (type): (typeof bad)[number] => [{ type }, "type", "TYPE and its number, such as TYPE65280", {}],
    ),
    [{ type: "a" }, "type", "did you mean A?", {}],
    [{ name: "a b" }, "name", "use a name relative to the zone", { name: "ab" }],
    [{ name: "x\n@ IN NS evil" }, "name", "use a name relative", {}],
    [{ name: `x.${zone}` }, "name", "use x", {}],
    [{ name: `x.${zone}.` }, "name", "use x", {}],
    [{ name: zone, type: "TXT", value: "x" }, "name", "use @", { name: "@", type: "TXT", value: "x" }],
    [{ name: "$INCLUDE" }, "name", "use a name relative", {}],
    [{ name: "l".repeat(64) }, "name", "label of 64", { name: "l".repeat(63) }],
    [{ name: "" }, "name", "use a name relative", {}],
    [{ name: "www" }, "name", "is a site, whose A records are added automatically", {}],
    [{ name: "@" }, "name", "is a site, whose A records are added automatically", {}],
    [{ name: "WWW", type: "CNAME", value: "x" }, "name", "is a site", { type: "CNAME", value: "mail" }],
    [
      { name: "mail", type: "CNAME", value: "x" },
      "name",
      "a CNAME can't have others beside it",
      { type: "CNAME", value: "mail" },
    ],
    [{ name: "ns1", type: "CNAME", value: "x" }, "name", "is a name server", { name: "ns1" }],
    [
      { name: "@", type: "NS", value: "x" },
      "name",
      `use zones["${zone}"].nsRecords`,
      { type: "NS", value: "x" },
    ],
    [{ name: "_a_b.-c" }, "name", "is not a valid record name", { name: "a-b.c" }],
    [
      { name: "_a_b" },
      "name",
      "has an underscore, which host names can't have; use another name, such as a-b",
      {},
    ],
    [
      { name: "a_b", type: "MX", value: "10 mail" },
      "name",
      "such as a-b",
      { name: "a-b", type: "MX", value: "10 mail" },
    ],
    ...["MX", "SRV", "NS"].map((type): (typeof bad)[number] => {
      const value = (name: string): string => ({ MX: `10 ${name}`, SRV: `0 5 25 ${name}` })[type] ?? name;
      return [{ type, value: value("a_b") }, "value", "is not a domain name", { type, value: value("a-b") }];
    }),
    [{ value: "198.51.100" }, "value", "is not an IPv4 address", {}],
    [{ value: "2001:db8::1" }, "value", "is not an IPv4 address", { type: "AAAA", value: "2001:db8::1" }],
    [
      { type: "AAAA", value: "198.51.100.1" },
      "value",
      "such as 2001:db8::30",
      { type: "AAAA", value: "2001:db8::30" },
    ],
    [{ type: "MX", value: "mail" }, "value", "such as 10 mail", { type: "MX", value: "10 mail" }],
    [
      { type: "MX", value: "10 mail.example.org" },
      "value",
      "use 10 mail.example.org.",
      { type: "MX", value: "10 mail.example.org." },
    ],
    [{ type: "MX", value: "70000 mail" }, "value", "such as 10 mail", { type: "MX", value: "0 ." }],
    [
      { type: "SRV", value: "5060 sip" },
      "value",
      "such as 0 5 5060 sip",
      { type: "SRV", value: "0 5 5060 sip" },
    ],
    [
      { type: "CNAME", value: "a.example.org" },
      "value",
      "use a.example.org.",
      { type: "CNAME", value: "a.example.org." },
    ],
    [
      { type: "CNAME", value: "a\nb" },
      "value",
      "is not a domain name",
      { type: "CNAME", value: "a_b.example.org." },
    ],
    [
      { type: "TXT", value: '"v=spf1 -all"' },
      "value",
      "such as v=spf1 -all",
      { type: "TXT", value: "v=spf1 -all" },
    ],
    [{ type: "TXT", value: "a\nb" }, "value", "printable ASCII", { type: "TXT", value: "v=DKIM1; p=abc" }],
    [
      { type: "CAA", value: "0 issue ca.example.org" },
      "value",
      'such as 0 issue "ca',
      { type: "CAA", value: '0 issue "ca.example.net"' },
    ],
    [
      { type: "CAA", value: '256 issue "x"' },
      "value",
      'such as 0 issue "ca',
      { type: "CAA", value: '255 contactemail "a@example.org"' },
    ],
    [
      { type: "CAA", value: '0 is-sue "x"' },
      "value",
      "is not a valid value for this type",
      { type: "CAA", value: '0 issuemail "ca.example.net; x=y"' },
    ],
    [
      { type: "HTTPS", value: "1 pool.example.net" },
      "value",
      "use 1 pool.example.net.",
      { type: "HTTPS", value: '1 . alpn="h2,h3" port=8443' },
    ],
    [
      { type: "SVCB", value: "alpn=h2" },
      "value",
      "such as 1 .",
      { type: "SVCB", value: "0 a_b.example.net." },
    ],
    [
      { type: "TLSA", value: "3 1 1 xyz" },
      "value",
      "such as 3 1 1 5f",
      { name: "_443._tcp.www", type: "TLSA", value: "3 1 1 0123 ABCD" },
    ],
    [{ type: "SSHFP", value: "4 2" }, "value", "such as 4 2 5f", { type: "SSHFP", value: "4 2 abcd" }],
    [{ type: "DS", value: "1 2 abcd" }, "value", "such as 60485", { type: "DS", value: "60485 13 2 abcd" }],
    ...["a ( b", "a ; b", '"a', "a\\", "", " ", "a\nb", "é", '"a" )'].map((value): (typeof bad)[number] => [
      { type: "HINFO", value },
      "value",
      "use a value such as \\# 4",
      { type: "HINFO", value: '"a ; b (" "c\\"d"' },
    ]),
    [{ ttl: "60" }, "ttl", "must be a number, not a string; write 60", { ttl: 60 }],
    [{ ttl: 60, tll: 60 }, "tll", "did you mean ttl?", { ttl: 60 }],
  ];
  table(
    bad.map(([wrong, field, says, right]) =>
      row([...records, 2], record(wrong), says, record(right), `zones["${zone}"].records[2].${field}`),
    ),
  );
  table(
    [
      row(
        [...records, 2],
        { name: "mail", type: "A", value: "198.51.100.25" },
        'is a duplicate of zones["widgetco.example"].records[1]',
        undefined,
        `zones["${zone}"].records[2]`,
      ),
      row(records, {}, "use a list such as", []),
    ].map((each) => (each.works === undefined ? { ...each, works: record({}) } : each)),
  );

  it("takes wildcards, underscores and a missing AAAA", () => {
    const extra = [
      record({ name: "*.dev" }),
      record({ name: "_dmarc", type: "TXT", value: "v=DMARC1; p=none" }),
      record({ name: "www", type: "AAAA", value: "2001:db8::1" }),
      record({ name: "sub", type: "NS", value: "ns.example.org." }),
      record({ name: "_http._tcp", type: "PTR", value: "shop._http._tcp.example.org." }),
      record({ name: "@", type: "NAPTR", value: '100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" .' }),
      record({ name: "@", type: "TYPE65280", value: "\\# 2 abcd" }),
      record({ name: "0/25", type: "NS", value: "ns.example.org." }),
      record({ name: 7, type: "PTR", value: "a.example.org." }),
      record({ name: "1", type: "CNAME", value: "1.0/25.2.0.192.in-addr.arpa." }),
    ];
    assert.deepStrictEqual(problemsOf(set(classicFarm(), records, extra)), []);
  });
});
