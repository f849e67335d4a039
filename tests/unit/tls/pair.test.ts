import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parseCertificate, renderCertificate } from "../../../components/webServerPool/lineFormats.cjs";
import { makeKey } from "../../../components/webServerPool/tls/makeCertificate.cjs";
import {
  Pair,
  Reading,
  factsOf,
  filesOfPair,
  parsePair,
  problemsOf,
  readPair,
} from "../../../components/webServerPool/tls/pair.cjs";
import { Authority, TestPair, inDays, issue, makeAuthorities, writePair } from "../../certificates";

const source = { chain: "certs/s/fullchain.pem", key: "certs/s/privkey.pem" };
const { root, intermediate } = makeAuthorities();
const names = ["www.s.example", "s.example"];
const good = issue(intermediate, names);
const rsa = (bits: number): string =>
  generateKeyPairSync("rsa", { modulusLength: bits }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  }) as string;
const onCurve = (namedCurve: string): string =>
  generateKeyPairSync("ec", { namedCurve }).privateKey.export({ type: "pkcs8", format: "pem" }) as string;

function pairOf({ chain, key }: TestPair): Pair {
  const reading = parsePair({ chain, key }, source);
  assert.ok("pair" in reading, JSON.stringify(reading));
  return reading.pair;
}

const withIssuer = ({ leaf, key }: TestPair & { leaf: string }, issuer: Authority): TestPair => ({
  chain: leaf + issuer.certificate,
  key,
});

