import assert from "node:assert/strict";
import { packLarge } from "../../../components/host/payload.cjs";
import { certificatesIn } from "../../../components/webServerPool/tls/held";
import { makeKey } from "../../../components/webServerPool/tls/makeCertificate.cjs";
import { renderCertificate } from "../../../components/webServerPool/lineFormats.cjs";
import { Reading, factsOf, parsePair } from "../../../components/webServerPool/tls/pair.cjs";
import {
  CertificateLines,
  CertificatePlan,
  Judged,
  dependsOnState,
  expiryWarnings,
  judge,
  newestIssue,
  planCertificates,
} from "../../../components/webServerPool/tls/plan";
import { TestPair, inDays, issue, makeAuthorities } from "../../certificates";

const { intermediate } = makeAuthorities();
const site = { name: "s", names: ["s.example"] };
const source = { chain: "c/s/fullchain.pem", key: "c/s/privkey.pem" };
const read = ({ chain, key }: TestPair): Reading => parsePair({ chain, key }, source);
const lineOfPair = (pair: TestPair): string => {
  const reading = read(pair);
  assert.ok("pair" in reading);
  return renderCertificate(factsOf(reading.pair));
};
const good = issue(intermediate, site.names);
const old = issue(intermediate, site.names, { to: inDays(30) });
const expired = issue(intermediate, site.names, { from: inDays(-50), to: inDays(-1) });
const misfit = { ...good, key: makeKey() };
const broken: Reading = { broken: "c/s/fullchain.pem has no certificate in PEM form" };
const missing: Reading = { missing: "c/s/fullchain.pem" };

function plan(reading: Reading, held: Record<string, CertificateLines> = {}): CertificatePlan {
  return planCertificates(
    new Map([["s", judge(site, reading, new Date())]]),
    new Map(Object.entries(held)),
    ["web1", "web2"],
    new Date(),
  );
}
const both = (line: string | undefined): Record<string, CertificateLines> => ({
  web1: line === undefined ? {} : { s: line },
  web2: line === undefined ? {} : { s: line },
});
const [GOOD, OLD, EXPIRED] = [good, old, expired].map(lineOfPair);

