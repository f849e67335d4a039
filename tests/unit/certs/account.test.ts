import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Jwk, accountsFolder, accountsIn, allThumbprints, thumbprintOf } from "../../../cli/certs/account";

/** RFC 7638, 3.1. */
const RFC_KEY: Jwk = {
  kty: "RSA",
  n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
  e: "AQAB",
  alg: "RS256",
  kid: "2011-04-29",
};
const RFC_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
const SERVER = "https://acme.example:14000/a/directory";

describe("certs: the account", () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "account-"))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const put = (id: string, key: Jwk | string, uri = `https://acme.example/${id}`, server = SERVER): void => {
    const own = path.join(accountsFolder(folder, server), id);
    fs.mkdirSync(own, { recursive: true });
    const text = typeof key === "string" ? key : JSON.stringify(key);
    fs.writeFileSync(path.join(own, "private_key.json"), text);
    fs.writeFileSync(path.join(own, "regr.json"), JSON.stringify({ body: {}, uri }));
  };

  it("has the thumbprint of RFC 7638's example, and of a key with leading zeros and a private part", () => {
    assert.equal(thumbprintOf(RFC_KEY), RFC_THUMBPRINT);
    assert.equal(thumbprintOf({ ...RFC_KEY, e: "AAEAAQ" }), RFC_THUMBPRINT);
    for (const pair of [
      generateKeyPairSync("rsa", { modulusLength: 2048 }),
      generateKeyPairSync("ec", { namedCurve: "P-256" }),
    ]) {
      const [secret, open] = [pair.privateKey, pair.publicKey].map(
        (key) => key.export({ format: "jwk" }) as Jwk,
      );
      assert.equal(thumbprintOf(secret), thumbprintOf(open));
      assert.match(thumbprintOf(secret), /^[A-Za-z0-9_-]{43}$/);
    }
  });

  it("is where certbot puts it, by the CA's directory", () => {
    for (const [server, where] of [
      ["https://acme-v02.api.letsencrypt.org/directory", "acme-v02.api.letsencrypt.org/directory"],
      [SERVER, "acme.example:14000/a/directory"],
      ["https://acme.example/", "acme.example"],
    ])
      assert.equal(accountsFolder("/f", server), `/f/accounts/${where}`);
  });

  it("is found with its URI, the newest first, without those of another CA", () => {
    assert.deepEqual(accountsIn(folder, SERVER), []);
    assert.deepEqual(allThumbprints(folder), []);
    put("first", RFC_KEY);
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      format: "jwk",
    }) as Jwk;
    put("elsewhere", other, "https://other.example/1", "https://other.example/dir");
    fs.mkdirSync(path.join(accountsFolder(folder, SERVER), "empty"));
    assert.deepEqual(accountsIn(folder, SERVER), [
      { id: "first", uri: "https://acme.example/first", thumbprint: RFC_THUMBPRINT },
    ]);
    assert.deepEqual(allThumbprints(folder).sort(), [RFC_THUMBPRINT, thumbprintOf(other)].sort());
    put("second", other);
    const later = new Date(Date.now() + 60_000);
    fs.utimesSync(path.join(accountsFolder(folder, SERVER), "second"), later, later);
    assert.deepEqual(
      accountsIn(folder, SERVER).map(({ id }) => id),
      ["second", "first"],
    );
  });

  it("that can't be read is reported with what to do, and without a character of its key", () => {
    for (const broken of ["", '{"kty":"RSA","d":"geheim', '{"kty":"RSA","d":"geheim"}', '"geheim"']) {
      put("first", broken);
      assert.throws(
        () => accountsIn(folder, SERVER),
        (error: Error) => {
          assert.match(error.message, /first can't be read .*nothing was ordered\. Restore it from a backup/);
          assert.ok(!error.message.includes("geheim"));
          return true;
        },
      );
    }
  });
});