describe("tls: a pair", () => {
  const refused: [string, TestPair, string[], RegExp][] = [
    [
      "a key that does not fit",
      { chain: good.chain, key: makeKey() },
      names,
      /privkey\.pem is not the key of certs\/s\/fullchain\.pem, and Apache would stop: put the key/,
    ],
    [
      "an alias that is not covered",
      good,
      [...names, "shop.s.example"],
      /does not cover shop\.s\.example: order/,
    ],
    [
      "several names that are not covered",
      good,
      ["a.example", "b.example"],
      /does not cover a\.example, b\.example/,
    ],
    [
      "a common name without a DNS name",
      issue(intermediate, [], { subject: "www.s.example" }),
      names,
      /does not cover www\.s\.example, s\.example/,
    ],
    [
      "a wildcard two labels deep",
      issue(intermediate, ["*.example"]),
      names,
      /does not cover www\.s\.example/,
    ],
    ["a wildcard alias by a name", good, ["*.s.example"], /does not cover \*\.s\.example/],
    [
      "a chain of one",
      { chain: good.leaf, key: good.key },
      names,
      /lacks the certificate .*CN=Test Intermediate/,
    ],
    [
      "a chain that begins with the issuer",
      { chain: intermediate.certificate + good.leaf, key: good.key },
      names,
      /wrong order: the site's certificate is number 2; put it first/,
    ],
    [
      "a chain with the root in between",
      { chain: good.leaf + root.certificate + intermediate.certificate, key: good.key },
      names,
      /wrong order: certificate 2 did not issue number 1/,
    ],
    [
      "another one's issuer of the same name",
      { chain: good.leaf + makeAuthorities().intermediate.certificate, key: good.key },
      names,
      /certificate 2 did not issue number 1/,
    ],
    [
      "another issuer of the same name, where the certificate does not say which key signed it",
      withIssuer(issue(intermediate, names, { hasKeyIds: false }), makeAuthorities().intermediate),
      names,
      /certificate 2 did not issue number 1/,
    ],
    [
      "one that has expired",
      issue(intermediate, names, { to: inDays(-0.01) }),
      names,
      /fullchain\.pem expired on \d/,
    ],
    [
      "one that is not valid yet",
      issue(intermediate, names, { from: inDays(0.1) }),
      names,
      /is not valid before .*Z: wait/,
    ],
    [
      "an RSA key of 1024 bits",
      issue(intermediate, names, { privateKey: rsa(1024) }),
      names,
      /too weak: its RSA key has 1024 bits; order one with an EC key/,
    ],
    [
      "a curve that browsers do not know",
      issue(intermediate, names, { privateKey: onCurve("secp256k1") }),
      names,
      /its key is on secp256k1/,
    ],
    ["a signature with SHA-1", issue(intermediate, names, { hash: "sha1" }), names, /signed with SHA-1/],
    [
      "an RSA signature with SHA-1",
      issue(makeAuthorities(rsa(2048)).intermediate, names, { hash: "sha1" }),
      names,
      /signed with SHA-1/,
    ],
  ];
  for (const [name, pair, asked, says] of refused) {
    it(`refuses ${name}`, () => {
      const problems = problemsOf(pairOf(pair), asked, new Date());
      assert.match(problems.join("\n"), says);
      assert.ok(
        problems.every((problem) => /^(certificate \d of )?certs\/s\/[a-z]+\.pem /.test(problem)),
        problems[0],
      );
    });
  }

  it("names an expired issuer by its number", () => {
    const problems = problemsOf(pairOf(good), names, inDays(2000));
    assert.match(problems.join("\n"), /certificate 2 of certs\/s\/fullchain\.pem expired/);
  });

  const sound: [string, TestPair, string[]][] = [
    ["a name and its alias", good, names],
    ["names in upper case", good, ["WWW.s.example"]],
    ["the root at its end", { ...good, chain: good.chain + root.certificate }, names],
    ["an RSA key", issue(intermediate, names, { privateKey: rsa(2048) }), names],
    ["P-384", issue(intermediate, names, { privateKey: onCurve("P-384") }), names],
    ["a wildcard", issue(intermediate, ["*.s.example", "s.example"]), [...names, "*.s.example"]],
    [
      "one of its own",
      issue({ ...root, subject: "x", privateKey: good.key }, names, { subject: "x", privateKey: good.key }),
      names,
    ],
    [
      "text between its certificates",
      { ...good, chain: ` 0 s:CN = x\n${good.leaf}\n\r\n ${intermediate.certificate}` },
      names,
    ],
  ];
  for (const [name, pair, asked] of sound) {
    it(`takes ${name}`, () => {
      const { chain, key } = pair;
      const own =
        name === "one of its own" ? chain.slice(0, chain.indexOf("END CERTIFICATE-----\n") + 21) : chain;
      assert.deepEqual(problemsOf(pairOf({ chain: own, key }), asked, new Date()), []);
    });
  }

  const broken: [string, Partial<TestPair>, RegExp][] = [
    ["no certificate", { chain: "" }, /fullchain\.pem has no certificate in PEM form/],
    ["half a certificate", { chain: good.leaf.slice(0, 200) }, /has no certificate in PEM form/],
    ["garbage in a certificate", { chain: good.leaf.replace(/\n.{8}/, "\nAAAAAAAA") }, /that can't be read/],
    ["no key", { key: "" }, /privkey\.pem has no private key in PEM form/],
    ["a certificate for a key", { key: good.leaf }, /has no private key/],
    [
      "a key with a pass phrase",
      {
        key: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
          ...{ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
        } as never) as unknown as string,
      },
      /has a passphrase/,
    ],
  ];
  for (const [name, change, says] of broken) {
    it(`is broken: ${name}`, () => {
      const reading = parsePair({ ...good, ...change }, source);
      assert.ok("broken" in reading);
      assert.match(reading.broken, says);
      assert.ok(!JSON.stringify(reading).includes(good.key.slice(40, 80)));
    });
  }

  it("writes its facts as a line, and reads them from it", () => {
    const facts = factsOf(pairOf(good));
    assert.match(
      renderCertificate(facts),
      /^expires 20\d\d-\d\d-\d\d issued 20\d\d-\d\d-\d\d certificate [0-9a-f]{64} key [0-9a-f]{64}$/,
    );
    assert.deepEqual(parseCertificate(renderCertificate(facts)), facts);
    assert.equal(parseCertificate("expires soon"), undefined);
  });

  const places: [string, Parameters<typeof filesOfPair>[0], { chain: string; key: string }][] = [
    [
      "by the site's name",
      { folder: "certs" },
      { chain: "certs/s/fullchain.pem", key: "certs/s/privkey.pem" },
    ],
    [
      "keys elsewhere",
      { folder: "certs", keys: "/k" },
      { chain: "certs/s/fullchain.pem", key: "/k/s/privkey.pem" },
    ],
    [
      "a folder of its own",
      { folder: "certs", keys: "/k", sites: { s: { folder: "/live/x" } } },
      { chain: "/live/x/fullchain.pem", key: "/live/x/privkey.pem" },
    ],
    [
      "both of its own",
      { sites: { s: { folder: "a", keys: "b" } } },
      { chain: "a/fullchain.pem", key: "b/privkey.pem" },
    ],
  ];
  for (const [name, folders, files] of places)
    it(`is ${name}`, () => assert.deepEqual(filesOfPair(folders, "s"), files));

  describe("in a folder", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pair-"));
    after(() => fs.rmSync(folder, { recursive: true }));
    const read = (): Reading => readPair(filesOfPair({ folder }, "s"));

    it("is missing, broken or present", () => {
      assert.deepEqual(read(), { missing: path.join(folder, "s/fullchain.pem") });
      writePair(path.join(folder, "s"), good);
      assert.ok("pair" in read());
      fs.rmSync(path.join(folder, "s/privkey.pem"));
      assert.deepEqual(read(), { missing: path.join(folder, "s/privkey.pem") });
      fs.mkdirSync(path.join(folder, "s/privkey.pem"));
      assert.deepEqual(read(), { broken: `${path.join(folder, "s/privkey.pem")} can't be read (EISDIR)` });
    });
  });
});