describe("tls: the plan", () => {
  // Name, what lies in the folder, what the state has, what it shall have, and the only words.
  const rows: [
    string,
    Reading,
    Record<string, CertificateLines>,
    Record<string, CertificateLines>,
    RegExp | undefined,
  ][] = [
    ["a first certificate", read(good), {}, both(GOOD), undefined],
    ["a renewal", read(good), both(OLD), both(GOOD), undefined],
    [
      "none here, some in force",
      missing,
      both(OLD),
      both(OLD),
      /^note: this computer has no certificate and key \(c\/s\/fullchain\.pem\) for s: the certificates in force stay$/,
    ],
    [
      "none here, each keeps its own",
      missing,
      { web1: { s: OLD }, web2: { s: GOOD } },
      { web1: { s: OLD }, web2: { s: GOOD } },
      /^note: /,
    ],
    [
      "none here, on a new server",
      missing,
      { web1: { s: OLD } },
      { web1: { s: OLD }, web2: {} },
      /^note: .*stay$/,
    ],
    ["none anywhere", missing, {}, both(undefined), /^note: .* for s: http only until it does$/],
    [
      "a broken file, some in force",
      broken,
      both(OLD),
      both(OLD),
      /^warning: site s: .*PEM form\. The certificate in force stays$/,
    ],
    [
      "a broken file, none in force",
      broken,
      {},
      both(undefined),
      /^refused: c\/s\/fullchain\.pem has no certificate/,
    ],
    [
      "a new key that does not fit",
      read(misfit),
      both(OLD),
      both(OLD),
      /^refused: c\/s\/privkey\.pem is not the key/,
    ],
    [
      "a key that does not fit any more",
      read(misfit),
      both(GOOD),
      both(GOOD),
      /^warning: site s: already in force: c\/s\/privkey\.pem is not the key/,
    ],
    ["one that has expired, new", read(expired), both(OLD), both(OLD), /^refused: .* expired on /],
    [
      "one that has expired, in force",
      read(expired),
      both(EXPIRED),
      both(EXPIRED),
      /^warning: site s: already in force: .* expired on .*\nwarning: site s: its certificate expired on .*; renew it/,
    ],
    [
      "one that has expired, in force elsewhere",
      read(expired),
      { web1: { s: EXPIRED } },
      both(EXPIRED),
      /^warning: /,
    ],
    ["another site's lines only", missing, { web1: { t: OLD } }, both(undefined), /http only/],
  ];
  for (const [name, reading, held, wanted, says] of rows) {
    it(name, () => {
      const { lines, refusals, warnings, notes } = plan(reading, held);
      assert.deepEqual(Object.fromEntries(lines), wanted);
      const said = [
        ...refusals.map(({ text }) => `refused: ${text}`),
        ...warnings.map((text) => `warning: ${text}`),
        ...notes.map((text) => `note: ${text}`),
      ].join("\n");
      if (says) assert.match(said, says);
      else assert.equal(said, "");
      assert.equal(dependsOnState([judge(site, reading, new Date())]), says !== undefined);
    });
  }

  it("warns about a pair that is gone from its folder if it is in force, and otherwise notes it", () => {
    const gone = { reading: missing, problems: [], isGone: true };
    for (const [held, warnings, notes] of [
      [{ web1: { s: OLD } }, ["site s: c/s/fullchain.pem is missing. The certificate in force stays"], []],
      [
        {},
        [],
        ["this computer has no certificate and key (c/s/fullchain.pem) for s: http only until it does"],
      ],
    ] as const) {
      const made = planCertificates(
        new Map([["s", gone]]),
        new Map(Object.entries(held)),
        ["web1"],
        new Date(),
      );
      assert.deepEqual(made.warnings, warnings);
      assert.deepEqual(made.notes, notes);
    }
  });

  it("puts what many sites lack in one line", () => {
    const sites = Array.from({ length: 300 }, (_, i): [string, Judged] => [
      `s${i}`,
      { reading: { missing: `c/s${i}/fullchain.pem` }, problems: [] },
    ]);
    const { notes } = planCertificates(new Map(sites), new Map(), ["web1"], new Date());
    assert.deepEqual(notes, [
      "this computer has no certificate and key (c/s0/fullchain.pem) for s0, s1, s2 and 297 more sites: http only until it does",
    ]);
  });

  it("warns 21 days ahead, the soonest first, of ten at most, and counts the rest", () => {
    const now = new Date("2027-01-10T23:00:00Z");
    const line = (day: string): string => GOOD.replace(/^expires \S+/, `expires ${day}`);
    const warn = (days: CertificateLines[]): string[] => expiryWarnings(days, now);
    assert.deepEqual(warn([{ a: line("2027-02-01") }]), []);
    assert.deepEqual(
      warn([
        { a: line("2027-01-31"), b: line("2027-01-11"), c: line("2027-01-10"), d: line("2027-01-09") },
      ]).map((text) => text.slice(0, text.indexOf(";"))),
      [
        "site d: its certificate expired on 2027-01-09",
        "site c: its certificate expires on 2027-01-10, today",
        "site b: its certificate expires on 2027-01-11, tomorrow",
        "site a: its certificate expires on 2027-01-31, in 21 days",
      ],
    );
    assert.match(warn([{ a: line("2028-01-01") }, { a: line("2027-01-12") }])[0], /2027-01-12/);
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`s${i}`, line("2027-01-12")]));
    assert.equal(warn([many]).length, 11);
    assert.match(warn([many])[10], /^and 2 more certificates that expire within 21 days$/);
  });

  it("takes the newest issue of all servers", () => {
    const line = (day: string): string => GOOD.replace(/issued \S+/, `issued ${day}`);
    assert.equal(newestIssue([]), undefined);
    assert.equal(
      newestIssue([{ a: line("2027-01-01") }, { b: line("2026-12-31"), c: line("2027-01-02") }]),
      "2027-01-02",
    );
  });

  it("finds the state's lines, packed or not", () => {
    const few = { s: GOOD };
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`s${i}`, GOOD]));
    for (const certificates of [few, many])
      assert.deepEqual(
        certificatesIn(JSON.stringify(packLarge("x", { sites: {}, certificates }))),
        certificates,
      );
    for (const stdin of [undefined, 5, "", "{", '{"want":{"sites":{}}}', '"certificates"'])
      assert.deepEqual(certificatesIn(stdin), {});
  });
});
