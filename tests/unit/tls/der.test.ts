/** What is read of certificates and keys without OpenSSL, beside what OpenSSL says of them. */
import assert from "node:assert/strict";
import { KeyObject, X509Certificate, generateKeyPairSync } from "node:crypto";
import {
  holdsPublicKey,
  publicKeyInfo,
  signatureAlgorithm,
} from "../../../components/webServerPool/tls/der.cjs";
import { parsePair } from "../../../components/webServerPool/tls/pair.cjs";
import { issue, makeAuthorities } from "../../certificates";

const { root, intermediate } = makeAuthorities();
const infoOf = (certificate: X509Certificate): Buffer =>
  certificate.publicKey.export({ type: "spki", format: "der" });

describe("tls: der", () => {
  const keys: [string, KeyObject, ("pkcs8" | "sec1" | "pkcs1")[]][] = [
    ...["prime256v1", "secp384r1", "secp521r1"].map((namedCurve): (typeof keys)[number] => [
      namedCurve,
      generateKeyPairSync("ec", { namedCurve }).privateKey,
      ["pkcs8", "sec1"],
    ]),
    ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey, ["pkcs8", "pkcs1"]],
  ];
  for (const [what, key, types] of keys)
    for (const type of types)
      it(`${what}, ${type}: a key is identified by the public key in it, and only if it is whole`, () => {
        const pem = String(key.export({ type, format: "pem" } as never));
        const certificate = new X509Certificate(
          issue(intermediate, ["a.example"], {
            privateKey: String(key.export({ type: "pkcs8", format: "pem" })),
          }).leaf,
        );
        const info = publicKeyInfo(certificate.raw);
        assert.deepEqual(info, infoOf(certificate));
        assert.ok(certificate.checkPrivateKey(key));
        assert.ok(holdsPublicKey(pem, info));
        assert.ok(holdsPublicKey(pem.replace(/\n/g, "\r\n"), info));
        for (const other of keys.filter(([name]) => name !== what))
          assert.ok(!holdsPublicKey(String(other[1].export({ type: "pkcs8", format: "pem" })), info));
        const lines = pem.split("\n");
        for (const text of [
          "",
          pem.slice(0, -10),
          [lines[0], ...lines.slice(2)].join("\n"),
          `${pem}${pem}`,
          pem.replace(/PRIVATE KEY/g, "ENCRYPTED PRIVATE KEY"),
          pem.replace("BEGIN", "BEGUN"),
        ])
          assert.ok(!holdsPublicKey(text, info), text);
      });

  for (const bytes of [
    [0x30, 0x84, 0, 0],
    [0x30, 0x80, 0, 0],
    [0x30, 0xff, 0, 0],
  ])
    it(`a key that is cut off in a length (${bytes.join(" ")}) is no key, and throws nothing`, () => {
      const { chain } = issue(intermediate, ["a.example"]);
      const key = `-----BEGIN PRIVATE KEY-----\n${Buffer.from(bytes).toString("base64")}\n-----END PRIVATE KEY-----\n`;
      assert.deepEqual(parsePair({ chain, key }, { chain: "c", key: "k" }), {
        broken: "k has no private key in PEM form",
      });
    });

  it("another key of the same kind does not belong to the certificate", () => {
    const [one, two] = [issue(intermediate, ["a.example"]), issue(intermediate, ["a.example"])];
    const info = publicKeyInfo(new X509Certificate(one.leaf).raw);
    assert.ok(holdsPublicKey(one.key, info));
    assert.ok(!holdsPublicKey(two.key, info));
  });

  it("a kind of key without the public one in it is left to OpenSSL", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const info = publicKey.export({ type: "spki", format: "der" });
    assert.ok(!holdsPublicKey(String(privateKey.export({ type: "pkcs8", format: "pem" })), info));
  });

  it("Node's root certificates are read as OpenSSL reads them, with their signatures", async () => {
    const { rootCertificates } = await import("node:tls");
    for (const text of [...rootCertificates, root.certificate, intermediate.certificate]) {
      const certificate = new X509Certificate(text);
      assert.deepEqual(publicKeyInfo(certificate.raw), infoOf(certificate), certificate.subject);
      assert.match(signatureAlgorithm(certificate.raw), /^2a86/);
    }
  });
});
