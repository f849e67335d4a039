import assert from "node:assert/strict";
import { X509Certificate, createPrivateKey } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { makeKey } from "../../../components/webServerPool/tls/makeCertificate.cjs";
import { renderCertificate } from "../../../components/webServerPool/lineFormats.cjs";
import { factsOf, parsePair } from "../../../components/webServerPool/tls/pair.cjs";
import {
  certificatesFor,
  packPairs,
  questionsIn,
  supply,
} from "../../../components/webServerPool/tls/send.cjs";
import { TestPair, inDays, issue, makeAuthorities, sha256Of, writePair } from "../../certificates";

const { intermediate } = makeAuthorities();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "send-"));
const lineOfPair = (pair: TestPair): string => {
  const reading = parsePair(pair, { chain: "c", key: "k" });
  assert.ok("pair" in reading);
  return renderCertificate(factsOf(reading.pair));
};
const [a, b, c] = ["a", "b", "c"].map((name) => issue(intermediate, [`${name}.example`]));
const certificates = Object.entries({ a, b, c })
  .map(([name, pair]) => `${name} ${lineOfPair(pair)}\n`)
  .join("");

describe("tls: what is sent to a machine", () => {
  before(() => {
    writePair(path.join(folder, "a"), a);
    writePair(path.join(folder, "b"), b);
  });
  after(() => fs.rmSync(folder, { recursive: true }));
  const send = (asked: string) => certificatesFor(asked, { certificates, folders: { folder }, given: {} });
  const sent = (asked: string): string[] => {
    const found = send(asked);
    assert.ok("files" in found, JSON.stringify(found));
    return found.files.map(([name]) => name);
  };

  const rows: [string, string, string[]][] = [
    ["one", "1", [`${sha256Of(a)}.pem`]],
    ["a range", "1-2", [`${sha256Of(a)}.pem`, `${sha256Of(b)}.pem`]],
    ["both kinds", "2,1-1", [`${sha256Of(a)}.pem`, `${sha256Of(b)}.pem`]],
    ["what is not here is left out", "1-3", [`${sha256Of(a)}.pem`, `${sha256Of(b)}.pem`]],
    ["beyond the end", "3-1000", []],
    ["nothing that was not asked for", "", []],
    ["what no machine of the farm says", "1;id", []],
    ["for unknown names", " unknown", ["unknown.pem"]],
  ];
  for (const [name, asked, files] of rows) it(name, () => assert.deepEqual(sent(asked), files));

  it("puts a key and its chain into one file", () => {
    const found = send("1");
    assert.ok("files" in found);
    const [[, text]] = found.files;
    assert.equal(text, `${a.key.trim()}\n${a.chain}`);
  });

  it("makes a new certificate for unknown names each time, which fits its key", () => {
    const [one, two] = [send(" unknown"), send(" unknown")].map((found) => {
      assert.ok("files" in found);
      return found.files[0][1];
    });
    assert.notEqual(one, two);
    const certificate = new X509Certificate(one.slice(one.indexOf("-----BEGIN CERTIFICATE")));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(one)));
    assert.ok(certificate.verify(certificate.publicKey));
    assert.equal(certificate.subjectAltName, "DNS:unknown.loopback-ha.invalid");
  });

  it("refuses a pair that differs from the preview's, and leaves out one that no run would deliver", () => {
    const other = issue(intermediate, ["a.example"]);
    writePair(path.join(folder, "a"), other);
    assert.deepEqual(send("1"), {
      refusal: `Site a: ${folder}/a/fullchain.pem has changed since the preview; run 'pulumi up' again`,
    });
    assert.deepEqual(sent("2"), [`${sha256Of(b)}.pem`]);
    writePair(path.join(folder, "a"), { ...other, key: makeKey() });
    assert.deepEqual(sent("1"), []);
    writePair(path.join(folder, "a"), issue(intermediate, ["a.example"], { to: inDays(-0.1) }));
    assert.deepEqual(sent("1"), []);
    writePair(path.join(folder, "a"), { ...a, key: makeKey() });
    assert.deepEqual(sent("1"), []);
    writePair(path.join(folder, "a"), a);
  });

  it("needs no folder for pairs from the program", async () => {
    const given = { c: { certificate: c.chain, privateKey: c.key } };
    const [entry] = packPairs(given) ?? [];
    const secret = (name: string): string | undefined => (name === "pairs0" ? entry : "");
    const found = await supply("1-3", { want: { certificates }, sources: { folder }, secret, ssh: [] });
    assert.ok("files" in found);
    assert.deepEqual(
      found.files.map(([name]) => name),
      [a, b, c].map((pair) => `${sha256Of(pair)}.pem`),
    );
  });

  it("checks what must be shown by line and VIP", () => {
    const sites = "a a.example,x.example 192.0.2.33 /srv/a\nb b.example 192.0.2.34 /srv/b\n";
    assert.deepEqual(
      questionsIn(" 2@192.0.2.34 1@192.0.2.33 9@192.0.2.1 3@192.0.2.35", certificates, sites),
      [
        { site: "b", vip: "192.0.2.34", name: "b.example", certificate: sha256Of(b) },
        { site: "a", vip: "192.0.2.33", name: "a.example", certificate: sha256Of(a) },
      ],
    );
  });

  it("packs whole pairs into ten entries of 100 kB at most", () => {
    const many = (count: number, size: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          `s${i}`,
          { certificate: "c".repeat(size), privateKey: "k" },
        ]),
      );
    const entries = packPairs(many(100, 5000));
    assert.ok(entries && entries.length === 6, String(entries?.length));
    assert.ok(entries.every((entry) => entry.length <= 100_000));
    assert.deepEqual(Object.fromEntries(entries.flatMap((entry) => JSON.parse(entry))), many(100, 5000));
    assert.deepEqual(packPairs({}), []);
    assert.equal(packPairs(many(250, 5000)), undefined);
    assert.equal(packPairs(many(1, 100_000)), undefined);
  });
});
